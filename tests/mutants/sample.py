#!/usr/bin/env python3
"""Tries a sample of all mutants of the core against the fast tests.

    tests/mutants/sample.py                          300 of each room, seed 1
    tests/mutants/sample.py --count 20 --seed 7
    tests/mutants/sample.py --rooms state codec      only of these rooms
    tests/mutants/sample.py --survivors              only those that survived the last time
    tests/mutants/sample.py --only src/log/le.rs:12  only those of this line
    tests/mutants/sample.py --patches r17            the patches beside this, as run.sh does

Needs cargo-mutants, which lists them. All are built at once (see schemata.py), in a copy of the
tree in target/mutants. One run of the tests says which of them reach which mutant; each mutant is
then tried with those alone, the quickest first, and is caught when the first fails, crashes, or
takes far longer than it does. What was found is kept in target/mutants/results.json, and a run
that was ended goes on from there.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from schemata import MODULE, ROOMS, Rewritten, drawn, listed, patches

ROOT = Path(__file__).resolve().parents[2]
WORK = ROOT / "target/mutants"
TREE, RESULTS, FIT = WORK / "sample", WORK / "results.json", WORK / "fit.json"
# Tests of `it` that need neither the program nor the sources, and are quick.
FAST = (
    "audit backup broker corpus disk_bounds disk_full fairness format_doc golden log_rules"
    " large model proved read_only repair restarts scrub simulation used waits"
).split()
# These take a minute even so.
SLOW = ["a_start_that_is_interrupted_at_any_operation_twice"]
# Less of what is random, so that one mutant is tried in seconds.
LESS = {"PROPTEST_CASES": "64", "SIM_SEEDS": "2"}
BUILD = {
    "CARGO_PROFILE_DEV_OPT_LEVEL": "1",
    "CARGO_INCREMENTAL": "0",
    "RUSTFLAGS": "--cap-lints=warn",
}
CAUGHT = ("caught", "crash", "timeout")
MEMORY_BYTES_MAX = 8 << 30
# More candidates than are wanted: some are no programs.
SPARE = 1.6
# How long the tests of one process take together when all is well, in seconds.
PORTIONS = [0.5, 3, 1e9]


def main():
    asked = arguments()
    WORK.mkdir(parents=True, exist_ok=True)
    texts, results = {}, {} if asked.again else known(RESULTS, {})
    copy_tree()
    chosen, dropped, to_try, by_hand = [], {}, [], []
    if asked.patches is None or asked.survivors:
        rooms = drawn(listed(ROOT, texts), asked.seed)
        chosen, dropped = viable({room: rooms[room] for room in asked.rooms}, texts, asked.count)
        to_try = [mutant for mutant in chosen if is_asked(mutant, asked, results)]
    if asked.patches is not None:
        by_hand = [one for one in patches(ROOT, texts) if one.name.startswith(asked.patches)]
    left = fit(to_try + by_hand, texts, set())
    binaries = build()
    print(f"{len(to_try)} mutants and {len(by_hand)} patches to try", flush=True)
    is_well = try_patches(by_hand, left, binaries, asked.workers)
    if to_try:
        try_all(to_try, Tests(binaries), results, asked)
    if chosen:
        report(chosen, results, dropped)
    sys.exit(0 if is_well else 1)


def known(path, otherwise):
    return json.loads(path.read_text()) if path.exists() else otherwise


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=300, help="mutants of each room")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=30, help="of tests a stage, at most")
    parser.add_argument("--rooms", nargs="+", default=ROOMS, choices=ROOMS)
    parser.add_argument("--only", help="file, or file:line")
    parser.add_argument("--patches", nargs="?", const="", help="how their names begin")
    parser.add_argument("--survivors", action="store_true")
    parser.add_argument("--again", action="store_true", help="forget what was found before")
    return parser.parse_args()


def is_asked(mutant, asked, results):
    if asked.only:
        return mutant.name.startswith(asked.only + ":")
    before = results.get(mutant.name)
    return before is None or (asked.survivors and before["outcome"] == "survived")


def copy_tree():
    """The tree as it is; what was there and is not any more goes."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    paths = {path for path in out.decode().split("\0") if path and (ROOT / path).is_file()}
    for path in paths:
        write(TREE / path, (ROOT / path).read_bytes())
    for part in ("src", "tests", "benches"):
        for path in list((TREE / part).rglob("*.rs")):
            if str(path.relative_to(TREE)) not in paths:
                path.unlink()


def write(path, content):
    """Files that are the same keep their times, and so what was built."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)


def put_in_place(rewritten, texts):
    for file, text in texts.items():
        write(TREE / file, rewritten.files.get(file, text).encode())
    write(TREE / "src/mutant.rs", MODULE.encode())
    lib = (ROOT / "src/lib.rs").read_text()
    write(TREE / "src/lib.rs", (lib + "\npub mod mutant;\n").encode())


def viable(rooms, texts, count):
    """So many of each room as compile, in the order that they were drawn; how many do not."""
    candidates = {room: own[: int(count * SPARE)] for room, own in rooms.items()}
    names = known(FIT, {"fit": [], "unfit": []})
    is_fit = dict.fromkeys(names["fit"], True) | dict.fromkeys(names["unfit"], False)
    unknown = [one for own in candidates.values() for one in own if one.name not in is_fit]
    if unknown:
        left = fit(unknown, texts, set())
        is_fit |= {mutant.name: mutant in left for mutant in unknown}
        names = {"fit": [name for name in is_fit if is_fit[name]]}
        names["unfit"] = [name for name in is_fit if not is_fit[name]]
        FIT.write_text(json.dumps(names, indent=1))
    chosen, dropped = [], {}
    for room in rooms:
        own = [mutant for mutant in candidates[room] if is_fit[mutant.name]][:count]
        chosen += own
        is_full = len(own) == count
        tried = candidates[room].index(own[-1]) + 1 if is_full else len(candidates[room])
        dropped[room] = tried - len(own)
    return chosen, dropped


def fit(candidates, texts, unfit):
    """Those that compile. The compiler finds some errors only once there are no others."""
    while True:
        left = [mutant for mutant in candidates if mutant not in unfit]
        rewritten = Rewritten(texts, left)
        put_in_place(rewritten, texts)
        errors = compile_all(["check", "--lib"])
        blamed = set().union(rewritten.unfit, *map(rewritten.blamed, errors))
        print(f"{len(left)} candidates, {len(blamed)} are no programs", flush=True)
        if len(blamed) < 10:
            print("\n".join(mutant.name for mutant in blamed))
        if errors and not blamed:
            sys.exit(errors[0]["rendered"])
        if not blamed:
            return set(left)
        unfit |= blamed


def try_patches(mutants, left, binaries, workers):
    """Tries each with the test that it names; whether that noticed it."""

    def work(mutant):
        if mutant not in left:
            return "does not fit any more, or is no program in this form: see run.sh"
        binary = binaries["it" if mutant.test.startswith("--test it") else "ledgerq"]
        outcome, by = run(mutant, binary, [mutant.test.split()[-1]], 300, {})
        return f"SURVIVED {mutant.test}" if outcome == "survived" else f"{outcome} {by}"

    with ThreadPoolExecutor(workers) as pool:
        outcomes = dict(zip(mutants, pool.map(work, mutants)))
    for mutant, outcome in outcomes.items():
        print(f"{mutant.name}: {outcome}", flush=True)
    return all(outcome.startswith(CAUGHT) for outcome in outcomes.values())


def cargo(arguments):
    env = {**os.environ, **BUILD, "CARGO_TARGET_DIR": str(WORK / "sample-target")}
    command = ["cargo", *arguments, "--message-format=json"]
    run = subprocess.run(command, cwd=TREE, env=env, capture_output=True, text=True)
    messages = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    return run, messages


def compile_all(arguments):
    run, messages = cargo(arguments)
    told = [message["message"] for message in messages if message["reason"] == "compiler-message"]
    errors = [message for message in told if message["level"] == "error" and message["spans"]]
    if run.returncode and not errors:
        sys.exit(run.stderr)
    return errors


def build():
    """The test binaries, by their names."""
    run, messages = cargo(["test", "--no-run", "--lib", "--test", "it"])
    if run.returncode:
        sys.exit(run.stderr)
    made = [m for m in messages if m["reason"] == "compiler-artifact" and m["profile"]["test"]]
    return {made["target"]["name"]: made["executable"] for made in made if made["executable"]}


class Tests:
    """What the tests reach, and how long they take."""

    def __init__(self, binaries):
        self.binaries = binaries
        # For each mutant: binary, test, and how many seconds it takes.
        self.reaching = defaultdict(list)
        for name, filters in [("ledgerq", []), ("it", [f"{part}::" for part in FAST])]:
            self.ask_all(name, filters)

    def ask_all(self, name, filters):
        """All at once. Those of which nothing is heard may have threads that have other names."""
        began = time.monotonic()
        out, told = self.ask(name, [*filters, *(f"--skip={slow}" for slow in SLOW)])
        passed = set(re.findall(r"^test (\S+) .*\.\.\. ok$", out, re.M))
        silent = passed - {test for test, _, _ in told}
        for test, seconds, numbers in told:
            if test in passed:
                self.reaches(name, test, seconds, numbers)
        for test in sorted(silent):
            alone = time.monotonic()
            _, told = self.ask(name, ["--exact", test])
            numbers = {number for _, _, numbers in told for number in numbers}
            self.reaches(name, test, time.monotonic() - alone, numbers)
        failed = re.findall(r"^test (\S+) .*\.\.\. FAILED$", out, re.M)
        took = time.monotonic() - began
        print(f"{name}: {len(passed)} tests in {took:.0f} s, left out {failed}", flush=True)

    def reaches(self, name, test, seconds, numbers):
        for number in numbers:
            self.reaching[number].append((name, test, seconds))

    def ask(self, name, arguments):
        path = WORK / "reached.txt"
        path.unlink(missing_ok=True)
        env = {**os.environ, **LESS, "MUTANT": "which", "MUTANTS_REACHED": str(path)}
        command = [self.binaries[name], "--test-threads=2", *arguments]
        run = subprocess.run(command, cwd=TREE, env=env, capture_output=True, text=True)
        told = []
        for line in path.read_text().splitlines() if path.exists() else ():
            test, micros, numbers = line.split("\t")
            numbers = [int(number) for number in re.findall(r"\d+", numbers)]
            told.append((test, int(micros) / 1e6, numbers))
        return run.stdout, told

    def stages(self, mutant):
        """What the mutant is tried with, one after the other."""
        own = f"{mutant.room}::"
        reaching = self.reaching[mutant.number]
        unit = [test for test in reaching if test[0] == "ledgerq"]
        yield "its room", [test for test in unit if test[1].startswith(own)]
        yield "unit tests", [test for test in unit if not test[1].startswith(own)]
        yield "features", [test for test in reaching if test[0] == "it"]


def portions(tests, seconds_left):
    """The quickest first, in few processes."""
    tests = sorted(tests, key=lambda test: test[2])
    while tests and sum(seconds for _, _, seconds in tests) > seconds_left:
        tests.pop()
    for seconds_max in PORTIONS:
        part, seconds = [], 0.0
        while tests and (not part or seconds + tests[0][2] <= seconds_max):
            seconds += tests[0][2]
            part.append(tests.pop(0))
        if part:
            yield part, seconds


def try_one(mutant, tests, seconds_max):
    began = time.monotonic()
    outcome, by = "survived", "reached by no test" if not tests.reaching[mutant.number] else ""
    for stage, reaching in tests.stages(mutant):
        for part, seconds in portions(reaching, seconds_max):
            arguments = ["--exact", *(name for _, name, _ in part)]
            binary = tests.binaries[part[0][0]]
            outcome, by = run(mutant, binary, arguments, 5 * seconds + 10)
            if outcome != "survived":
                took = time.monotonic() - began
                return {"outcome": outcome, "stage": stage, "by": by, "seconds": round(took, 1)}
    took = time.monotonic() - began
    return {"outcome": outcome, "stage": "", "by": by, "seconds": round(took, 1)}


def run(mutant, binary, arguments, seconds_max, more=LESS):
    """Runs the tests until the first fails."""
    process = subprocess.Popen(
        [binary, "--test-threads=1", *arguments],
        cwd=TREE,
        env={**os.environ, **more, "RUST_BACKTRACE": "0", "MUTANT": str(mutant.number)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        errors="replace",
        preexec_fn=limit,
    )
    is_late = threading.Event()

    def end():
        is_late.set()
        process.kill()

    timer = threading.Timer(seconds_max, end)
    timer.start()
    last = ""
    with process.stdout:
        for line in process.stdout:
            if line.startswith("test ") and " ... " in line:
                last = line.split()[1]
                if line.rstrip().endswith("FAILED"):
                    process.kill()
                    process.wait()
                    timer.cancel()
                    return "caught", last
    process.wait()
    timer.cancel()
    if is_late.is_set():
        return "timeout", f"after {last}"
    return ("survived", "") if process.returncode == 0 else ("crash", f"after {last}")


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES_MAX, MEMORY_BYTES_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def try_all(mutants, tests, results, asked):
    lock, began, done = threading.Lock(), time.monotonic(), Counter()

    def work(mutant):
        result = try_one(mutant, tests, asked.seconds)
        with lock:
            results[mutant.name] = result
            RESULTS.write_text(json.dumps(results, indent=1))
            done[result["outcome"]] += 1
            if result["outcome"] == "survived":
                print(f"{mutant.name}: survived {result['by']}", flush=True)
            if done.total() % 50 == 0:
                seconds = time.monotonic() - began
                print(f"{done.total()} in {seconds:.0f} s: {dict(done)}", flush=True)

    with ThreadPoolExecutor(asked.workers) as pool:
        list(pool.map(work, mutants))


def report(chosen, results, dropped):
    """A table of rooms, and of who survived."""
    lines = ["| Room | Mutants | No program | By its room | By other unit tests | By features |"]
    lines[0] += " Survived | Caught |"
    lines.append("|---" * 8 + "|")
    for room in ROOMS:
        own = [results[m.name] for m in chosen if m.room == room and m.name in results]
        if not own:
            continue
        stages = Counter(result["stage"] for result in own)
        cells = [room, len(own), dropped[room], stages["its room"], stages["unit tests"]]
        cells += [stages["features"], stages[""], f"{100 - 100 * stages[''] / len(own):.1f} %"]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    lines.append("")
    for mutant in sorted(chosen, key=lambda mutant: mutant.number):
        result = results.get(mutant.name, {"outcome": ""})
        if result["outcome"] == "survived":
            lines.append(f"* {mutant.name} {result['by']}".rstrip())
    (WORK / "report.md").write_text("\n".join(lines) + "\n")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
