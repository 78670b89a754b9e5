//! Segments: used again, torn, given back.

use ledgerq::{
    disk::{
        Disk,
        sim::{Choice, Counter, EntryChange, Fault, Faults},
    },
    log::SEGMENTS_DIR,
    types::Command,
};

use super::{FOURTH_BYTES, Life, damage_all_checkpoints, segments};
use crate::commands::{entry, queue, send};

#[test]
fn r2_a_reclaimed_delete_does_not_make_an_older_segment_look_whole() {
    let mut life = Life::begin_tidy();
    life.send(3);
    let leases = life.take(3);
    // The deletes of what lies in the first segment lie in another.
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    life.delete(leases);
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    (0..3).for_each(|_| life.checkpoint());
    let [first, second] = [1, 2].map(|id| format!("{SEGMENTS_DIR}/{id:020}.seg"));
    assert!(!segments(&life.disk).contains(&second), "the deletes are given back");
    // Of the names that were taken away, that of the sends is back after the power cut.
    let disk = life.disk.crash(&mut |choice| match choice {
        Choice::Entry(EntryChange::Unlink { path }) => *path != first,
        _ => true,
    });
    assert!(segments(&disk).contains(&first) && !segments(&disk).contains(&second));
    damage_all_checkpoints(&disk);
    let refused = life.restart_on(&disk).map(|mut life| life.count());
    assert!(refused.is_err(), "what was deleted is back: {refused:?}");
}

#[test]
fn r4_a_reused_segment_loses_its_name_durably_before_it_is_written_to() {
    let mut life = Life::begin();
    life.send(9);
    life.consume(9);
    (0..3).for_each(|_| life.checkpoint());
    assert!(life.status().files.reclaimed_count >= 2, "dead segments wait for use");
    let before = segments(&life.disk);
    let from = life.disk.operation_count();
    life.send(9);
    assert!(segments(&life.disk).first() > before.first(), "one was used again");
    let operations = life.disk.operation_count() - from;
    // The same at each operation: no named segment is half old, half zero.
    for nth in 1..=operations {
        let mut life = Life::begin();
        life.send(9);
        life.consume(9);
        (0..3).for_each(|_| life.checkpoint());
        let mut dead = segments(&life.disk);
        dead.truncate(2);
        let bytes = |path: String| life.disk.file(&path).map(|bytes| (path, bytes));
        let dead: Vec<(String, Vec<u8>)> = dead.into_iter().filter_map(bytes).collect();
        life.disk.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        for _ in 0..9 {
            let _ = life.broker.ask(send("jobs", entry(vec![b'x'; FOURTH_BYTES])));
        }
        // The renames were lost, and the zeros were kept.
        let lost = life.disk.crash(&mut |choice| !matches!(choice, Choice::Entry(_)));
        for (path, bytes) in &dead {
            let now = lost.file(path);
            assert!(now.is_none_or(|now| now == *bytes), "{path} is neither old nor new");
        }
        life.restart_on(&lost).unwrap_or_else(|error| panic!("operation {nth}: {error}"));
    }
}

#[test]
fn r4_a_dead_segment_with_a_second_name_is_not_written_to() {
    let mut life = Life::begin();
    life.send(9);
    let copies: Vec<(String, Vec<u8>)> = segments(&life.disk)
        .iter()
        .enumerate()
        .map(|(at, path)| {
            let copy = format!("copy-{at}");
            life.disk.link(path, &copy).expect("it can be linked");
            life.disk.sync_dir("").expect("it can be synced");
            (copy.clone(), life.disk.file(&copy).expect("it is there"))
        })
        .collect();
    life.consume(9);
    (0..3).for_each(|_| life.checkpoint());
    life.send(14);
    let disk = life.power_cut();
    // The first are full and dead; the last went on.
    for (copy, bytes) in &copies[..2] {
        let now = disk.file(copy).expect("a copy stays");
        assert!(now == *bytes, "{copy} changed under its owner");
    }
}

#[test]
fn a_torn_first_frame_of_a_segment_does_not_refuse_the_starts_after_the_next() {
    let mut life = Life::begin();
    life.send(4);
    life.checkpoint();
    life.checkpoint();
    // The next frame begins a segment, and is cut off before its header was whole.
    let segment = segments(&life.disk).len();
    let write = Faults::none().at(Counter::Writes, 1, Fault::CrashWithin(5000));
    life.disk.set_faults(write);
    let _ = life.broker.ask(send("jobs", entry(vec![b'x'; FOURTH_BYTES])));
    let torn = life.disk.crash(&mut |choice| match choice {
        // The header page is lost, and a sector behind it kept.
        Choice::Sector { sector, .. } => sector > 8,
        _ => true,
    });
    let life = life.restart_on(&torn).expect("a torn frame is no loss");
    let mut life = life.restart_on(&life.power_cut()).expect("nor is it at the start after that");
    assert_eq!(life.count(), 4);
    assert!(segments(&life.disk).len() > segment, "the torn one stays where it is");
}

#[test]
fn r14_a_torn_frame_behind_the_last_one_is_not_read_though_its_records_are_whole() {
    let mut life = Life::begin();
    let three = || {
        let entries = (0..3).map(|_| entry(vec![b'x'; 4_000])).collect();
        Command::Send { queue: queue("jobs"), entries }
    };
    life.ask(three());
    // Of the next frame, the records reach the disk, and the bodies do not.
    life.disk.set_faults(Faults::none().at(Counter::Writes, 1, Fault::CrashWithin(2048)));
    let _ = life.broker.ask(three());
    let mut life = life.restart_on(&life.disk.kill()).expect("a torn frame is no loss");
    assert_eq!(life.count(), 3);
    // The same seqs, in another segment.
    life.ask(three());
    life.checkpoint();
    let mut life = life.restart_on(&life.power_cut()).expect("it starts");
    assert_eq!(life.take(6).len(), 6, "every message has its own body");
}
