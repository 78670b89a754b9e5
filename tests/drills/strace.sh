#!/usr/bin/env bash
# Faults put into system calls: for each kind, for every n from 1 to COUNT, the nth call of a broker
# that starts and is loaded fails, or is its last. After each the broker has to come up again without
# strace, and at the end everything that was acknowledged has to be there. Needs strace.
#
# strace counts the calls of each thread by themselves, so the nth call of several threads can fail.
# A short write cannot be made so: strace can say that bytes were written, but then none were.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

need_strace
count=${1:-200}
RARE_MAX=20
program=$(program_of "${2:-}")
# The calls, and what becomes of the nth of them.
injections=(
  "fdatasync error=EIO"
  "fsync error=EIO"
  "pwritev error=EIO"
  "pwritev error=ENOSPC"
  "pwritev error=EINTR"
  "pwritev retval=0"
  "fdatasync signal=SIGKILL"
  "fsync signal=SIGKILL"
  "pwritev signal=SIGKILL"
  "rename,unlink signal=SIGKILL"
)
for injection in "${injections[@]}"; do
  read -r calls what <<<"$injection"
  cycles=$count
  # Sync, write, give another name: whatever the platform's library makes of it. Of two of them there
  # are few in a start and what follows.
  case $calls in
    rename,unlink) calls=/^rename,/^unlink cycles=$((count < RARE_MAX ? count : RARE_MAX)) ;;
    fsync) cycles=$((count < RARE_MAX ? count : RARE_MAX)) ;;
    pwritev) calls=/^pwrite ;;
  esac
  drill "$program" --cycles "$cycles" \
    --wrapper "strace -f -qq -o /dev/null -e trace=$calls -e inject=$calls:$what:when={cycle}"
done
