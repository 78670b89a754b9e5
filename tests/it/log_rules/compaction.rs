//! Compaction outputs: when they count, and what is in them.

use ledgerq::{
    disk::sim::{Choice, Counter, EntryChange, Fault, Faults, Random, keep_all},
    log::{SEGMENT_BYTES_MIN, SEGMENTS_DIR},
    types::{Command, Millis, Rejection},
};

use super::{Life, damage_all_checkpoints, outputs, segments};
use crate::{
    broker::Hold,
    commands::{entry, send},
};

#[test]
fn r5_an_output_is_durable_before_a_record_switches_to_it() {
    let mut life = Life::begin();
    let operations = |life: &mut Life| {
        life.send(7);
        life.consume(2);
        life.checkpoint();
        life.disk.operation_count()
    };
    let from = operations(&mut life);
    assert_eq!(life.compact(), 2, "of the first segment two messages are left");
    let to = life.disk.operation_count();
    for nth in from..=to {
        let mut life = Life::begin();
        operations(&mut life);
        let nth = nth - from + 1;
        life.disk.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        let _ = life.broker.ask(Command::Compact);
        // Of the log all was kept, of the rest nothing.
        for disk in [life.disk.kill(), life.power_cut(), life.disk.crash(&mut keep_all())] {
            let mut life = life.restart_on(&disk).expect("it starts");
            assert_eq!(life.take(5).len(), 5, "operation {nth}");
        }
    }
}

#[test]
fn r19_an_output_that_came_and_went_between_two_checkpoints_is_no_loss() {
    let mut life = Life::begin();
    life.send(7);
    life.consume(2);
    life.checkpoint();
    assert!(life.compact() > 0);
    assert_eq!(outputs(&life.disk).len(), 1);
    let rest = life.take(5);
    life.delete(rest);
    life.checkpoint();
    life.checkpoint();
    life.checkpoint();
    assert!(outputs(&life.disk).is_empty(), "it is dead: {:?}", outputs(&life.disk));
    let mut life = life.restart_on(&life.power_cut()).expect("nothing is missing");
    assert_eq!(life.count(), 0);
}

#[test]
fn r20_without_a_good_checkpoint_an_output_refuses_the_start() {
    let mut life = Life::begin();
    life.send(7);
    life.consume(2);
    life.checkpoint();
    assert!(life.compact() > 0);
    let disk = life.power_cut();
    assert_eq!(segments(&disk)[0], format!("{SEGMENTS_DIR}/{:020}.seg", 1), "the log is whole");
    damage_all_checkpoints(&disk);
    let refused = life.restart_on(&disk).map(|_| ()).expect_err("a part may bring back");
    assert!(refused.contains("checkpoint"), "{refused}");
}

#[test]
fn r21_a_message_that_died_during_a_compaction_stays_dead() {
    let mut life = Life::begin();
    life.send(7);
    let leases = life.take(7);
    life.delete(leases[..2].to_vec());
    life.broker.hold(Hold::Background);
    let mut random = Random::new(1);
    let wanted = life.broker.submit(Command::Checkpoint);
    life.broker.settle();
    while life.broker.go_on(&mut random) {}
    assert!(life.broker.take_told(wanted).is_some(), "it was taken");
    life.broker.submit(Command::Compact);
    life.broker.settle();
    // It has opened its files, and these die under it.
    life.broker.go_on(&mut random);
    life.delete(leases[2..3].to_vec());
    while life.broker.go_on(&mut random) {}
    assert_eq!(life.status().compaction.switched_count, 1, "one was under way");
    assert_eq!(life.count(), 4);
    assert_eq!(life.status().files.live_count, 4);
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    assert_eq!((life.count(), life.status().files.live_count), (4, 4));
}

#[test]
fn the_segment_that_is_written_to_is_never_compacted() {
    let mut life = Life::begin();
    life.ask(send("jobs", entry("one")));
    life.checkpoint();
    assert_eq!(life.compact(), 0, "it goes on, and its messages stay in one run");
    life.ask(send("jobs", entry("two")));
    life.checkpoint();
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    assert_eq!(life.take(2).len(), 2);
}

#[test]
fn r5_an_output_still_has_its_name_when_what_it_replaced_is_gone() {
    let mut life = Life::begin();
    life.send(17);
    // Of the first segment two messages live on. The others that die are given back before, so
    // that the first is unlinked and not used again: that would sync the directory.
    let mut leases = life.take(17);
    leases.drain(2..4);
    life.delete(leases);
    life.checkpoint();
    assert_eq!(life.compact(), 2);
    (0..3).for_each(|_| life.checkpoint());
    let first = format!("{SEGMENTS_DIR}/{:020}.seg", 1);
    assert!(!segments(&life.disk).contains(&first), "it is given back");
    let disk = life.disk.crash(&mut |choice| match choice {
        Choice::Entry(change) => matches!(change, EntryChange::Unlink { .. }),
        _ => true,
    });
    let mut life = life.restart_on(&disk).expect("it starts");
    assert_eq!(life.count(), 2);
    life.broker.advance(Millis::from_secs(3601));
    assert_eq!(life.take(2).len(), 2);
}

#[test]
fn a_file_that_cannot_be_read_is_left_as_it_is() {
    let mut life = Life::begin();
    life.send(7);
    life.consume(2);
    life.checkpoint();
    let (first, files) = (segments(&life.disk)[0].clone(), segments(&life.disk));
    // The third message, which is one of those to be copied.
    let offset = SEGMENT_BYTES_MIN / 8 * 5;
    life.disk.make_unreadable(&first, offset).expect("it is there");
    let refused = life.broker.ask(Command::Compact).expect("it is answered").reply;
    assert!(matches!(refused, Err(Rejection::MaintenanceFailed { .. })), "{refused:?}");
    assert_eq!((segments(&life.disk), outputs(&life.disk)), (files, Vec::new()));
    assert_eq!(life.count(), 5, "all of them are there still");
}
