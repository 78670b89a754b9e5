//! A directory that a start refuses, as an operator meets it: verified, repaired, served again.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{directory, files, program, server::Serve};

fn text(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

/// A directory with five messages, of which the first was deleted; their ids.
fn killed(data: &Path) -> Vec<String> {
    let server = Serve::on(data).serving();
    server.run(["queue", "create", "jobs"]).success();
    let mut ids = Vec::new();
    for body in ["one", "two", "three", "four", "five"] {
        let sent = server.run(["send", "jobs", body, "--json"]).objects();
        ids.push(sent[0]["message_id"].as_str().expect("an id").to_owned());
    }
    server.run(["receive", "jobs", "--max", "1", "--delete"]).success();
    server.kill();
    ids
}

/// Where the frame that has this body begins in the first segment that has it.
fn frame_of(data: &Path, body: &str) -> (PathBuf, usize) {
    let mut paths: Vec<_> = fs::read_dir(data.join("segments"))
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").path())
        .collect();
    paths.sort();
    for path in paths {
        let bytes = fs::read(&path).expect("it can be read");
        let Some(at) = bytes.windows(body.len()).position(|part| part == body.as_bytes()) else {
            continue;
        };
        let begin =
            (0..at).rev().find(|at| at.is_multiple_of(64) && bytes[*at..].starts_with(b"LQFR"));
        return (path, begin.expect("it is in a frame"));
    }
    panic!("no segment has {body}");
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("it can be read");
    bytes[at] ^= 1;
    fs::write(path, bytes).expect("it can be written");
}

fn objects_of(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("it is an object")).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

#[test]
fn what_a_start_refuses_is_repaired_beside_it_and_served() {
    let outside = directory();
    let [data, new] = ["data", "new"].map(|name| outside.path().join(name));
    let ids = killed(&data);
    let (segment, frame) = frame_of(&data, "three");
    // Behind header and table: its records.
    flip(&segment, frame + 64 + 8 + 3);
    let damaged = files(&data);
    let ended = Serve::on(&data).refused();
    assert_eq!(ended.code, 5, "{:?}", ended.lines);

    let verified = program::run(["log", "verify", "--data-dir", text(&data)]);
    assert_eq!(verified.code, 5, "{}", verified.stderr);
    for part in [
        "a repair loses 1 message:",
        &format!("    {}  queue unknown", ids[2]),
        "`ledgerq log repair` keeps 3 messages and loses 1",
    ] {
        assert!(verified.stdout.contains(part), "{part} is missing in {}", verified.stdout);
    }
    let dry = program::run(["log", "repair", "--dry-run", "--json", "--data-dir", text(&data)]);
    assert_eq!(dry.code, 5, "{}", dry.stderr);
    let repair = program::run(["log", "repair", "--data-dir", text(&data), "--to", text(&new)]);
    assert_eq!(repair.code, 5, "{}", repair.stderr);
    for part in [
        &format!("{}  queue unknown", ids[2]),
        "records lost: LSN ",
        "kept 3 messages in 1 queue",
        "1 message lost",
        "receipt handles of before are refused",
        &format!("ledgerq serve --data-dir {}", new.display()),
    ] {
        assert!(repair.stdout.contains(part), "{part} is missing in {}", repair.stdout);
    }
    assert!(files(&data) == damaged, "the damaged directory is as it was");

    let again = program::run(["log", "repair", "--data-dir", text(&data), "--to", text(&new)]);
    assert_eq!(again.code, 8, "{}", again.stderr);
    let within = data.join("new");
    let within = program::run(["log", "repair", "--data-dir", text(&data), "--to", text(&within)]);
    assert_eq!(within.code, 8, "{}", within.stderr);
    assert!(files(&data) == damaged, "nothing is made in it");

    program::run(["log", "verify", "--data-dir", text(&new)]).success();
    let server = Serve::on(&new).serving();
    let peeked = server.run(["peek", "jobs", "--json"]).objects();
    let bodies: Vec<_> = peeked.iter().map(|message| message["body"].clone()).collect();
    assert_eq!(bodies, ["two", "four", "five"]);
    assert_eq!(peeked[1]["message_id"], ids[3].as_str());
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn a_repair_tells_programs_what_it_keeps_and_loses() {
    let outside = directory();
    let [data, new] = ["data", "new"].map(|name| outside.path().join(name));
    let ids = killed(&data);
    let whole = program::run(["log", "repair", "--dry-run", "--data-dir", text(&data)]);
    assert!(whole.success().contains("keeps 4 messages in 1 queue; nothing is lost"));
    let (segment, frame) = frame_of(&data, "four");
    let bytes = fs::read(&segment).expect("it can be read");
    let body = bytes[frame..].windows(4).position(|part| part == b"four").expect("it is there");
    flip(&segment, frame + body);
    let verified = program::run(["log", "verify", "--json", "--data-dir", text(&data)]);
    let verified = objects_of(&verified.stdout);
    let finding = of_kind(&verified, "finding")[0];
    assert_eq!(
        (&finding["finding"], &finding["lost_messages"]),
        (&"damaged_body".into(), &1.into())
    );
    assert_eq!(finding["lost"][0]["message_id"], ids[3].as_str());
    assert_eq!(finding["lost"][0]["queue"], "jobs");
    let verdict = of_kind(&verified, "verdict")[0];
    assert_eq!(
        (&verdict["repair"]["kept_messages"], &verdict["replayed_records"].is_u64()),
        (&3.into(), &true)
    );

    let args = ["log", "repair", "--json", "--data-dir", text(&data), "--to", text(&new)];
    let told = program::run(args);
    assert_eq!(told.code, 5, "{}", told.stderr);
    let objects = objects_of(&told.stdout);
    let lost = of_kind(&objects, "lost");
    assert_eq!(lost.len(), 1, "{objects:?}");
    assert_eq!(lost[0]["message_id"], ids[3].as_str());
    assert_eq!((&lost[0]["queue"], &lost[0]["why"]), (&"jobs".into(), &"payload".into()));
    assert!(of_kind(&objects, "lost_records").is_empty(), "the records are whole");
    let summary = of_kind(&objects, "repair")[0];
    assert_eq!(summary["kept_messages"], 3);
    assert_eq!(summary["lost_messages"], 1);
    assert_eq!(summary["directory"], text(&new));
    assert_eq!(of_kind(&objects, "queue")[0]["lost_messages"], 1);
}

#[test]
fn a_directory_in_use_is_not_repaired() {
    let outside = directory();
    let [data, new] = ["data", "new"].map(|name| outside.path().join(name));
    let server = Serve::on(&data).serving();
    let repair = program::run(["log", "repair", "--data-dir", text(&data), "--to", text(&new)]);
    assert_eq!(repair.code, 4, "{}", repair.stderr);
    assert!(!new.exists(), "nothing is made");
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn a_scrub_tells_what_was_damaged_under_a_broker() {
    let outside = directory();
    let data = outside.path().join("data");
    let server = Serve::on(&data).set("--tail-cache-bytes", "0").serving();
    server.run(["queue", "create", "jobs"]).success();
    let large = "y".repeat(12_000);
    for body in ["first", &large, &large, &large, &large, &large, &large, &large] {
        server.run(["send", "jobs", body]).success();
    }
    assert!(server.run(["scrub"]).success().contains("nothing found"));
    let (segment, frame) = frame_of(&data, "first");
    let bytes = fs::read(&segment).expect("it can be read");
    let at = bytes[frame..].windows(5).position(|part| part == b"first").expect("it is there");
    let file = fs::OpenOptions::new().write(true).open(&segment).expect("it is there");
    std::os::unix::fs::FileExt::write_at(&file, b"F", (frame + at) as u64).expect("a write");

    let scrubbed = server.run(["scrub", "--json"]);
    assert_eq!(scrubbed.code, 5, "{}", scrubbed.stderr);
    let scrub = &objects_of(&scrubbed.stdout)[0];
    assert_eq!((&scrub["found_count"], &scrub["damaged_message_count"]), (&1.into(), &1.into()));
    let told = server.line("DAMAGE ON THE DISK, found by the scrub");
    assert!(told.to_string().contains("message_id"), "{told}");
    let status = server.run(["status", "--json"]).objects();
    assert_eq!(status[0]["scrub"]["passes_count"], 2);
    let peeked = server.run(["peek", "jobs", "--max", "1", "--json"]);
    assert!(peeked.stdout.contains("\"damaged\""), "it is told at a look: {}", peeked.stdout);
    assert_eq!(server.terminate().code, 0);
}
