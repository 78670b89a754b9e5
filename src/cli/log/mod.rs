//! `ledgerq log`: the log as it lies on the disk, while no broker runs. Nothing is changed.

mod describe;
mod inspect;
mod live;
mod record;
mod verify;

use std::{io, path::PathBuf};

use clap::{Args, Subcommand};

use live::LiveDisk;
pub(super) use record::Object;

use super::{Failure, Output};
use crate::{
    config::DATA_DIR_DEFAULT,
    disk::{Access, Disk, RealDisk},
    log::SEGMENTS_DIR,
};

/// The file whose lock a broker holds for as long as it lives, within the data directory.
const LOCK: &str = "LOCK";

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Print the records, frame by frame
    Inspect(inspect::InspectArgs),
    /// Check every byte; ends with 5 if acknowledged data is damaged
    Verify(verify::VerifyArgs),
}

/// Where the log is.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Directory of the data
    #[arg(long, env = "LEDGERQ_DATA_DIR", default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    pub(super) data_dir: PathBuf,
}

/// A data directory that nobody writes to while this lives.
struct Quiet {
    disk: RealDisk,
    _lock: Option<Box<dyn Send + Sync>>,
}

/// A data directory that is only read, while a broker may write to it.
pub(super) struct Readable {
    pub(super) disk: Box<dyn Disk>,
    /// Whether a broker runs on it.
    pub(super) is_live: bool,
    _lock: Option<Box<dyn Send + Sync>>,
}

pub(super) fn run(command: &LogCommand, out: &mut Output) -> Result<(), Failure> {
    match command {
        LogCommand::Inspect(args) => inspect::run(args, out),
        LogCommand::Verify(args) => verify::run(args, out),
    }
}

/// Who has the lock of a directory.
enum Lock {
    Free,
    Ours(Box<dyn Send + Sync>),
    Theirs,
}

impl Place {
    /// Opens the directory and keeps brokers out; makes nothing that is not there.
    fn open(&self) -> Result<Quiet, Failure> {
        let disk = self.disk()?;
        match self.lock(&disk)? {
            Lock::Free => Ok(Quiet { disk, _lock: None }),
            Lock::Ours(lock) => Ok(Quiet { disk, _lock: Some(lock) }),
            Lock::Theirs => Err(Failure::locked(&self.data_dir)),
        }
    }

    /// Opens the directory to read it, and keeps brokers out unless one runs on it already.
    pub(super) fn open_also_live(&self) -> Result<Readable, Failure> {
        let disk = self.disk()?;
        let (disk, is_live, lock): (Box<dyn Disk>, _, _) = match self.lock(&disk)? {
            Lock::Free => (Box::new(disk), false, None),
            Lock::Ours(lock) => (Box::new(disk), false, Some(lock)),
            Lock::Theirs => (Box::new(LiveDisk(disk)), true, None),
        };
        Ok(Readable { disk, is_live, _lock: lock })
    }

    fn disk(&self) -> Result<RealDisk, Failure> {
        let dir = &self.data_dir;
        let cannot = |error: io::Error| Failure::data_dir(dir, error);
        if !std::fs::metadata(dir).map_err(cannot)?.is_dir() {
            return Err(Failure::data_dir(dir, "it is not a directory"));
        }
        let disk = RealDisk::new(dir).map_err(cannot)?;
        match disk.list(SEGMENTS_DIR) {
            Ok(_) => Ok(disk),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Failure::data_dir(dir, "there is no log in it"))
            }
            Err(error) => Err(cannot(error)),
        }
    }

    fn lock(&self, disk: &RealDisk) -> Result<Lock, Failure> {
        let cannot = |error: io::Error| Failure::data_dir(&self.data_dir, error);
        match disk.open(LOCK, Access::Read) {
            Ok(_) => match disk.lock(LOCK) {
                Ok(lock) => Ok(Lock::Ours(lock)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Lock::Theirs),
                Err(error) => Err(cannot(error)),
            },
            // A copy of the segments alone has none, and nobody writes to a copy.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Lock::Free),
            Err(error) => Err(cannot(error)),
        }
    }
}

#[cfg(test)]
pub(super) mod tests;
