#!/usr/bin/env bash
# Tests a broker through clients in other languages: run.sh BINARY
#
# Starts the binary on a directory of its own and a free port, waits until it serves, and runs the
# clients of python/, node/ and sqs/ against it. A language that is not installed is skipped, and said so.
set -euo pipefail

[ $# -eq 1 ] || { echo "usage: $0 BINARY" >&2; exit 2; }
binary=$(realpath "$1")
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
broker=
finish() {
    if [ -n "$broker" ]; then
        kill -KILL "$broker" 2>/dev/null || true
        wait "$broker" 2>/dev/null || true
    fi
    rm -rf "$scratch"
}
trap finish EXIT

# The clients of Amazon SQS sign with this key.
LEDGERQ_SQS_CREDENTIALS=any:thing LEDGERQ_LOG=info "$binary" serve --data-dir "$scratch/data" --grpc-listen 127.0.0.1:0 \
    --sqs-listen 127.0.0.1:0 \
    --segment-bytes 32MiB --log-format json 2>"$scratch/log" &
broker=$!

# The port is open once it is told, and until the broker serves it refuses what it is asked.
address=
for _ in $(seq 300); do
    address=$(sed -n 's/.*"message":"listening","address":"\([^"]*\)".*/\1/p' "$scratch/log")
    if [ -n "$address" ] && "$binary" --server "http://$address" queue list >/dev/null 2>&1; then
        break
    fi
    kill -0 "$broker" 2>/dev/null || { cat "$scratch/log" >&2; exit 1; }
    sleep 0.1
done
"$binary" --server "http://$address" queue list >/dev/null
sqs_address=$(sed -n 's/.*"message":"listening for SQS","address":"\([^"]*\)".*/\1/p' "$scratch/log")
export LEDGERQ_SERVER=$address

failed=0
client() {
    local name=$1 needs=$2
    if ! command -v "$needs" >/dev/null; then
        echo "$name: skipped, $needs is not installed"
    elif "$here/$name/run.sh" >"$scratch/out" 2>&1; then
        echo "$name: $(tail -n 1 "$scratch/out")"
    else
        failed=1
        cat "$scratch/out"
        echo "$name: FAILED"
    fi
}
client python python3
client node npm
LEDGERQ_SQS=http://$sqs_address LEDGERQ_BINARY=$binary client sqs python3

kill -TERM "$broker"
code=0
wait "$broker" || code=$?
broker=
if [ "$code" -ne 0 ]; then
    cat "$scratch/log" >&2
    echo "the broker ended with $code"
    failed=1
fi
exit "$failed"
