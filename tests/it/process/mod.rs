//! The program itself, as an operator and a script meet it: a process, a port, a directory.
//!
//! Nothing here knows how the broker works inside. Times are those of the real clock, so a test
//! never waits for a time to pass but for something to happen, up to [`PATIENCE`].

/// Backups and what is restored from them.
mod backup;
/// Transacts through a chain of queues, with kills.
mod chain;
/// The command line in scripts.
mod cli;
/// The broker killed again and again under load, its history checked.
mod drill;
/// Data that may take no more than so many bytes.
mod full;
/// Starts and ends: what is refused, and how it is told.
mod lifecycle;
/// More of everything than there is room for.
mod load;
/// One run of the program from its start to its end.
mod program;
/// A broker that only shows what is there.
mod read_only;
/// Directories that a start refuses, repaired.
mod repair;
/// A broker that runs.
mod server;
/// Command lines and what they print, as a text.
mod transcript;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How long something may take that is bound to happen: far longer than it ever does.
const PATIENCE: Duration = Duration::from_mins(1);

/// A new empty directory on a real file system, removed when it is dropped.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory can be made in target")
}

/// Every file of a directory with its bytes, and when it was changed.
fn files(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("it is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            let bytes = fs::read(&path).expect("it can be read");
            let metadata = fs::metadata(&path).expect("it is there");
            let changed_at = metadata.modified().expect("the file system tells");
            found.insert(path, (bytes, changed_at));
        }
    }
    found
}
