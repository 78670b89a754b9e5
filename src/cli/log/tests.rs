//! What is printed of a small log, whole, unfinished and damaged.

use std::{fs, os::unix::fs::FileExt as _, path::Path, time::Duration};

use bytes::Bytes;
use clap::Parser as _;
use expect_test::expect;
use tempfile::TempDir;

use super::{
    super::{Cli, Command, Exit, fake::Shared},
    *,
};
use crate::{
    codec,
    log::{Body, Draft, SEGMENT_BYTES_MIN, SegmentId, Settings, Writer, create, recover},
    types::{
        Attribute, AttributeValue, Envelope, GroupId, Lineage, Millis, MoveFilter, MoveOutcome,
        Nonce, QueueId, QueueName, QueueSettings, Record, Sending, Seq, TaskId, Timestamp,
    },
};

const QUEUE: QueueId = QueueId::new(1);
const SEQ: Seq = Seq::new(1);
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A data directory with a log of two frames: a queue with a message, then its receive and delete.
fn small_log() -> TempDir {
    log_with(b"")
}

/// The small log, and if there is one more body, a third frame of a message with it.
fn log_with(more: &'static [u8]) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let settings =
        Settings { segment_bytes: SEGMENT_BYTES_MIN, lineage: Lineage([7; 16]), standby_count: 1 };
    let mut writer = writer_in(dir.path(), &settings);
    let name = QueueName::parse("jobs").expect("a name");
    let settings = QueueSettings::default();
    let sent = [
        Record::QueueCreated { queue: QUEUE, name, settings },
        Record::MessageSent(Sending::plain(QUEUE, SEQ, NOW, 5)),
    ];
    append(&mut writer, &sent, vec![body(b"hello")]);
    let nonce = Nonce::new(0xabc);
    let deleted = [
        Record::MessageLeased { queue: QUEUE, seq: SEQ, nonce, until: NOW },
        Record::MessageDeleted { queue: QUEUE, seq: SEQ },
        Record::Tick,
    ];
    append(&mut writer, &deleted, Vec::new());
    if !more.is_empty() {
        let sent = Record::MessageSent(Sending::plain(QUEUE, SEQ.next(), NOW, 2000));
        append(&mut writer, &[sent], vec![body(more)]);
    }
    dir
}

/// The writer of a new log.
fn writer_in(dir: &Path, settings: &Settings) -> Writer {
    let disk = RealDisk::new(dir).expect("it is there");
    create(&disk, settings, &mut salts()).expect("a new log");
    start(&disk, settings)
}

/// The writer of a log that is there.
pub(in crate::cli) fn start(disk: &RealDisk, settings: &Settings) -> Writer {
    let replayed = recover(disk, settings, &mut salts(), &mut |_| Ok(()), &mut |_| ());
    replayed.expect("a start").0
}

/// Salts, the next of each its own.
pub(in crate::cli) fn salts() -> impl FnMut() -> u64 {
    let mut salt = 0;
    move || {
        salt += 1;
        salt
    }
}

pub(in crate::cli) fn body(bytes: &'static [u8]) -> Body {
    let chunks = [codec::encode_head(&Envelope::default()), Bytes::from_static(bytes)];
    let crc = crc32fast::hash(&chunks.concat());
    Body { chunks, crc }
}

pub(in crate::cli) fn append(writer: &mut Writer, records: &[Record], bodies: Vec<Body>) {
    let record_count = u32::try_from(records.len()).expect("a few");
    let mut draft = Draft { now: NOW, record_count, bodies, ..Draft::default() };
    for record in records {
        codec::encode_record(record, &mut draft.records);
    }
    let written = writer.append(draft).job.run();
    writer.synced(written.map(|()| Duration::ZERO)).expect("the disk works");
}

/// Runs `ledgerq log` on a directory: what it printed, and how it failed.
fn run_on(dir: &Path, line: &str) -> (String, Option<Failure>) {
    let mut words = vec!["ledgerq", "log"];
    words.extend(line.split(' '));
    let dir = dir.display().to_string();
    words.extend(["--data-dir", &dir]);
    let json = words.contains(&"--json");
    let Command::Log(command) = Cli::try_parse_from(words).expect("a line").command else {
        panic!("{line} is no command of the log");
    };
    let sink = Shared::default();
    let outcome = run(&command, &mut Output::to(sink.clone(), json));
    (sink.text(), outcome.err())
}

fn segment(dir: &Path) -> PathBuf {
    dir.join(SegmentId::FIRST.path())
}

/// Changes one byte of the first segment.
fn flip(dir: &Path, offset: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(segment(dir)).expect("a segment");
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("it is that long");
    file.write_all_at(&[byte[0] ^ 1], offset).expect("it can be written");
}

#[test]
fn inspect_prints_frames_and_records_as_people_read_them() {
    let (text, failure) = run_on(small_log().path(), "inspect");
    assert!(failure.is_none());
    expect![[r#"
        segment 1  offset 4096  lsn 1 to 2  at 2023-11-14T22:13:20.000Z  256 bytes
          lsn 1        QueueCreated      queue_id=1 queue=jobs visibility_timeout=30s delay=0s
            retention=4d receive_wait=0s max_message=1048576
          lsn 2        MessageSent       queue_id=1 seq=1 size=5 ready_at=2023-11-14T22:13:20.000Z
        segment 1  offset 4352  lsn 3 to 5  at 2023-11-14T22:13:20.000Z  192 bytes
          lsn 3        MessageLeased     queue_id=1 seq=1 nonce=0000000000000abc
            until=2023-11-14T22:13:20.000Z
          lsn 4        MessageDeleted    queue_id=1 seq=1
          lsn 5        Tick
    "#]]
    .assert_eq(&text.replace(" retention=", "\n    retention=").replace(" until=", "\n    until="));
}

#[test]
fn inspect_prints_one_object_a_record_for_programs() {
    let (text, failure) = run_on(small_log().path(), "inspect --json --from-lsn 2 --limit 2");
    assert!(failure.is_none());
    expect![[r#"
        {"lsn":2,
          "record":"MessageSent",
          "queue_id":1,
          "seq":1,
          "size_bytes":5,
          "ready_at":"2023-11-14T22:13:20.000Z",
          "at":"2023-11-14T22:13:20.000Z",
          "segment":1,
          "frame_offset":4096}
        {"lsn":3,
          "record":"MessageLeased",
          "queue_id":1,
          "seq":1,
          "nonce":"0000000000000abc",
          "until":"2023-11-14T22:13:20.000Z",
          "at":"2023-11-14T22:13:20.000Z",
          "segment":1,
          "frame_offset":4352}
    "#]]
    .assert_eq(&text.replace(",\"", ",\n  \""));
}

#[test]
fn inspect_shows_what_a_transact_holds_and_what_a_move_filters_by() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let settings =
        Settings { segment_bytes: SEGMENT_BYTES_MIN, lineage: Lineage([7; 16]), standby_count: 1 };
    let mut writer = writer_in(dir.path(), &settings);
    let sending = Sending {
        priority: 9,
        group: Some(GroupId::parse("group", "g1").expect("an id")),
        ..Sending::plain(QUEUE, SEQ, NOW, 5)
    };
    let attribute = Attribute {
        name: "color".into(),
        data_type: "String".into(),
        value: AttributeValue::Text("red".into()),
    };
    let filter = MoveFilter {
        group: None,
        age_min: Some(Millis::from_secs(3600)),
        attribute: Some(attribute),
    };
    let (task, rate_max) = (TaskId::new(1), Some(50));
    let deleted = Record::MessageDeleted { queue: QUEUE, seq: SEQ };
    let records = [
        Record::Transacted { records: vec![deleted, Record::MessageSent(sending)] },
        Record::MoveStarted { task, source: QUEUE, target: None, rate_max, filter },
        Record::MoveEnded { task, outcome: MoveOutcome::Failed { reason: "no target".into() } },
    ];
    append(&mut writer, &records, vec![body(b"hello")]);
    let (text, failure) = run_on(dir.path(), "inspect");
    assert!(failure.is_none());
    expect![[r#"
        segment 1  offset 4096  lsn 1 to 3  at 2023-11-14T22:13:20.000Z  256 bytes
          lsn 1        Transacted
            within     MessageDeleted    queue_id=1 seq=1
            within     MessageSent       queue_id=1 seq=1 size=5
            ready_at=2023-11-14T22:13:20.000Z priority=9 group=g1
          lsn 2        MoveStarted       task=1 source_queue_id=1 rate_max=50 age_min=1h attribute=color=red
          lsn 3        MoveEnded         task=1 outcome=failed reason=no target
    "#]].assert_eq(&text.replace(" ready_at=", "\n    ready_at="));
    let (text, _) = run_on(dir.path(), "inspect --json --limit 2");
    expect![[r#"
        {"lsn":1,
          "record":"Transacted",
          "records":[{"queue_id":1,
          "record":"MessageDeleted",
          "seq":1},{"group":"g1",
          "priority":9,
          "queue_id":1,
          "ready_at":"2023-11-14T22:13:20.000Z",
          "record":"MessageSent",
          "seq":1,
          "size_bytes":5}],
          "at":"2023-11-14T22:13:20.000Z",
          "segment":1,
          "frame_offset":4096}
        {"lsn":2,
          "record":"MoveStarted",
          "task":1,
          "source_queue_id":1,
          "rate_max":50,
          "age_min_ms":3600000,
          "attribute":"color=red",
          "at":"2023-11-14T22:13:20.000Z",
          "segment":1,
          "frame_offset":4096}
    "#]]
    .assert_eq(&text.replace(",\"", ",\n  \""));
}

#[test]
fn inspect_begins_and_ends_where_it_is_told() {
    let dir = small_log();
    let lsns = |line: &str| {
        let (text, failure) = run_on(dir.path(), line);
        assert!(failure.is_none(), "{line}");
        let lines = text.lines().filter_map(|line| line.strip_prefix("  lsn "));
        lines.map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect::<String>()
    };
    assert_eq!(lsns("inspect"), "12345");
    assert_eq!(lsns("inspect --from-lsn 2"), "2345");
    assert_eq!(lsns("inspect --from-lsn 4 --limit 1"), "4");
    assert_eq!(lsns("inspect --limit 2"), "12");
    assert_eq!(lsns("inspect --from-lsn 9"), "");
}

#[test]
fn a_whole_log_is_clean() {
    let (text, failure) = run_on(small_log().path(), "verify");
    assert!(failure.is_none());
    expect![[r#"
        SEGMENT  FIRST LSN  FRAMES  BYTES  FOOTER
        1        1          2       448    missing
        a start replays the whole log: 5 records, no checkpoint
        clean: 5 records are whole, the next LSN is 6
    "#]]
    .assert_eq(&text);
    let (text, failure) = run_on(small_log().path(), "verify --json");
    assert!(failure.is_none());
    expect![[r#"
        {"kind":"segment",
          "segment":1,
          "first_lsn":1,
          "frames":2,
          "frames_bytes":448,
          "footer":"missing"}
        {"kind":"verdict",
          "verdict":"clean",
          "records":5,
          "next_lsn":6,
          "checkpoint_lsn":null,
          "replayed_records":5,
          "repair":null}
    "#]]
    .assert_eq(&text.replace(",\"", ",\n  \""));
}

#[test]
fn an_unfinished_write_is_normal_and_said_so() {
    let dir = log_with(&[b'x'; 2000]);
    let (text, _) = run_on(dir.path(), "inspect --json --from-lsn 6");
    let object: serde_json::Value = serde_json::from_str(&text).expect("one object");
    let offset = object["frame_offset"].as_u64().expect("a number");
    let file = fs::OpenOptions::new().write(true).open(segment(dir.path())).expect("a segment");
    // A sector in the middle of the last frame never reached the disk.
    file.write_all_at(&[0; 512], (offset + 1024) / 512 * 512).expect("it can be written");
    let (text, failure) = run_on(dir.path(), "verify");
    assert!(failure.is_none(), "{failure:?}");
    expect![[r#"
        SEGMENT  FIRST LSN  FRAMES  BYTES  FOOTER
        1        1          2       448    missing
        torn:
          segments/00000000000000000001.seg at offset 4544, LSN 6:
          a write did not end:
          2176 bytes (normal:
          a write that a crash cut off; it was never acknowledged)
        a start replays the whole log:
          5 records, no checkpoint
        clean:
          5 records are whole, the next LSN is 6
    "#]]
    .assert_eq(&text.replace(": ", ":\n  "));
}

#[test]
fn damage_to_what_was_acknowledged_is_told_and_ends_with_5() {
    let dir = small_log();
    let (text, _) = run_on(dir.path(), "inspect --json --limit 1");
    let object: serde_json::Value = serde_json::from_str(&text).expect("one object");
    flip(dir.path(), object["frame_offset"].as_u64().expect("a number") + 80);
    let (text, failure) = run_on(dir.path(), "verify");
    assert_eq!(failure.expect("it is damaged").exit, Exit::Corrupt);
    assert!(text.contains("\ncorrupt: segments/"), "{text}");
    assert!(text.contains("\nnot clean: "), "{text}");
    let (_, failure) = run_on(dir.path(), "inspect");
    assert_eq!(failure.expect("it is damaged").exit, Exit::Corrupt);
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (_, failure) = run_on(&dir.path().join("nothing"), "verify");
    let failure = failure.expect("it is not there");
    assert_eq!(failure.exit, Exit::CannotStart);
    assert!(!dir.path().join("nothing").exists(), "an inspection makes nothing");
    let (_, failure) = run_on(dir.path(), "verify");
    assert_eq!(failure.expect("there is no log in it").exit, Exit::CannotStart);
}

#[test]
fn a_directory_that_a_broker_has_is_left_alone() {
    let dir = small_log();
    let disk = RealDisk::new(dir.path()).expect("it is there");
    let lock = disk.lock(LOCK).expect("nobody has it");
    let (text, failure) = run_on(dir.path(), "verify");
    let failure = failure.expect("a broker runs");
    assert_eq!((text.as_str(), failure.exit), ("", Exit::Locked));
    assert!(failure.line.expect("a line").ends_with("; end it first"));
    drop(lock);
    assert!(run_on(dir.path(), "verify").1.is_none());
}
