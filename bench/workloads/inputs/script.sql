-- Some transactions on a database of a few hundred KiB; what the disk takes is no part of it.
PRAGMA synchronous = OFF;
DROP TABLE IF EXISTS entry;
CREATE TABLE entry (id INTEGER PRIMARY KEY, name TEXT, size INTEGER);
BEGIN;
INSERT INTO entry (name, size)
  WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
  SELECT 'name ' || (i * 7919 % 10007), i FROM n;
COMMIT;
CREATE INDEX entry_name ON entry (name);
UPDATE entry SET size = size + 1 WHERE id % 10 = 0;
DELETE FROM entry WHERE id % 7 = 0;
INSERT INTO entry (name, size) VALUES ('one', 1);
INSERT INTO entry (name, size) VALUES ('two', 2);
SELECT count(*), sum(size) FROM entry;
SELECT name, size FROM entry ORDER BY name LIMIT 100;
