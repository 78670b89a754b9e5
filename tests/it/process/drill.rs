//! `ledgerq drill` as an operator runs it: a broker that is killed again and again under load.
//!
//! `DRILL_KILLS=1000` kills more often than the default run. `DRILL_SEED=...` repeats the choices
//! of a run: what is sent and when the kills fall, though not the machine's own timing.

use std::fs;

use serde_json::Value;

use super::{directory, files, lifecycle, program, server::Serve};

/// Kills of the default run.
const KILLS_DEFAULT: u64 = 50;

/// Runs a drill; the object of its last line, and how many objects came before.
#[track_caller]
fn drill<const N: usize>(args: [&str; N]) -> (Value, usize) {
    let run = program::run(["drill", "--profile", "kill", "--json"].into_iter().chain(args));
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{}", run.stdout);
    let mut lines: Vec<&str> = run.stdout.lines().collect();
    let last = lines.pop().expect("there is a last line");
    (serde_json::from_str(last).expect("it is an object"), lines.len())
}

#[test]
fn what_was_answered_holds_however_often_the_broker_is_killed() {
    let outside = directory();
    let dir = outside.path().join("drill");
    let kills = variable("DRILL_KILLS").unwrap_or_else(|| KILLS_DEFAULT.to_string());
    let seed = variable("DRILL_SEED").unwrap_or_else(|| std::process::id().to_string());
    eprintln!("to repeat it: DRILL_SEED={seed} DRILL_KILLS={kills} cargo test --test it drill");
    let dir_text = dir.to_str().expect("the path is text");
    let args = ["--cycles", &kills, "--seed", &seed, "--data-dir", dir_text];
    let (last, cycles_count) = drill(args);
    assert_eq!((&last["lost"], &last["resurrected"]), (&0.into(), &0.into()), "{last}");
    assert_eq!(last["cycles"].to_string(), kills, "{last}");
    assert_eq!(last["cycles"], cycles_count, "one object for each");
    assert_eq!(last["faults"]["kill"], last["cycles"], "{last}");
    let count = |name: &str| last[name].as_u64().expect("it is a count");
    assert!(count("acknowledged") > 100 && count("deleted") > 100, "it has a load: {last}");
    assert!(!dir.exists(), "what it made is gone");
}

#[test]
fn a_drill_of_a_copy_leaves_the_directory_as_it_is() {
    let outside = directory();
    let data = outside.path().join("data");
    lifecycle::fill(&data);
    let before = files(&data);
    let dir = data.to_str().expect("the path is text");
    let (last, _) = drill(["--cycles", "2", "--data-dir", dir]);
    assert_eq!(last["others_before"], lifecycle::FILL_COUNT, "{last}");
    assert_eq!(last["others_after"], lifecycle::FILL_COUNT, "{last}");
    assert_eq!(files(&data), before);
    let left = fs::read_dir(outside.path()).expect("it is there").count();
    assert_eq!(left, 1, "the copy is gone");
}

#[test]
fn a_directory_in_use_is_refused() {
    let data = directory();
    let server = Serve::on(data.path()).serving();
    let dir = data.path().to_str().expect("the path is text");
    let run = program::run(["drill", "--cycles", "1", "--data-dir", dir]);
    assert_eq!((run.code, run.stdout.as_str()), (4, ""), "{}", run.stderr);
    assert!(run.stderr.contains("another process has the data directory"), "{}", run.stderr);
    assert_eq!(server.terminate().code, 0);
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
