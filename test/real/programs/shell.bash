# What people write in bash, and much of what they should not. Prints the same lines wherever it runs.
set -u
export LC_ALL=C
work=$(mktemp -d)
# A job that is killed before it is its own still has the trap.
trap 'status=$?; [ "$BASHPID" = $$ ] && { cd /; rm -rf "$work"; echo "left with $status"; }' EXIT
cd "$work" || exit 1

section() { printf '== %s\n' "$*"; }

section pipelines
seq 1 1000 | grep 7 | sed 's/7/seven/' | sort -r | head -n 5
printf '%s\n' pear apple fig apple | sort | uniq -c | sort -rn | awk '{print $2, $1}'
false | true
echo "pipe: $? ${PIPESTATUS[*]}"
false | true | (exit 3) | true | true
echo "statuses: ${PIPESTATUS[*]}"
set -o pipefail
false | true
echo "pipefail: $?"
set +o pipefail
yes 2>/dev/null | head -n 2
echo "writer: ${PIPESTATUS[0]}"
! true | false
echo "negated: $?"
echo both 2>&1 |& tr a-z A-Z
{ echo out; echo err >&2; } 2>&1 >/dev/null | sed 's/^/stderr: /'

section here-documents
name=world
cat <<END
hello $name, $((6 * 7)), $(echo substituted)
END
cat <<'END'
literal $name $((6 * 7))
END
cat <<-END
	tabs gone
	END
tr a-z A-Z <<< "here string $name"
while read -r first rest; do echo "[$first] [$rest]"; done <<END
one two three
four
END
# Larger than a pipe: bash takes a file.
wc -c < <(cat <<END
$(seq 1 20000)
END
)

section command substitution
echo "nested: $(echo "$(echo "$(basename /a/b/c)")")"
lines=$(printf 'a\nb\n\n\n')
echo "trailing newlines: ${#lines}"
value=$(exit 9)
echo "status of the assignment: $? '$value'"
echo "file: $(< /etc/hostname)" | sed 's/:.*/: read/'
echo "backquotes: `echo \`echo inner\``"
big=$(head -c 300000 /dev/zero | tr '\0' x)
echo "large: ${#big}"

section process substitution
diff <(seq 1 5) <(seq 2 6)
echo "diff: $?"
paste -d, <(printf '1\n2\n') <(printf 'a\nb\n') <(printf 'x\ny\n')
seq 1 3 > >(sed 's/^/to the process: /' > substituted)
until [ -s substituted ] && [ "$(wc -l < substituted)" = 3 ]; do sleep 0.1; done
cat substituted

section globbing
mkdir -p tree/{one,two}/deep
touch tree/one/{a,b,c}.txt tree/two/deep/{d,e}.md tree/.hidden 'tree/with space'
echo tree/*
echo tree/*/*.txt tree/no-such-*
shopt -s nullglob globstar dotglob extglob
echo tree/no-such-* tree/**/*.md
echo tree/!(one|two)
echo tree/one/[!b].txt tree/one/[a-b].txt tree/one/?.txt
shopt -u nullglob globstar dotglob
set -f; echo tree/*; set +f
echo {1..5} {a..e..2} {01..03} pre{x,y}post
echo ~root

section jobs
(sleep 0.1; echo first job) &
wait $!
echo "wait: $?"
(exit 7) & one=$!
(exit 8) & two=$!
wait "$one"; echo "one: $?"
wait "$two"; echo "two: $?"
# Before it is sleep it has the handlers of bash, which a signal may meet.
asleep() { until [ "$(cat "/proc/$1/comm")" = sleep ]; do :; done; }
sleep 300 & sleeper=$!; asleep "$sleeper"
kill -0 "$sleeper"; echo "alive: $?"
kill "$sleeper"
wait "$sleeper" 2>/dev/null; echo "terminated: $?"
kill -0 "$sleeper" 2>/dev/null; echo "gone: $?"
mkfifo gate
(read -r _ < gate; exit 3) & (exit 1) &
wait -n; echo "next: $?"
echo open > gate
wait; echo "all: $?"
wait 999999 2>/dev/null; echo "no child of ours: $?"
sleep 300 & asleep $!; sleep 300 & asleep $!
echo "jobs: $(jobs -p | wc -l)"
jobs -r | sed 's/^\[[0-9]*\]//'
kill $(jobs -p); wait 2>/dev/null
{ sleep 0.1; kill -STOP $BASHPID; echo continued; } & stopped=$!
while ! grep -q '^State:.T' "/proc/$stopped/status" 2>/dev/null; do sleep 0.05; done
kill -CONT "$stopped"; wait "$stopped"; echo "stopped and continued: $?"
set -m
sleep 300 & leader=$!; asleep "$leader"
[ "$(ps -o pgid= -p "$leader" | tr -d ' ')" = "$leader" ] && echo 'a group of its own'
kill -- "-$leader"; wait "$leader" 2>/dev/null; echo "group killed: $?"
set +m

section traps
trap 'echo "USR1 for $FUNCNAME"' USR1
handler_runs() { kill -USR1 $$; echo 'after the signal'; }
handler_runs
trap '' USR2; kill -USR2 $$; echo 'ignored'
trap - USR2
(trap 'echo "child exits with $?"' EXIT; exit 4)
echo "subshell: $?"
(trap 'echo TERM; exit 5' TERM; kill -TERM $BASHPID; echo unreached)
echo "handler: $?"
(trap 'echo interrupted' USR1; self=$BASHPID; sleep 300 & child=$!; asleep "$child"
 (until grep -q '^State:.S' "/proc/$self/status"; do sleep 0.05; done; kill -USR1 "$self") &
 wait "$child"; echo "wait gave $?"; kill "$child")
trap 'echo alarm >> woken' ALRM
(sleep 0.2; kill -ALRM $$) &
wait $!; cat woken
trap 'echo "ERR at a failing command: $?"' ERR; false; trap - ERR
trap -p USR1
trap - USR1 ALRM
for signal in HUP INT QUIT KILL TERM USR1 PIPE SEGV ABRT; do
  { (ulimit -c 0; kill -s "$signal" $BASHPID); } 2>/dev/null
  printf '%s %s; ' "$signal" $?
done
echo
kill -l 9 15 130

section exit codes
true; echo $?; false; echo $?
no-such-command 2>/dev/null; echo $?
/etc/passwd 2>/dev/null; echo $?
./tree 2>/dev/null; echo $?
bash -c 'exit 300'; echo $?
{ bash -c 'kill -9 $$'; } 2>/dev/null; echo $?
(set -e; false; echo unreached); echo $?
true && false || echo otherwise
timeout 0.2 sleep 300; echo "timeout: $?"
{ timeout -s KILL 0.2 sleep 300; } 2>/dev/null; echo "killed: $?"
env -i /bin/sh -c 'echo "${HOME-unset}"'
nice -n 3 nice
printf 'exit 6\n' > script; chmod +x script; ./script; echo "no interpreter: $?"
printf '#!/usr/bin/env -S bash -u\necho "$0 $# $2"\n' > script; ./script x 'y z'

section limits
(ulimit -n 20; ulimit -n; exec {fd}</dev/null; for _ in {1..30}; do exec {fd}</dev/null || break; done) 2>&1 | sed 's/.*: //'
{ (ulimit -f 1; exec head -c 5000 /dev/zero > limited); } 2>/dev/null
echo "too large: $? $(stat -c %s limited)"
(ulimit -t 5; ulimit -t)
(ulimit -S -s 1024; ulimit -s; bash -c 'ulimit -s')
(ulimit -v 20000; ulimit -v; head -c 30000000 /dev/zero | tail -n 1 | wc -c) 2>/dev/null
(ulimit -c 0; ulimit -c); (ulimit -Sn 64; ulimit -Hn 128; ulimit -Sn 129) 2>/dev/null; echo "raised: $?"
(umask 027; touch masked; stat -c %a masked; umask -S)

section coprocesses
coproc UPPER { while read -r line; do echo "${line^^}"; done; }
echo 'through the coprocess' >&"${UPPER[1]}"
read -r answer <&"${UPPER[0]}"; echo "$answer"
pid=$UPPER_PID
eval "exec ${UPPER[1]}>&-"; wait "$pid"; echo "coproc: $?"
mkfifo queue
(sed 's/^/from the queue: /' < queue) & echo message > queue; wait $!
exec 7<>queue; echo self >&7; read -r -u 7 line; echo "$line"
read -r -t 0.1 -u 7 line; echo "timed out: $(($? > 128))"; exec 7>&-

section arrays
list=(zero one 'two words' three); list+=(four); unset 'list[3]'
echo "${#list[@]} ${!list[*]} ${list[-1]} ${list[@]:1:2}"
printf '<%s>' "${list[@]}"; echo
declare -A ages=([ann]=30 [bob]=25)
for key in $(printf '%s\n' "${!ages[@]}" | sort); do echo "$key=${ages[$key]}"; done
mapfile -t fields < <(cut -d: -f1 /etc/passwd | sort); echo "users: $((${#fields[@]} > 5))"
IFS=, read -r -a parts <<< 'a,b,,d'; echo "${#parts[@]} ${parts[3]}"
text=/usr/lib/file.tar.gz
echo "${text##*/} ${text%%.*} ${text/lib/share} ${text^^} ${text:5:3} ${none:-default} ${#text}"
printf -v padded '%05d|%-6s|%x|%q' 42 ab 255 'a b'; echo "$padded"

section arithmetic
echo $((2 ** 40)) $((17 % 5)) $((-17 / 5)) $((0xff & 0x0f)) $((16#ff)) $((1 ? 2 : 3)) $((9223372036854775807 + 1))
for ((i = 0, s = 0; i <= 1000; i++)); do ((s += i * i)); done; echo "$s"
let 'x = 5, y = x++ + ++x'; echo "$x $y"
(echo "$((1 / 0))") 2>/dev/null
echo "division: $?"
fib() { local n=$1; ((n < 2)) && echo "$n" || echo $(($(fib $((n - 1))) + $(fib $((n - 2))))); }
fib 9

section loops and choices
count=0; while read -r line; do ((count += ${#line})); done < <(seq 1 2000); echo "$count"
until ((count % 1000 == 0)); do ((count++)); done; echo "$count"
for word in apple 42 '' -x; do
  case $word in [0-9]*) echo number ;; a*|b*) echo word ;;& *pp*) echo double ;; '') echo empty ;; *) echo other ;; esac
done
PS3='choice? '; select item in red green quit; do echo "$REPLY: ${item-none}"; [ "$item" = quit ] && break; done <<< $'2\n9\n3' 2>&1
for a in 1 2 3; do for b in 1 2 3; do ((a == 2)) && continue 2; ((b == 3)) && break; echo -n "$a$b "; done; done; echo
[[ abc123 =~ ^([a-z]+)([0-9]+)$ ]] && echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
OPTIND=1; set -- -a -b value rest
while getopts ab: option; do echo "$option ${OPTARG-}"; done; shift $((OPTIND - 1)); echo "$*"

section functions and subshells
outer() { local value=outer; inner; echo "$value"; }; inner() { value=changed; return 3; }
outer; echo "${value:-global}"
variable=before; (variable=inside; cd /; export variable; bash -c 'echo $variable $PWD'); echo "$variable"
echo "levels: $BASH_SUBSHELL $(echo $BASH_SUBSHELL; (echo $BASH_SUBSHELL))"
exec 5>saved; echo kept >&5; exec 5>&-; cat saved
exec 6<&0 < saved; read -r line; exec 0<&6 6<&-; echo "restored: $line"
set -o noclobber; (echo again > saved) 2>/dev/null; echo "noclobber: $?"; set +o noclobber
(exec -a renamed bash -c 'echo $0'); eval 'echo "eval $((1 + 1))"'; . /dev/stdin <<< 'echo sourced'
export -f section; bash -c 'section exported function'
[ -t 0 ] || echo 'no terminal'
test saved -nt /etc/passwd && echo newer; [ tree -ef ./tree/../tree ] && echo 'the same file'
(flock -n 9 && echo locked && (flock -n 8 || echo refused) 8> lock) 9> lock

section tools
for n in $(seq 1 40); do printf 'line %d of a file\n' "$n" > "tree/file$n.log"; done
find tree -type f -name '*.log' -size -2 | sort -V | tail -n 2
find tree -name 'file1*.log' -print0 | sort -z | xargs -0 -n 4 -P 2 cat | wc -l
find tree -mindepth 1 -maxdepth 1 -type d -exec stat -c '%n %F' {} + | sort
find tree -name '*.txt' -delete -o -newer script -empty -printf '%f\n' | sort
seq 1 100 | xargs -n 10 -P 3 bash -c 'IFS=+; echo $(($*))' sum | sort -n | tail -n 1
echo a b c | xargs -I{} -d ' ' echo '<{}>'
xargs false < saved; echo "xargs: $?"
grep -rlE 'line (7|8) ' tree | sort; grep -c . tree/file1.log; grep -q nothing saved; echo $?
sed -n '2,4{s/\([0-9]\)/<\1>/;p}' <(seq 10 20); sed -i.bak 's/kept/edited/' saved; cat saved saved.bak
awk -F: '$3 == 0 {print $1, NF} END {print (NR > 5)}' /etc/passwd
awk 'BEGIN {while (("seq 1 5 | sort -rn" | getline line) > 0) sum = sum line; print sum; print "sorted" | "cat"; close("cat"); system("exit 3")}'
shuf -i 1-50000 | sort -n -S 100K -T . --parallel=2 | sha256sum
sort -t: -k3,3n /etc/passwd | cut -d: -f3 | head -n 3 | tr '\n' ' '; echo
cp -a tree copy; diff -r tree copy && echo 'copied'; ln -s tree link; readlink link; cp -l saved hard; stat -c %h hard
mv copy moved && mv -n moved tree/ && ls tree/moved | wc -l
for z in gzip xz 'xz -T2 -1' bzip2; do
  command -v "${z%% *}" > /dev/null || continue
  tar -cf - --sort=name --mtime=@0 --owner=0 --group=0 tree | $z | tee archive | $z -d | sha256sum
done
tar -czf archive.tar.gz tree && mkdir out && tar -xzf archive.tar.gz -C out && diff -r tree out/tree && echo unpacked
tar -tzf archive.tar.gz | sort | md5sum; gzip -t archive.tar.gz; echo "gzip: $?"
gzip -kf saved && zcat saved.gz; xz -k saved && xzcat saved.xz && xz --robot --list saved.xz | grep -c file
split -b 100 -d archive.tar.gz part. && cat part.* | cmp - archive.tar.gz && echo 'joined'
dd if=/dev/zero of=sparse bs=1 count=0 seek=10M status=none; stat -c '%s %b' sparse; truncate -s 5 sparse; od -An -tx1 sparse
comm -12 <(seq 1 9) <(seq 3 2 9) | tr '\n' ' '; join <(printf '1 a\n2 b\n') <(printf '1 x\n2 y\n')
tail -f --pid=$BASHPID -n 1 saved > followed & tail=$!
until [ -s followed ]; do sleep 0.05; done; echo appended >> saved
until grep -q appended followed; do sleep 0.05; done; cat followed; kill "$tail"; wait "$tail" 2>/dev/null
date -u -d '2024-02-29 +1 year' +%F; TZ=Asia/Tokyo date -d @0 +%T; printf '%(%Y)T\n' 0
nproc > /dev/null && uname -s && hostname > /dev/null && id -u && whoami
mkdir -m 700 private; install -m 640 saved private/installed; stat -c '%a %n' private private/*; rmdir private 2>/dev/null; echo $?
exit 0
