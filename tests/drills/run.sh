#!/usr/bin/env bash
# A small slice of every drill, within a minute; what this machine cannot do is told.
# Usage: tests/drills/run.sh [PROGRAM]
set -euo pipefail

here=$(dirname "$0")
program=${1:+$(realpath "$1")}
bash "$here/kill.sh" 20 "$program"
bash "$here/power.sh" 10 "$program"
bash "$here/full_disk.sh" 1 "$program"
bash "$here/io_error.sh" 4 "$program"
bash "$here/strace.sh" 3 "$program"
