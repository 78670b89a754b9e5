//! `ledgerq log`, on the directory of a broker that runs and of one that does not.

use std::{fs, path::Path};

use expect_test::expect;

use super::broker;
use crate::process::{directory, program, server::Serve, transcript::Shell};

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
    server.run(["queue", "create", "jobs"]).success();
    server.run(["send", "jobs", "hello"]).success();
    server.run(["receive", "jobs", "--delete"]).success();
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
    server.run(["queue", "create", "jobs"]).success();
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
    server.run(["queue", "create", "jobs"]).success();
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

/// A directory whose log was given back in part: of many messages three are left, and those were
/// compacted. Their ids, the first first.
fn compacted(data: &Path) -> Vec<String> {
    let server = Serve::on(data).set("--reclaim-pool", "0").serving();
    for queue in ["jobs", "keep"] {
        server.run(["queue", "create", queue]).success();
    }
    let large = "x".repeat(12_000);
    let mut ids = Vec::new();
    for _ in 0..3 {
        let sent = server.run(["send", "keep", "kept", "--json"]).objects();
        ids.push(sent[0]["message_id"].as_str().expect("an id").to_owned());
        for _ in 0..6 {
            server.run(["send", "jobs", &large]).success();
        }
    }
    server.run(["queue", "purge", "jobs"]).success();
    for command in ["checkpoint", "compact", "checkpoint", "checkpoint", "checkpoint"] {
        server.run([command]).success();
    }
    assert_eq!(server.terminate().code, 0);
    ids
}

#[test]
fn files_are_listed_with_what_lives_in_them_and_what_keeps_them() {
    let data = directory();
    compacted(data.path());
    let dir = data.path().to_str().expect("it is text");
    let objects = program::run(["log", "files", "--json", "--data-dir", dir]).objects();
    let of_kind = |kind: &str| objects.iter().filter(|o| o["kind"] == kind).collect::<Vec<_>>();
    let output = of_kind("output")[0];
    assert_eq!((&output["live_messages"], &output["messages"]), (&3.into(), &3.into()));
    assert_eq!((&output["footer"], &output["copied"]), (&"valid".into(), &1.into()));
    let pins = ["live messages", "newest checkpoint", "older checkpoint"];
    assert_eq!(output["kept_by"], serde_json::json!(pins));
    let segments = of_kind("segment");
    assert_eq!(segments[0]["live_messages"], 0, "{segments:?}");
    assert!(segments[0]["id"].as_u64() > Some(1), "the first segments were given back");
    assert!(segments.iter().any(|segment| segment["state"] == "active"));
    assert_eq!(of_kind("checkpoint").len(), 2);
    assert_eq!(of_kind("checkpoint")[0]["queues"], 2);
    let log = of_kind("log")[0];
    assert_eq!(log["complete"], false, "{log}");

    let text = program::run(["log", "files", "--data-dir", dir]).success();
    assert!(text.contains("\nCHECKPOINT "), "{text}");
    let last = text.lines().last().expect("it has lines");
    assert!(last.starts_with("of the log is there: LSN "), "{last}");
    assert!(last.ends_with("; the rest was given back"), "{last}");
    let inspected = program::run(["log", "inspect", "--data-dir", dir]);
    assert_eq!(inspected.code, 0, "{}", inspected.stderr);
    assert!(inspected.stderr.contains("of the log is there: LSN "), "{}", inspected.stderr);
    let verified = program::run(["log", "verify", "--data-dir", dir]).success();
    assert!(verified.contains("\nOUTPUT ") && verified.contains("\nclean: "), "{verified}");
}

#[test]
fn a_message_whose_records_were_given_back_is_told_by_what_is_left() {
    let data = directory();
    let ids = compacted(data.path());
    let dir = data.path().to_str().expect("it is text");
    let told = program::run(["message", "show", &ids[0], "--data-dir", dir]).success();
    assert!(told.contains("what came before was given back with its segment"), "{told}");
    assert!(told.contains("at the end of the log it is in keep, received 0 times"), "{told}");
    let place = "its body is in segments/00000000000000000001.out at offset ";
    assert!(told.contains(place), "{told}");
    let objects = program::run(["message", "show", &ids[0], "--json", "--data-dir", dir]).objects();
    assert_eq!(objects.len(), 1, "no record of it is left: {objects:?}");
    assert_eq!((&objects[0]["present"], &objects[0]["complete"]), (&true.into(), &false.into()));
    assert_eq!(objects[0]["body_file"], "segments/00000000000000000001.out");
}

#[test]
fn a_damaged_checkpoint_is_told_and_passed_over() {
    let data = directory();
    compacted(data.path());
    let dir = data.path().to_str().expect("it is text");
    let mut checkpoints: Vec<_> = fs::read_dir(data.path().join("checkpoints"))
        .expect("it is there")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "ckpt"))
        .collect();
    checkpoints.sort();
    let damage = |path: &Path| {
        let mut bytes = fs::read(path).expect("it is there");
        bytes[90] ^= 1;
        fs::write(path, bytes).expect("it can be written");
    };
    damage(&checkpoints[1]);
    let told = program::run(["log", "verify", "--data-dir", dir]).success();
    assert!(told.contains("damaged_checkpoint: checkpoints/"), "{told}");
    assert!(told.contains("a start goes on from the checkpoint at LSN "), "{told}");
    assert!(Serve::on(data.path()).serving().terminate().code == 0);

    // Both: what is left of the log could bring back what was deleted.
    let data = directory();
    compacted(data.path());
    for path in fs::read_dir(data.path().join("checkpoints")).expect("it is there") {
        damage(&path.expect("an entry").path());
    }
    let dir = data.path().to_str().expect("it is text");
    let told = program::run(["log", "verify", "--data-dir", dir]);
    assert_eq!(told.code, 5, "{}", told.stdout);
    assert!(told.stdout.contains("a replay could bring back what was deleted"), "{}", told.stdout);
    assert!(told.stdout.contains("\na start is refused here\n"), "{}", told.stdout);
    assert_eq!(Serve::on(data.path()).refused().code, 5);
}

#[test]
fn a_missing_file_that_is_needed_is_named() {
    let data = directory();
    compacted(data.path());
    let dir = data.path().to_str().expect("it is text");
    let output = "segments/00000000000000000001.out";
    fs::remove_file(data.path().join(output)).expect("it is there");
    let told = program::run(["log", "verify", "--data-dir", dir]);
    assert_eq!(told.code, 5, "{}", told.stdout);
    let line = format!("corrupt: {output}: it is missing: the checkpoint at LSN ");
    assert!(told.stdout.contains(&line), "{}", told.stdout);
    let ended = Serve::on(data.path()).refused();
    assert_eq!(ended.code, 5, "{}", ended.last_line());
    assert!(ended.last_line().contains(&format!("{output} is missing")), "{}", ended.last_line());
    let told = program::run(["log", "files", "--data-dir", dir]);
    assert_eq!(told.code, 5, "{}", told.stderr);
    assert!(told.stderr.contains("`ledgerq log verify` tells all"), "{}", told.stderr);
}
