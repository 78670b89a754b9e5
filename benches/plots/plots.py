#!/usr/bin/env python3
"""Curves of one broker: is there a cliff? Runs `ledgerq bench` over callers, load, backlog, body size
and queues, and draws what came out into docs/plots.

    benches/plots/plots.py                          measures and draws, some fifteen minutes
    benches/plots/plots.py --backlog-max 10000000   the same up to ten million, 11 GB of disk
    benches/plots/plots.py --draw                   draws again what was measured

What was measured lies beside the plots, in data.jsonl: what `ledgerq bench --json` said, one line for
each point of each round. Rounds go over all points, so that a disk that changes does so for all.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from chart import Chart, Point, draw, size

ROOT = Path(__file__).resolve().parents[2]
PLOTS = ROOT / "docs" / "plots"
DATA = PLOTS / "data.jsonl"

CALLERS = [1, 4, 16, 64, 256, 1024]
SIZES = [16, 128, 1024, 8192, 65536, 262144, 1048576]
QUEUES = [1, 10, 100, 1000, 10000]
BACKLOGS = [0, 1000, 10000, 100000, 1000000, 10000000]
# Parts of the rate that is reached without a pace.
LOADS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
LOAD_CALLERS = 256


def points(args):
    """Each point: the plot, the line in it, where it stands, and what the bench is told."""
    for callers in CALLERS:
        yield "callers", "send", callers, ["--callers", callers, "--null"]
        if callers <= 64:
            batch = ["--shape", "batch", "--batch", 10]
            yield "callers", "send, 10 a call", callers, [*batch, "--callers", callers]
    for body in SIZES:
        yield "size", "send", body, ["--size", body, "--disk"]
    for queues in QUEUES:
        yield "queues", "send", queues, ["--queues", queues]
        shape = ["--shape", "receive", "--backlog", int(50000 * args.seconds)]
        yield "queues", "receive + delete", queues, [*shape, "--queues", queues]
    for backlog in (backlog for backlog in BACKLOGS if backlog <= args.backlog_max):
        yield "backlog", "send", backlog, ["--backlog", backlog]
        mixed = ["--shape", "mixed", "--batch", 1]
        yield "backlog", "send, receive, delete", backlog, [*mixed, "--backlog", backlog]


def bench(args, arguments):
    """What one run of the bench says."""
    words = [args.ledgerq, "bench", "--json", "--seconds", args.seconds]
    words += ["--data-dir", args.directory, *arguments]
    ran = subprocess.run([str(word) for word in words], capture_output=True, text=True)
    if ran.returncode != 0:
        sys.exit(f"{' '.join(map(str, words))}: {ran.stderr.strip()}")
    return json.loads(ran.stdout)


def measure(args):
    PLOTS.mkdir(parents=True, exist_ok=True)
    part = DATA.with_suffix(".part")
    with part.open("w") as out:
        for number in range(args.rounds):
            for plot, line, x, told in measured(args):
                row = {"plot": plot, "line": line, "x": x, "round": number, **told}
                out.write(json.dumps(row) + "\n")
                out.flush()
                print(f"{plot}, {line}, {x}: {told['messages_per_s']:.0f}/s", file=sys.stderr)
    # What was there before stays until all of it is measured.
    part.replace(DATA)


def measured(args):
    """One round: what the bench told of each point."""
    for plot, line, x, arguments in points(args):
        yield plot, line, x, bench(args, arguments)
    all_callers = ["--callers", LOAD_CALLERS]
    highest = bench(args, all_callers)["messages_per_s"]
    for load in LOADS:
        rate = ["--rate", int(highest * load)]
        yield "load", "send", load, bench(args, [*all_callers, *rate])


def lines(rows, plot, figure, line=None):
    """The points of a figure, by where they stand."""
    found = {}
    for row in rows:
        if row["plot"] == plot and row["line"] == (line or row["line"]) and figure in row:
            found.setdefault(row["x"], []).append(row[figure])
    spread = lambda values: (min(values), statistics.median(values), max(values))
    return [Point(x, *spread(values)) for x, values in sorted(found.items())]


def charts(rows):
    each = "messages_per_s"
    of = lambda plot, figure=each, line=None: lines(rows, plot, figure, line)
    nothing = {"calls that do nothing": of("callers", "null_per_s", "send")}
    callers = {line: of("callers", line=line) for line in ("send", "send, 10 a call")}
    yield "callers", Chart("Throughput over callers", "callers", "messages/s", callers | nothing,
                           x_name=str)
    loads = {name: of("load", figure) for name, figure in
             (("p50", "p50_us"), ("p99", "p99_us"), ("p99.9", "p999_us"))}
    label = f"part of the highest rate of {LOAD_CALLERS} callers"
    yield "load", Chart("Latency of a send over load", label, "microseconds", loads, False, True)
    backlogs = {line: of("backlog", line=line) for line in ("send", "send, receive, delete")}
    label = "messages that wait"
    yield "backlog", Chart("Throughput over backlog", label, "messages/s", backlogs)
    sizes = {"send": of("size")}
    label = "bytes of a body"
    yield "size", Chart("Throughput over body size", label, "messages/s", sizes, True, True, size)
    sizes = {"send": of("size", "bytes_per_s"),
             "the disk, fdatasync each MiB": of("size", "sequential_bytes_per_s")}
    yield "bytes", Chart("Bytes over body size", label, "bytes/s", sizes, True, True, size)
    queues = {line: of("queues", line=line) for line in ("send", "receive + delete")}
    yield "queues", Chart("Throughput over queues", "queues", "messages/s", queues)


def draw_all():
    rows = [json.loads(line) for line in DATA.read_text().splitlines()]
    rounds = 1 + max(row["round"] for row in rows)
    note = f"64 callers and 1 KiB unless said otherwise; median of {rounds} rounds, bar: all of them"
    for name, chart in charts(rows):
        (PLOTS / f"{name}.svg").write_text(draw(chart, note))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    program = ROOT / "target" / "release" / "ledgerq"
    parser.add_argument("--ledgerq", default=program, type=Path, help="the program")
    parser.add_argument("--directory", default=ROOT / "target", type=Path,
                        help="where scratch directories are made: the disk there is measured")
    parser.add_argument("--seconds", default=2.0, type=float, help="of each point")
    parser.add_argument("--rounds", default=3, type=int)
    parser.add_argument("--backlog-max", default=1000000, type=int)
    parser.add_argument("--draw", action="store_true", help="draw what was measured before")
    args = parser.parse_args()
    if args.rounds < 1 or args.seconds <= 0:
        parser.error("--rounds is at least 1, and --seconds more than 0")
    if not args.draw:
        if not os.access(args.ledgerq, os.X_OK):
            parser.error(f"{args.ledgerq} is not there: cargo build --release")
        measure(args)
    draw_all()


if __name__ == "__main__":
    main()
