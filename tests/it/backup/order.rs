//! What comes before what in a backup and in a restore (R1, R22).

use std::collections::BTreeMap;

use ledgerq::{
    broker::StartError,
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, Random},
    },
    store::StoreError,
    types::{Command, Millis, Reply},
};

use super::world::{World, restore, start};
use crate::broker::Hold;

#[test]
fn a_backup_goes_on_in_another_segment_with_the_next_frame() {
    let mut world = World::new();
    let plan = world.begin();
    let frames_of_its_own = plan.lsn.get() - plan.checkpoint_lsn.get();
    assert!(frames_of_its_own <= 1, "an idle broker does not fill a segment for it");
}

/// Whatever the background does first.
#[test]
fn nothing_is_written_to_a_file_of_a_backup_once_it_may_be_linked() {
    for seed in 1..=20 {
        let mut world = World::new();
        let broker = &mut world.broker;
        broker.hold(Hold::Background);
        let asked = broker.submit(Command::BeginBackup { hold: Millis::from_secs(3600) });
        broker.settle();
        let mut random = Random::new(seed);
        let plan = loop {
            match broker.take_told(asked).map(|told| told.reply) {
                Some(Ok(Reply::BackupBegun(plan))) => break plan,
                Some(other) => panic!("answered with {other:?}"),
                None => assert!(broker.go_on(&mut random), "it is answered at some time"),
            }
        };
        let disk = broker.disk().clone();
        let files = || -> BTreeMap<_, _> {
            plan.files.iter().map(|path| (path.clone(), disk.file(path))).collect()
        };
        let before = files();
        while broker.go_on(&mut random) {}
        broker.advance(Millis::from_secs(1));
        assert!(before == files(), "seed {seed}");
    }
}

#[test]
fn a_directory_says_that_its_restore_did_not_end() {
    let mut world = World::new();
    world.back_up();
    for nth in 5.. {
        let target = SimDisk::new();
        target.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        if restore(world.broker.disk(), &target).is_ok() {
            assert!(nth > 30, "{nth}");
            break;
        }
        match start(&target.kill(), &world.clock, 9) {
            Err(StartError::Store(StoreError::RestoreUnfinished)) => {}
            Err(error) => panic!("operation {nth}: {error}"),
            // Nothing was left but to make its name durable.
            Ok(_) => assert!(nth > 30, "{nth}"),
        }
    }
}
