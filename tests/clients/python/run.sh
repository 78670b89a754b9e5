#!/bin/sh
# Tests a server through the Python client that protoc makes of proto/.
#
#   LEDGERQ_SERVER=127.0.0.1:7420 tests/clients/python/run.sh
#
# The virtual environment is kept in LEDGERQ_PYTHON_VENV if that is set; everything else is
# temporary. Without LEDGERQ_SERVER only the stubs are made and imported.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
venv=${LEDGERQ_PYTHON_VENV:-$scratch/venv}

if ! [ -x "$venv/bin/python" ]; then
    python3 -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    --requirement "$here/requirements.txt"

mkdir "$scratch/stubs"
"$venv/bin/python" -m grpc_tools.protoc --proto_path="$root/proto" \
    --python_out="$scratch/stubs" --grpc_python_out="$scratch/stubs" \
    "$root"/proto/ledgerq/v1/*.proto

PYTHONDONTWRITEBYTECODE=1
PYTHONPATH="$scratch/stubs"
export PYTHONDONTWRITEBYTECODE PYTHONPATH
"$venv/bin/python" "$here/test_client.py"
