//! What the simulated disk promises beyond the traits.

mod bytes;
mod entries;
mod failures;
mod tampering;

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind, IoSlice},
    sync::Arc,
};

use super::{Counter, Fault, Faults, SimDisk, keep_all, keep_none, keep_random};
use crate::disk::{Access, Disk, File, read_exact_at, write_all_at};

/// More states than any exhaustive test here has.
const STATES_MAX: usize = 10_000;

/// What a test does to a disk, up to the first error.
type Workload = fn(&SimDisk) -> io::Result<()>;

/// Makes a file whose bytes and name are durable.
fn make_durable(disk: &SimDisk, path: &str, bytes: &[u8]) -> Arc<dyn File> {
    let file = disk.create(path).expect("the file is new");
    write(&*file, 0, bytes).expect("there is space");
    file.sync_data().expect("no fault is planned");
    disk.sync_dir(super::names::parent(path)).expect("no fault is planned");
    file
}

fn write(file: &dyn File, offset: u64, bytes: &[u8]) -> io::Result<()> {
    write_all_at(file, offset, &mut [IoSlice::new(bytes)])
}

/// What a read shows, from the cache.
fn read(disk: &SimDisk, path: &str) -> Vec<u8> {
    let file = disk.open(path, Access::Read).expect("the file is there");
    read_open(&*file)
}

fn read_open(file: &dyn File) -> Vec<u8> {
    let length = file.len().expect("no fault is planned");
    let mut bytes = vec![0; usize::try_from(length).expect("the file is small")];
    read_exact_at(file, 0, &mut bytes).expect("no fault is planned");
    bytes
}

/// Each state that a power cut can leave, as what is in every file. Fails if two are the same.
fn states(disk: &SimDisk) -> BTreeSet<Vec<(String, Vec<u8>)>> {
    let mut states = BTreeSet::new();
    let mut crashes = disk.every_crash(STATES_MAX);
    for crashed in crashes.by_ref() {
        assert!(states.insert(contents(&crashed)), "every state comes once");
    }
    assert!(crashes.is_complete(), "the test has few states");
    states
}

/// What is durable: each file's path and bytes.
fn contents(disk: &SimDisk) -> Vec<(String, Vec<u8>)> {
    let paths = disk.paths().into_iter();
    paths.filter_map(|path| disk.file(&path).map(|bytes| (path, bytes))).collect()
}

/// The states in short: each file's path and its first byte as text.
fn states_in_short(disk: &SimDisk) -> Vec<String> {
    let states = states(disk);
    let file = |(path, bytes): &(String, Vec<u8>)| match bytes.first() {
        Some(byte) => format!("{path}={}", char::from(*byte)),
        None => format!("{path}="),
    };
    states.iter().map(|files| files.iter().map(file).collect::<Vec<_>>().join(" ")).collect()
}
