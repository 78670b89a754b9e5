//! A backup whose files are not what they were: it is refused, and the file is named.

use ledgerq::{
    disk::{Disk, SimDisk},
    store::BackupError,
};

use super::{
    within::Within,
    world::{DIR, World, restore, restore_from, seen, start},
};

/// The disk of a broker with a backup, and the paths of the backup's files.
fn backed_up() -> (World, Vec<String>) {
    let mut world = World::new();
    let (_, made) = world.back_up();
    let mut paths: Vec<String> = made.file.files.into_iter().map(|file| file.path).collect();
    paths.push("BACKUP".to_owned());
    (world, paths)
}

#[track_caller]
fn refused(disk: &SimDisk, path: &str, what: &str) {
    let target = SimDisk::new();
    let error = restore(disk, &target).expect_err(what);
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    let text = format!("{error}: {}", cause.unwrap_or_default());
    assert!(text.contains(path), "{what} {path}: {text}");
    assert_eq!(target.paths(), [""; 0], "{what} {path}");
}

#[test]
fn every_file_that_is_missing_cut_off_or_damaged_is_named() {
    let (world, paths) = backed_up();
    for path in &paths {
        let full = format!("{DIR}/{path}");
        let disk = world.broker.disk().snapshot();
        disk.erase(&full).expect("it is there");
        refused(&disk, path, "missing");

        let disk = world.broker.disk().snapshot();
        let bytes = disk.file(&full).expect("it is there").len() as u64;
        disk.truncate(&full, bytes - 1).expect("it is there");
        refused(&disk, path, "cut off");

        // In a segment or an output, the header of the first frame.
        let disk = world.broker.disk().snapshot();
        let is_log = path.starts_with("segments/");
        let offset = if is_log { 4096 + 40 } else { bytes / 2 };
        disk.corrupt(&full, offset, |byte| byte ^ 1).expect("it is so long");
        refused(&disk, path, "damaged");
    }
}

#[test]
fn damaged_messages_are_restored_past_only_if_that_is_accepted() {
    let (world, paths) = backed_up();
    let full = format!("{DIR}/{}", paths[0]);
    let disk = world.broker.disk().snapshot();
    let bytes = disk.file(&full).expect("it is there");
    let body = bytes.windows(64).rposition(|window| window == [b'x'; 64]).expect("a body");
    disk.corrupt(&full, body as u64, |byte| byte ^ 1).expect("it is so long");
    let from = Within { disk: disk.clone(), dir: DIR.to_owned(), crosses: false };
    let error = restore_from(from.clone(), &SimDisk::new(), false).expect_err("it is damaged");
    assert!(matches!(&error, BackupError::DamagedBodies { count: 1, .. }), "{error}");
    assert!(error.to_string().contains(&paths[0]), "{error}");
    let target = SimDisk::new();
    let restored = restore_from(from, &target, true).expect("the rest is whole");
    assert_eq!(restored.backup.damaged_count, 1);
    start(&target, &world.clock, 9).expect("it is a data directory");
}

#[test]
fn a_restore_leaves_the_backup_as_it_was() {
    let (mut world, _) = backed_up();
    let before = seen(&mut world.broker);
    let disk = world.broker.disk().snapshot();
    let files = |disk: &SimDisk| -> Vec<_> {
        let paths = disk.paths().into_iter().filter(|path| path.starts_with(DIR));
        paths.map(|path| (disk.file(&path), path)).collect()
    };
    let there = files(&disk);
    for _ in 0..2 {
        let target = SimDisk::new();
        restore(&disk, &target).expect("the backup is whole");
        let mut broker = start(&target, &world.clock, 9).expect("it is a data directory");
        assert_eq!(seen(&mut broker), before);
    }
    assert!(files(&disk) == there, "it was only read");
    disk.sync_dir(DIR).expect("it is a directory");
}
