"""Many mutants in one build: each function that has some begins with a choice between them.

    fn limit(&self) -> u64 {
        if crate::mutant::is(17) { return { self.count - 1 }; }
        self.count + 1
    }

Where that is no program (a constant, a type that cannot be returned twice), the compiler says so,
and the mutant is left out.
"""

import json
import random
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass

ROOMS = ["log", "store", "state", "codec"]

# Comments, strings, characters, lifetimes, words, and any other character.
TOKEN = re.compile(
    r"//[^\n]*|/\*.*?\*/"
    r'|b?r(\#*)".*?"\1|b?"(?:\\.|[^"\\])*"'
    r"|b?'(?:\\[^']+|[^\\'])'|'\w+|\w+|.",
    re.S,
)

MODULE = '''//! Which of the mutants is awake: the one that `MUTANT` names.

use std::{cell::RefCell, collections::BTreeSet, fs, io::Write, sync::LazyLock, time::Instant};

/// Stands for "none, but tell which are reached".
const ASK: u32 = u32::MAX;

static AWAKE: LazyLock<u32> =
    LazyLock::new(|| std::env::var("MUTANT").map_or(0, |value| value.parse().unwrap_or(ASK)));

/// Whether this mutant is awake.
pub fn is(number: u32) -> bool {
    let awake = *AWAKE;
    if awake == ASK {
        let _ = REACHED.try_with(|reached| reached.borrow_mut().0.insert(number));
    }
    awake == number
}

/// What a thread has reached, told when it ends; the thread of a test has the name of the test.
struct Reached(BTreeSet<u32>, Instant);

thread_local! {
    static REACHED: RefCell<Reached> = RefCell::new(Reached(BTreeSet::new(), Instant::now()));
}

impl Drop for Reached {
    fn drop(&mut self) {
        let thread = std::thread::current();
        let name = thread.name().unwrap_or("?").to_owned();
        let told = format!("{name}\\t{}\\t{:?}\\n", self.1.elapsed().as_micros(), self.0);
        let path = std::env::var("MUTANTS_REACHED").expect("it is told where to tell");
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        file.expect("it can be opened").write_all(told.as_bytes()).expect("there is space");
    }
}
'''


@dataclass(eq=False)
class Mutant:
    """Functions with another body; `changes` is empty if that is not all there is to it."""

    number: int
    name: str
    room: str
    # File, the inside of a function's braces, what it is instead.
    changes: list
    # What cargo is to run, if that is known.
    test: str = ""


def listed(root, texts):
    """Every mutant that cargo-mutants knows of, in its order; fills `texts` with the files."""
    globs = [part for room in ROOMS for part in ("-f", f"src/{room}/**")]
    command = ["cargo", "mutants", "--list", "--json", "--no-config", *globs]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    if run.returncode:
        sys.exit(run.stderr)
    found = json.loads(run.stdout)
    mutants, bodies = [], {}
    for number, item in enumerate(found, 1):
        file, room = item["file"], item["file"].split("/")[1].removesuffix(".rs")
        text = texts.setdefault(file, (root / file).read_text())
        if file not in bodies:
            bodies[file] = [body for _, body in functions(text)]
        begin, end = (offset(text, item["span"][place]) for place in ("start", "end"))
        own = [body for body in bodies[file] if body[0] <= begin and end <= body[1]]
        changes = [
            (file, body, text[body[0] : begin] + item["replacement"] + " " + text[end : body[1]])
            for body in own
        ]
        mutants.append(Mutant(number, item["name"], room, changes))
    return mutants


def patches(root, texts):
    """The mutants that were made by hand, as patches."""
    mutants = []
    for number, path in enumerate(sorted((root / "tests/mutants").glob("*.patch")), 100_000):
        text = path.read_text()
        test = re.search(r"^Test: (.*)$", text, re.M).group(1)
        changes = []
        for file in re.findall(r"^\+\+\+ b/(.*)$", text, re.M):
            before = texts.setdefault(file, (root / file).read_text())
            command = ["patch", "-s", "-p1", "-o", "-", file]
            part = re.search(rf"^--- a/{file}\n(.|\n)*?(?=^--- |\Z)", text, re.M).group()
            run = subprocess.run(command, cwd=root, input=part, capture_output=True, text=True)
            changes.append(run.returncode == 0 and changed_bodies(file, before, run.stdout))
        whole = [change for part in changes for change in part] if all(changes) else []
        mutants.append(Mutant(number, path.stem, "", whole, test))
    return mutants


def changed_bodies(file, before, after):
    """The functions whose bodies differ; none if anything else does."""
    old, new = functions(before), functions(after)
    if outside(before, old) != outside(after, new):
        return []
    pairs = [(body, after[slice(*other)]) for (_, body), (_, other) in zip(old, new)]
    return [(file, body, text) for body, text in pairs if before[slice(*body)] != text]


def outside(text, found):
    at, parts = 0, []
    for _, (begin, end) in found:
        parts.append(text[at:begin])
        at = end
    return [*parts, text[at:]]


def offset(text, place):
    at = 0
    for _ in range(place["line"] - 1):
        at = text.index("\n", at) + 1
    return at + place["column"] - 1


def drawn(mutants, seed):
    """The mutants of each room in an order that depends on the seed and the names alone."""
    rooms = defaultdict(list)
    for mutant in sorted(mutants, key=lambda mutant: mutant.name):
        rooms[mutant.room].append(mutant)
    for room in sorted(rooms):
        random.Random(f"{seed} {room}").shuffle(rooms[room])
    return rooms


def functions(text):
    """The functions that lie in no other and are not `const`: name and the inside of the braces."""
    found, words, name, begin, depth, braces = [], [], None, None, 0, 0
    for token in TOKEN.finditer(text):
        word = token.group()
        if begin is not None:
            braces += {"{": 1, "}": -1}.get(word, 0)
            if braces == 0:
                if "const" not in words:
                    found.append((name, (begin, token.start())))
                name, begin, words = None, None, []
        elif name is None:
            if word == "fn":
                name = ""
            elif word in "{};":
                words = []
            elif not word.isspace():
                words.append(word)
        elif word in ("(", "["):
            depth += 1
        elif word in (")", "]"):
            depth -= 1
        elif depth == 0 and word == "{":
            begin, braces = token.end(), 1
        elif depth == 0 and word == ";":
            name, words = None, []
        elif not name and word.isidentifier():
            name = word
    return found


class Rewritten:
    """The files of a tree with a choice of mutants in them."""

    def __init__(self, texts, mutants):
        # For each file: first line, last line, and the mutants that have these lines.
        self.arms = defaultdict(list)
        self.unfit = {mutant for mutant in mutants if not mutant.changes}
        by_file = defaultdict(lambda: defaultdict(list))
        for mutant in mutants:
            for file, body, text in mutant.changes:
                by_file[file][body].append((mutant, text))
        self.files = {file: self.rewrite(file, texts[file], own) for file, own in by_file.items()}

    def rewrite(self, file, text, by_body):
        out, at, line = [], 0, 1

        def put(part):
            nonlocal line
            out.append(part)
            line += part.count("\n")

        for (begin, end), own in sorted(by_body.items()):
            put(text[at:begin])
            function_line = line
            for mutant, body in own:
                first = line + 1
                put(f"\nif crate::mutant::is({mutant.number}) {{ return {{{body}}}; }}")
                self.arms[file].append((first, line, [mutant]))
            put("\n" + text[begin:end])
            self.arms[file].append((function_line, line, [mutant for mutant, _ in own]))
            at = end
        put(text[at:])
        return "".join(out)

    def blamed(self, message):
        """The mutants that an error of the compiler is about."""
        spans = list(message["spans"])
        for child in message["children"]:
            spans += child["spans"]
        spans.sort(key=lambda span: not span["is_primary"])
        blamed = set()
        for told in spans:
            first, last = told["line_start"], told["line_end"]
            arms = [arm for arm in self.arms.get(told["file_name"], []) if arm[0] <= first]
            arms = [arm for arm in arms if last <= arm[1]]
            if arms:
                # The shortest is one mutant's own, if there is one.
                blamed.update(min(arms, key=lambda arm: arm[1] - arm[0])[2])
                break
        return blamed
