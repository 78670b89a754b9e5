#!/usr/bin/env bash
# Breaks one rule after another in a copy of the tree, and runs the test that must notice.
#
#     tests/mutants/run.sh            all of them
#     tests/mutants/run.sh r17 r18    those whose names begin so
#
# A patch begins with what it breaks and a line "Test: " with what cargo is to run. The copy lies in
# target/mutants and is built there, so that each mutant is one step from the one before.
# Ends with 1 if a mutant survived, or could not be made.
set -u
cd "$(dirname "$0")/../.." || exit 1
root=$(pwd)
tree=$root/target/mutants/tree
# Its own: cargo takes two copies of a package for one.
export CARGO_TARGET_DIR=$root/target/mutants/target RUST_BACKTRACE=0
[ $# -gt 0 ] || set -- ""
survived=0

# The copy is as the tree is: what was there and is not any more goes, and files that are the same
# keep their times, and so what was built.
refresh() {
    mkdir -p "$tree"
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do
            [ -f "$file" ] || continue
            if ! cmp -s "$file" "$tree/$file"; then
                mkdir -p "$tree/$(dirname "$file")"
                cp "$file" "$tree/$file"
            fi
        done
    (cd "$tree" && find src tests benches -type f) |
        while IFS= read -r file; do
            [ -f "$file" ] || rm "$tree/$file"
        done
}

for prefix in "$@"; do
    for patch in "$root"/tests/mutants/"$prefix"*.patch; do
        name=$(basename "$patch" .patch)
        run=$(sed -n 's/^Test: //p' "$patch")
        log=$root/target/mutants/$name.log
        refresh
        if ! (cd "$tree" && patch -s -p1 <"$patch") >"$log" 2>&1; then
            echo "$name: the patch does not fit any more, see $log"
            survived=1
        elif ! (cd "$tree" && cargo test -q --no-run ${run% *}) >"$log" 2>&1; then
            echo "$name: it does not build, see $log"
            survived=1
        elif (cd "$tree" && cargo test -q $run) >>"$log" 2>&1; then
            echo "$name: SURVIVED $run"
            survived=1
        elif grep -q "^test result: FAILED" "$log"; then
            echo "$name: caught"
        else
            echo "$name: no test said so, see $log"
            survived=1
        fi
    done
done
refresh
exit $survived
