//! Directories and ports that a broker must not touch, and that it leaves as they were.

use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

use super::{edit, fill, places, segment_name, snapshot, text};
use crate::process::{
    directory, program,
    server::{Ended, Serve},
};

/// A start refuses with this code, and changes nothing. Gives the line.
#[track_caller]
fn refused(data: &Path, code: i32) -> String {
    let before = snapshot(data);
    let ended = Serve::on(data).refused();
    assert_eq!(ended.code, code, "{}", ended.last_line());
    assert_eq!(snapshot(data), before, "a refused start changes nothing");
    line(&ended)
}

/// The one line for people.
#[track_caller]
fn line(ended: &Ended) -> String {
    let line = ended.last_line().strip_prefix("ledgerq: ");
    line.unwrap_or_else(|| panic!("no line for people: {:?}", ended.lines)).to_owned()
}

#[test]
fn a_second_broker_on_the_same_directory_is_refused() {
    let data = directory();
    let first = Serve::on(data.path()).serving();
    let second = Serve::on(data.path()).refused();
    assert_eq!(second.code, 4);
    let dir = text(data.path());
    let told = format!("another process has the data directory {dir}; end it first");
    assert_eq!(line(&second), told);
    let created = program::run(["--server", &first.url(), "queue", "create", "jobs"]);
    assert_eq!(created.success(), "created jobs\n", "the first goes on");
    first.kill();
    assert_eq!(Serve::on(data.path()).serving().terminate().code, 0, "a lock dies with its owner");
}

#[test]
fn a_port_in_use_is_refused_before_the_directory_is_touched() {
    let data = directory();
    let taken = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let fresh = data.path().join("fresh");
    let ended = Serve::plain(&fresh).set("--grpc-listen", &address).refused();
    assert_eq!(ended.code, 8);
    let told = format!(
        "cannot listen on {address}: Address already in use (os error 98); another process \
         listens there; choose another port (--grpc-listen)"
    );
    assert_eq!(line(&ended), told);
    assert!(!fresh.exists());
}

#[test]
fn a_data_directory_that_is_none_is_named() {
    let data = directory();
    let file = data.path().join("file");
    fs::write(&file, "somebody's").expect("it can be written");
    let ended = Serve::on(&file).refused();
    assert_eq!(ended.code, 8);
    assert_eq!(line(&ended), format!("{} is not a directory", text(&file)));
    assert_eq!(fs::read(&file).expect("it is there"), b"somebody's");
}

#[test]
fn a_data_directory_that_cannot_be_written_is_named() {
    // Nobody can make a directory there, root neither.
    let ended = Serve::on(Path::new("/proc/ledgerq")).refused();
    assert_eq!(ended.code, 8, "{}", ended.last_line());
    assert!(line(&ended).contains("/proc/ledgerq"), "{}", line(&ended));

    if rustix::process::geteuid().is_root() {
        eprintln!("skipped: root can write to a directory that is closed to its owner");
        return;
    }
    let data = directory();
    let closed = fs::Permissions::from_mode(0o500);
    fs::set_permissions(data.path(), closed).expect("it is ours");
    let ended = Serve::on(data.path()).refused();
    assert_eq!(ended.code, 8, "{}", ended.last_line());
}

#[test]
fn somebody_elses_directory_is_left_alone() {
    let data = directory();
    fs::write(data.path().join("letter.txt"), "dear").expect("it can be written");
    let told = refused_beside_a_lock(data.path());
    let expected =
        "the data directory is not empty and not one of ledgerq: it has letter.txt; choose another";
    assert_eq!(told, expected);
}

/// A directory in which only the file `LOCK` appears.
#[track_caller]
fn refused_beside_a_lock(data: &Path) -> String {
    let before = snapshot(data);
    let ended = Serve::on(data).refused();
    assert_eq!(ended.code, 8, "{}", ended.last_line());
    let mut after = snapshot(data);
    after.remove(&data.join("LOCK"));
    assert_eq!(after, before, "nothing else is made or changed");
    line(&ended)
}

#[test]
fn an_identity_of_a_newer_format_is_refused_untouched() {
    let data = directory();
    fill(data.path());
    edit(&data.path().join("IDENTITY"), |bytes| {
        bytes[8] = 2;
        let crc = crc32fast::hash(&bytes[..74]);
        bytes[74..].copy_from_slice(&crc.to_le_bytes());
    });
    let expected = "the data directory has format version 2, this program reads up to 1; it was \
                    left untouched: start the program that wrote it";
    assert_eq!(refused(data.path(), 8), expected);
}

#[test]
fn a_damaged_identity_is_refused_untouched() {
    let data = directory();
    fill(data.path());
    edit(&data.path().join("IDENTITY"), |bytes| bytes[50] ^= 1);
    let expected = "IDENTITY is damaged: its checksum does not match; restore it from a backup, \
                    it holds the keys of receipt handles";
    assert_eq!(refused(data.path(), 5), expected);
}

#[test]
fn a_missing_identity_or_log_is_not_taken_for_a_new_directory() {
    let data = directory();
    fill(data.path());
    let (identity, aside) = (data.path().join("IDENTITY"), directory());
    fs::rename(&identity, aside.path().join("IDENTITY")).expect("it is there");
    let told = refused(data.path(), 8);
    assert!(told.contains("segments"), "{told}");
    fs::rename(aside.path().join("IDENTITY"), &identity).expect("it can be put back");
    fs::rename(data.path().join("segments"), aside.path().join("segments")).expect("it is there");
    let expected = "the data directory has an IDENTITY but no segments: the log is missing; put \
                    the files back, or choose an empty directory";
    assert_eq!(refused(data.path(), 8), expected);
}

/// Writes another version, and the checksum that belongs to it, into both copies of a header.
fn newer(header: &mut [u8]) {
    for at in [0, 2048] {
        let copy = &mut header[at..at + 64];
        copy[8..12].copy_from_slice(&2_u32.to_le_bytes());
        let crc = crc32fast::hash(&copy[..60]);
        copy[60..].copy_from_slice(&crc.to_le_bytes());
    }
}

#[test]
fn a_segment_of_a_newer_format_is_refused_untouched() {
    let data = directory();
    fill(data.path());
    let last = places(data.path()).pop().expect("the log has records").segment;
    edit(&data.path().join(segment_name(last)), |bytes| newer(bytes));
    let told = format!(
        "{} has format version 2, this program knows 1; nothing was changed; start the newer \
         version",
        segment_name(last)
    );
    assert_eq!(refused(data.path(), 8), told);
    let verified = program::run(["log", "verify", "--data-dir", text(data.path())]);
    assert_eq!(verified.code, 8, "{}", verified.stdout);
    assert!(verified.stdout.contains("\nnewer_format: "), "{}", verified.stdout);
}

#[test]
fn a_segment_of_another_data_directory_is_refused() {
    let (data, other) = (directory(), directory());
    fill(data.path());
    fill(other.path());
    // In the place of one of ours, and behind all of ours.
    for id in [2, 100] {
        let name = segment_name(id);
        let path = data.path().join(&name);
        let own = fs::read(&path).ok();
        fs::copy(other.path().join(segment_name(2)), &path).expect("it can be copied");
        let told = format!(
            "{name} is a file of another data directory: its lineage is another; nothing was \
             changed; move it out"
        );
        assert_eq!(refused(data.path(), 8), told);
        let verified = program::run(["log", "verify", "--data-dir", text(data.path())]);
        assert_eq!(verified.code, 8, "{}", verified.stdout);
        assert!(verified.stdout.contains("\nforeign: "), "{}", verified.stdout);
        match own {
            Some(bytes) => fs::write(&path, bytes),
            None => fs::remove_file(&path),
        }
        .expect("it can be put right");
    }
    assert_eq!(Serve::on(data.path()).serving().terminate().code, 0);
}

#[test]
fn a_stray_file_is_told_and_left_alone() {
    let data = directory();
    fill(data.path());
    let stray = data.path().join("segments/notes.txt");
    fs::write(&stray, "mine").expect("it can be written");
    let server = Serve::on(data.path()).serving();
    let line = server.line("a file that is not the log's was left alone");
    assert_eq!(line["file"], "notes.txt", "{line}");
    assert_eq!(server.terminate().code, 0);
    assert_eq!(fs::read(&stray).expect("it is there"), b"mine");
}
