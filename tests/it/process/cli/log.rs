//! `ledgerq log`, on the directory of a broker that runs and of one that does not.

use std::fs;

use expect_test::expect;

use super::{broker, run};
use crate::process::{directory, program, transcript::Shell};

#[test]
fn the_log_of_a_running_broker_is_left_alone() {
    let (data, server) = broker();
    let mut shell = Shell::new(server.url());
    shell.name("DIR", data.path().to_str().expect("it is text"));
    shell.check(
        "log inspect --data-dir $DIR
         log inspect --data-dir $DIR --json
         log verify --data-dir $DIR
         log verify --data-dir $DIR --json",
        &expect![[r#"
            $ log inspect --data-dir $DIR
            ! ledgerq: another process has the data directory DIR; end it first
            = 4
            $ log inspect --data-dir $DIR --json
            ! ledgerq: another process has the data directory DIR; end it first
            = 4
            $ log verify --data-dir $DIR
            ! ledgerq: another process has the data directory DIR; end it first
            = 4
            $ log verify --data-dir $DIR --json
            ! ledgerq: another process has the data directory DIR; end it first
            = 4
        "#]],
    );
}

#[test]
fn the_log_tells_what_was_done() {
    let (data, server) = broker();
    run(&server, ["queue", "create", "jobs"]).success();
    run(&server, ["send", "jobs", "hello"]).success();
    run(&server, ["receive", "jobs", "--delete"]).success();
    assert_eq!(server.terminate().code, 0);
    let dir = data.path().to_str().expect("it is text");
    let records = program::run(["log", "inspect", "--json", "--data-dir", dir]).objects();
    let names: Vec<&str> = records.iter().filter_map(|record| record["record"].as_str()).collect();
    let facts: Vec<&str> = names.into_iter().filter(|name| *name != "Tick").collect();
    assert_eq!(facts, ["QueueCreated", "MessageSent", "MessageLeased", "MessageDeleted"]);
    let lsns: Vec<u64> = records.iter().filter_map(|record| record["lsn"].as_u64()).collect();
    assert!(lsns.iter().copied().eq(1..=records.len() as u64), "positions have no gap");

    let verified = program::run(["log", "verify", "--json", "--data-dir", dir]).objects();
    let verdict = verified.last().expect("it ends with one");
    assert_eq!((&verdict["kind"], &verdict["verdict"]), (&"verdict".into(), &"clean".into()));
    assert_eq!(verdict["records"], records.len());
    let text = program::run(["log", "verify", "--data-dir", dir]).success();
    let last = text.lines().last().expect("it has a verdict");
    let (count, next) = (records.len(), records.len() + 1);
    assert_eq!(last, format!("clean: {count} records are whole, the next LSN is {next}"));
}

#[test]
fn an_inspection_of_a_copy_needs_the_segments_alone() {
    let (data, server) = broker();
    run(&server, ["queue", "create", "jobs"]).success();
    // While it runs: what is there is a prefix of what will be.
    let copy = directory();
    let segments = copy.path().join("segments");
    fs::create_dir(&segments).expect("it can be made");
    for entry in fs::read_dir(data.path().join("segments")).expect("it is there") {
        let entry = entry.expect("it can be read");
        fs::copy(entry.path(), segments.join(entry.file_name())).expect("it can be copied");
    }
    drop(server);
    let dir = copy.path().to_str().expect("it is text");
    let records = program::run(["log", "inspect", "--json", "--data-dir", dir]).objects();
    assert!(records.iter().any(|record| record["record"] == "QueueCreated"));
    assert!(!copy.path().join("LOCK").exists(), "nothing is made in it");
}

#[test]
fn a_directory_that_has_no_log_is_named() {
    let data = directory();
    let mut shell = Shell::new("http://127.0.0.1:1".into());
    shell.name("DIR", data.path().to_str().expect("it is text"));
    shell.name("MISSING", data.path().join("missing").to_str().expect("it is text"));
    shell.check(
        "log verify --data-dir $DIR
         log inspect --data-dir $DIR
         log verify --data-dir $MISSING
         log inspect --data-dir $DIR --from-lsn zero",
        &expect![[r#"
            $ log verify --data-dir $DIR
            ! ledgerq: cannot use the data directory DIR: there is no log in it
            = 8
            $ log inspect --data-dir $DIR
            ! ledgerq: cannot use the data directory DIR: there is no log in it
            = 8
            $ log verify --data-dir $MISSING
            ! ledgerq: cannot use the data directory DIR/missing: No such file or directory (os
                error 2)
            = 8
            $ log inspect --data-dir $DIR --from-lsn zero
            ! error: invalid value 'zero' for '--from-lsn <LSN>': "zero" is not a count; write
                it like 10000
            !
            ! For more information, try '--help'.
            = 2
        "#]],
    );
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let (data, server) = broker();
    run(&server, ["queue", "create", "jobs"]).success();
    let url = server.url();
    let args = ["--server", &url, "send", "jobs", "--lines", "-"];
    program::run_with(args, "a line\n".repeat(3000).into_bytes()).success();
    assert_eq!(server.terminate().code, 0);
    let mut command = program::command();
    command.args(["log", "inspect", "--json", "--data-dir"]).arg(data.path());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it is a child of this process");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}
