#!/bin/sh
# Puts our own command where npx looks first, as it would be in a project that depends on us.
set -eu
cd "$(dirname "$0")/.."
if [ -d node_modules ]; then
  mkdir -p node_modules/.bin
  ln -sfn ../../dist/cli/main.js node_modules/.bin/ringfence
fi
