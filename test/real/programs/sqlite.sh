# A database on disk: a script of 100,000 rows, indices, both kinds of journal, writers that wait for one another.
set -eu
seq 1 100000 | awk '{ printf "INSERT INTO rows VALUES (%d, %d, \047row %d\047);\n", $1, $1 * 7919 % 100003, $1 }' > insertions
sqlite3 rows.db <<'END'
PRAGMA journal_mode = DELETE;
CREATE TABLE rows (id INTEGER PRIMARY KEY, number INTEGER, text TEXT);
BEGIN;
.read insertions
COMMIT;
CREATE INDEX by_number ON rows (number);
SELECT count(*), sum(number), min(text), max(text) FROM rows;
UPDATE rows SET number = number + 1 WHERE id % 3 = 0; DELETE FROM rows WHERE id % 10 = 0;
PRAGMA journal_mode = WAL;
BEGIN; INSERT INTO rows (number, text) VALUES (1, 'kept'); COMMIT; BEGIN; DELETE FROM rows; ROLLBACK;
SELECT count(*), sum(number), avg(length(text)) FROM rows WHERE number BETWEEN 1000 AND 90000;
VACUUM; PRAGMA integrity_check;
END
sqlite3 rows.db .dump | sha256sum; stat -c %s rows.db
for n in 1 2 3; do sqlite3 -cmd '.timeout 300000' rows.db "INSERT INTO rows (text) SELECT 'by $n' FROM rows LIMIT 500" & done; wait
sqlite3 rows.db "SELECT count(*) FROM rows WHERE text LIKE 'by %'"
