# A repository's life. Times and authors are given, so that the names of objects are the same everywhere.
set -eu
export GIT_AUTHOR_NAME=Somebody GIT_AUTHOR_EMAIL=somebody@example.org GIT_COMMITTER_NAME=Somebody
export GIT_COMMITTER_EMAIL=somebody@example.org GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat
clock=1700000000
commit() { clock=$((clock + 60)); GIT_AUTHOR_DATE="@$clock +0000" GIT_COMMITTER_DATE="@$clock +0000" git commit -q "$@"; }
git init -q -b main repository; cd repository
for n in $(seq 1 12); do
  mkdir -p "folder$((n % 3))"; seq "$n" 300 > "folder$((n % 3))/file$n"
  git add .; commit -m "Add file $n"
done
git log --oneline | cat; git status --short; echo change >> folder1/file1; git status --short; git diff --stat
git checkout -q -b topic HEAD~3; echo topic > topic; git add topic; commit -m 'Work on a topic'
git checkout -q folder1/file1; git checkout -q main; git stash list
clock=$((clock + 60)); GIT_AUTHOR_DATE="@$clock +0000" GIT_COMMITTER_DATE="@$clock +0000" git merge -q --no-edit topic
git log --graph --format='%h %s' -4; git branch -a
git checkout -q -b other HEAD~1; echo one > conflict; git add conflict; commit -m one
git checkout -q main; echo two > conflict; git add conflict; commit -m two
git merge other || echo "conflict: $?"; cat conflict; git merge --abort
git tag v1; git describe --tags; git show --stat v1; git grep -c 300 | head -n 3; git blame -s topic
git mv topic renamed; git rm -q folder2/file2; commit -m 'Move and remove'; git log --follow --format=%s renamed
git gc -q --prune=now; ls .git/objects | sort; git count-objects -v | grep -E '^(count|in-pack|packs):'; git fsck --full
git clone -q . ../clone; git -C ../clone log --oneline -1; git -C ../clone fetch -q; git archive v1 | tar -t | wc -l
echo pushed > ../clone/pushed; cd ../clone; git add pushed; commit -m pushed; git push -q origin HEAD:refs/heads/pushed
git rev-parse HEAD; git -C ../repository rev-parse pushed
