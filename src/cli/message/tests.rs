//! The history of a message as people and programs read it, of a small log.

use std::{path::Path, sync::Arc};

use clap::Parser as _;
use expect_test::expect;
use tempfile::TempDir;

use super::{
    super::{
        Cli, Command, Exit,
        fake::Shared,
        log::tests::{append, body, salts, start},
    },
    *,
};
use crate::{
    disk::{Disk as _, RealDisk},
    log::{SEGMENT_BYTES_MIN, Settings},
    store::{Directory, Identity},
    types::{
        Lineage, MessageId, Nonce, QueueId, QueueName, QueueSettings, Record, Sending, Seq, TaskId,
        Timestamp,
    },
};

const LINEAGE: [u8; 16] = [7; 16];
const JOBS: QueueId = QueueId::new(1);
const DEAD: QueueId = QueueId::new(2);
const SEQ: Seq = Seq::new(1);
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A data directory with two messages: one that was redriven, and what became of it.
fn data() -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let disk = Arc::new(RealDisk::new(dir.path()).expect("it is there"));
    let identity = Identity::new([1; 16], LINEAGE, [3; 32]);
    let directory = Directory::open(disk.clone(), SEGMENT_BYTES_MIN, identity, &mut salts());
    let _directory = directory.expect("a new directory");
    let settings =
        Settings { segment_bytes: SEGMENT_BYTES_MIN, lineage: Lineage(LINEAGE), standby_count: 1 };
    let mut writer = start(&disk, &settings);
    let created = |queue, name: &str| {
        let name = QueueName::parse(name).expect("a name");
        Record::QueueCreated { queue, name, settings: QueueSettings::default() }
    };
    let (nonce, task) = (Nonce::new(1), TaskId::new(1));
    let sending = Sending::plain(JOBS, SEQ.next(), NOW, 5);
    let later = Sending { priority: 7, ..Sending::plain(JOBS, SEQ, NOW, 5) };
    let leased = |seq| Record::MessageLeased { queue: JOBS, seq, nonce, until: NOW };
    let deleted = Record::MessageDeleted { queue: JOBS, seq: SEQ.next() };
    let records = [
        created(JOBS, "jobs"),
        created(DEAD, "dead"),
        Record::MessageSent(later),
        leased(SEQ),
        Record::MessageMoved { queue: JOBS, seq: SEQ, target: DEAD },
        Record::MessageRedriven { task, seq: SEQ, sending },
        leased(SEQ.next()),
        Record::Transacted { records: vec![deleted] },
        Record::MessageSent(Sending::plain(JOBS, Seq::new(3), NOW, 5)),
    ];
    append(&mut writer, &records, vec![body(b"hello"), body(b"hello"), body(b"hello")]);
    dir
}

fn id(seq: u64) -> String {
    MessageId::new(Lineage(LINEAGE), Seq::new(seq)).to_string()
}

/// Runs `message show` on a directory: what it printed, and how it failed.
fn show(dir: &Path, id: &str, json: bool) -> (String, Option<Failure>) {
    let dir = dir.display().to_string();
    let words = ["ledgerq", "message", "show", id, "--data-dir", &dir];
    let parsed = Cli::try_parse_from(words).expect("a line").command;
    let Command::Message(MessageCommand::Show(args)) = parsed else {
        panic!("that is another command");
    };
    let sink = Shared::default();
    let outcome = show::run(&args, &mut Output::to(sink.clone(), json));
    (sink.text(), outcome.err())
}

#[test]
fn people_read_what_became_of_a_message() {
    let dir = data();
    let shown = |seq| {
        let (text, failure) = show(dir.path(), &id(seq), false);
        assert!(failure.is_none(), "{failure:?}");
        text
    };
    expect![[r#"
        message 00000000-0000-8000-874e-5fabff624e65
        AT                        LSN  EVENT
        2023-11-14T22:13:20.000Z  3    sent      queue jobs, size 5B, priority 7
        2023-11-14T22:13:20.000Z  4    leased    receive count 1, until 2023-11-14T22:13:20.000Z
        2023-11-14T22:13:20.000Z  5    moved     from queue jobs, to queue dead
        2023-11-14T22:13:20.000Z  6    redriven  to message id 00000000-0000-8000-8b5e-a262cd4f47f6, to queue jobs, task id 1
    "#]].assert_eq(&shown(1));
    expect![[r#"
        message 00000000-0000-8000-8b5e-a262cd4f47f6
        AT                        LSN  EVENT
        2023-11-14T22:13:20.000Z  6    arrived  queue jobs, size 5B, from message id 00000000-0000-8000-874e-5fabff624e65, task id 1
        2023-11-14T22:13:20.000Z  7    leased   receive count 1, until 2023-11-14T22:13:20.000Z
        2023-11-14T22:13:20.000Z  8    deleted  in a transact
    "#]].assert_eq(&shown(2));
    expect![[r#"
        message 00000000-0000-8000-8e84-f923adfc935d
        AT                        LSN  EVENT
        2023-11-14T22:13:20.000Z  9    sent   queue jobs, size 5B
        at the end of the log it is in jobs, received 0 times;
        it expires at 2023-11-18T22:13:20.000Z (expiry leaves no record)
    "#]]
    .assert_eq(&shown(3).replace("; ", ";\n"));
}

#[test]
fn programs_read_one_event_a_line_and_how_it_stands() {
    let (text, failure) = show(data().path(), &id(3), true);
    assert!(failure.is_none(), "{failure:?}");
    expect![[r#"
        {"message_id":"00000000-0000-8000-8e84-f923adfc935d",
          "event":"sent",
          "at":"2023-11-14T22:13:20.000Z",
          "lsn":9,
          "queue":"jobs",
          "size_bytes":5}
        {"message_id":"00000000-0000-8000-8e84-f923adfc935d",
          "event":"end_of_log",
          "at":"2023-11-14T22:13:20.000Z",
          "present":true,
          "complete":true,
          "broker_runs":false,
          "queue":"jobs",
          "receive_count":0,
          "expires_at":"2023-11-18T22:13:20.000Z"}
    "#]]
    .assert_eq(&text.replace(",\"", ",\n  \""));
}

#[test]
fn a_broker_may_run_on_the_log() {
    let dir = data();
    let disk = RealDisk::new(dir.path()).expect("it is there");
    let _lock = disk.lock("LOCK").expect("nobody has it");
    let (text, failure) = show(dir.path(), &id(1), false);
    assert!(failure.is_none(), "{failure:?}");
    assert!(text.contains("redriven") && text.contains("\na broker runs: "), "{text}");
}

#[test]
fn a_message_that_is_not_there_is_told_with_how_far_the_log_goes() {
    let dir = data();
    let told = |id: &str| {
        let (text, failure) = show(dir.path(), id, false);
        let failure = failure.expect("it is not there");
        assert_eq!((text.as_str(), failure.exit), ("", Exit::Refused));
        failure.line.expect("a line").replace(&dir.path().display().to_string(), "DIR")
    };
    expect![[r#"
        message 00000000-0000-8000-a503-4a62aa7667c3 is not in the log of DIR:
        it goes from LSN 1 to 2023-11-14T22:13:20.000Z;
        what was before, and what is only on its way, is not in it"#]]
    .assert_eq(&told(&id(9)).replace("; ", ";\n").replace(": ", ":\n"));
    let foreign = MessageId::new(Lineage([8; 16]), SEQ).to_string();
    expect!["the id is not of a message of DIR: no broker of it gave it"]
        .assert_eq(&told(&foreign));
}
