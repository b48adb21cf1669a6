#!/bin/bash
# Lints C and C++ by the compiler's warnings as errors, and by cppcheck where it is installed.
set -euo pipefail
cd "$(dirname "$0")/.."

# Node's headers: beside node, or where node-gyp put them when it configured the build.
headers=$(node -p '
  const { existsSync, readFileSync } = require("node:fs");
  const beside = require("node:path").resolve(process.execPath, "../../include/node");
  const configured = () => JSON.parse(readFileSync("build/config.gypi", "utf8").replace(/^#.*$/m, ""));
  existsSync(beside) ? beside : `${configured().variables.nodedir}/include/node`')

warnings=(-Wall -Wextra -Wshadow -Wconversion -Wno-sign-conversion -Wundef -Wvla -Wformat=2 -Werror)
includes=(-I. -Inative -Iring0 -isystem node_modules/node-addon-api -isystem "$headers")
defines=(-D_GNU_SOURCE -DNAPI_VERSION=9)

# sources EXTENSION FOLDER…: their names, a NUL after each
sources() {
  local extension=$1
  shift
  find "$@" -type f -name "*.$extension" -print0
}

sources c native ring0 bench |
  xargs -0 -r -n1 gcc -std=c11 -fsyntax-only "${warnings[@]}" -Wstrict-prototypes "${includes[@]}" "${defines[@]}"
sources cc native ring0 bench |
  xargs -0 -r -n1 g++ -std=c++17 -fsyntax-only "${warnings[@]}" -Wno-cast-function-type "${includes[@]}" "${defines[@]}"
# Guest programs misbehave for a living, so only the plain warnings apply to them.
sources c test | xargs -0 -r -n1 gcc -std=gnu11 -fsyntax-only -Wall -Wextra -Wno-div-by-zero -Werror -D_GNU_SOURCE

if command -v cppcheck >/dev/null; then
  cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr \
    --suppress=missingIncludeSystem -Inative -Iring0 native
fi
