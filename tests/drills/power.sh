#!/usr/bin/env bash
# Power cuts of a real file system: ext4 on a loop device, shut down by EXT4_IOC_SHUTDOWN, so that
# nothing that was not synced reaches the device; half of the cuts also find out that the broker ends
# by itself. Needs root.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_mounts
program=$(program_of "${2:-}")
drill "$program" --profile power --cycles "${1:-500}"
