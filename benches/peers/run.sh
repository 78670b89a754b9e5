#!/usr/bin/env bash
# ledgerq and its peers with one workload, in turns, on one disk:
#
#     benches/peers/run.sh --install      first installs Debian's packages of the peers
#     benches/peers/run.sh                64 callers, 1 KiB, 3 s, 3 rounds; some six minutes
#     benches/peers/run.sh --peers ledgerq,redis --rounds 1 --json
#
# The servers run on loopback, on free ports, with their data in a scratch directory under target/
# (or --directory), and end with the run. One that is not installed is told, and left out. --help
# has the rest. What a good run needs stands in docs/BENCHMARKS.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
arguments=()
for argument in "$@"; do
    if [ "$argument" = --install ]; then
        apt-get update -qq
        # Their services are not started: the run starts servers of its own.
        RUNLEVEL=1 DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            postgresql redis-server rabbitmq-server beanstalkd nats-server >/dev/null
    else
        arguments+=("$argument")
    fi
done
cargo build --locked --release --quiet
cargo build --locked --release --quiet --manifest-path benches/peers/Cargo.toml \
    --target-dir target/peers
exec target/peers/release/ledgerq-peers --ledgerq target/release/ledgerq "${arguments[@]}"
