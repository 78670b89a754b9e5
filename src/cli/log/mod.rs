//! `ledgerq log`: the log as it lies on the disk, while no broker runs. Nothing is changed.

mod describe;
mod files;
mod inspect;
mod loss;
mod reach;
mod record;
mod repair;
mod verify;

use std::{io, path::PathBuf, sync::Arc};

use clap::{Args, Subcommand};

pub(super) use files::examined;
pub(super) use reach::Reach;
pub(super) use record::Object;

use super::{Exit, Failure, Output};
use crate::{
    broker::{owner, scrub, start, upkeep},
    config::DATA_DIR_DEFAULT,
    disk::{Access, Disk, ReadOnly, RealDisk},
    log::{FileId, Position, SEGMENT_BYTES_DEFAULT, SEGMENTS_DIR},
    state,
    store::{self, Good, StoreError},
    types::{Lineage, Millis},
};

/// The file whose lock a broker holds for as long as it lives, within the data directory.
const LOCK: &str = "LOCK";

/// What to do with the log.
#[derive(Debug, Subcommand)]
pub(super) enum LogCommand {
    /// Print the records, frame by frame, as far as the log still has them
    Inspect(inspect::InspectArgs),
    /// List the files, what lives in each and what keeps it, and the checkpoints; a broker may run
    Files(files::FilesArgs),
    /// Check every byte; ends with 5 if acknowledged data is damaged
    Verify(verify::VerifyArgs),
    /// Make a new directory of what is left of a damaged one; ends with 5 if something is lost
    Repair(repair::RepairArgs),
}

/// Where the log is.
#[derive(Debug, Args)]
pub(super) struct Place {
    /// Directory of the data
    #[arg(long, env = "LEDGERQ_DATA_DIR", default_value = DATA_DIR_DEFAULT, value_name = "DIR")]
    pub(super) data_dir: PathBuf,
}

/// A data directory that is only read, while a broker may write to it.
pub(super) struct Readable {
    pub(super) disk: Arc<dyn Disk>,
    /// Whether a broker runs on it.
    pub(super) is_live: bool,
    /// Keeps brokers out.
    pub(super) lock: Option<Box<dyn Send + Sync>>,
}

/// Whose directory it is.
pub(super) fn identity_of(disk: &dyn Disk) -> Result<Lineage, Failure> {
    store::lineage_of(disk).map_err(|error| {
        let exit = match &error {
            StoreError::IdentityDamaged { .. } => Exit::Corrupt,
            _ => Exit::CannotStart,
        };
        Failure::start(exit, &error)
    })
}

/// The good checkpoints, the newest first: what lies before the newest may be gone from the log.
pub(super) fn checkpoints(disk: &dyn Disk, lineage: Lineage) -> Result<Vec<Good>, Failure> {
    let found = store::find(disk, lineage);
    found.map(|found| found.good).map_err(|error| Failure::start(Exit::CannotStart, &error))
}

/// Whether damage there is of no meaning to a start from the position: it lies before it.
pub(super) fn is_before(path: &str, from: Option<Position>) -> bool {
    match (FileId::of_path(path), from) {
        (Some(FileId::Segment(id)), Some(from)) => id < from.segment,
        (Some(FileId::Output(_)), _) => true,
        _ => false,
    }
}

/// What a start is set to that only looks: limits bind whoever asks for more, not what is there.
pub(super) fn offline_settings() -> start::Settings {
    start::Settings {
        segment_bytes: SEGMENT_BYTES_DEFAULT,
        tail_cache_bytes: 0,
        pool_count_max: 0,
        state: state::Settings {
            in_flight_max: u64::MAX,
            deduplication_ids_max: u64::MAX,
            deleted_names_held: false,
        },
        owner: owner::Settings {
            idle_sync_after: Millis::ZERO,
            upkeep: upkeep::Settings { checkpoint_bytes: u64::MAX, compaction_bytes_per_s: 0 },
            scrub: scrub::Settings::OFF,
        },
        accept_clock: false,
    }
}

pub(super) fn run(command: &LogCommand, out: &mut Output) -> Result<(), Failure> {
    match command {
        LogCommand::Inspect(args) => inspect::run(args, out),
        LogCommand::Files(args) => files::run(args, out),
        LogCommand::Verify(args) => verify::run(args, out),
        LogCommand::Repair(args) => repair::run(args, out),
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
    pub(super) fn open(&self) -> Result<Readable, Failure> {
        let readable = self.open_also_live()?;
        if readable.is_live {
            return Err(Failure::locked(&self.data_dir));
        }
        Ok(readable)
    }

    /// Opens the directory to read it, and keeps brokers out unless one runs on it already.
    pub(super) fn open_also_live(&self) -> Result<Readable, Failure> {
        let disk = self.disk()?;
        let (is_live, lock) = match self.lock(&disk)? {
            Lock::Free => (false, None),
            Lock::Ours(lock) => (false, Some(lock)),
            Lock::Theirs => (true, None),
        };
        let disk = Arc::new(disk);
        let disk = if is_live { ReadOnly::live(disk) } else { ReadOnly::quiet(disk) };
        Ok(Readable { disk: Arc::new(disk), is_live, lock })
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
                // Nobody can write there, so nobody is to be kept out.
                Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => Ok(Lock::Free),
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
