#!/usr/bin/env bash
# Tests the SQS-compatible endpoint through the clients that people use.
#
#   LEDGERQ_SQS=http://127.0.0.1:9324 LEDGERQ_BINARY=target/release/ledgerq tests/clients/sqs/run.sh
#
# Two virtual environments (an old botocore speaks the query protocol) and the packages of npm are
# kept in LEDGERQ_SQS_PACKAGES if that is set, and the SDK for Rust is built in the target directory of
# the broker; everything else is temporary.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
packages=${LEDGERQ_SQS_PACKAGES:-$scratch/packages}
export PYTHONDONTWRITEBYTECODE=1 LEDGERQ_RUN=$$ LEDGERQ_DIR=$scratch/tasks
mkdir -p "$packages/npm" "$LEDGERQ_DIR"

venv() {
    [ -x "$packages/$1/bin/python" ] || python3 -m venv "$packages/$1"
    "$packages/$1/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$2"
}
venv now "$here/requirements.txt"
venv query "$here/requirements-query.txt"

"$packages/now/bin/python" "$here/test_boto3.py"
"$packages/query/bin/python" "$here/test_boto3.py"
AWS=$packages/now/bin/aws "$here/test_awscli.sh"
"$packages/now/bin/python" "$here/celery_tasks.py"
"$packages/now/bin/python" "$here/fifo_kills.py"

if command -v npm >/dev/null; then
    cp "$here/package.json" "$here/sdk.test.mjs" "$packages/npm"
    npm install --silent --no-fund --no-audit --no-package-lock --prefix "$packages/npm"
    node --test "$packages/npm/sdk.test.mjs"
else
    echo "skipped: npm is not installed, which brings the SDK for JavaScript"
fi
if command -v cargo >/dev/null; then
    cargo test --quiet --locked --manifest-path "$here/rust/Cargo.toml" \
        --target-dir "$here/../../../target/sqs-sdk"
else
    echo "skipped: cargo is not installed, which builds the SDK for Rust"
fi
echo "boto3 in both protocols, aws-cli, celery, FIFO with kills, the SDKs for JavaScript and Rust: passed"
