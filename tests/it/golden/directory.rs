//! A whole data directory as version 1 wrote it: opened, replayed, and served from.
//!
//! The file has a line `file PATH LENGTH` for each file, and below it a line `OFFSET BYTES` for
//! each run of sixteen bytes that are not all zero.

use std::fmt::Write;

use ledgerq::{
    broker::Handle,
    disk::{Disk, SimDisk},
    types::{
        Attribute, AttributeValue, Command, DeleteMode, LeaseRef, Leased, Millis, QueueName, Reply,
        SendEntry, SettingsPatch,
    },
};

use super::{golden, hex, unhex};
use crate::broker::{BEGIN, Content, SimBroker, ToldClock, small_settings};

const RUN_BYTES: usize = 16;
const BODY_ZEROS: usize = 12_000;

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a good name")
}

fn ask(broker: &mut SimBroker, command: Command) -> (Reply, Vec<Content>) {
    let told = broker.ask(command).expect("it does not wait");
    (told.reply.expect("it is not refused"), told.contents)
}

fn create(broker: &mut SimBroker, name: &str, visibility_timeout: Millis) {
    let visibility_timeout = Some(visibility_timeout);
    let settings = SettingsPatch { visibility_timeout, ..SettingsPatch::default() };
    ask(broker, Command::CreateQueue { queue: queue(name), settings });
}

fn send(broker: &mut SimBroker, name: &str, body: Vec<u8>, attributes: &[Attribute], delay: u64) {
    let payload = Handle::payload(attributes, body.into());
    let entries = vec![SendEntry { payload, delay: Some(Millis::from_secs(delay)) }];
    ask(broker, Command::Send { queue: queue(name), entries });
}

fn receive(broker: &mut SimBroker, name: &str, count_max: usize) -> Vec<Content> {
    let (visibility_timeout, wait) = (None, Some(Millis::ZERO));
    let command = Command::Receive { queue: queue(name), count_max, visibility_timeout, wait };
    ask(broker, command).1
}

fn delete(broker: &mut SimBroker, name: &str, lease: LeaseRef) {
    let (queue, mode) = (queue(name), DeleteMode::Fenced);
    ask(broker, Command::Delete { queue, leases: vec![lease], mode });
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

/// Makes a directory with a bit of everything.
fn written_today() -> String {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    create(&mut broker, "jobs", Millis::from_secs(30));
    create(&mut broker, "gone", Millis::from_secs(30));
    create(&mut broker, "emptied", Millis::from_secs(30));
    send(&mut broker, "jobs", b"hello".to_vec(), &attributes(), 0);
    send(&mut broker, "jobs", b"deleted".to_vec(), &[], 0);
    send(&mut broker, "jobs", b"late".to_vec(), &[], 600);
    send(&mut broker, "emptied", b"purged".to_vec(), &[], 0);
    ask(&mut broker, Command::PurgeQueue { queue: queue("emptied") });
    ask(&mut broker, Command::DeleteQueue { queue: queue("gone") });
    let received = receive(&mut broker, "jobs", 2);
    let leases: Vec<LeaseRef> = received.iter().map(|content| content.leased.lease()).collect();
    delete(&mut broker, "jobs", leases[1]);
    let entries = vec![(leases[0], Millis::from_secs(60))];
    ask(&mut broker, Command::ChangeVisibility { queue: queue("jobs"), entries });
    for number in 1..=6 {
        send(&mut broker, "jobs", long_body(number), &[], 0);
    }
    broker.advance(Millis::from_secs(1));
    broker.drain();
    drop(broker);
    // Another start, so that there is a segment behind one that was left in the middle.
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    send(&mut broker, "emptied", b"after".to_vec(), &[], 0);
    broker.drain();
    disk.paths().iter().map(|path| show(path, &disk.file(path).unwrap_or_default())).collect()
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
    let disk = planted(&golden("directory-1.txt", &written_today));
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
        contents.iter().map(|content| content.leased).collect::<Vec<Leased>>()
    };
    assert!(receive(&mut broker, "jobs", 10).iter().all(|content| content.body.len() > 100));
    broker.advance(Millis::from_secs(1));
    let hello = receive(&mut broker, "jobs", 1);
    assert_eq!((&hello[0].body[..], &hello[0].attributes), (&b"hello"[..], &attributes()));
    let leased = times(&hello)[0];
    assert_eq!((leased.receive_count, leased.sent_at, leased.first_received_at), (2, BEGIN, BEGIN));
}
