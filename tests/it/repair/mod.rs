//! Repairs on the simulated disk: what is kept, what is told to be lost, and that nothing else
//! comes of them.

mod crashes;
mod damage;
mod holes;
mod world;

use ledgerq::{
    broker::{BaseUsed, StartError, audit},
    disk::{Disk, ReadOnly, SimDisk},
    log::FindingKind,
    store::{self, StoreError},
    types::{Command, Reply},
};

use crate::{
    backup::world as seen_by_clients,
    broker::{SimBroker, small_settings},
    commands,
};
use world::{World, bytes_of, messages, repair_to};

fn start(disk: &SimDisk, world: &World) -> Result<SimBroker, StartError> {
    SimBroker::start(small_settings(), disk, &world.clock, 9)
}

/// An audit finds nothing that is wrong.
#[track_caller]
fn is_clean(disk: &SimDisk, what: &str) {
    let quiet: std::sync::Arc<dyn Disk> =
        std::sync::Arc::new(ReadOnly::quiet(std::sync::Arc::new(disk.clone())));
    let lineage = store::lineage_of(disk).expect("it has an identity");
    let audited = audit(&small_settings(), &quiet, lineage, &mut |_| ()).expect("it can be read");
    let is_bad = |kind: FindingKind| kind.refuses_start() || kind == FindingKind::DamagedBody;
    let bad: Vec<_> = audited.report.findings.iter().filter(|found| is_bad(found.kind)).collect();
    assert!(bad.is_empty(), "{what}: {bad:?}");
}

#[test]
fn a_directory_that_is_whole_is_kept_as_it_is() {
    let world = World::new();
    let mut broker = start(&world.disk.kill(), &world).expect("it is whole");
    let before = seen_by_clients::seen(&mut broker);
    let disk = world.disk.kill();
    let source = bytes_of(&disk);
    let target = SimDisk::new();
    let report = repair_to(&disk, &target).expect("it can be read");
    assert!(report.is_whole(), "{report:?}");
    assert!(matches!(report.base, BaseUsed::Checkpoint { lacks_ids: false, .. }), "{report:?}");
    assert_eq!(report.kept_count, world.there.len() as u64);
    assert!(bytes_of(&disk) == source, "it was only read");
    is_clean(&target, "whole");

    let mut broker = start(&target, &world).expect("it is a data directory");
    assert_eq!(seen_by_clients::seen(&mut broker), before);
    let disk = broker.disk().kill();
    let mut broker = start(&disk, &world).expect("it goes on");
    assert_eq!(seen_by_clients::seen(&mut broker), before);
}

#[test]
fn ids_stay_and_receipt_handles_do_not() {
    let world = World::new();
    let broker = start(&world.disk.kill(), &world).expect("it is whole");
    let (lineage, handle) = (broker.lineage(), broker.receipts().seal(&world.lease.lease()));
    let target = SimDisk::new();
    repair_to(&world.disk.kill(), &target).expect("it can be read");
    let mut broker = start(&target, &world).expect("it is a data directory");
    assert_eq!(broker.lineage(), lineage, "ids of messages stay what they are");
    assert!(broker.receipts().open(&handle).is_err(), "handles of before are refused");
    let told = broker.ask(commands::send("keep", commands::entry("next"))).expect("an answer");
    let Ok(Reply::Sent(sent)) = told.reply else { panic!("it is taken") };
    let last = world.sent.last_key_value().expect("there are messages").0;
    assert_eq!(sent[0].as_ref().map(|sent| sent.seq), Ok(last.next()), "numbers go on");
}

#[test]
fn a_repaired_directory_goes_on_as_any() {
    let world = World::new();
    let target = SimDisk::new();
    repair_to(&world.disk.kill(), &target).expect("it can be read");
    let mut broker = start(&target, &world).expect("it is a data directory");
    let before = messages(&mut broker);
    for round in 0..4 {
        for number in 0..20 {
            let entry = commands::entry(format!("{round} {number} {}", "y".repeat(2000)));
            broker.ask(commands::send("mails", entry)).expect("an answer").reply.expect("taken");
        }
        for command in [Command::Checkpoint, Command::Compact] {
            broker.ask(command).expect("an answer").reply.expect("it is done");
        }
    }
    let disk = broker.disk().kill();
    let mut broker = start(&disk, &world).expect("it goes on");
    let after = messages(&mut broker);
    assert_eq!(after.len(), before.len() + 80);
    assert!(before.iter().all(|(seq, seen)| after.get(seq) == Some(seen)));
    is_clean(&disk, "after more checkpoints");
}

#[test]
fn a_new_log_repairs_to_itself_and_an_empty_one_too() {
    let world = World::new();
    let disk = SimDisk::new();
    let broker = start(&disk, &world).expect("a new one");
    let copy = broker.disk().kill();
    let target = SimDisk::new();
    let report = repair_to(&copy, &target).expect("it can be read");
    assert!(report.is_whole() && report.kept_count == 0, "{report:?}");
    assert_eq!(report.base, BaseUsed::Log);
    let mut broker = start(&target, &world).expect("it is a data directory");
    assert!(messages(&mut broker).is_empty());
}

#[test]
fn a_repair_that_was_interrupted_is_told_from_a_directory() {
    let world = World::new();
    let target = SimDisk::new();
    repair_to(&world.disk.kill(), &target).expect("it can be read");
    target.rename("IDENTITY", "IDENTITY.restoring").expect("it is there");
    let refused = start(&target, &world).err().expect("it is not whole");
    assert!(matches!(refused, StartError::Store(StoreError::RestoreUnfinished)), "{refused}");
    assert!(refused.to_string().contains("repair"), "{refused}");
}
