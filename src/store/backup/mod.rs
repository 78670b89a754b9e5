//! Backups: a copy of what a broker's checkpoint and log hold, made while it serves, and back.
//!
//! `file` is what a backup says of itself, `make` writes one beside a broker that keeps the files
//! for it, `check` reads one wholly, `restore` makes a data directory of it.
//!
//! A backup has the files of a data directory under the same names, and `BACKUP` in place of
//! `IDENTITY`. `BACKUP` gets its name last; until then there is `BACKUP.tmp`, from before there is
//! anything else. So no directory looks like a backup that is not whole, nor like a data directory.
//!
//! **Invariant** (R22 of the log's rules): what is linked, nothing writes to: segments whose footer
//! is written, outputs and checkpoints. The rest is copied. The copied log ends with a frame that
//! proves all before it.

mod check;
mod copy;
mod error;
mod file;
mod make;
mod restore;

pub use check::Checked;
pub use error::BackupError;
pub use file::{BackupFile, ListedCopy};
pub use make::{Made, back_up, publish};
pub use restore::{Restored, restore};

/// What a backup says of itself.
pub(super) const BACKUP: &str = "BACKUP";
/// The same while it is being made.
pub(super) const BACKUP_UNFINISHED: &str = "BACKUP.tmp";
/// The identity of a directory into which a backup is being restored: it gets its own name last.
pub(super) const RESTORING: &str = "IDENTITY.restoring";
