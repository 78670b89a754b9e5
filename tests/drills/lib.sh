# What the drills share: which program is drilled, what a machine cannot do, one line of result.
# Each script is `tests/drills/NAME.sh [COUNT] [PROGRAM]`.

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

# The program: given, or the release build, or the debug build.
program_of() {
  local program
  for program in "${1:-}" target/release/ledgerq target/debug/ledgerq; do
    if [ -n "$program" ] && [ -x "$program" ]; then
      realpath "$program"
      return
    fi
  done
  echo "there is no program to drill: cargo build --release" >&2
  exit 2
}

# Ends the script, with success, if this machine cannot do what it needs.
skip() {
  echo "skipped: $(basename "$0" .sh): $1"
  exit 0
}

need_mounts() {
  [ "$(id -u)" = 0 ] || skip "mounting file systems needs root"
  local command
  for command in mount umount mkfs.ext4 losetup fallocate; do
    command -v "$command" >/dev/null || skip "there is no $command"
  done
  losetup --find >/dev/null 2>&1 || skip "there are no loop devices"
}

need_strace() {
  command -v strace >/dev/null || skip "there is no strace"
  strace -f -qq -o /dev/null true 2>/dev/null || skip "strace may not trace here"
}

# A field of the last object of a drill, such as 17 or {"6":3}.
field() {
  sed -nE "s/.*\"$2\":([0-9]+|\{[^}]*\}|null|\"[^\"]*\").*/\1/p" <<<"$1"
}

# Runs a drill with --json and prints one line of what came out; fails if a promise was broken.
drill() {
  local program=$1 last code=0
  shift
  last=$("$program" drill --json "$@" | tail -n 1) || code=$?
  echo "$(field "$last" cycles) cycles in $(($(field "$last" took_ms) / 1000)) s:" \
    "lost $(field "$last" lost), resurrected $(field "$last" resurrected)," \
    "broken promises $(field "$last" broken); acknowledged $(field "$last" acknowledged)," \
    "deleted $(field "$last" deleted), starts $(field "$last" starts)," \
    "ended by itself $(field "$last" ended), seed $(field "$last" seed):" \
    "ledgerq drill $*"
  if [ "$code" != 0 ]; then
    echo "FAILED with $code: $last"
    exit 1
  fi
}
