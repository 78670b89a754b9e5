//! Repairs of directories that are damaged in every way.

use std::collections::BTreeSet;

use ledgerq::{
    broker::{BaseUsed, Loss, RepairReport},
    disk::SimDisk,
    types::{QueueName, Seq},
};

use super::{
    is_clean, start,
    world::{Messages, World, bytes_of, messages, repair_to},
};

/// What a repair made of a damaged disk.
struct Repaired {
    report: RepairReport,
    kept: Messages,
}

/// Repairs, starts what comes of it, and holds it to what it says of itself.
#[track_caller]
fn repaired(world: &World, damaged: &SimDisk, what: &str) -> Repaired {
    let target = SimDisk::new();
    let source = bytes_of(damaged);
    let report = repair_to(damaged, &target).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(bytes_of(damaged) == source, "{what}: it was only read");
    is_clean(&target, what);
    let mut broker =
        start(&target, world).unwrap_or_else(|error| panic!("{what}: {error} {report:?}"));
    let kept = messages(&mut broker);
    assert_eq!(report.kept_count, kept.len() as u64, "{what}");

    let lost: BTreeSet<Seq> = report
        .lost
        .iter()
        .flat_map(|lost| lost.first.get()..=lost.last.get())
        .map(Seq::new)
        .collect();
    assert_eq!(lost.len() as u64, report.lost_count(), "{what}: each is listed once");
    assert!(lost.iter().all(|seq| !kept.contains_key(seq)), "{what}: it is kept and lost");
    let may_be_more = !report.is_counted();
    let is_lossy = !report.lost_records.is_empty();
    for (seq, seen) in &world.there {
        match kept.get(seq) {
            Some(found) => {
                assert_eq!(found.body, seen.body, "{what}: message {seq}");
                assert!(found.receive_count <= seen.receive_count, "{what}: message {seq}");
                assert!(is_lossy || found == seen, "{what}: message {seq}: {found:?} {seen:?}");
            }
            None => assert!(
                lost.contains(seq) || may_be_more && Some(seq) > kept.keys().max(),
                "{what}: message {seq} is not there and not told: {report:?}"
            ),
        }
    }
    let back: Vec<&Seq> = kept.keys().filter(|seq| !world.there.contains_key(seq)).collect();
    assert!(back.len() as u64 <= report.may_come_back_count(), "{what}: {back:?} {report:?}");
    for seq in back {
        assert_eq!(Some(&kept[seq].body), world.sent.get(seq), "{what}: message {seq} is made up");
    }
    Repaired { report, kept }
}

fn files(disk: &SimDisk) -> Vec<String> {
    disk.paths().into_iter().filter(|path| path.contains('/')).collect()
}

/// Those whose names end so.
fn files_of(disk: &SimDisk, ending: &str) -> Vec<String> {
    files(disk).into_iter().filter(|path| path.ends_with(ending)).collect()
}

fn without_checkpoints(world: &World) -> SimDisk {
    let disk = world.disk.kill();
    for path in &files_of(&disk, ".ckpt") {
        disk.erase(path).expect("it is there");
    }
    disk
}

#[test]
fn every_missing_file() {
    let world = World::new();
    let mut lossy_count = 0;
    for path in files(&world.disk) {
        let damaged = world.disk.kill();
        damaged.erase(&path).expect("it is there");
        lossy_count += u32::from(!repaired(&world, &damaged, &path).report.is_whole());
    }
    assert!(lossy_count >= 3, "{lossy_count}");
}

#[test]
fn every_shortened_file() {
    let world = World::new();
    for path in files(&world.disk) {
        let length = world.disk.file(&path).expect("it is there").len() as u64;
        for length in [0, 3000, length / 4, length / 2, length - 1] {
            let damaged = world.disk.kill();
            damaged.truncate(&path, length).expect("it is there");
            repaired(&world, &damaged, &format!("{path} of {length} bytes"));
        }
    }
}

#[test]
fn flipped_bits_and_zeroed_sectors() {
    let world = World::new();
    let (mut lost_payloads, mut lost_records) = (0, 0);
    for path in files(&world.disk) {
        let bytes = world.disk.file(&path).expect("it is there");
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap_or_default();
        let step = (bytes.len() / 24).max(1);
        let places = [0, 20, 70, 2050, 4100, 4170, end.saturating_sub(70), end];
        for at in places.into_iter().chain((0..bytes.len()).step_by(step)) {
            let damaged = world.disk.kill();
            if damaged.corrupt(&path, at as u64, |byte| byte ^ 1).is_ok() {
                let what = format!("{path} flipped at {at}");
                let report = repaired(&world, &damaged, &what).report;
                lost_payloads += report.lost.iter().filter(|it| it.why == Loss::Payload).count();
                lost_records += report.lost_records.len();
            }
            let sector = at / 512 * 512;
            // The frames that nothing proves, zeroed, look like a write that did not end.
            if files_of(&world.disk, ".seg").contains(&path)
                && (end.saturating_sub(1024)..=end + 511).contains(&(sector + 511))
            {
                continue;
            }
            for at in sector..(sector + 512).min(bytes.len()) {
                let _ = damaged.corrupt(&path, at as u64, |_| 0);
            }
            repaired(&world, &damaged, &format!("{path} zeroed at {sector}"));
        }
    }
    assert!(lost_payloads > 0 && lost_records > 0, "{lost_payloads} {lost_records}");
}

#[test]
fn without_any_checkpoint_what_is_whole_is_kept_under_other_names() {
    let world = World::new();
    let Repaired { report, kept } = repaired(&world, &without_checkpoints(&world), "none");
    assert_eq!(report.base, BaseUsed::Log);
    let segments = files_of(&world.disk, ".seg");
    assert_ne!(segments[0], "segments/00000000000000000001.seg", "some were given back");
    assert!(world.there.keys().all(|seq| kept.contains_key(seq)), "all messages are there");
    let names: BTreeSet<&QueueName> = kept.values().map(|seen| &seen.queue).collect();
    assert!(names.iter().all(|name| name.as_str().starts_with("salvaged-")), "{names:?}");
    assert_eq!(report.queues_made.len(), names.len());
    assert!(report.may_come_back_count() > 0);
}

#[test]
fn a_damaged_checkpoint_still_tells_the_names_of_queues() {
    let world = World::new();
    let disk = world.disk.kill();
    for path in &files_of(&disk, ".ckpt") {
        let length = disk.file(path).expect("it is there").len() as u64;
        disk.truncate(path, length - 1).expect("it is there");
    }
    let Repaired { report, kept } = repaired(&world, &disk, "their ends are missing");
    assert_eq!(report.base, BaseUsed::Log);
    assert_eq!(report.damaged_checkpoints.len(), 2);
    assert!(world.there.iter().all(|(seq, seen)| kept[seq].queue == seen.queue));
}

#[test]
fn a_checkpoint_that_lacks_ids_alone_is_better_than_none() {
    let world = World::new();
    let disk = world.disk.kill();
    for path in files(&disk).iter().filter(|path| path.contains(".ids")) {
        disk.erase(path).expect("it is there");
    }
    let Repaired { report, kept } = repaired(&world, &disk, "no ids");
    assert!(matches!(report.base, BaseUsed::Checkpoint { lacks_ids: true, .. }), "{report:?}");
    assert_eq!(kept, world.there);
}

#[test]
fn without_any_checkpoint_and_another_file() {
    let world = World::new();
    for path in files(&world.disk).iter().filter(|path| path.starts_with("segments/")) {
        let damaged = without_checkpoints(&world);
        damaged.erase(path).expect("it is there");
        repaired(&world, &damaged, &format!("no checkpoints, no {path}"));
        for at in [0, 4100, 9000, 20_000] {
            let damaged = without_checkpoints(&world);
            if damaged.corrupt(path, at, |byte| byte ^ 1).is_ok() {
                repaired(&world, &damaged, &format!("no checkpoints, {path} flipped at {at}"));
            }
        }
    }
}

#[test]
fn a_segment_whose_header_is_gone_is_read_all_the_same() {
    let world = World::new();
    for path in &files_of(&world.disk, ".seg") {
        let damaged = world.disk.kill();
        for at in 0..4096 {
            damaged.corrupt(path, at, |_| 0).expect("it is that long");
        }
        let report = repaired(&world, &damaged, path).report;
        assert!(report.is_whole(), "{path}: {report:?}");
    }
}

#[test]
fn numbers_of_what_is_lost_are_not_given_again() {
    let world = World::new();
    let mut segments = files_of(&world.disk, ".seg");
    let damaged = world.disk.kill();
    // The log behind the newest checkpoint.
    for path in segments.split_off(segments.len() - 3) {
        for at in 4096..5000 {
            damaged.corrupt(&path, at, |byte| byte ^ 1).expect("it is that long");
        }
    }
    let target = SimDisk::new();
    let report = repair_to(&damaged, &target).expect("it can be read");
    assert!(!report.lost_records.is_empty(), "{report:?}");
    let mut broker = start(&target, &world).expect("it is a data directory");
    let told = broker.ask(crate::commands::send("keep", crate::commands::entry("next")));
    let Ok(ledgerq::types::Reply::Sent(sent)) = told.expect("an answer").reply else {
        panic!("it is taken")
    };
    let seq = sent[0].as_ref().expect("it is taken").seq;
    assert!(seq > *world.sent.last_key_value().expect("there are some").0, "{seq}");
}
