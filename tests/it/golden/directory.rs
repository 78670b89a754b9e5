//! Whole data directories, as each version wrote one: opened, replayed, and served from.
//!
//! The file has a line `file PATH LENGTH` for each file, and below it a line `OFFSET BYTES` for
//! each run of sixteen bytes that are not all zero.

use std::fmt::Write;

use ledgerq::{
    broker::{Handle, digest},
    disk::{Disk, SimDisk},
    types::{
        Attribute, AttributeValue, Command, Delay, DeleteMode, Envelope, LeaseRef, Leased, Lsn,
        Millis, MoveFilter, MoveSpec, RedrivePolicy, Reply, SendEntry, Sent, Seq, SettingsPatch,
        Step,
    },
};

use super::{golden, hex, unhex};
use crate::{
    broker::{BEGIN, Content, SimBroker, ToldClock, small_settings},
    commands::{self, queue},
};

const RUN_BYTES: usize = 16;
const BODY_ZEROS: usize = 12_000;

fn ask(broker: &mut SimBroker, command: Command) -> (Reply, Vec<Content>) {
    let told = broker.ask(command).expect("it does not wait");
    (told.reply.expect("it is not refused"), told.contents)
}

fn send(broker: &mut SimBroker, name: &str, body: Vec<u8>, attributes: &[Attribute], delay: u64) {
    let envelope = Envelope { attributes: attributes.to_vec(), ..Envelope::default() };
    let payload = Handle::payload(&envelope, body.into());
    let delay = Some(Delay::For(Millis::from_secs(delay)));
    ask(broker, commands::send(name, SendEntry { payload, delay, ..SendEntry::default() }));
}

fn receive(broker: &mut SimBroker, name: &str, count_max: usize) -> Vec<Content> {
    ask(broker, commands::receive(name, count_max, None)).1
}

fn attributes() -> Vec<Attribute> {
    let value = AttributeValue::Text("en".to_owned());
    vec![Attribute { name: "language".to_owned(), data_type: "String".to_owned(), value }]
}

/// The body of the message of a number: its number and zeros, so that a few fill a segment and
/// the file of their bytes stays small.
fn long_body(number: u8) -> Vec<u8> {
    let mut body = vec![0; BODY_ZEROS];
    body[0] = number;
    body
}

/// Makes a directory with a bit of everything that the third version brought: two checkpoints,
/// deduplication ids beside them, an output.
fn written_today() -> String {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    ask(&mut broker, commands::create("bulk"));
    for number in 1..=12 {
        send(&mut broker, "bulk", long_body(number), &[], 0);
    }
    let mut leased = receive(&mut broker, "bulk", 10);
    let third = leased.remove(2).leased.lease();
    let (gone, mode) =
        (leased.iter().map(|content| content.leased.lease()).collect(), DeleteMode::Fenced);
    ask(&mut broker, Command::Delete { queue: queue("bulk"), leases: gone, mode });
    change(&mut broker, "bulk", third);
    ask(&mut broker, Command::Checkpoint);
    let copied = ask(&mut broker, Command::Compact).0;
    assert!(matches!(copied, Reply::Compacted { copied_count: 1.. }), "{copied:?}");
    fill(&mut broker);
    broker.advance(Millis::from_secs(1));
    broker.drain();
    disk.paths().iter().map(|path| show(path, &disk.file(path).unwrap_or_default())).collect()
}

/// A bit of everything that the second version brought.
fn fill(broker: &mut SimBroker) {
    ask(broker, commands::create("dead"));
    let redrive = RedrivePolicy { dead_letter_queue: queue("dead"), receives_max: 1 };
    let settings = SettingsPatch { redrive: Some(Some(redrive)), ..SettingsPatch::default() };
    ask(broker, Command::CreateQueue { queue: queue("jobs"), settings });
    ask(broker, commands::create("orders.fifo"));
    send(broker, "jobs", b"poison".to_vec(), &attributes(), 0);
    let poison = receive(broker, "jobs", 1);
    change(broker, "jobs", poison[0].leased.lease());
    receive(broker, "jobs", 1);
    for (number, id) in [(1, "a"), (2, "b"), (3, "a")] {
        ask(broker, commands::send("orders.fifo", order(number, id)));
    }
    let order = receive(broker, "orders.fifo", 1);
    let important = SendEntry { priority: Some(9), ..commands::entry("important") };
    let steps = vec![
        Step::Delete { queue: queue("orders.fifo"), lease: order[0].leased.lease() },
        Step::Send { queue: queue("jobs"), entry: important },
    ];
    ask(broker, Command::Transact { steps });
    send(broker, "dead", b"redriven".to_vec(), &[], 0);
    let filter = MoveFilter::default();
    let (source, target) = (queue("dead"), Some(queue("jobs")));
    let filter = MoveFilter { attribute: attributes().pop(), ..filter };
    let spec = MoveSpec { source, target, rate_max: None, filter };
    ask(broker, Command::StartMove { spec, dry_run: false });
    let (sends, receives) = (Some(true), None);
    ask(broker, Command::PauseQueue { queue: queue("dead"), sends, receives });
}

fn change(broker: &mut SimBroker, name: &str, lease: LeaseRef) {
    let entries = vec![(lease, Millis::ZERO)];
    ask(broker, Command::ChangeVisibility { queue: queue(name), entries });
}

/// An order of the group `g`, known by an id.
fn order(number: u8, id: &str) -> SendEntry {
    let envelope = order_envelope(id);
    SendEntry {
        payload: Handle::payload(&envelope, vec![number].into()),
        deduplication: Some(digest::deduplication(id, envelope.group.as_ref(), false)),
        group: envelope.group,
        ..SendEntry::default()
    }
}

fn show(path: &str, bytes: &[u8]) -> String {
    let mut text = format!("file {path} {}\n", bytes.len());
    for (at, run) in bytes.chunks(RUN_BYTES).enumerate() {
        if run.iter().any(|byte| *byte != 0) {
            let _ = writeln!(text, "{} {}", at * RUN_BYTES, hex(run));
        }
    }
    text
}

/// The directory that the text shows.
fn planted(text: &str) -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir("segments").expect("it is a new disk");
    if text.contains("file checkpoints/") {
        disk.create_dir("checkpoints").expect("it is a new disk");
    }
    disk.sync_dir("").expect("nothing fails");
    for file in text.split("file ").filter(|file| !file.is_empty()) {
        let mut lines = file.lines();
        let head = lines.next().expect("a file has a name");
        let (path, length) = head.split_once(' ').expect("a name and a length");
        let mut bytes = vec![0; length.parse().expect("the length is a number")];
        for line in lines {
            let (offset, run) = line.split_once(' ').expect("an offset and bytes");
            let (offset, run): (usize, _) = (offset.parse().expect("a number"), unhex(run));
            bytes[offset..offset + run.len()].copy_from_slice(&run);
        }
        disk.plant(path, &bytes).expect("its directory is there");
    }
    disk
}

#[test]
fn a_directory_of_version_1_is_opened_and_served_from() {
    let disk = planted(include_str!("directory-1.txt"));
    let clock = ToldClock::new();
    clock.set(BEGIN.after(Millis::from_secs(2)));
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 3).expect("it starts");
    assert!(broker.report().damaged_bodies.is_empty() && broker.report().torn_tails.is_empty());
    broker.owner().state().check_all();

    let list = Command::ListQueues { prefix: String::new(), after: None, count_max: 10 };
    let Reply::Queues { queues, .. } = ask(&mut broker, list).0 else { panic!("it is a list") };
    let names: Vec<&str> = queues.iter().map(|view| view.name.as_str()).collect();
    assert_eq!(names, ["emptied", "jobs"]);
    let counts = queues.iter().map(|view| {
        let counts = view.counts;
        (counts.ready, counts.delayed, counts.in_flight)
    });
    assert_eq!(counts.collect::<Vec<_>>(), [(1, 0, 0), (6, 1, 1)]);

    let after = receive(&mut broker, "emptied", 10);
    assert_eq!(after.len(), 1);
    assert_eq!(&after[0].body[..], b"after");
    let long = receive(&mut broker, "jobs", 10);
    let bodies: Vec<Vec<u8>> = long.iter().map(|content| content.body.to_vec()).collect();
    assert_eq!(bodies, (1..=6).map(long_body).collect::<Vec<_>>());

    // The lease that was made longer ends as it was told, and the delay too.
    broker.advance(Millis::from_secs(57));
    let times = |contents: &[Content]| {
        contents.iter().map(|content| content.leased.clone()).collect::<Vec<Leased>>()
    };
    assert!(receive(&mut broker, "jobs", 10).iter().all(|content| content.body.len() > 100));
    broker.advance(Millis::from_secs(1));
    let hello = receive(&mut broker, "jobs", 1);
    assert_eq!((&hello[0].body[..], &hello[0].envelope.attributes), (&b"hello"[..], &attributes()));
    let leased = &times(&hello)[0];
    assert_eq!((leased.receive_count, leased.sent_at, leased.first_received_at), (2, BEGIN, BEGIN));
}

#[test]
fn a_directory_of_version_2_is_opened_and_served_from() {
    let mut broker = started(&planted(include_str!("directory-2.txt")));
    served_from(&mut broker, Seq::new(2));
}

#[test]
fn a_directory_of_version_3_is_opened_and_served_from() {
    let mut broker = started(&planted(&golden("directory-3.txt", &written_today)));
    let Reply::Status(status) = ask(&mut broker, Command::GetStatus).0 else {
        panic!("these are figures")
    };
    assert!(status.recovery.checkpoint_lsn > Lsn::default(), "a checkpoint was loaded");
    assert!(status.files.output_count > 0 && status.checkpoint_before.is_some());
    served_from(&mut broker, Seq::new(14));
    let bulk = receive(&mut broker, "bulk", 10);
    let mut bodies: Vec<Vec<u8>> = bulk.iter().map(|content| content.body.to_vec()).collect();
    bodies.sort();
    assert_eq!(bodies, [3, 11, 12].map(long_body), "the first of them lies in an output");
}

fn started(disk: &SimDisk) -> SimBroker {
    let clock = ToldClock::new();
    clock.set(BEGIN.after(Millis::from_secs(2)));
    let broker = SimBroker::start(small_settings(), disk, &clock, 3).expect("it starts");
    assert!(broker.report().damaged_bodies.is_empty() && broker.report().torn_tails.is_empty());
    broker.owner().state().check_all();
    broker
}

/// What [`fill`] made is there; its first order is this message.
fn served_from(broker: &mut SimBroker, first: Seq) {
    let duplicate = ask(broker, commands::send("orders.fifo", order(4, "a"))).0;
    let first = Sent { seq: first, is_duplicate: true };
    assert_eq!(duplicate, Reply::Sent(vec![Ok(first)]), "the window is what it was");
    let left = receive(broker, "orders.fifo", 10);
    assert_eq!(left.len(), 1, "the first was deleted, the third a duplicate");
    assert_eq!((&left[0].body[..], &left[0].envelope), (&[2][..], &order_envelope("b")));

    let jobs = receive(broker, "jobs", 10);
    let bodies: Vec<&[u8]> = jobs.iter().map(|content| &content.body[..]).collect();
    assert_eq!(bodies, [&b"important"[..], b"poison"], "sent in a transact, and moved back");
    let dead = receive(broker, "dead", 10);
    assert_eq!(&dead[0].body[..], b"redriven", "the filter let it be");
    let send = commands::send("dead", commands::entry("x"));
    let told = broker.ask(send).expect("it is answered").reply;
    assert!(matches!(told, Ok(Reply::Sent(outcomes)) if outcomes[0].is_err()), "it is paused");
}

fn order_envelope(id: &str) -> Envelope {
    let group = Some(commands::group("g"));
    Envelope { group, deduplication_id: Some(id.to_owned()), ..Envelope::default() }
}
