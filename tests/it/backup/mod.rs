//! Backups of a broker on the simulated disk, and what is restored from them.

mod crashes;
mod damage;
mod order;
mod within;
pub(crate) mod world;

use ledgerq::{
    broker::StartError,
    disk::{Access, Disk, SimDisk},
    store::StoreError,
    types::{BackupId, BackupPlan, Command, Lsn, Millis, Rejection, Reply, Status},
};

pub(crate) use within::Within;
use world::{DIR, World, ask, order, restore, seen, start};
pub(crate) use world::{copy, restore_from};

use crate::commands;

fn status(world: &mut World) -> Status {
    match ask(&mut world.broker, Command::GetStatus) {
        Ok(Reply::Status(status)) => *status,
        other => panic!("it was answered with {other:?}"),
    }
}

/// The files of a backup that the broker's directory lacks.
fn lost(plan: &BackupPlan, disk: &SimDisk) -> Vec<String> {
    let paths = disk.paths();
    plan.files.iter().filter(|path| !paths.contains(path)).cloned().collect()
}

#[test]
fn what_is_restored_is_the_broker_as_it_was() {
    let mut world = World::new();
    let before = seen(&mut world.broker);
    let (plan, made) = world.back_up();
    assert!(plan.files.iter().any(|path| path.contains(".out")), "{:?}", plan.files);
    assert!(made.linked_count >= 3, "full segments and the checkpoint are linked: {made:?}");
    assert!(made.copied_count >= 2, "what a start found in use is copied: {made:?}");
    world.churn();
    assert_ne!(seen(&mut world.broker), before);

    let disk = SimDisk::new();
    let restored = restore(world.broker.disk(), &disk).expect("the backup is whole");
    assert_eq!(restored.backup.file.lsn, plan.lsn);
    let mut broker = start(&disk, &world.clock, 9).expect("it is a data directory");
    assert_eq!(seen(&mut broker), before);
    let end = Lsn::new(plan.lsn.get() + 2);
    assert_eq!(broker.report().next_lsn, end, "behind the tick that proves the rest");

    assert_eq!(broker.lineage(), world.broker.lineage(), "ids of messages stay what they are");
    let handle = world.broker.receipts().seal(&world.lease.lease());
    assert!(broker.receipts().open(&handle).is_err(), "handles of before are refused");
    let Ok(Reply::Sent(sent)) = ask(&mut broker, order("a")) else { panic!("it is answered") };
    assert!(sent[0].as_ref().is_ok_and(|sent| sent.is_duplicate), "ids are remembered");
    broker.drain();
    let mut broker = start(&disk.kill(), &world.clock, 10).expect("it goes on");
    assert_eq!(seen(&mut broker), before);
}

#[test]
fn files_are_kept_while_a_backup_is_under_way_and_given_back_behind_it() {
    let mut world = World::new();
    let before = seen(&mut world.broker);
    let plan = world.begin();
    world.churn();
    assert_eq!(lost(&plan, world.broker.disk()), [""; 0], "nothing of it is given back");
    assert_eq!(status(&mut world).backups_under_way, 1);

    let to = Within::new(world.broker.disk(), DIR);
    let made = copy(&plan, world.broker.disk(), &to).expect("the device is whole");
    assert_eq!(world.end(plan.id), Ok(Reply::Done));
    ledgerq::store::publish(&made, &to).expect("the device is whole");
    assert_eq!(status(&mut world).backups_under_way, 0);
    world.churn();
    let lost = lost(&plan, world.broker.disk());
    assert!(lost.len() >= plan.files.len() / 2, "they are given back: {lost:?}");
    // Used again, they would have changed in the backup as well (R4 of the log's rules).
    let disk = SimDisk::new();
    restore(world.broker.disk(), &disk).expect("nobody wrote to it");
    let mut broker = start(&disk, &world.clock, 9).expect("it is a data directory");
    assert_eq!(seen(&mut broker), before);
}

#[test]
fn a_linked_file_has_two_names_and_a_backup_on_another_file_system_none_of_them() {
    let mut world = World::new();
    let before = seen(&mut world.broker);
    let (plan, made) = world.back_up();
    let names = |path: &String| {
        let file = world.broker.disk().open(path, Access::Read).expect("it is kept");
        file.link_count().expect("the file is open")
    };
    let linked = plan.files.iter().filter(|path| names(path) == 2).count() as u64;
    assert_eq!(linked, made.linked_count);

    let elsewhere = SimDisk::new();
    let to = Within { crosses: true, ..Within::new(&elsewhere, "") };
    let plan = world.begin();
    let made = copy(&plan, world.broker.disk(), &to).expect("the device is whole");
    ledgerq::store::publish(&made, &to).expect("the device is whole");
    assert_eq!(made.linked_count, 0);
    let disk = SimDisk::new();
    restore_from(to, &disk, false).expect("the backup is whole");
    let mut broker = start(&disk, &world.clock, 9).expect("it is a data directory");
    assert_eq!(seen(&mut broker), before);

    // A broker does not serve from it, and leaves nothing there.
    let paths = elsewhere.paths();
    let refused = start(&elsewhere, &world.clock, 9).err().expect("it is a backup");
    assert!(matches!(refused, StartError::Store(StoreError::IsBackup)), "{refused}");
    assert!(refused.to_string().contains("ledgerq restore"), "{refused}");
    assert_eq!(elsewhere.paths(), paths);
}

#[test]
fn a_backup_ends_once_or_by_itself_and_there_are_four_at_most() {
    let mut world = World::new();
    let plans: Vec<BackupPlan> = (0..4).map(|_| world.begin()).collect();
    let hold = Millis::from_secs(10);
    let fifth = ask(&mut world.broker, Command::BeginBackup { hold });
    assert_eq!(fifth, Err(Rejection::TooManyBackups { backups_max: 4 }));
    assert_eq!(world.end(plans[0].id), Ok(Reply::Done));
    assert_eq!(world.end(plans[0].id), Err(Rejection::BackupNotFound));
    assert_eq!(world.end(BackupId::new(1)), Err(Rejection::BackupNotFound));
    let Ok(Reply::BackupBegun(short)) = ask(&mut world.broker, Command::BeginBackup { hold })
    else {
        panic!("there is room for another")
    };
    assert_eq!(status(&mut world).backups_under_way, 4);
    world.broker.advance(Millis::from_secs(10));
    assert_eq!(status(&mut world).backups_under_way, 3);
    assert_eq!(world.end(short.id), Err(Rejection::BackupNotFound));
    world.churn();
    assert_eq!(lost(&plans[1], world.broker.disk()), [""; 0]);
    for plan in &plans[1..] {
        assert_eq!(world.end(plan.id), Ok(Reply::Done));
    }
    world.churn();
    assert!(!lost(&plans[1], world.broker.disk()).is_empty());

    // A broker that is started again knows of none.
    let plan = world.begin();
    let disk = world.broker.disk().kill();
    world.broker = start(&disk, &world.clock, 3).expect("it goes on");
    assert_eq!(world.end(plan.id), Err(Rejection::BackupNotFound));
}

#[test]
fn backups_that_are_asked_for_together_share_a_checkpoint() {
    let mut world = World::new();
    let hold = Millis::from_secs(10);
    let asked: Vec<_> =
        (0..5).map(|_| world.broker.submit(Command::BeginBackup { hold })).collect();
    world.broker.settle();
    let mut told = asked.into_iter().map(|id| world.broker.take_told(id).map(|told| told.reply));
    let lsns: Vec<Lsn> = told
        .by_ref()
        .take(4)
        .map(|reply| match reply {
            Some(Ok(Reply::BackupBegun(plan))) => plan.lsn,
            other => panic!("it was answered with {other:?}"),
        })
        .collect();
    assert!(lsns.iter().all(|lsn| *lsn == lsns[0]));
    assert!(matches!(told.next(), Some(Some(Err(Rejection::TooManyBackups { .. })))));
}

#[test]
fn whoever_names_other_files_is_not_followed() {
    let mut world = World::new();
    let mut plan = world.begin();
    let to = Within::new(world.broker.disk(), DIR);
    plan.files.push("IDENTITY".to_owned());
    let refused = copy(&plan, world.broker.disk(), &to).expect_err("it has keys");
    assert!(refused.to_string().contains("IDENTITY"), "{refused}");
    plan.files.pop();
    plan.last_frame_crc ^= 1;
    let refused = copy(&plan, world.broker.disk(), &to).expect_err("it is another log");
    assert!(refused.to_string().contains("another data directory"), "{refused}");
    let refused = restore(world.broker.disk(), &SimDisk::new()).expect_err("it is not whole");
    assert!(refused.to_string().contains("no BACKUP"), "{refused}");
}

#[test]
fn a_backup_without_space_for_its_checkpoint_is_refused_and_keeps_nothing() {
    let mut world = World::new();
    let disk = world.broker.disk().clone();
    disk.set_capacity_bytes(Some(1 << 40));
    let used_bytes = (1 << 40) - disk.free_bytes();
    disk.set_capacity_bytes(Some(used_bytes));
    let hold = Millis::from_secs(10);
    let refused = ask(&mut world.broker, Command::BeginBackup { hold });
    assert!(matches!(refused, Err(Rejection::MaintenanceFailed { .. })), "{refused:?}");
    assert_eq!(status(&mut world).backups_under_way, 0);
    // Once no segment can be prepared, what is left of the log is not for backups.
    for _ in 0..60 {
        let entry = commands::entry("x".repeat(2000));
        let sent = ask(&mut world.broker, commands::send("mails", entry));
        assert!(matches!(sent, Ok(_) | Err(Rejection::DiskFull)), "{sent:?}");
    }
    let refused = ask(&mut world.broker, Command::BeginBackup { hold });
    assert_eq!(refused, Err(Rejection::DiskFull));
    disk.set_capacity_bytes(None);
    world.broker.advance(Millis::from_secs(60));
    let before = seen(&mut world.broker);
    world.back_up();
    let target = SimDisk::new();
    restore(&disk, &target).expect("the backup is whole");
    let mut broker = start(&target, &world.clock, 9).expect("it is a data directory");
    assert_eq!(seen(&mut broker), before);
}
