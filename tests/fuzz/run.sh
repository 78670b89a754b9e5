#!/usr/bin/env bash
# Builds the fuzz targets, runs every input that was kept, and then each target for so many seconds.
#
#     tests/fuzz/run.sh               8 seconds each
#     tests/fuzz/run.sh 600 segment   ten minutes of those that are named
#
# What is found on the way lies in target/fuzz/corpus and is where the next run goes on; an input that
# breaks a property lies in target/fuzz/findings. Ends with 1 and the command that repeats it.
#
# The flags are those of `cargo fuzz --sanitizer none`, which needs no other toolchain than a stable
# one: the coverage of every branch and comparison, and no sanitizer, since no target reaches
# unsafe code.
set -u
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-8}
[ $# -gt 0 ] && shift
[ $# -gt 0 ] || set -- checkpoint codec footer frame proto receipt segment sqs_json sqs_query
host=$(rustc -vV | sed -n 's/^host: //p')
out=target/fuzz
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-pc-table"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-trace-compares"
coverage="$coverage -Cllvm-args=-simplifycfg-branch-fold-threshold=0"

RUSTFLAGS="--cfg fuzzing $coverage" cargo build --locked --release --bins --quiet \
    --manifest-path tests/fuzz/Cargo.toml --target "$host" --target-dir "$out" || exit 1

# A target with these arguments; what it says is shown if it fails.
attempt() {
    target=$1 log=$out/$1.log
    shift
    if ! "$out/$host/release/$target" -timeout=20 -rss_limit_mb=2048 -max_len=4096 \
        -artifact_prefix="$out/findings/$target-" "$@" >"$log" 2>&1; then
        grep -v -e '^#' -e '^INFO' "$log" | tail -n 40
        input=$(sed -n 's/.*Test unit written to //p; s/^Running: //p' "$log" | tail -n 1)
        echo "$target: a property does not hold; again: $out/$host/release/$target $input"
        failed=1
        return 1
    fi
}

failed=0
mkdir -p "$out/findings"
for target in "$@"; do
    # Each of them once, also those that a fuzzer would leave out since they lead to nothing else.
    kept=$(find "tests/fuzz/corpus/$target" "tests/fuzz/regressions/$target" -type f 2>/dev/null)
    if [ -n "$kept" ]; then
        # shellcheck disable=SC2086
        attempt "$target" $kept || continue
    fi
    mkdir -p "$out/corpus/$target"
    attempt "$target" -max_total_time="$seconds" -print_final_stats=1 \
        "$out/corpus/$target" "tests/fuzz/corpus/$target" || continue
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$out/$target.log")
    edges=$(sed -n 's/.*DONE *cov: \([0-9]*\).*/\1/p' "$out/$target.log")
    echo "$target: $runs inputs, $edges edges"
done
exit $failed
