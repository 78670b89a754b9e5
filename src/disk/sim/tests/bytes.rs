//! What a power cut and a kill leave of a file's bytes.

use super::*;

/// Three sectors that differ.
fn three_sectors(tag: u8) -> Vec<u8> {
    [[tag; 512], [tag + 1; 512], [tag + 2; 512]].concat()
}

#[test]
fn what_was_synced_survives_every_power_cut() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", &three_sectors(1));
    assert_eq!(states(&disk), BTreeSet::from([vec![("a".to_owned(), three_sectors(1))]]));
}

#[test]
fn a_power_cut_keeps_any_subset_of_the_sectors() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", &three_sectors(1));
    write(&*file, 0, &three_sectors(11)).expect("there is space");
    let mut expected = BTreeSet::new();
    for subset in 0..8 {
        let sector = |index: usize| {
            let tag = if subset >> index & 1 == 1 { 11_u8 } else { 1_u8 };
            let tags = [tag, tag + 1, tag + 2];
            [tags[index]; 512]
        };
        let bytes = [sector(0), sector(1), sector(2)].concat();
        expected.insert(vec![("a".to_owned(), bytes)]);
    }
    assert_eq!(states(&disk), expected);
}

#[test]
fn a_sector_written_twice_may_be_any_version() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"1");
    write(&*file, 0, b"2").expect("there is space");
    write(&*file, 0, b"3").expect("there is space");
    assert_eq!(states_in_short(&disk), ["a=1", "a=2", "a=3"]);
    file.sync_data().expect("no fault is planned");
    assert_eq!(states_in_short(&disk), ["a=3"]);
}

#[test]
fn an_append_may_be_cut_at_each_sector_or_be_zeros() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"");
    write(&*file, 0, &[7; 700]).expect("there is space");
    let zeros = [0; 512].as_slice();
    let expected: BTreeSet<Vec<u8>> = BTreeSet::from([
        vec![],
        vec![7; 512],
        vec![7; 700],
        vec![0; 700],
        [zeros, &[7; 188]].concat(),
        [&[7; 512], &zeros[..188]].concat(),
    ]);
    let left = states(&disk).into_iter().map(|files| files[0].1.clone());
    assert_eq!(left.collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_sync_makes_the_length_durable() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"");
    write(&*file, 5000, b"x").expect("there is space");
    file.sync_data().expect("no fault is planned");
    assert_eq!(disk.file("a").expect("it is durable").len(), 5001);
    assert_eq!(disk.unsynced_count(), 0);
}

#[test]
fn a_crashed_disk_reads_what_is_durable_and_owes_nothing() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", &three_sectors(1));
    write(&*file, 100, &three_sectors(20)).expect("there is space");
    for seed in 0..50 {
        let crashed = disk.crash(&mut keep_random(seed));
        assert_eq!(Some(read(&crashed, "a")), crashed.file("a"));
        assert_eq!(crashed.unsynced_count(), 0);
        assert_eq!(contents(&crashed.crash(&mut keep_none())), contents(&crashed));
    }
}

#[test]
fn the_same_seed_leaves_the_same_bytes() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", &vec![0; 32_768]);
    write(&*file, 0, &vec![1; 32_768]).expect("there is space");
    let left = |seed| contents(&disk.crash(&mut keep_random(seed)));
    let different: BTreeSet<_> = (0..20).map(left).collect();
    assert_eq!(different.len(), 20);
    assert_eq!((0..20).map(left).collect::<BTreeSet<_>>(), different);
}

#[test]
fn a_kill_keeps_the_cache_and_what_it_owes() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"1");
    let _lock = disk.lock("LOCK").expect("nobody holds it");
    write(&*file, 0, b"2").expect("there is space");
    let killed = disk.kill();
    assert_eq!(read(&killed, "a"), b"2");
    assert_eq!(killed.file("a"), Some(b"1".to_vec()));
    killed.lock("LOCK").expect("the lock went with its process");
    file.write_at(0, &[IoSlice::new(b"3")]).expect_err("the process is dead");
    file.sync_data().expect_err("the process is dead");
    disk.open("a", Access::Read).err().expect("the process is dead");
    assert!(disk.is_dead() && !killed.is_dead());
    let survivor = killed.open("a", Access::Read).expect("the file is there");
    survivor.sync_data().expect("any handle may sync what another wrote");
    assert_eq!(killed.file("a"), Some(b"2".to_vec()));
}

#[test]
fn a_snapshot_goes_its_own_way() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"1");
    let snapshot = disk.snapshot();
    write(&*file, 0, b"2").expect("there is space");
    file.sync_data().expect("no fault is planned");
    disk.unlink("a").expect("the file is there");
    assert_eq!(read(&snapshot, "a"), b"1");
    assert_eq!(snapshot.file("a"), Some(b"1".to_vec()));
    let clone = disk.clone();
    clone.create("a").expect("a clone is the same disk, where the name is free");
    disk.open("a", Access::Read).expect("a clone is the same disk");
}

#[test]
fn a_file_is_cold_after_a_power_cut_or_a_drop_until_it_is_read() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    let crashed = disk.crash(&mut keep_all());
    let file = crashed.open("a", Access::Read).expect("the file is there");
    for _ in 0..2 {
        let mut buffer = [0];
        let refusal = file.read_cached_at(0, &mut buffer).expect_err("it is on the device");
        assert_eq!(refusal.kind(), ErrorKind::WouldBlock);
        assert_eq!(file.read_at(0, &mut buffer).expect("the device is whole"), 1);
        assert_eq!(file.read_cached_at(0, &mut buffer).expect("it was read"), 1);
        assert_eq!(buffer, *b"1");
        file.drop_cache().expect("no fault is planned");
    }
}
