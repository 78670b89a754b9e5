#!/usr/bin/env bash
# Writes that really fail: ext4 on a loop device whose file lies in a tmpfs that is too small. A
# sync fails once, the next says that all is well, and the page cache shows what the device lost. The
# broker has to end with 6, and the next start has to find exactly what was durable. Needs root.
#
# COUNT is how often that is tried; "ended by itself" tells how often a write failed (6).
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_mounts
program=$(program_of "${2:-}")
drill "$program" --profile io-error --cycles "${1:-150}"
