//! Which room may use which. The table is the design's, as data.

use std::collections::BTreeSet;

use super::source::{Source, sources};

/// What a room may use.
enum May {
    Use(&'static [&'static str]),
    UseEverything,
}

const ROOMS: [(&str, May); 19] = [
    ("types", May::Use(&[])),
    ("proto", May::Use(&[])),
    ("clock", May::Use(&["types"])),
    ("entropy", May::Use(&["types"])),
    ("metrics", May::Use(&["types"])),
    ("config", May::Use(&["types"])),
    ("codec", May::Use(&["types"])),
    ("state", May::Use(&["types"])),
    ("disk", May::Use(&["types"])),
    ("log", May::Use(&["types", "disk"])),
    ("store", May::Use(&["types", "codec", "log", "disk"])),
    (
        "broker",
        May::Use(&[
            "types", "clock", "entropy", "codec", "state", "log", "store", "metrics", "disk",
        ]),
    ),
    ("auth", May::Use(&["types", "clock"])),
    ("api", May::Use(&["types", "clock", "auth", "proto", "broker", "metrics"])),
    ("client", May::Use(&["types", "proto"])),
    ("server", May::UseEverything),
    ("telemetry", May::UseEverything),
    ("cli", May::UseEverything),
    ("main", May::UseEverything),
];

/// The crates that a pure room may use, beside the language's own.
const PURE_ROOMS: [&str; 3] = ["types", "state", "codec"];
const PURE_CRATES: [&str; 7] = ["bytes", "slab", "thiserror", "std", "alloc", "core", "crate"];
/// What of the standard library has to do with the world outside.
const WORLDLY: [&str; 7] =
    ["std::fs", "std::net", "std::thread", "std::process", "std::env", "Instant", "SystemTime"];

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let mut wrong = Vec::new();
    for source in sources(&["src"]) {
        let room = source.room().expect("it lies in src");
        if room == "lib" {
            continue;
        }
        let found = ROOMS.iter().find(|(name, _)| *name == room);
        let (_, may) =
            found.unwrap_or_else(|| panic!("{} is in no room of the table", source.path));
        let May::Use(allowed) = may else { continue };
        for used in rooms_used(source.code_without_tests()) {
            if used != room && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{}: {room} uses {used}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn pure_rooms_use_no_other_crates_and_nothing_of_the_world() {
    let mut wrong = Vec::new();
    for source in sources(&["src"]).iter().filter(|source| is_pure(source)) {
        let code = source.code_without_tests();
        for used in uses(code) {
            let first = used.split("::").next().unwrap_or_default();
            let is_local = ["self", "super"].contains(&first) || is_declared(code, first);
            if !is_local && !PURE_CRATES.contains(&first) {
                wrong.push(format!("{}: {first}", source.path));
            }
        }
        let worldly = WORLDLY.iter().filter(|name| code.contains(**name));
        wrong.extend(worldly.map(|name| format!("{}: {name}", source.path)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn some_things_are_for_one_place_alone() {
    let places = [
        ("anyhow", ["src/main.rs"].as_slice()),
        // In `main.rs` one option of the allocator (docs/decisions/0030-memory-is-kept.md).
        ("unsafe {", &["src/disk/mmap.rs", "src/disk/shutdown.rs", "src/main.rs"]),
        ("unsafe fn", &["src/disk/mmap.rs"]),
        ("Instant::now", &["src/clock.rs"]),
        ("SystemTime::now", &["src/clock.rs"]),
        ("getrandom::", &["src/entropy.rs"]),
    ];
    let mut wrong = Vec::new();
    for source in sources(&["src"]) {
        for (what, allowed) in places {
            let is_used = source.code_without_tests().contains(what);
            if is_used && !allowed.contains(&source.path.as_str()) {
                wrong.push(format!("{}: {what}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn is_pure(source: &Source) -> bool {
    source.room().is_some_and(|room| PURE_ROOMS.contains(&room))
}

/// Whether a module of this name is declared here.
fn is_declared(code: &str, name: &str) -> bool {
    code.contains(&format!("mod {name};"))
}

/// The paths that the `use` items name, without what follows a brace.
fn uses(code: &str) -> Vec<String> {
    let items = code.lines().map(str::trim_start).filter_map(|line| {
        let line = line.strip_prefix("pub ").unwrap_or(line);
        line.strip_prefix("use ")
    });
    items.map(|path| path.trim_end_matches(';').to_owned()).collect()
}

/// The rooms behind every `crate::`, also those in braces.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let mut parts = code.split("crate::");
    let mut before = parts.next().unwrap_or_default();
    for part in parts {
        let is_macro = before.ends_with('$');
        before = part;
        if is_macro {
            continue;
        }
        match part.strip_prefix('{') {
            Some(inside) => rooms.extend(heads(inside)),
            None => rooms.extend(name(part)),
        }
    }
    rooms
}

/// The first names of a list in braces, up to the brace that ends it.
fn heads(list: &str) -> Vec<String> {
    let (mut depth, mut heads, mut is_head) = (0, Vec::new(), true);
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => is_head = true,
            _ if is_head && depth == 0 && !c.is_whitespace() => {
                heads.extend(name(&list[at..]));
                is_head = false;
            }
            _ => {}
        }
    }
    heads
}

fn name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

#[test]
fn rooms_are_found_however_they_are_named() {
    let code = "use crate::{\n    log::{self, Draft},\n    state,\n};\ncrate::types::Lsn; use crate::disk;";
    let found: Vec<String> = rooms_used(code).into_iter().collect();
    assert_eq!(found, ["disk", "log", "state", "types"]);
}
