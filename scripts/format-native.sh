#!/bin/sh
# Checks the layout of C and C++ against .clang-format; --write mends it.
set -eu
cd "$(dirname "$0")/.."
mode='--dry-run -Werror'
if [ "${1:-}" = --write ]; then
  mode=-i
fi
# shellcheck disable=SC2086 # two words on purpose
find native ring0 bench test -type f \( -name '*.c' -o -name '*.cc' -o -name '*.h' \) -print0 |
  xargs -0 -r clang-format $mode --
