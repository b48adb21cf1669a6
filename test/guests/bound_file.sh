# bound_file.sh FILE: what can be done with a file that something is mounted on.
# Its path is replaced: the two sides have it in different folders.
file=$1
say() {
  "$@" 2>&1 | sed "s|$file|FILE|g; s|rename .*:|rename:|"
}
say cat "$file"
echo more >>"$file"
say cat "$file"
say stat -c '%s %F %h' "$file"
touch -d @1000 "$file"
chmod 640 "$file"
say stat -c '%Y %a' "$file"
say rm "$file"
say mv "$file" "$file.moved"
say sed -i s/more/less/ "$file"
say ln "$file" "$file.link"
say ls -l --time-style=+ "$file/"
echo new >"$file"
exec 3<"$file"
say readlink /proc/self/fd/3
say cat /proc/self/fd/3
say truncate -s 2 "$file"
say wc -c "$file"
grep -c "$file" /proc/self/mountinfo
rm -f "$(dirname "$file")"/sed*
