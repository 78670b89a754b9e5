//! What all disks promise alike: every test here runs on [`RealDisk`], on [`SimDisk`] and on one
//! that is [`Limited`].

use std::{
    io::{ErrorKind, IoSlice},
    sync::Arc,
};

use super::{
    Access, Disk, File, Limited, RealDisk, SimDisk, read_exact_at, sim::Random, write_all_at,
};

/// Runs each of the promises below on every disk, under its own name.
macro_rules! on_every_disk {
    ($($promise:ident)*) => {
        mod real {
            $(#[test]
            fn $promise() {
                let root = tempfile::tempdir().expect("a temporary directory can be made");
                let disk = super::RealDisk::new(root.path()).expect("the directory is there");
                super::$promise(&disk);
            })*
        }
        mod simulated {
            $(#[test]
            fn $promise() {
                super::$promise(&super::SimDisk::new());
            })*
        }
        mod limited {
            $(#[test]
            fn $promise() {
                let disk = std::sync::Arc::new(super::SimDisk::new());
                let disk = super::Limited::new(disk, 1 << 30, &[""]).expect("it is empty");
                super::$promise(&disk);
            })*
        }
    };
}

on_every_disk! {
    a_file_reads_as_it_was_written
    a_write_behind_the_end_leaves_zeros
    more_chunks_than_one_call_takes_are_all_written
    empty_chunks_write_nothing
    a_read_stops_at_the_end
    a_cached_read_is_right_or_would_block
    a_dropped_cache_shows_what_was_synced
    a_map_is_the_whole_file
    a_map_outlives_its_file
    a_list_has_files_alone_in_order
    a_directory_may_be_made_again
    a_name_is_made_once
    what_is_missing_is_not_found
    a_rename_replaces
    a_rename_crosses_directories
    a_link_is_another_name_of_the_same_file
    an_open_file_outlives_its_name
    a_reader_cannot_write
    a_lock_excludes_until_it_is_dropped
    a_lock_file_may_be_there
}

/// The bytes of a file that was just made, for brevity.
fn make(disk: &dyn Disk, path: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = disk.create(path).expect("the file is new");
    write_all_at(&*file, 0, &mut [IoSlice::new(bytes)]).expect("there is space");
    file
}

fn bytes_of(file: &dyn File) -> Vec<u8> {
    let length = usize::try_from(file.len().expect("an open file has a length"));
    let mut bytes = vec![0; length.expect("the file is small")];
    read_exact_at(file, 0, &mut bytes).expect("the file is as long as it says");
    bytes
}

fn contents(disk: &dyn Disk, path: &str) -> Vec<u8> {
    bytes_of(&*disk.open(path, Access::Read).expect("the file is there"))
}

fn kind<T>(outcome: std::io::Result<T>) -> Option<ErrorKind> {
    outcome.err().map(|error| error.kind())
}

fn a_file_reads_as_it_was_written(disk: &dyn Disk) {
    let file = make(disk, "a", &[1; 1000]);
    let mut chunks = [IoSlice::new(b"xy"), IoSlice::new(b""), IoSlice::new(b"z")];
    write_all_at(&*file, 511, &mut chunks).expect("there is space");
    let mut expected = vec![1; 1000];
    expected[511..514].copy_from_slice(b"xyz");
    assert_eq!(contents(disk, "a"), expected);
    assert_eq!(bytes_of(&*file), expected);
    file.sync_data().expect("the device is whole");
    file.sync_all().expect("the device is whole");
    disk.sync_dir("").expect("the device is whole");
    assert_eq!(contents(disk, "a"), expected);
}

fn a_write_behind_the_end_leaves_zeros(disk: &dyn Disk) {
    let file = make(disk, "a", b"12");
    write_all_at(&*file, 2000, &mut [IoSlice::new(b"3")]).expect("there is space");
    let mut expected = vec![0; 2001];
    expected[..2].copy_from_slice(b"12");
    expected[2000] = b'3';
    assert_eq!(contents(disk, "a"), expected);
}

fn more_chunks_than_one_call_takes_are_all_written(disk: &dyn Disk) {
    let bytes: Vec<u8> = (0..3000_u16).map(|number| number.to_le_bytes()[0]).collect();
    let mut chunks: Vec<IoSlice<'_>> = bytes.chunks(1).map(IoSlice::new).collect();
    let file = disk.create("a").expect("the file is new");
    write_all_at(&*file, 0, &mut chunks).expect("there is space");
    assert_eq!(contents(disk, "a"), bytes);
}

fn empty_chunks_write_nothing(disk: &dyn Disk) {
    let file = disk.create("a").expect("the file is new");
    write_all_at(&*file, 5, &mut [IoSlice::new(b""), IoSlice::new(b"")]).expect("nothing to do");
    assert_eq!(file.write_at(5, &[]).expect("nothing to do"), 0);
    assert!(file.is_empty().expect("an open file has a length"));
}

fn a_read_stops_at_the_end(disk: &dyn Disk) {
    let file = make(disk, "a", b"12345");
    let mut buffer = [9; 8];
    assert_eq!(file.read_at(3, &mut buffer).expect("the device is whole"), 2);
    assert_eq!(buffer, [b'4', b'5', 9, 9, 9, 9, 9, 9]);
    assert_eq!(file.read_at(5, &mut buffer).expect("the device is whole"), 0);
    assert_eq!(file.read_at(1 << 40, &mut buffer).expect("the device is whole"), 0);
    assert_eq!(kind(read_exact_at(&*file, 3, &mut buffer)), Some(ErrorKind::UnexpectedEof));
}

fn a_cached_read_is_right_or_would_block(disk: &dyn Disk) {
    let file = make(disk, "a", &[7; 4096]);
    for _ in 0..2 {
        let mut buffer = [0; 4096];
        match file.read_cached_at(0, &mut buffer) {
            Ok(count) => assert_eq!(buffer[..count], vec![7; count]),
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        file.sync_data().expect("the device is whole");
        file.drop_cache().expect("the device is whole");
    }
}

fn a_dropped_cache_shows_what_was_synced(disk: &dyn Disk) {
    let file = make(disk, "a", &[7; 10_000]);
    file.sync_data().expect("the device is whole");
    write_all_at(&*file, 0, &mut [IoSlice::new(b"dirty")]).expect("there is space");
    file.drop_cache().expect("the device is whole");
    let mut expected = vec![7; 10_000];
    expected[..5].copy_from_slice(b"dirty");
    assert_eq!(bytes_of(&*file), expected);
}

fn a_map_is_the_whole_file(disk: &dyn Disk) {
    let file = make(disk, "a", &[3; 5000]);
    assert_eq!(file.map().expect("the file can be mapped"), vec![3; 5000]);
    let empty = disk.create("b").expect("the file is new");
    assert!(empty.map().expect("an empty file can be mapped").is_empty());
}

fn a_map_outlives_its_file(disk: &dyn Disk) {
    let map = make(disk, "a", b"still here").map().expect("the file can be mapped");
    disk.unlink("a").expect("the file is there");
    assert_eq!(map.slice(6..), b"here"[..]);
}

fn a_list_has_files_alone_in_order(disk: &dyn Disk) {
    disk.create_dir("d").expect("the name is free");
    disk.create_dir("d/sub").expect("the name is free");
    for path in ["d/b", "d/a", "d/c", "d/sub/x", "e"] {
        make(disk, path, b"");
    }
    disk.unlink("d/c").expect("the file is there");
    assert_eq!(disk.list("d").expect("the directory is there"), ["a", "b"]);
    assert_eq!(disk.list("").expect("the directory is there"), ["e"]);
}

fn a_directory_may_be_made_again(disk: &dyn Disk) {
    disk.create_dir("d").expect("the name is free");
    make(disk, "d/a", b"1");
    disk.create_dir("d").expect("it is no error if it is there");
    assert_eq!(contents(disk, "d/a"), b"1");
    assert_eq!(kind(disk.create_dir("d/a")), Some(ErrorKind::AlreadyExists));
    disk.sync_dir("d").expect("the device is whole");
}

fn a_name_is_made_once(disk: &dyn Disk) {
    make(disk, "a", b"1");
    assert_eq!(kind(disk.create("a")), Some(ErrorKind::AlreadyExists));
    assert_eq!(contents(disk, "a"), b"1");
}

fn what_is_missing_is_not_found(disk: &dyn Disk) {
    let missing = Some(ErrorKind::NotFound);
    assert_eq!(kind(disk.open("a", Access::Read)), missing);
    assert_eq!(kind(disk.open("a", Access::ReadWrite)), missing);
    assert_eq!(kind(disk.list("d")), missing);
    assert_eq!(kind(disk.sync_dir("d")), missing);
    assert_eq!(kind(disk.create("d/a")), missing);
    assert_eq!(kind(disk.create_dir("d/e")), missing);
    assert_eq!(kind(disk.rename("a", "b")), missing);
    assert_eq!(kind(disk.unlink("a")), missing);
    assert_eq!(kind(disk.lock("d/a")), missing);
    make(disk, "a", b"1");
    assert_eq!(kind(disk.rename("a", "d/a")), missing);
    assert_eq!(contents(disk, "a"), b"1");
}

fn a_rename_replaces(disk: &dyn Disk) {
    make(disk, "old", b"old");
    let file = make(disk, "new", b"new");
    disk.rename("new", "old").expect("both names are free to take");
    assert_eq!(contents(disk, "old"), b"new");
    assert_eq!(disk.list("").expect("the directory is there"), ["old"]);
    disk.rename("old", "old").expect("a rename to itself does nothing");
    assert_eq!(file.link_count().expect("the file is open"), 1);
    assert_eq!(contents(disk, "old"), b"new");
}

fn a_rename_crosses_directories(disk: &dyn Disk) {
    disk.create_dir("d").expect("the name is free");
    make(disk, "a", b"1");
    disk.rename("a", "d/b").expect("the name is free");
    assert_eq!(contents(disk, "d/b"), b"1");
    assert_eq!(kind(disk.open("a", Access::Read)), Some(ErrorKind::NotFound));
}

fn a_link_is_another_name_of_the_same_file(disk: &dyn Disk) {
    disk.create_dir("d").expect("the name is free");
    let file = make(disk, "a", b"1");
    disk.link_from(&disk.locate("a"), "d/b").expect("the name is free");
    assert_eq!(file.link_count().expect("the file is open"), 2);
    write_all_at(&*file, 0, &mut [IoSlice::new(b"2")]).expect("there is space");
    assert_eq!(contents(disk, "d/b"), b"2");
    assert_eq!(kind(disk.link_from(&disk.locate("a"), "d/b")), Some(ErrorKind::AlreadyExists));
    assert_eq!(kind(disk.link_from(&disk.locate("c"), "e")), Some(ErrorKind::NotFound));
    assert_eq!(kind(disk.link_from(&disk.locate("a"), "e/b")), Some(ErrorKind::NotFound));
    disk.rename("a", "d/b").expect("two names of one file");
    assert_eq!(contents(disk, "a"), b"2", "such a rename does nothing");
    disk.unlink("a").expect("the file is there");
    assert_eq!(file.link_count().expect("the file is open"), 1);
    assert_eq!(contents(disk, "d/b"), b"2");
}

fn an_open_file_outlives_its_name(disk: &dyn Disk) {
    let file = make(disk, "a", b"first");
    assert_eq!(file.link_count().expect("the file is open"), 1);
    disk.unlink("a").expect("the file is there");
    disk.sync_dir("").expect("the device is whole");
    assert_eq!(file.link_count().expect("the file is open"), 0);
    make(disk, "a", b"second");
    assert_eq!(bytes_of(&*file), b"first");
    assert_eq!(contents(disk, "a"), b"second");
}

fn a_reader_cannot_write(disk: &dyn Disk) {
    make(disk, "a", b"1");
    let reader = disk.open("a", Access::Read).expect("the file is there");
    reader.write_at(0, &[IoSlice::new(b"2")]).expect_err("it was opened for reading");
    reader.sync_data().expect("a reader may sync");
    reader.drop_cache().expect("a reader may drop the cache");
    let writer = disk.open("a", Access::ReadWrite).expect("the file is there");
    write_all_at(&*writer, 0, &mut [IoSlice::new(b"3")]).expect("there is space");
    assert_eq!(bytes_of(&*reader), b"3");
}

fn a_lock_excludes_until_it_is_dropped(disk: &dyn Disk) {
    let held = disk.lock("LOCK").expect("nobody holds it");
    assert_eq!(kind(disk.lock("LOCK")), Some(ErrorKind::WouldBlock));
    let other = disk.lock("OTHER").expect("nobody holds it");
    drop(held);
    let _again = disk.lock("LOCK").expect("it was let go");
    drop(other);
    assert_eq!(disk.list("").expect("the directory is there"), ["LOCK", "OTHER"]);
}

fn a_lock_file_may_be_there(disk: &dyn Disk) {
    make(disk, "LOCK", b"1234");
    drop(disk.lock("LOCK").expect("nobody holds it"));
    assert_eq!(contents(disk, "LOCK"), b"1234");
}

/// One step that chance chooses, and what came of it.
fn random_step(disk: &dyn Disk, random: &mut Random) -> String {
    let paths = ["a", "b", "c", "d/a", "d/b", "e/a"];
    let path = paths[random.below(paths.len())];
    let other = paths[random.below(paths.len())];
    let offset = random.below(3000) as u64;
    let bytes = vec![random.next_u64().to_le_bytes()[0]; random.below(2000)];
    let open = |access| disk.open(path, access);
    let outcome = match random.below(11) {
        0 => disk.create(path).map(|_| "created".to_owned()),
        1 => disk.rename(path, other).map(|()| "renamed".to_owned()),
        2 => disk.unlink(path).map(|()| "unlinked".to_owned()),
        3 => disk.create_dir(["d", "e"][random.below(2)]).map(|()| "directory".to_owned()),
        4 => disk.list(["", "d", "e"][random.below(3)]).map(|names| names.join(" ")),
        5 => open(Access::Read).map(|file| format!("{:?}", bytes_of(&*file))),
        6 => open(Access::Read).and_then(|file| Ok(format!("{:?}", file.map()?))),
        7 => open(Access::Read).and_then(|file| {
            file.sync_data()?;
            file.drop_cache()?;
            Ok(format!("{} {}", file.len()?, file.link_count()?))
        }),
        8 => disk.link_from(&disk.locate(path), other).map(|()| "linked".to_owned()),
        9 => disk.sync_dir(["", "d", "e"][random.below(3)]).map(|()| "synced".to_owned()),
        _ => open(Access::ReadWrite).and_then(|file| {
            write_all_at(&*file, offset, &mut [IoSlice::new(&bytes)])?;
            Ok("written".to_owned())
        }),
    };
    outcome.unwrap_or_else(|error| error.kind().to_string())
}

#[test]
fn the_two_disks_cannot_be_told_apart() {
    for seed in 0..30 {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let real = RealDisk::new(root.path()).expect("the directory is there");
        let simulated = SimDisk::new();
        let mut random = Random::new(seed);
        for step in 0..150 {
            let mut same = random.clone();
            let expected = random_step(&real, &mut random);
            let outcome = random_step(&simulated, &mut same);
            assert_eq!(outcome, expected, "seed {seed}, step {step}");
        }
    }
}
