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
/// Starts and ends: what is refused, and how it is told.
mod lifecycle;
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

use std::time::Duration;

/// How long something may take that is bound to happen: far longer than it ever does.
const PATIENCE: Duration = Duration::from_mins(1);

/// A new empty directory on a real file system, removed when it is dropped.
fn directory() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory can be made in target")
}
