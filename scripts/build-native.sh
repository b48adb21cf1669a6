#!/bin/sh
# Builds the addon: node-gyp with the arguments given. Node's headers are taken from beside the node that runs,
# where Node's tarballs and packages put them, so that nothing has to be downloaded.
set -eu
prefix=$(node -p 'require("node:path").resolve(process.execPath, "../..")')
if [ -e "$prefix/include/node/node_api.h" ]; then
  set -- "$@" "--nodedir=$prefix"
fi
exec node-gyp "$@"
