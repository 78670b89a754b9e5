//! Operations that fail as planned.

use super::*;

const EIO: Option<i32> = Some(5);
const ENOSPC: Option<i32> = Some(28);

fn code<T>(outcome: io::Result<T>) -> Option<i32> {
    outcome.err().and_then(|error| error.raw_os_error())
}

/// A disk with a durable file and a plan for what follows.
fn planned(counter: Counter, nth: u64, fault: Fault) -> (SimDisk, Arc<dyn File>) {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", &[b'1'; 1024]);
    disk.set_faults(Faults::none().at(counter, nth, fault));
    (disk, file)
}

#[test]
fn a_failed_sync_lies_to_every_read_and_to_the_next_sync() {
    let (disk, file) = planned(Counter::Syncs, 1, Fault::Eio);
    write(&*file, 0, &[b'2'; 512]).expect("there is space");
    assert_eq!(code(file.sync_data()), EIO);
    assert_eq!(read(&disk, "a")[0], b'2');
    file.sync_data().expect("the second call says that all is well");
    assert_eq!(read(&disk.kill(), "a")[0], b'2');
    assert_eq!(states_in_short(&disk), ["a=1"]);
}

#[test]
fn a_dropped_cache_shows_what_a_failed_sync_lost() {
    let (_disk, file) = planned(Counter::Syncs, 1, Fault::Eio);
    write(&*file, 0, &[b'2'; 512]).expect("there is space");
    assert_eq!(code(file.sync_data()), EIO);
    write(&*file, 512, b"3").expect("there is space");
    file.drop_cache().expect("no fault is planned");
    let bytes = read_open(&*file);
    assert_eq!((bytes[0], bytes[512]), (b'1', b'3'), "what is dirty stays in the cache");
}

#[test]
fn a_sector_written_again_after_a_failed_sync_becomes_durable() {
    let (disk, file) = planned(Counter::Syncs, 1, Fault::Eio);
    write(&*file, 0, &[b'2'; 1024]).expect("there is space");
    assert_eq!(code(file.sync_data()), EIO);
    write(&*file, 1, b"3").expect("there is space");
    file.drop_cache().expect("no fault is planned");
    assert_eq!(read_open(&*file)[..3], *b"232", "what is dirty stays in the cache");
    file.sync_data().expect("one fault was planned");
    let bytes = disk.file("a").expect("it is durable");
    assert_eq!((bytes[0], bytes[1], bytes[512]), (b'2', b'3', b'1'));
}

#[test]
fn an_append_whose_sync_failed_is_gone_after_a_power_cut() {
    let (disk, file) = planned(Counter::Syncs, 1, Fault::Eio);
    write(&*file, 1024, &[b'2'; 512]).expect("there is space");
    assert_eq!(code(file.sync_data()), EIO);
    file.sync_data().expect("the second call says that all is well");
    file.drop_cache().expect("no fault is planned");
    let bytes = read_open(&*file);
    assert_eq!((bytes.len(), bytes[1024]), (1536, 0), "the length is not in the page cache");
    assert_eq!(disk.file("a").map(|bytes| bytes.len()), Some(1024));
}

#[test]
fn a_torn_sync_lets_some_sectors_land_for_good() {
    let (disk, file) = planned(Counter::Syncs, 1, Fault::TornSync(1));
    write(&*file, 0, &[b'2'; 16_384]).expect("there is space");
    assert_eq!(code(file.sync_data()), EIO);
    let durable = disk.file("a").expect("it is durable");
    assert!(durable.contains(&b'2') && durable[..512 * 20].chunks(512).any(|s| s[0] != b'2'));
    file.drop_cache().expect("no fault is planned");
    assert_eq!(read_open(&*file)[..durable.len()], durable);
    assert_eq!(states(&disk).len(), 1, "a failed sync leaves nothing to choose");
}

#[test]
fn a_failed_directory_sync_leaves_its_changes_pending() {
    let (disk, _file) = planned(Counter::Syncs, 1, Fault::Eio);
    disk.unlink("a").expect("the file is there");
    assert_eq!(code(disk.sync_dir("")), EIO);
    assert_eq!(states_in_short(&disk), ["", "a=1"]);
    disk.sync_dir("").expect("one fault was planned");
    assert_eq!(states_in_short(&disk), [""]);
}

#[test]
fn a_lying_sync_says_well_and_does_nothing() {
    let (disk, file) = planned(Counter::Syncs, 1, Fault::LyingSync);
    write(&*file, 0, b"2").expect("there is space");
    file.sync_data().expect("it lies");
    assert_eq!(states_in_short(&disk), ["a=1", "a=2"]);
    disk.set_faults(Faults::none().at(Counter::Syncs, 1, Fault::LyingSync));
    disk.unlink("a").expect("the file is there");
    disk.sync_dir("").expect("it lies");
    assert_eq!(states_in_short(&disk), ["", "a=1", "a=2"]);
}

#[test]
fn an_error_leaves_everything_as_it_was() {
    let workloads: [Workload; 6] = [
        |disk| disk.create_dir("d"),
        |disk| disk.create("b").map(drop),
        |disk| disk.rename("a", "b"),
        |disk| disk.lock("LOCK").map(drop),
        |disk| disk.link("a", "b"),
        |disk| write(&*disk.open("a", Access::ReadWrite)?, 0, b"2"),
    ];
    for workload in workloads {
        for (fault, expected) in [(Fault::Eio, EIO), (Fault::Enospc, ENOSPC), (Fault::Crash, None)]
        {
            let (disk, _file) = planned(Counter::Changes, 1, fault);
            let before = disk.snapshot();
            let outcome = workload(&disk);
            assert!(outcome.is_err());
            assert_eq!(code(outcome), expected);
            assert_eq!(disk.is_dead(), fault == Fault::Crash);
            let (left, right) = (disk.kill(), before.kill());
            assert_eq!((left.paths(), states(&left)), (right.paths(), states(&right)));
            assert_eq!(read(&left, "a"), read(&right, "a"));
        }
    }
}

#[test]
fn a_fault_passes_by_what_it_does_not_suit() {
    let (disk, file) = planned(Counter::Changes, 1, Fault::Enospc);
    file.sync_data().expect("a sync takes no space");
    disk.set_faults(Faults::none().at(Counter::Changes, 1, Fault::LyingSync));
    disk.unlink("a").expect("an unlink is not a sync");
    disk.set_faults(Faults::none().at(Counter::Changes, 1, Fault::ShortWrite(0)));
    disk.create_dir("d").expect("a directory is not written");
    assert_eq!(disk.fault_count(), 0);
}

#[test]
fn a_short_write_is_continued() {
    let (disk, file) = planned(Counter::Writes, 1, Fault::ShortWrite(3));
    assert_eq!(file.write_at(0, &[IoSlice::new(b"23456")]).expect("a part was written"), 3);
    assert_eq!(read(&disk, "a")[..5], *b"23411");
    disk.set_faults(Faults::none().at(Counter::Writes, 1, Fault::ShortWrite(3)));
    write(&*file, 0, b"56789").expect("the rest follows");
    assert_eq!(read(&disk, "a")[..5], *b"56789");
    assert_eq!(disk.count(Counter::Writes), 2);
}

#[test]
fn a_read_fails_as_planned_and_only_once() {
    let (disk, file) = planned(Counter::Reads, 2, Fault::Eio);
    let mut buffer = [0; 4];
    assert_eq!(file.read_at(0, &mut buffer).expect("the second fails"), 4);
    assert_eq!(code(file.read_at(0, &mut buffer)), EIO);
    assert_eq!(file.read_at(0, &mut buffer).expect("the second failed"), 4);
    assert_eq!((disk.operation_count(), disk.count(Counter::Reads)), (0, 3));
}

#[test]
fn a_crash_after_a_write_leaves_it_in_the_cache() {
    let (disk, file) = planned(Counter::Writes, 1, Fault::CrashAfter);
    write(&*file, 0, b"2").expect_err("the process ended");
    file.read_at(0, &mut [0]).expect_err("the process ended");
    assert_eq!(read(&disk.kill(), "a")[0], b'2');
    assert_eq!(states_in_short(&disk), ["a=1", "a=2"]);
}

#[test]
fn a_crash_after_an_operation_that_failed_is_still_a_crash() {
    let (disk, _file) = planned(Counter::Changes, 1, Fault::CrashAfter);
    disk.create("a").err().expect("the name is taken");
    assert!(disk.is_dead());
}

#[test]
fn a_crash_within_a_write_leaves_its_beginning_in_the_cache() {
    let (disk, file) = planned(Counter::Writes, 1, Fault::CrashWithin(2));
    write(&*file, 0, b"2345").expect_err("the process ended");
    assert_eq!(read(&disk.kill(), "a")[..4], *b"2311");
    let (disk, _file) = planned(Counter::Changes, 1, Fault::CrashWithin(2));
    disk.unlink("a").expect_err("the process ended");
    assert_eq!(disk.kill().paths(), ["a"], "only a write can be half done");
}

#[test]
fn a_full_disk_takes_what_fits_and_gives_space_back() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", &[1; 600]);
    disk.set_capacity_bytes(Some(1000));
    let chunk = [IoSlice::new(&[2; 500])];
    assert_eq!(file.write_at(600, &chunk).expect("a part fits"), 400);
    assert_eq!(code(file.write_at(1000, &chunk)), ENOSPC);
    assert_eq!(file.write_at(0, &chunk).expect("this needs no more space"), 500);
    let other = disk.create("b").expect("an empty file takes no space");
    assert_eq!(code(other.write_at(0, &chunk)), ENOSPC);
    disk.unlink("a").expect("the file is there");
    assert_eq!(disk.free_bytes(), 0, "the file is still open");
    drop(file);
    assert_eq!(disk.free_bytes(), 1000);
    assert_eq!(other.write_at(0, &chunk).expect("there is space again"), 500);
}

/// A log of two records, each acknowledged by a sync: the shape of every crash test above this.
#[test]
fn a_crash_at_every_operation_loses_nothing_that_was_acknowledged() {
    let workload = |disk: &SimDisk, acknowledged: &mut usize| -> io::Result<()> {
        disk.create_dir("d")?;
        disk.sync_dir("")?;
        let file = disk.create("d/log")?;
        disk.sync_dir("d")?;
        for record in [b'1', b'2'] {
            write(&*file, *acknowledged as u64 * 700, &[record; 700])?;
            file.sync_data()?;
            *acknowledged += 1;
        }
        Ok(())
    };
    let disk = SimDisk::new();
    workload(&disk, &mut 0).expect("no fault is planned");
    let mut state_count = 0;
    for nth in 1..=disk.operation_count() {
        for fault in
            [Fault::Crash, Fault::CrashAfter, Fault::CrashWithin(600), Fault::TornSync(nth)]
        {
            let disk = SimDisk::new();
            disk.set_faults(Faults::none().at(Counter::Changes, nth, fault));
            let mut acknowledged = 0;
            let outcome = workload(&disk, &mut acknowledged);
            assert_eq!(outcome.is_err(), disk.fault_count() == 1);
            for crashed in disk.every_crash(STATES_MAX).chain([disk.kill()]) {
                state_count += 1;
                let log = crashed.open("d/log", Access::Read).map(|file| read_open(&*file));
                let log = log.unwrap_or_default();
                assert!(log.len() >= acknowledged * 700);
                assert!(
                    log.chunks(700)
                        .zip([b'1', b'2'])
                        .take(acknowledged)
                        .all(|(record, byte)| record.iter().all(|written| *written == byte))
                );
            }
        }
    }
    assert!(state_count > 100, "{state_count} states were looked at");
}
