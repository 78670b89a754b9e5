//! The end of the process at every operation of a backup and of a restore, and what the disk may
//! have then: either it is refused, or it is whole.

use ledgerq::{
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, keep_all, keep_none, keep_random},
    },
    store,
};

use super::{
    within::Within,
    world::{DIR, World, copy, restore, seen, start},
};

/// What may be on the disk after a crash: the cache, nothing of it, or some.
fn states(disk: &SimDisk, nth: u64) -> Vec<SimDisk> {
    vec![
        disk.kill(),
        disk.crash(&mut keep_none()),
        disk.crash(&mut keep_all()),
        disk.crash(&mut keep_random(nth)),
    ]
}

#[test]
fn a_backup_that_is_interrupted_is_none_and_the_broker_does_not_notice() {
    let mut world = World::new();
    let before = seen(&mut world.broker);
    let plan = world.begin();
    let (mut refused_count, mut whole_count) = (0, 0);
    for nth in 1.. {
        let disk = world.broker.disk().snapshot();
        let to = Within::new(&disk, DIR);
        disk.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        let made = copy(&plan, &disk, &to);
        let outcome = made.and_then(|made| store::publish(&made, &to));
        let is_over = outcome.is_ok();
        for state in states(&disk, nth) {
            let target = SimDisk::new();
            if restore(&state, &target).is_ok() {
                let mut broker = start(&target, &world.clock, 9).expect("it is a data directory");
                assert_eq!(seen(&mut broker), before, "operation {nth}");
                whole_count += 1;
            } else {
                assert!(!is_over, "operation {nth}: a backup that was made is refused");
                assert_eq!(target.paths(), [""; 0], "operation {nth}: nothing is made of it");
                refused_count += 1;
            }
            let mut broker = start(&state, &world.clock, 9).expect("its links do it no harm");
            assert_eq!(seen(&mut broker), before, "operation {nth}");
        }
        if is_over {
            break;
        }
    }
    assert!(refused_count > 50 && whole_count >= 4, "{refused_count} refused, {whole_count} whole");
}

#[test]
fn a_restore_that_is_interrupted_is_refused_or_whole() {
    let mut world = World::new();
    let before = seen(&mut world.broker);
    world.back_up();
    let (mut refused_count, mut whole_count) = (0, 0);
    for nth in 1.. {
        let target = SimDisk::new();
        target.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        let is_over = restore(world.broker.disk(), &target).is_ok();
        for state in states(&target, nth) {
            // Before there was anything, there is nothing to be refused.
            if state.paths().iter().all(|path| path == "LOCK") {
                assert!(!is_over);
                continue;
            }
            match start(&state, &world.clock, 9) {
                Ok(mut broker) => {
                    assert_eq!(seen(&mut broker), before, "operation {nth}");
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
