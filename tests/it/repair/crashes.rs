//! The end of the process at every operation of a repair, and what the disks may have then.

use ledgerq::disk::{
    SimDisk,
    sim::{Counter, Fault, Faults, keep_all, keep_none, keep_random},
};

use super::{
    start,
    world::{World, bytes_of, messages, repair_to},
};

#[test]
fn a_repair_that_is_interrupted_is_refused_or_whole() {
    let world = World::new();
    let damaged = world.disk.kill();
    let paths = damaged.paths();
    let path = paths.iter().find(|path| path.contains(".out")).expect("an output");
    damaged.corrupt(path, 6000, |byte| byte ^ 1).expect("it is that long");
    let source = bytes_of(&damaged);
    let mut whole = None;
    let (mut refused_count, mut whole_count) = (0, 0);
    for nth in 1.. {
        let target = SimDisk::new();
        target.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        let is_over = repair_to(&damaged, &target).is_ok();
        assert!(bytes_of(&damaged) == source, "operation {nth}: the evidence stays as it was");
        let states = [
            target.kill(),
            target.crash(&mut keep_none()),
            target.crash(&mut keep_all()),
            target.crash(&mut keep_random(nth)),
        ];
        for state in states {
            // Before there was anything, there is nothing to be refused.
            if state.paths().iter().all(|path| path == "LOCK") {
                assert!(!is_over);
                continue;
            }
            match start(&state, &world) {
                Ok(mut broker) => {
                    let there = messages(&mut broker);
                    let expected = whole.get_or_insert_with(|| there.clone());
                    assert_eq!(there, *expected, "operation {nth}");
                    whole_count += 1;
                }
                Err(error) => {
                    assert!(!is_over, "operation {nth}: {error}");
                    refused_count += 1;
                }
            }
        }
        if is_over {
            break;
        }
    }
    assert!(refused_count > 50 && whole_count >= 4, "{refused_count} refused, {whole_count} whole");
}

#[test]
fn a_repair_without_space_or_with_a_failing_disk_leaves_nothing_that_starts() {
    let world = World::new();
    let whole = SimDisk::new();
    repair_to(&world.disk, &whole).expect("the disk is whole");
    let there = messages(&mut start(&whole, &world).expect("it is a data directory"));
    let mut failed_count = 0;
    for fault in [Fault::Enospc, Fault::Eio] {
        for nth in (1..=whole.count(Counter::Changes)).step_by(2) {
            let target = SimDisk::new();
            target.set_faults(Faults::none().at(Counter::Changes, nth, fault));
            let is_done = repair_to(&world.disk, &target).is_ok();
            failed_count += u32::from(!is_done);
            let state = target.kill();
            if state.paths().iter().any(|path| path != "LOCK") {
                let started = start(&state, &world);
                assert!(started.is_ok() || !is_done, "{fault:?} at {nth}");
                if let Ok(mut broker) = started {
                    assert_eq!(messages(&mut broker), there, "{fault:?} at {nth}");
                }
            }
        }
    }
    assert!(failed_count > 20, "{failed_count}");
}
