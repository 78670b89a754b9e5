#!/usr/bin/env bash
# kill -9 under load, also while the broker recovers.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

program=$(program_of "${2:-}")
drill "$program" --profile kill --cycles "${1:-1000}"
