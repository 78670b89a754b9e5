//! The scrub: what it reads, what it tells, and that nothing else comes of it.

use ledgerq::{
    broker::{owner, scrub, start::Settings},
    disk::SimDisk,
    types::{Command, Millis, Reply, ScrubStatus},
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands,
};

const HOUR: Millis = Millis::from_secs(3600);
const DAY: Millis = Millis::from_secs(24 * 3600);
const RATE: u64 = 256 << 10;

fn settings(bytes_per_s: u64) -> Settings {
    let scrub = scrub::Settings { bytes_per_s, interval: DAY };
    let small = small_settings();
    Settings { pool_count_max: 0, owner: owner::Settings { scrub, ..small.owner }, ..small }
}

/// A broker with several full segments, an output and two checkpoints.
fn broker(bytes_per_s: u64) -> SimBroker {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker =
        SimBroker::start(settings(bytes_per_s), &disk, &clock, 1).expect("a new directory");
    for name in ["jobs", "keep", "once.fifo"] {
        ask(&mut broker, commands::create(name));
    }
    fill(&mut broker, 40);
    ask(&mut broker, Command::PurgeQueue { queue: commands::queue("jobs") });
    for command in [Command::Checkpoint, Command::Compact, Command::Checkpoint] {
        ask(&mut broker, command);
    }
    fill(&mut broker, 30);
    ask(&mut broker, Command::Checkpoint);
    broker
}

fn fill(broker: &mut SimBroker, count: u32) {
    for number in 0..count {
        let large = commands::entry(format!("{number}:{}", "x".repeat(4000)));
        ask(broker, commands::send("jobs", large));
        ask(broker, commands::send("keep", commands::entry(format!("keep {number}"))));
        let group = Some(commands::group("g"));
        let id = format!("{count} {number}");
        let id = ledgerq::broker::digest::deduplication(&id, group.as_ref(), false);
        let entry =
            ledgerq::types::SendEntry { group, deduplication: Some(id), ..commands::entry("once") };
        ask(broker, commands::send("once.fifo", entry));
    }
}

#[track_caller]
fn ask(broker: &mut SimBroker, command: Command) -> Reply {
    broker.ask(command).expect("it is answered").reply.expect("it is not refused")
}

fn status(broker: &mut SimBroker) -> ScrubStatus {
    match ask(broker, Command::GetStatus) {
        Reply::Status(status) => status.scrub,
        other => panic!("it was answered with {other:?}"),
    }
}

/// Runs a pass to its end; how it was.
fn pass(broker: &mut SimBroker) -> ScrubStatus {
    let before = status(broker).passes_count;
    ask(broker, Command::Scrub);
    for _ in 0..1000 {
        broker.advance(Millis::from_secs(1));
        let status = status(broker);
        if status.passes_count > before {
            return status;
        }
    }
    panic!("the pass does not end");
}

fn files_of(disk: &SimDisk, ending: &str) -> Vec<String> {
    disk.paths().into_iter().filter(|path| path.ends_with(ending)).collect()
}

#[test]
fn a_pass_over_a_whole_disk_finds_nothing_and_reads_all_of_it() {
    let mut broker = broker(RATE);
    let status = pass(&mut broker);
    assert!(!status.under_way && status.found_count == 0, "{status:?}");
    assert_eq!(broker.take_scrubbed().len(), 0);
    let full = files_of(broker.disk(), ".seg").len() as u64;
    let others = files_of(broker.disk(), ".out").len() as u64 + 2;
    assert!(status.targets_count >= full / 2 + others, "{status:?}, {full} segments");
    assert!(status.bytes > 100_000, "{status:?}");
    assert_eq!(status.targets_left_count, 0);
}

#[test]
fn passes_come_by_themselves_and_no_faster_than_is_set() {
    let mut broker = broker(RATE);
    broker.advance(HOUR);
    broker.advance(Millis::new(1));
    assert!(status(&mut broker).under_way, "the first begins an hour after the start");
    let mut seconds = 0;
    while status(&mut broker).under_way {
        broker.advance(Millis::from_secs(1));
        seconds += 1;
    }
    let first = status(&mut broker);
    // What was read last need not be waited for.
    assert!(first.bytes < (seconds + 2) * RATE, "{} bytes in {seconds} s", first.bytes);
    broker.advance(Millis::new(DAY.get() - 2000));
    assert_eq!(status(&mut broker).passes_count, 1);
    broker.advance(HOUR);
    assert_eq!(status(&mut broker).passes_count, 2);
}

#[test]
fn without_a_rate_no_pass_comes_by_itself() {
    let mut broker = broker(0);
    broker.advance(Millis::from_secs(10 * 24 * 3600));
    assert_eq!(status(&mut broker), ScrubStatus::default());
    assert_eq!(pass(&mut broker).found_count, 0, "one that is asked for does");
}

#[test]
fn a_damaged_body_is_told_once_with_its_message_and_the_rest_is_served() {
    let mut broker = broker(RATE);
    let disk = broker.disk().clone();
    let (path, at) = files_of(&disk, ".seg")
        .into_iter()
        // Behind it are the segment in use and those that are prepared; before it, messages that
        // are gone.
        .rev()
        .skip(3)
        .find_map(|path| {
            let bytes = disk.file(&path).expect("it is there");
            let at = bytes.windows(64).position(|part| part == [b'x'; 64])?;
            Some((path, at as u64))
        })
        .expect("a segment has a body");
    disk.corrupt(&path, at, |byte| byte ^ 1).expect("it is that long");
    for nth in 1..=2 {
        let status = pass(&mut broker);
        assert_eq!((status.found_count, status.damaged_messages_count), (1, 1), "pass {nth}");
    }
    let found = broker.take_scrubbed();
    assert_eq!(found.len(), 1, "each place is told once: {found:?}");
    assert_eq!(found[0].damage.path, path);
    assert!(found[0].message.is_some(), "{found:?}");
    assert!(broker.failure().is_none());
    let told = broker.ask(commands::receive("keep", 10, None)).expect("an answer");
    assert_eq!(told.contents.len(), 10);
}

/// A place of every kind: headers, a frame's header and records, a footer, checkpoints, ids.
fn places(disk: &SimDisk) -> Vec<(String, u64)> {
    let segment = files_of(disk, ".seg").into_iter().next().expect("there are segments");
    let length = disk.file(&segment).expect("it is there").len() as u64;
    let in_segment = [20, 2048 + 20, 4096 + 40, 4096 + 64 + 9, length - 40];
    let mut places: Vec<_> = in_segment.into_iter().map(|at| (segment.clone(), at)).collect();
    for ending in [".out", ".ckpt", ".ids", ".ids2"] {
        let path = files_of(disk, ending).pop().expect("there is one");
        let middle = disk.file(&path).expect("it is there").len() as u64 / 2;
        let at = if ending == ".out" { 4096 + 40 } else { middle };
        places.push((path, at));
    }
    places
}

#[test]
fn damage_of_every_kind_is_found_in_its_file() {
    let count = places(broker(RATE).disk()).len();
    for nth in 0..count {
        let mut broker = broker(RATE);
        let disk = broker.disk().clone();
        let (path, at) = places(&disk).swap_remove(nth);
        disk.corrupt(&path, at, |byte| byte ^ 1).expect("it is that long");
        assert!(pass(&mut broker).found_count > 0, "{path} at {at}");
        let found = broker.take_scrubbed();
        assert!(found.iter().any(|found| found.damage.path == path), "{path} at {at}: {found:?}");
        assert!(broker.failure().is_none(), "{path} at {at}");
        disk.corrupt(&path, at, |byte| byte ^ 1).expect("it is that long");
        assert_eq!(pass(&mut broker).found_count, 0, "{path} at {at}: it is whole again");
    }
}

#[test]
fn what_cannot_be_read_is_found_too() {
    let mut broker = broker(RATE);
    let disk = broker.disk().clone();
    let segment = files_of(&disk, ".seg").into_iter().next().expect("there are segments");
    disk.make_unreadable(&segment, 4096).expect("it is that long");
    assert!(pass(&mut broker).found_count > 0);
    let found = broker.take_scrubbed();
    assert!(found.iter().any(|found| found.damage.found.contains("cannot be read")), "{found:?}");
}

#[test]
fn files_that_go_while_a_pass_is_under_way_are_no_damage() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let with_pool = Settings { pool_count_max: 2, ..settings(RATE) };
    let mut broker = SimBroker::start(with_pool, &disk, &clock, 1).expect("a new directory");
    for name in ["jobs", "keep", "once.fifo"] {
        ask(&mut broker, commands::create(name));
    }
    for round in 0..12 {
        fill(&mut broker, 12);
        ask(&mut broker, Command::Scrub);
        for queue in ["jobs", "keep"] {
            let queue = commands::queue(queue);
            let purged = broker.ask(Command::PurgeQueue { queue }).expect("an answer");
            drop(purged);
        }
        for command in [Command::Checkpoint, Command::Compact, Command::Checkpoint] {
            ask(&mut broker, command);
        }
        broker.advance(Millis::new(300 + 100 * round));
        assert_eq!(status(&mut broker).found_count, 0, "round {round}");
    }
    assert_eq!(pass(&mut broker).found_count, 0);
    assert!(broker.take_scrubbed().is_empty());
}
