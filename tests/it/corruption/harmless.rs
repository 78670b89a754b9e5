//! That what may be damaged without a word is not needed: all of it at once is made something else.

use ledgerq::disk::SimDisk;

use super::{
    LARGE,
    expect::{Class, expected},
    judge::find,
    layout::{FileLayout, Part, Region, Role, place},
    warnings,
    world::{World, start},
};

/// The directory with every chosen part filled with other bytes, and how many bytes those are.
fn filled(world: &World, is_chosen: impl Fn(&FileLayout, &Region) -> bool) -> (SimDisk, u64) {
    let disk = world.disk.snapshot();
    let mut count = 0;
    for (path, layout) in &world.layouts {
        let mut bytes = world.bytes(path).to_vec();
        let is_silent = |region: &Region| expected(layout, region).classes.contains(&Class::Silent);
        let chosen = layout.regions.iter().filter(|region| is_silent(region));
        for region in chosen.filter(|region| is_chosen(layout, region)) {
            bytes[place(region.from)..place(region.to)].iter_mut().for_each(|byte| *byte ^= 0x5a);
            count += region.to - region.from;
        }
        disk.plant(path, &bytes).expect("the directory is there");
    }
    (disk, count)
}

#[track_caller]
fn nothing_is_missing(world: &World, disk: &SimDisk) {
    let _listening = warnings::listen();
    let found = find(disk, world.now, &world.known).expect("it starts");
    assert_eq!(found.seen.flagged(&world.truth.seen, true), Ok(Vec::new()));
}

fn is_twin(layout: &FileLayout, region: &Region) -> bool {
    matches!(region.part, Part::HeaderCopy | Part::Footer)
        || matches!(layout.role, Role::IdsCopy | Role::NotNeeded)
}

#[test]
fn records_before_a_checkpoint_are_not_needed_beside_footers() {
    let (disk, count) = filled(&LARGE, |layout, region| !is_twin(layout, region));
    assert!(count > 100_000, "{count}");
    nothing_is_missing(&LARGE, &disk);
}

#[test]
fn footers_are_not_needed_beside_records() {
    let (disk, count) = filled(&LARGE, |_, region| region.part == Part::Footer);
    assert!(count > 1000, "{count}");
    nothing_is_missing(&LARGE, &disk);
    let with_records =
        |region: &Region| matches!(region.part, Part::Footer | Part::FrameHeader | Part::Records);
    let (disk, _) = filled(&LARGE, |_, region| with_records(region));
    assert!(start(&disk, LARGE.now).is_err(), "one of the two is");
}

#[test]
fn one_copy_of_every_header_is_not_needed() {
    for is_first in [true, false] {
        let is_chosen =
            |region: &Region| region.part == Part::HeaderCopy && (region.from == 0) == is_first;
        let (disk, count) = filled(&LARGE, |_, region| is_chosen(region));
        assert!(count >= 64 * 10, "{count}");
        nothing_is_missing(&LARGE, &disk);
    }
    let (disk, _) = filled(&LARGE, |_, region| region.part == Part::HeaderCopy);
    assert!(start(&disk, LARGE.now).is_err(), "the other is");
}

#[test]
fn files_that_are_not_needed_may_be_gone() {
    let is_idle = |role: Role| matches!(role, Role::NotNeeded | Role::IdsCopy);
    let disk = LARGE.disk.snapshot();
    let idle = LARGE.layouts.iter().filter(|(_, layout)| is_idle(layout.role));
    let paths: Vec<&String> = idle.map(|(path, _)| path).collect();
    assert!(paths.iter().any(|path| path.strip_suffix(".ids2").is_some()), "{paths:?}");
    for path in paths {
        disk.erase(path).expect("it is there");
    }
    nothing_is_missing(&LARGE, &disk);
    // What stands in for a copy is needed once the copy is gone.
    for path in LARGE.paths(&[".ids"]) {
        disk.erase(&path).expect("it is there");
    }
    let found = find(&disk, LARGE.now, &LARGE.known);
    let is_same = |seen: &super::seen::Seen| seen.flagged(&LARGE.truth.seen, true).is_ok();
    assert!(found.is_ok_and(|found| is_same(&found.seen)) || start(&disk, LARGE.now).is_err());
}
