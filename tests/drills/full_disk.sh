#!/usr/bin/env bash
# Fill and drain: messages until sends are refused, on a file system of 32 MiB; everything is received
# and deleted; sends work again without a restart. One time of three the broker is killed while the
# disk is full. Needs root.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_mounts
program=$(program_of "${2:-}")
drill "$program" --profile full-disk --cycles "${1:-50}"
