//! A full disk: sends are refused, receives and deletes go on, and sends work again by themselves.

use ledgerq::{
    disk::{SimDisk, sim::Random},
    types::{
        Command, DeleteMode, DeleteOutcome, Leased, Lsn, Millis, MoveFilter, MoveSpec, Rejection,
        Reply,
    },
};

use crate::{
    broker::{Hold, SimBroker, ToldClock, small_settings},
    commands,
};

fn send(broker: &mut SimBroker) -> Result<(), Rejection> {
    let send = commands::send("jobs", commands::entry(vec![b'x'; 5000]));
    let told = broker.ask(send).expect("it is answered");
    told.reply.map(|_| ())
}

fn receive(broker: &mut SimBroker) -> Vec<Leased> {
    let command = commands::receive("jobs", 1, Some(Millis::from_secs(600)));
    match broker.ask(command).expect("it is answered").reply {
        Ok(Reply::Received(leased)) => leased,
        other => panic!("answered with {other:?}"),
    }
}

fn delete(broker: &mut SimBroker, message: &Leased) {
    let (leases, mode) = (vec![message.lease()], DeleteMode::Fenced);
    let told = broker.ask(Command::Delete { queue: commands::queue("jobs"), leases, mode });
    let reply = told.expect("it is answered").reply;
    assert_eq!(reply, Ok(Reply::Deleted(vec![Ok(DeleteOutcome::Deleted)])));
}

#[test]
fn on_a_full_disk_sends_are_refused_and_the_rest_goes_on_until_there_is_space() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    // Nothing is left for another segment.
    let used_bytes: usize =
        disk.paths().iter().map(|path| disk.file(path).unwrap_or_default().len()).sum();
    disk.set_capacity_bytes(Some(used_bytes as u64));

    let mut sent = 0;
    while send(&mut broker).is_ok() {
        sent += 1;
        assert!(sent < 100, "the disk is full at some time");
    }
    assert_eq!(send(&mut broker), Err(Rejection::DiskFull));
    assert!(broker.no_space_count() > 0 && broker.failure().is_none());
    broker.advance(Millis::from_secs(10));
    assert_eq!(send(&mut broker), Err(Rejection::DiskFull), "trying again found no space either");
    for _ in 0..sent / 2 {
        let leased = receive(&mut broker);
        delete(&mut broker, &leased[0]);
    }

    disk.set_capacity_bytes(None);
    broker.advance(Millis::from_secs(1));
    assert_eq!(send(&mut broker), Ok(()));
    let left = std::iter::from_fn(|| receive(&mut broker).pop()).count();
    assert_eq!(left, sent - sent / 2 + 1, "whatever was accepted is there");
}

#[test]
fn a_broker_that_is_killed_on_a_full_disk_starts_in_the_space_that_is_held_back() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    broker.advance(Millis::from_secs(1));
    (0..30).for_each(|_| assert_eq!(send(&mut broker), Ok(())));
    // Two checkpoints have room too: with less, what is held back cannot be made again.
    disk.set_capacity_bytes(Some(used_bytes(&disk) + 1024));
    // Each start goes on in another segment, until none is left that was prepared.
    let is_held_back = |disk: &SimDisk| disk.paths().contains(&"RESERVE".to_owned());
    let mut disk = disk;
    for seed in 2.. {
        assert!(is_held_back(&disk) && seed < 10, "it goes when it is needed");
        disk = disk.kill();
        broker = SimBroker::start(small_settings(), &disk, &clock, seed).expect("it starts");
        if !is_held_back(&disk) {
            break;
        }
    }
    for _ in 0..30 {
        let leased = receive(&mut broker);
        delete(&mut broker, &leased[0]);
    }
    broker.advance(Millis::from_secs(60));
    assert_eq!(send(&mut broker), Ok(()), "draining gives the space back");
}

#[test]
fn a_start_on_a_full_disk_without_a_reserve_says_so() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let error = loop {
        match SimBroker::start(small_settings(), &disk, &clock, 1) {
            Ok(broker) => drop(broker),
            Err(error) => break error,
        }
        disk.erase("RESERVE").unwrap_or_default();
        disk.set_capacity_bytes(Some(used_bytes(&disk)));
    };
    let said = "the disk is too full to start: the log needs one segment of 65536 bytes; free some \
                space and start again";
    assert_eq!(error.to_string(), said);
}

/// Bytes of all files.
fn used_bytes(disk: &SimDisk) -> u64 {
    let lengths = disk.paths().into_iter().map(|path| disk.file(&path).unwrap_or_default().len());
    lengths.sum::<usize>() as u64
}

/// Sends until the disk is full; how many were accepted.
fn fill(broker: &mut SimBroker) -> usize {
    let sent = (0..10_000).take_while(|_| send(broker).is_ok()).count();
    assert_eq!(send(broker), Err(Rejection::DiskFull));
    sent
}

#[test]
fn a_full_disk_that_is_drained_takes_sends_again_without_more_space() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    broker.advance(Millis::from_secs(1));
    disk.set_capacity_bytes(Some(used_bytes(&disk) + 10 * small_settings().segment_bytes));
    let mut accepted = Vec::new();
    for cycle in 0..50 {
        let sent = fill(&mut broker);
        assert!(broker.failure().is_none());
        for _ in 0..sent {
            let leased = receive(&mut broker);
            delete(&mut broker, &leased[0]);
        }
        assert!(receive(&mut broker).is_empty(), "each was received once");
        broker.advance(Millis::from_secs(60));
        assert_eq!(send(&mut broker), Ok(()), "cycle {cycle}: draining gives the space back");
        let leased = receive(&mut broker);
        delete(&mut broker, &leased[0]);
        accepted.push(sent);
    }
    let (first, last) = (accepted[1], accepted[accepted.len() - 1]);
    assert!(last * 2 > first, "the space does not get less: {accepted:?}");
}

/// R23: what frees space begins with a frame, and so needs room in the log too.
#[test]
fn a_drain_that_uses_up_the_room_of_the_log_gets_more() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    broker.advance(Millis::from_secs(1));
    disk.set_capacity_bytes(Some(used_bytes(&disk) + 10 * small_settings().segment_bytes));
    let sent = fill(&mut broker);
    for _ in 1..sent {
        let leased = receive(&mut broker);
        delete(&mut broker, &leased[0]);
    }
    // No checkpoint gives space back meanwhile.
    broker.hold(Hold::Background);
    let lease = receive(&mut broker)[0].lease();
    let mut changes = (0..10_000).map(|_| {
        let (queue, entries) = (commands::queue("jobs"), vec![(lease, Millis::from_secs(600))]);
        let id = broker.submit(Command::ChangeVisibility { queue, entries });
        broker.settle();
        (id, broker.take_told(id))
    });
    let waiting = changes.find(|(_, told)| told.is_none()).expect("there is no room at some time");
    broker.hold(Hold::Nothing);
    let mut random = Random::new(1);
    while broker.go_on(&mut random) {}
    broker.advance(Millis::from_secs(60));
    let told = broker.take_told(waiting.0).expect("dead files have given their space back");
    assert!(told.reply.is_ok(), "{told:?}");
    assert_eq!(send(&mut broker), Ok(()));
}

/// R23: a start that finds no reserve leaves what space there is to it and to checkpoints.
#[test]
fn a_segment_is_not_made_of_the_space_that_checkpoints_need() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    broker.advance(Millis::from_secs(1));
    let segment_bytes = small_settings().segment_bytes;
    disk.set_capacity_bytes(Some(used_bytes(&disk) + 10 * segment_bytes));
    let sent = fill(&mut broker);
    // It ends when a checkpoint has just got the space that was held back for it, and there is
    // room for a segment and not for a checkpoint beside it.
    let disk = disk.kill();
    disk.erase("RESERVE").expect("it is there");
    disk.set_capacity_bytes(Some(used_bytes(&disk) + segment_bytes + 100));
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 2).expect("it starts");
    broker.advance(Millis::from_secs(5));
    for _ in 0..sent {
        let leased = receive(&mut broker);
        delete(&mut broker, &leased[0]);
    }
    broker.advance(Millis::from_secs(60));
    assert_eq!(send(&mut broker), Ok(()), "draining gives the space back");
}

/// The time of a batch stands still while a write does: a move task must not wait by it.
#[test]
fn a_move_on_a_full_disk_comes_to_rest_while_a_write_stalls() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    for name in ["jobs", "more"] {
        broker.ask(commands::create(name)).expect("it is answered");
    }
    disk.set_capacity_bytes(Some(used_bytes(&disk)));
    fill(&mut broker);
    let (source, target) = (commands::queue("jobs"), Some(commands::queue("more")));
    let spec = MoveSpec { source, target, rate_max: None, filter: MoveFilter::default() };
    let lease = receive(&mut broker)[0].lease();
    broker.ask(Command::StartMove { spec, dry_run: false }).expect("it is answered");
    broker.hold(Hold::Writes);
    let (queue, entries) = (commands::queue("jobs"), vec![(lease, Millis::from_secs(600))]);
    broker.submit(Command::ChangeVisibility { queue, entries });
    broker.settle();
    // Its answer is in a batch that begins now.
    broker.submit(Command::GetStatus);
    broker.settle();
    broker.advance(Millis::from_secs(5));
    broker.hold(Hold::Nothing);
    let mut random = Random::new(1);
    while broker.go_on(&mut random) {}
    assert!(broker.failure().is_none());
}

#[test]
fn without_room_what_only_reads_is_answered_and_a_shutdown_refuses_what_waits() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    disk.set_capacity_bytes(Some(used_bytes(&disk)));
    fill(&mut broker);
    let lease = receive(&mut broker)[0].lease();
    let mut changes = (0..10_000).map(|_| {
        let (queue, entries) = (commands::queue("jobs"), vec![(lease, Millis::from_secs(600))]);
        let id = broker.submit(Command::ChangeVisibility { queue, entries });
        broker.settle();
        (id, broker.take_told(id))
    });
    let (waiting, _) = changes.find(|(_, told)| told.is_none()).expect("there is no more room");
    assert!(broker.ask(Command::GetStatus).is_some_and(|told| told.reply.is_ok()));
    broker.drain();
    let told = broker.take_told(waiting).expect("it is answered at the end");
    assert_eq!(told.reply, Err(Rejection::ShuttingDown));
    assert!(broker.failure().is_none());
}

/// R23: sends that come while nobody knows yet that the disk is full leave room to drain them.
#[test]
fn sends_do_not_use_up_the_room_to_drain_while_a_segment_is_prepared() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    broker.advance(Millis::from_secs(1));
    disk.set_capacity_bytes(Some(used_bytes(&disk) + 1024));
    broker.hold(Hold::Background);
    let message = || commands::send("jobs", commands::entry(vec![b'x'; 5000]));
    let sent = (0..1000).take_while(|_| broker.ask(message()).is_some()).count();
    assert!(sent < 1000, "they wait for the segment");
    broker.hold(Hold::Nothing);
    let mut random = Random::new(1);
    while broker.go_on(&mut random) {}
    for _ in 0..sent {
        let leased = receive(&mut broker);
        delete(&mut broker, &leased[0]);
    }
    broker.advance(Millis::from_secs(60));
    assert_eq!(send(&mut broker), Ok(()), "draining gives the space back");
}

fn checkpoint_lsn(broker: &mut SimBroker) -> Option<Lsn> {
    match broker.ask(Command::GetStatus).expect("it is answered").reply {
        Ok(Reply::Status(status)) => status.checkpoint.map(|checkpoint| checkpoint.lsn),
        other => panic!("answered with {other:?}"),
    }
}

/// R23: what frees space needs some first, and it is held back for that.
#[test]
fn a_disk_without_any_space_has_room_for_a_checkpoint() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    broker.ask(commands::create("jobs")).expect("it is answered");
    broker.advance(Millis::from_secs(1));
    disk.set_capacity_bytes(Some(used_bytes(&disk)));
    assert_eq!(checkpoint_lsn(&mut broker), None);
    broker.ask(Command::Checkpoint).expect("it is answered");
    broker.advance(Millis::from_secs(60));
    assert_ne!(checkpoint_lsn(&mut broker), None, "tried again with what was held back");
}
