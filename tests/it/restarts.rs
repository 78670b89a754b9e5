//! Starts after a long time, and with a clock that is in doubt.

use ledgerq::{
    broker::start::{CLOCK_JUMP_MAX, Settings},
    disk::{SimDisk, sim::keep_none},
    types::{
        CheckpointStatus, Command, DeleteMode, Leased, Millis, Reply, SendEntry, SettingsPatch,
    },
};

use crate::{
    broker::{BEGIN, SimBroker, Told, ToldClock, small_settings},
    commands::{self, queue},
};

/// A disk on which a queue with a retention of a minute holds one message.
fn disk_with_a_message(clock: &ToldClock) -> SimDisk {
    let disk = SimDisk::new();
    let mut broker = SimBroker::start(small_settings(), &disk, clock, 1).expect("it starts");
    let retention = Some(Millis::from_secs(60));
    let settings = SettingsPatch { retention, ..SettingsPatch::default() };
    broker.ask(Command::CreateQueue { queue: queue("jobs"), settings }).expect("it is answered");
    broker.ask(commands::send("jobs", commands::entry("hello"))).expect("it is answered");
    disk.kill()
}

/// Sends 40 messages, of which six fill a segment.
fn fill_segments(broker: &mut SimBroker) {
    for _ in 0..40 {
        let sent = broker.ask(commands::send("jobs", commands::entry(vec![b'x'; 10_000])));
        assert!(sent.expect("it is answered").reply.is_ok());
    }
}

fn ready(broker: &mut SimBroker) -> u64 {
    let told = broker.ask(Command::GetQueue { queue: queue("jobs") }).expect("it is answered");
    let Ok(Reply::Queue(view)) = told.reply else { panic!("answered with {:?}", told.reply) };
    view.counts.ready
}

#[test]
fn a_start_far_in_the_future_keeps_every_message_until_an_operator_agrees() {
    let clock = ToldClock::new();
    let disk = disk_with_a_message(&clock);
    clock.set(clock.now().after(CLOCK_JUMP_MAX).after(Millis::new(1)));
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    assert_eq!(ready(&mut broker), 1, "the clock may be wrong");
    broker.advance(Millis::from_secs(3600));
    assert_eq!(ready(&mut broker), 1, "time alone does not make it right");

    let disk = disk.kill();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 3).expect("it starts");
    assert_eq!(ready(&mut broker), 1, "a restart does not make it right");

    let disk = disk.kill();
    let settings = Settings { accept_clock: true, ..small_settings() };
    let mut broker = SimBroker::start(settings, &disk, &clock, 4).expect("it starts");
    assert_eq!(ready(&mut broker), 0, "an operator agreed");
}

#[test]
fn a_time_to_live_is_held_like_retention() {
    let clock = ToldClock::new();
    let disk = SimDisk::new();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    for body in ["a", "b"] {
        let time_to_live = Some(Millis::from_secs(60));
        let entry = SendEntry { time_to_live, ..commands::entry(body) };
        broker.ask(commands::send("jobs", entry)).expect("it is answered");
    }
    broker.ask(commands::receive("jobs", 1, None)).expect("it is answered");
    let disk = disk.kill();
    clock.set(clock.now().after(CLOCK_JUMP_MAX).after(Millis::new(1)));
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    broker.advance(Millis::from_secs(3600));
    assert_eq!(ready(&mut broker), 2, "the clock may be wrong");
    broker.owner().state().check_all();

    let disk = disk.kill();
    let settings = Settings { accept_clock: true, ..small_settings() };
    let mut broker = SimBroker::start(settings, &disk, &clock, 3).expect("it starts");
    assert_eq!(ready(&mut broker), 0, "an operator agreed");
    broker.owner().state().check_all();
}

#[test]
fn a_start_a_week_later_lets_messages_expire() {
    let clock = ToldClock::new();
    let disk = disk_with_a_message(&clock);
    clock.set(clock.now().after(CLOCK_JUMP_MAX));
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    assert_eq!(ready(&mut broker), 0);
}

#[test]
fn what_a_client_saw_of_the_time_stays_when_the_clock_steps_back() {
    let clock = ToldClock::new();
    let disk = SimDisk::new();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    let late = commands::delayed("late", Millis::from_secs(10));
    broker.ask(commands::send("jobs", late)).expect("it is answered");
    // The idle owner has proved the send; from here on only time passes.
    broker.advance(Millis::from_secs(1));
    broker.leap(Millis::from_secs(9));
    assert_eq!(ready(&mut broker), 1, "the delay has passed");

    clock.set(BEGIN);
    let disk = disk.crash(&mut keep_none());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    assert_eq!(ready(&mut broker), 1, "a client was told so");
}

#[test]
fn the_segment_that_is_written_to_is_not_compacted() {
    let clock = ToldClock::new();
    let disk = SimDisk::new();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    let send = |broker: &mut SimBroker, count: usize| {
        for _ in 0..count {
            let sent = broker.ask(commands::send("jobs", commands::entry(vec![b'x'; 1200])));
            assert!(sent.expect("it is answered").reply.is_ok());
        }
    };
    send(&mut broker, 20);
    let told = broker.ask(commands::receive("jobs", 18, None)).expect("it is answered");
    let Ok(Reply::Received(messages)) = told.reply else { panic!("there are messages") };
    let leases = messages.iter().map(Leased::lease).collect();
    let mode = DeleteMode::Fenced;
    broker.ask(Command::Delete { queue: queue("jobs"), leases, mode }).expect("it is answered");
    broker.ask(Command::Checkpoint).expect("it is answered");
    let told = broker.ask(Command::Compact).expect("it is answered");
    assert_eq!(told.reply, Ok(Reply::Compacted { copied_count: 0 }), "it is left alone");
    send(&mut broker, 12);
    broker.ask(Command::Checkpoint).expect("it is answered");

    let disk = disk.kill();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    let told = broker.ask(commands::receive("jobs", 20, None)).expect("it is answered");
    assert_eq!(told.contents.len(), 14);
}

#[test]
fn a_file_of_another_directory_among_the_old_ones_is_left_alone() {
    let clock = ToldClock::new();
    let settings = Settings { pool_count_max: 0, ..small_settings() };
    let (disk, other) = (SimDisk::new(), SimDisk::new());
    let mut broker = SimBroker::start(settings, &disk, &clock, 1).expect("it starts");
    drop(SimBroker::start(settings, &other, &clock, 99).expect("it starts"));
    broker.ask(commands::create("jobs")).expect("it is answered");
    let path = "segments/00000000000000000001.seg";
    let foreign = other.file(path).expect("a log has a first segment");
    let send_and_purge = |broker: &mut SimBroker| {
        fill_segments(broker);
        broker.advance(Millis::from_secs(61));
        broker.ask(Command::PurgeQueue { queue: queue("jobs") }).expect("it is answered");
        broker.advance(Millis::from_secs(10));
    };
    send_and_purge(&mut broker);
    assert!(!disk.paths().iter().any(|there| there == path), "it was given back");

    let disk = disk.kill();
    disk.plant(path, &foreign).expect("its directory is there");
    let mut broker = SimBroker::start(settings, &disk, &clock, 2).expect("it starts");
    send_and_purge(&mut broker);
    assert_eq!(disk.file(path).as_ref(), Some(&foreign));
}

#[test]
fn a_broker_with_nothing_to_do_takes_no_checkpoints() {
    let clock = ToldClock::new();
    let disk = SimDisk::new();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    fill_segments(&mut broker);
    broker.ask(Command::PurgeQueue { queue: queue("jobs") }).expect("it is answered");
    broker.advance(Millis::from_secs(10));
    let lsn = broker.owner().state().applied_lsn();
    broker.advance(Millis::from_secs(3600));
    assert_eq!(broker.owner().state().applied_lsn(), lsn, "nothing was logged");
}

#[test]
fn a_lease_is_not_longer_for_a_clock_that_was_set_back() {
    let clock = ToldClock::new();
    let disk = disk_with_a_message(&clock);
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    broker.advance(Millis::from_secs(5));
    let lease = commands::receive("jobs", 1, Some(Millis::from_secs(30)));
    broker.ask(lease).expect("it is answered");

    let disk = disk.kill();
    clock.set(BEGIN);
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 3).expect("it starts");
    broker.advance(Millis::new(29_999));
    assert_eq!(ready(&mut broker), 0);
    broker.advance(Millis::new(1));
    assert_eq!(ready(&mut broker), 1);
}

#[test]
fn a_start_does_without_footers() {
    let clock = ToldClock::new();
    let disk = SimDisk::new();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    fill_segments(&mut broker);
    let taken = broker.ask(Command::Checkpoint).expect("it is answered").reply;
    assert!(matches!(taken, Ok(Reply::Checkpointed(_))), "{taken:?}");
    let disk = disk.kill();
    for path in disk.paths().into_iter().filter(|path| path.starts_with("segments/")) {
        let last = disk.file(&path).expect("it is there").len() as u64 - 1;
        disk.corrupt(&path, last, |byte| !byte).expect("it is there");
    }
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    assert_eq!(ready(&mut broker), 40);
}

#[test]
fn a_start_tells_of_the_checkpoints_that_it_found() {
    let clock = ToldClock::new();
    let disk = disk_with_a_message(&clock);
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    let status = |broker: &mut SimBroker| match broker.ask(Command::GetStatus) {
        Some(Told { reply: Ok(Reply::Status(status)), .. }) => status,
        other => panic!("answered with {other:?}"),
    };
    let before = status(&mut broker);
    assert_eq!((before.checkpoint, before.checkpoint_before), (None, None));
    for _ in 0..2 {
        broker.ask(Command::Checkpoint).expect("it is answered");
    }
    let taken = status(&mut broker);
    let disk = disk.kill();
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 3).expect("it starts");
    let found = status(&mut broker);
    let what = |told: Option<CheckpointStatus>| told.map(|told| (told.lsn, told.at, told.bytes));
    assert!(what(taken.checkpoint_before).is_some());
    assert_eq!(what(found.checkpoint), what(taken.checkpoint));
    assert_eq!(what(found.checkpoint_before), what(taken.checkpoint_before));
}
