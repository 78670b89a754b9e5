//! `ledgerq log`: the log as it lies on the disk, while no broker runs. Nothing is changed.

mod inspect;
mod record;
mod verify;

use std::{io, path::PathBuf};

use clap::{Args, Subcommand};

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
struct Place {
    /// Directory of the data
    #[arg(long, env = "LEDGERQ_DATA_DIR", default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    data_dir: PathBuf,
}

/// A data directory that nobody writes to while this lives.
struct Quiet {
    disk: RealDisk,
    _lock: Option<Box<dyn Send + Sync>>,
}

pub(super) fn run(command: &LogCommand, out: &mut Output) -> Result<(), Failure> {
    match command {
        LogCommand::Inspect(args) => inspect::run(args, out),
        LogCommand::Verify(args) => verify::run(args, out),
    }
}

impl Place {
    /// Opens the directory and keeps brokers out; makes nothing that is not there.
    fn open(&self) -> Result<Quiet, Failure> {
        let dir = &self.data_dir;
        let cannot = |error: io::Error| Failure::data_dir(dir, error);
        if !std::fs::metadata(dir).map_err(cannot)?.is_dir() {
            return Err(Failure::data_dir(dir, "it is not a directory"));
        }
        let disk = RealDisk::new(dir).map_err(cannot)?;
        let lock = match disk.open(LOCK, Access::Read) {
            Ok(_) => Some(disk.lock(LOCK).map_err(|error| match error.kind() {
                io::ErrorKind::WouldBlock => Failure::locked(dir),
                _ => cannot(error),
            })?),
            // A copy of the segments alone has none, and nobody writes to a copy.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(cannot(error)),
        };
        match disk.list(SEGMENTS_DIR) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failure::data_dir(dir, "there is no log in it"));
            }
            Err(error) => return Err(cannot(error)),
        }
        Ok(Quiet { disk, _lock: lock })
    }
}

#[cfg(test)]
mod tests;
