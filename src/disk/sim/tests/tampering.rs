//! What tests do to the medium by hand.

use super::*;

#[test]
fn a_corrupt_byte_is_durable_and_shows_in_a_read() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", &[0; 2000]);
    disk.corrupt("a", 1999, |byte| byte ^ 0x80).expect("the byte is there");
    let mut expected = vec![0; 2000];
    expected[1999] = 0x80;
    assert_eq!(read(&disk, "a"), expected);
    assert_eq!(disk.file("a"), Some(expected));
    disk.corrupt("a", 2000, |byte| !byte).expect_err("the file ends before");
    disk.corrupt("b", 0, |byte| !byte).expect_err("there is no such file");
}

#[test]
fn a_corrupt_byte_under_a_dirty_sector_shows_after_a_power_cut() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", b"1");
    write(&*file, 0, b"2").expect("there is space");
    disk.corrupt("a", 0, |_| b'3').expect("the byte is there");
    assert_eq!(read(&disk, "a"), b"2");
    assert_eq!(states_in_short(&disk), ["a=2", "a=3"]);
}

#[test]
fn a_truncated_file_grows_back_with_zeros() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", &[1; 1500]);
    disk.truncate("a", 600).expect("the file is there");
    assert_eq!(read(&disk, "a"), [1; 600]);
    write(&*file, 1400, b"2").expect("there is space");
    assert_eq!(read(&disk, "a")[600..1400], [0; 800]);
    disk.truncate("a", 0).expect("the file is there");
    disk.truncate("a", 700).expect("the file is there");
    assert_eq!(disk.file("a"), Some(vec![0; 700]));
}

#[test]
fn an_unreadable_sector_fails_until_it_is_written() {
    let disk = SimDisk::new();
    let file = make_durable(&disk, "a", &[1; 2000]);
    disk.make_unreadable("a", 600).expect("the file is there");
    let mut buffer = [0; 512];
    assert_eq!(file.read_at(0, &mut buffer).expect("the sector before is whole"), 512);
    assert_eq!(file.read_at(1024, &mut buffer).expect("the sector behind is whole"), 512);
    let error = file.read_at(511, &mut buffer[..2]).expect_err("this one is not");
    assert_eq!(error.raw_os_error(), Some(5));
    let crashed = disk.crash(&mut keep_all()).open("a", Access::Read).expect("it is there");
    crashed.read_at(600, &mut buffer).expect_err("a power cut mends nothing");
    write(&*file, 512, &[2; 512]).expect("there is space");
    assert_eq!(file.read_at(511, &mut buffer[..2]).expect("it was written"), 2);
}

#[test]
fn planted_and_erased_files_are_durable() {
    let disk = SimDisk::new();
    make_durable(&disk, "a", b"1");
    disk.rename("a", "b").expect("the name is free");
    disk.plant("a", b"2").expect("the directory is there");
    disk.plant("c", b"3").expect("the directory is there");
    disk.erase("b").expect("the file is there");
    assert_eq!(states_in_short(&disk), ["a=2 c=3"]);
    disk.plant("d/a", b"4").expect_err("the directory is not there");
    disk.erase("b").expect_err("the file is gone");
}
