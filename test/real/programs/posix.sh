# What every shell of POSIX has: run by dash, by busybox's sh, and by what they call.
set -u
section() { printf '== %s\n' "$*"; }

section pipelines
seq 1 1000 | grep 7 | sed 's/7/seven/' | sort -r | head -n 5
printf '%s\n' pear apple fig apple | sort | uniq -c | awk '{print $2, $1}'
(exit 3) | true; echo "last: $?"
true | (exit 4); echo "last: $?"
! false; echo "negated: $?"

section here-documents
name=world
cat <<END
hello $name, $((6 * 7)), $(echo substituted) `echo by backquotes`
END
cat <<'END'
literal $name
END
cat <<-END
	tabs gone
	END
while read -r first rest; do echo "[$first] [$rest]"; done <<END
one two three
four
END

section expansions
text=/usr/lib/file.tar.gz
echo "${text##*/} ${text%%.*} ${text#*/} ${text%.*} ${#text} ${none:-default} ${name:+set}"
echo "$((2 + 3 * 4)) $((0x10 | 3)) $((-7 / 2)) $((1 << 20))"
set -- one 'two words' three; echo "$# $2 $*"; shift; for item; do echo "<$item>"; done
IFS=:; set -- a:b:c; unset IFS; echo "$#"
mkdir -p tree/one tree/two; touch tree/one/a.txt tree/one/b.txt tree/.hidden
echo tree/* tree/one/[!a].txt tree/no-such-*
(read -r line; echo "read: $line")
printf '%05d %-5s| %x %s\n' 42 ab 255 'a b'

section choices
for word in apple 42 -x; do
  case $word in [0-9]*) echo number ;; a* | b*) echo word ;; *) echo other ;; esac
done
n=0; while [ "$n" -lt 500 ]; do n=$((n + 1)); [ "$n" = 250 ] && continue; done; echo "$n"
until [ "$n" -le 490 ]; do n=$((n - 1)); done; echo "$n"
outer() { local value=inner; echo "$value $1"; return 3; }; value=global; outer x; echo "$? $value"
while getopts ab: option -a -b value; do echo "$option ${OPTARG-}"; done

section jobs
(exit 7) & one=$!
(exit 8) & two=$!
wait "$one"; echo "one: $?"; wait "$two"; echo "two: $?"
sleep 300 & sleeper=$!
kill -0 "$sleeper"; echo "alive: $?"; kill "$sleeper"; wait "$sleeper" 2>/dev/null; echo "terminated: $?"
for n in 3 1 2; do (sleep "0.$n"; echo "slept $n" >> slept) & done; wait; sort slept
mkfifo queue; (sed 's/^/from the queue: /' < queue) & echo message > queue; wait

section traps
trap 'echo caught' USR1; kill -USR1 $$; echo 'after the signal'; trap - USR1
(trap 'echo "exits with $?"' EXIT; exit 4); echo "subshell: $?"
trap 'echo interrupted' ALRM; self=$$; sleep 300 & child=$!
(until grep -q '^State:.S' "/proc/$self/status"; do sleep 0.05; done; kill -ALRM "$self") &
wait "$child"; echo "wait: $(($? > 128))"; kill "$child"; wait; trap - ALRM
for signal in HUP KILL TERM PIPE; do sh -c "kill -$signal \$\$" 2>/dev/null; echo "$signal $?"; done 2>/dev/null

section statuses
no-such-command 2>/dev/null; echo $?; /etc/passwd 2>/dev/null; echo $?
(set -e; false; echo unreached); echo $?
sh -c 'exit 300'; echo $?; (ulimit -c 0 2>/dev/null; ulimit -n 30; ulimit -n); (umask 027; umask; touch masked; ls -l masked | cut -c1-10)
printf 'echo "script: $0 $1"\n' > script; chmod +x script; ./script argument; . ./script
exec 5> saved; echo kept >&5; exec 5>&-; cat saved; (echo again; echo error >&2) > both 2>&1; cat both
{ echo out; echo err >&2; } 2>&1 > /dev/null

section tools
for n in $(seq 1 20); do echo "line $n" > "tree/file$n.log"; done
find tree -name 'file1*.log' -type f | sort | xargs cat | wc -l
find tree -type f -exec grep -l 'line 7' {} \; | sort
seq 1 100 | xargs -n 10 echo | sed -n '3p;$p'
awk -F: '$3 == 0 {print $1}' /etc/passwd; sort -t: -k3n /etc/passwd | cut -d: -f3 | head -n 3 | tr '\n' ' '; echo
tar -cf archive.tar tree && mkdir out && tar -xf archive.tar -C out && diff -r tree out/tree && echo unpacked
gzip -c archive.tar | gzip -dc | cmp - archive.tar && echo gzip; xz -c archive.tar | xz -dc | cmp - archive.tar && echo xz
dd if=/dev/zero bs=1000 count=3 2>/dev/null | wc -c; head -c 100 /dev/zero | tr '\0' x | fold -w 40; echo
ln -s script link; readlink link; cp script copy; cmp script copy; mv copy moved; rm -r tree out; ls
date -u -d @0 +%H:%M:%S; expr 6 \* 7; test -d / -a ! -e /missing; echo $?
