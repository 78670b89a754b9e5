//! Checkpoints: when they count, what they let go, and what a start makes of those that are left.

use ledgerq::{
    broker::digest,
    disk::sim::{Choice, Counter, EntryChange, Fault, Faults, Random, keep_all},
    types::{Command, Millis, Reply, SendEntry},
};

use super::{Life, checkpoints, damage, damage_all_checkpoints, segments};
use crate::{
    broker::Hold,
    commands::{create, entry, group, queue, send},
};

#[test]
fn r16_a_checkpoint_is_published_only_behind_the_durable_lsn() {
    let mut life = Life::begin();
    life.broker.hold(Hold::Writes);
    let sent = life.broker.submit(send("jobs", entry("a")));
    let wanted = life.broker.submit(Command::Checkpoint);
    life.broker.settle();
    assert!(checkpoints(&life.disk).is_empty(), "the log is not durable up to it");
    // Whatever is left then, nobody was told, and its LSNs are given again.
    let mut after = life.restart_on(&life.disk.crash(&mut keep_all())).expect("it starts");
    assert_eq!(after.count(), 0);
    let mut random = Random::new(1);
    while life.broker.go_on(&mut random) {}
    assert!(life.broker.take_told(sent).is_some() && life.broker.take_told(wanted).is_some());
    assert_eq!(checkpoints(&life.disk).len(), 1);
}

#[test]
fn r17_files_go_only_once_the_checkpoint_that_lets_them_go_is_durable() {
    let mut life = Life::begin_tidy();
    life.send(17);
    life.consume(17);
    (0..3).for_each(|_| life.checkpoint());
    assert!(life.status().files.reclaimed_count >= 3, "more than are kept for use");
    // Names that were taken away are gone, those that were given are lost.
    let disk = life.disk.crash(&mut |choice| match choice {
        Choice::Entry(change) => matches!(change, EntryChange::Unlink { .. }),
        _ => true,
    });
    let mut life = life.restart_on(&disk).expect("two checkpoints are there");
    assert_eq!(life.count(), 0);
}

#[test]
fn r17_with_one_checkpoint_nothing_is_unlinked() {
    let mut life = Life::begin_tidy();
    life.send(17);
    life.consume(17);
    let before = segments(&life.disk);
    life.checkpoint();
    assert!(segments(&life.disk).starts_with(&before), "the log is whole");
    let disk = life.disk.crash(&mut keep_all());
    damage_all_checkpoints(&disk);
    let mut life = life.restart_on(&disk).expect("all of the log is there");
    assert_eq!(life.count(), 0);
}

#[test]
fn r17_two_checkpoints_are_kept_and_the_older_is_enough() {
    let mut life = Life::begin();
    for _ in 0..5 {
        life.send(3);
        life.consume(2);
        life.checkpoint();
        let kept = checkpoints(&life.disk);
        assert!(kept.len() <= 2, "{kept:?}");
    }
    assert_eq!(checkpoints(&life.disk).len(), 2, "each is enough");
    let disk = life.power_cut();
    let newest = checkpoints(&disk).pop().expect("there is one");
    for damaged in [true, false] {
        let disk = disk.snapshot();
        if damaged {
            damage(&disk, &newest);
        } else {
            disk.erase(&newest).expect("it is there");
        }
        let mut life = life.restart_on(&disk).expect("the older one is good");
        assert_eq!(life.count(), 5);
        assert_eq!(life.take(5).len(), 5, "and every body is there");
    }
}

#[test]
fn r18_a_file_that_only_the_older_checkpoint_lists_survives_a_start_from_the_newer() {
    let mut life = Life::begin_tidy();
    life.send(17);
    life.checkpoint();
    life.checkpoint();
    // The older lists the first segments, the newer does not.
    life.consume(17);
    life.checkpoint();
    let both = checkpoints(&life.disk);
    // So much is dead that a start takes another checkpoint at once; until that is published these
    // two count, and the process may end at any operation.
    let mut played_count = 0;
    for at in 1..1000 {
        let disk = life.disk.crash(&mut keep_all());
        disk.set_faults(Faults::none().at(Counter::Changes, at, Fault::Crash));
        drop(life.restart_on(&disk));
        let disk = disk.crash(&mut keep_all());
        if checkpoints(&disk) != both {
            break;
        }
        damage(&disk, &both[1]);
        let mut life = life.restart_on(&disk).expect("the older one is good, and not useless");
        assert_eq!(life.count(), 0);
        played_count = at;
    }
    assert!((1..999).contains(&played_count), "the next checkpoint came after some operations");
}

#[test]
fn r18_the_log_behind_the_older_checkpoint_is_kept_for_its_replay() {
    let mut life = Life::begin_tidy();
    life.checkpoint();
    life.send(17);
    life.consume(17);
    life.checkpoint();
    let disk = life.disk.crash(&mut keep_all());
    damage(&disk, &checkpoints(&disk)[1]);
    let mut life = life.restart_on(&disk).expect("the log after the older one is there");
    assert_eq!(life.count(), 0);
}

#[test]
fn r19_a_missing_file_that_is_needed_is_named() {
    let mut life = Life::begin();
    life.send(7);
    life.checkpoint();
    let disk = life.power_cut();
    let first = &segments(&disk)[0];
    disk.erase(first).expect("it is there");
    let refused = life.restart_on(&disk).map(|_| ()).expect_err("messages are lost");
    assert!(refused.contains(first.as_str()), "{refused}");
}

#[test]
fn r20_a_checkpoint_beyond_the_logs_end_is_corruption() {
    let mut life = Life::begin();
    let before = life.power_cut();
    life.send(1);
    life.checkpoint();
    let path = checkpoints(&life.disk)[0].clone();
    let bytes = life.disk.file(&path).expect("it is there");
    before.plant(&path, &bytes).expect("the directory is there");
    let refused = life.restart_on(&before).map(|_| ()).expect_err("the log is too short");
    assert!(refused.contains("beyond the log's end"), "{refused}");
}

#[test]
fn what_was_purged_in_the_frame_of_a_checkpoint_does_not_come_back_with_it() {
    let mut life = Life::begin();
    life.send(5);
    // The checkpoint begins before the memory of what was purged is freed.
    life.broker.submit(Command::PurgeQueue { queue: queue("jobs") });
    life.broker.submit(Command::Checkpoint);
    life.broker.settle();
    assert_eq!(checkpoints(&life.disk).len(), 1);
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    assert_eq!((life.count(), life.status().files.live_count), (0, 0));
}

#[test]
fn a_last_checkpoint_is_taken_although_one_failed_before() {
    let mut life = Life::begin();
    // The first operation of a checkpoint behind the frame that it begins with.
    // Not for want of space: that is forgotten as soon as the reserve is given back.
    life.disk.set_faults(Faults::none().at(Counter::Changes, 3, Fault::Eio));
    let failed = life.broker.ask(Command::Checkpoint).expect("it is answered");
    assert!(failed.reply.is_err(), "the device failed: {failed:?}");
    life.broker.advance(Millis::from_secs(11));
    // One is taken because it is due, not because somebody asked.
    life.send(8);
    assert!(life.status().checkpoint.is_some());
    life.send(1);
    life.broker.drain();
    let mut life = life.restart_on(&life.disk.kill()).expect("it starts");
    assert_eq!(life.status().recovery.records_count, 0, "there is nothing to replay");
}

#[test]
fn r18_the_ids_of_sends_stay_where_a_later_checkpoint_finds_them() {
    let mut life = Life::begin();
    let orders = "orders.fifo";
    life.ask(create(orders));
    let once = || {
        let group = Some(group("g"));
        let deduplication = Some(digest::deduplication("once", group.as_ref(), false));
        send(orders, SendEntry { group, deduplication, ..entry("a") })
    };
    life.ask(once());
    for _ in 0..4 {
        life.send(1);
        life.checkpoint();
    }
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    life.ask(once());
    let Reply::Queue(view) = life.ask(Command::GetQueue { queue: queue(orders) }) else {
        panic!("no queue")
    };
    assert_eq!(view.counts.ready, 1, "it was known");
}

#[test]
fn of_a_file_that_is_partly_live_only_what_the_checkpoint_calls_live_is_there() {
    let mut life = Life::begin();
    life.send(4);
    life.consume(1);
    life.checkpoint();
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    assert_eq!((life.count(), life.status().files.live_count), (3, 3));
}
