#!/usr/bin/env bash
# A file of lines through a broker that is killed while it is drained: lines.sh [BINARY] [LINES]
#
# Sends every line of a file with `send --lines`, drains the queue with `receive --delete`, kills
# the broker with SIGKILL in the middle, starts it again, drains the rest, and compares: every line
# must have been received at least once, and nothing else. A line is received twice if the kill fell
# between its printing and its delete.
set -euo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
release=$root/target/release/ledgerq
binary=$(realpath "${1:-$([ -x "$release" ] && echo "$release" || echo "$root/target/debug/ledgerq")}")
lines_count=${2:-100000}
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
cd "$scratch"

start() {
    : >log
    "$binary" serve --data-dir data --grpc-listen 127.0.0.1:0 --sqs-listen off --segment-bytes 32MiB --log info \
        --log-format json 2>log &
    broker=$!
    local address=
    for _ in $(seq 600); do
        address=$(sed -n 's/.*"message":"listening","address":"\([^"]*\)".*/\1/p' log)
        export LEDGERQ_SERVER=http://$address
        if [ -n "$address" ] && "$binary" queue list >/dev/null 2>&1; then
            return
        fi
        kill -0 "$broker" 2>/dev/null || break
        sleep 0.1
    done
    cat log >&2
    exit 1
}

# Appends objects to FILE until the queue is empty (0) or the broker is gone (1).
drain() {
    local before after
    while true; do
        before=$(wc -c <"$1")
        "$binary" receive jobs --json --delete --max 1000 --visibility-timeout 5s >>"$1" 2>>told ||
            return 1
        after=$(wc -c <"$1")
        # Nothing is ready; what the kill has left leased comes back when its time is over.
        if [ "$before" = "$after" ]; then
            case $("$binary" queue show jobs --json) in
            *'"ready":0,"delayed":0,"in_flight":0,'*) return 0 ;;
            esac
            sleep 0.2
        fi
    done
}

bodies() { sed 's/.*"body":"\([^"]*\)".*/\1/' "$1"; }

seq -f 'line %.0f of a file' "$lines_count" >lines
start
"$binary" queue create jobs >/dev/null
began=$(date +%s%3N)
"$binary" send jobs --lines lines >ids
echo "sent:              $(wc -l <ids) of $(wc -l <lines) lines in $(($(date +%s%3N) - began)) ms"

: >first
drain first &
drainer=$!
while [ "$(wc -l <first)" -lt $((lines_count / 3)) ]; do sleep 0.01; done
{
    kill -KILL "$broker"
    wait "$broker" "$drainer" || true
} 2>/dev/null
echo "received, killed:  $(wc -l <first)"

start
sed -n 's/.*"message":"recovered".*"records_count":\([0-9]*\).*"took_ms":"*\([0-9]*\).*/restarted:         \1 records in \2 ms/p' log
: >second
drain second
echo "received, drained: $(wc -l <second)"
kill -TERM "$broker"
wait "$broker"
broker=

sort lines >expected
{ bodies first; bodies second; } | sort >received
sort -u received >distinct
twice=$(($(wc -l <received) - $(wc -l <distinct)))
lost=$(comm -23 expected distinct | wc -l)
invented=$(comm -13 expected distinct | wc -l)
echo "distinct: $(wc -l <distinct), twice: $twice, lost: $lost, invented: $invented"
ids_differ=$({ sort -u ids; } | wc -l)
if [ "$lost" -ne 0 ] || [ "$invented" -ne 0 ] || [ "$ids_differ" -ne "$lines_count" ]; then
    echo "FAILED"
    exit 1
fi
"$binary" log verify --data-dir data | tail -n 1
echo "every line was received"
