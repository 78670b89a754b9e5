#!/bin/sh
# Tests a server through the Node client that @grpc/proto-loader makes of proto/ as it runs.
#
#   LEDGERQ_SERVER=127.0.0.1:7420 tests/clients/node/run.sh
#
# The packages, in the versions of package.json, are kept in LEDGERQ_NODE_MODULES if that is set;
# everything is temporary otherwise.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
modules=${LEDGERQ_NODE_MODULES:-$scratch/modules}

mkdir -p "$modules"
cp "$here/package.json" "$modules"
npm install --silent --no-fund --no-audit --no-package-lock --prefix "$modules"
cp "$here/test_client.js" "$modules"
LEDGERQ_PROTO="$root/proto" node "$modules/test_client.js" >"$scratch/out" || {
    cat "$scratch/out"
    exit 1
}
passed=$(sed -n "s/^.*pass \([0-9]*\)$/\1/p" "$scratch/out")
[ "${passed:-0}" -gt 0 ]
echo "$passed passed, 0 failed"
