//! The data directory: locked, identified, made if it is not there.
//!
//! A new directory is made in this order: `LOCK`, the first segment, `IDENTITY`. So an `IDENTITY`
//! says that all of it is there (R1 of the log's rules), and a directory without one was never
//! served from.

use std::{io, io::IoSlice, sync::Arc};

use super::{
    CHECKPOINTS_DIR, Identity, StoreError,
    backup::{BACKUP, BACKUP_UNFINISHED, RESTORING},
    reserve::{RESERVE, RESERVE_TEMPORARY},
};
use crate::{
    disk::{self, Access, Disk},
    log::{self, LogError, SEGMENTS_DIR, SegmentId, Settings},
    types::Lineage,
};

const LOCK: &str = "LOCK";
const IDENTITY: &str = "IDENTITY";
const IDENTITY_TEMPORARY: &str = "IDENTITY.tmp";

/// A data directory that this process has to itself for as long as this lives.
pub struct Directory {
    disk: Arc<dyn Disk>,
    identity: Identity,
    is_new: bool,
    _lock: Box<dyn Send + Sync>,
}

impl Directory {
    /// Locks the directory, and reads its identity or makes it: `fresh` is the identity of a new
    /// directory.
    pub fn open(
        disk: Arc<dyn Disk>,
        segment_bytes: u64,
        fresh: Identity,
        salts: &mut dyn FnMut() -> u64,
    ) -> Result<Self, StoreError> {
        let names = disk.list("").map_err(StoreError::io("list", "the data directory"))?;
        if names.iter().any(|name| name == BACKUP || name == BACKUP_UNFINISHED) {
            // Not even a lock is put into somebody's backup.
            return Err(StoreError::IsBackup);
        }
        let lock = lock(&*disk)?;
        let names = disk.list("").map_err(StoreError::io("list", "the data directory"))?;
        if names.iter().any(|name| name == RESTORING) {
            return Err(StoreError::RestoreUnfinished);
        }
        let has_segments = has_segments(&*disk)?;
        if names.iter().any(|name| name == IDENTITY) {
            make_checkpoints_dir(&*disk)?;
            // The name may not be durable yet, if the process that made it was killed.
            disk.sync_dir("").map_err(StoreError::io("sync", "the data directory"))?;
            let identity = Identity::decode(&read(&*disk)?)?;
            if !has_segments {
                return Err(StoreError::SegmentsMissing);
            }
            return Ok(Self { disk, identity, is_new: false, _lock: lock });
        }
        // The reserve of a directory that lost its identity: that is what is to be told.
        let names_ours = [LOCK, IDENTITY_TEMPORARY, RESERVE, RESERVE_TEMPORARY];
        let ours = |name: &String| names_ours.contains(&name.as_str());
        if let Some(file) = names.into_iter().find(|name| !ours(name)) {
            return Err(StoreError::NotOurs { file });
        }
        // The log makes its directory behind this one, and then both durable.
        make_checkpoints_dir(&*disk)?;
        let settings = Settings { segment_bytes, lineage: fresh.lineage, standby_count: 1 };
        log::create(&*disk, &settings, salts).map_err(|error| match error {
            LogError::ForeignFiles { .. } => StoreError::IdentityMissing,
            error => StoreError::Log(error),
        })?;
        publish(&*disk, &fresh)?;
        Ok(Self { disk, identity: fresh, is_new: true, _lock: lock })
    }

    /// Who the directory is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where it lies.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Whether it was made by this call.
    pub fn is_new(&self) -> bool {
        self.is_new
    }
}

/// The lineage of a directory, which is only read and may be another process's.
pub fn lineage_of(disk: &dyn Disk) -> Result<Lineage, StoreError> {
    identity_of(disk).map(|identity| identity.lineage)
}

/// Who a directory is, which is only read and may be another process's.
pub fn identity_of(disk: &dyn Disk) -> Result<Identity, StoreError> {
    let names = disk.list("").map_err(StoreError::io("list", "the data directory"))?;
    if !names.iter().any(|name| name == IDENTITY) {
        return Err(StoreError::IdentityMissing);
    }
    Identity::decode(&read(disk)?)
}

/// A directory of the first versions has none.
fn make_checkpoints_dir(disk: &dyn Disk) -> Result<(), StoreError> {
    disk.create_dir(CHECKPOINTS_DIR).map_err(StoreError::io("create", CHECKPOINTS_DIR))
}

pub(super) fn lock(disk: &dyn Disk) -> Result<Box<dyn Send + Sync>, StoreError> {
    disk.lock(LOCK).map_err(|source| match source.kind() {
        io::ErrorKind::WouldBlock => StoreError::Locked,
        _ => StoreError::Io { operation: "lock", path: LOCK.to_owned(), source },
    })
}

fn has_segments(disk: &dyn Disk) -> Result<bool, StoreError> {
    match disk.list(SEGMENTS_DIR) {
        Ok(names) => Ok(names.iter().any(|name| SegmentId::of_file(name).is_some())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(StoreError::io("list", SEGMENTS_DIR)(error)),
    }
}

fn read(disk: &dyn Disk) -> Result<Vec<u8>, StoreError> {
    let failed = || StoreError::io("read", IDENTITY);
    let file = disk.open(IDENTITY, Access::Read).map_err(failed())?;
    let length = file.len().map_err(failed())?;
    // Whatever is longer than an identity is none; there is no need to read it all.
    let mut bytes = vec![0; usize::try_from(length.min(4096)).unwrap_or(4096)];
    disk::read_exact_at(&*file, 0, &mut bytes).map_err(failed())?;
    Ok(bytes)
}

fn publish(disk: &dyn Disk, identity: &Identity) -> Result<(), StoreError> {
    match disk.unlink(IDENTITY_TEMPORARY) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StoreError::io("write", IDENTITY)(error));
        }
        _ => {}
    }
    write(disk, IDENTITY_TEMPORARY, identity)?;
    name(disk, IDENTITY_TEMPORARY)
}

/// Writes an identity that does not have its name yet.
pub(super) fn write(disk: &dyn Disk, path: &str, identity: &Identity) -> Result<(), StoreError> {
    let failed = || StoreError::io("write", path);
    let file = disk.create(path).map_err(failed())?;
    disk::write_all_at(&*file, 0, &mut [IoSlice::new(&identity.encode())]).map_err(failed())?;
    file.sync_all().map_err(failed())
}

/// Gives an identity its name: the directory is whole from now on (R1).
pub(super) fn name(disk: &dyn Disk, path: &str) -> Result<(), StoreError> {
    let failed = || StoreError::io("write", IDENTITY);
    disk.rename(path, IDENTITY).map_err(failed())?;
    disk.sync_dir("").map_err(failed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        disk::{
            SimDisk,
            sim::{Counter, Fault, Faults, keep_none},
        },
        log::SEGMENT_BYTES_MIN,
    };

    fn open(disk: &SimDisk, seed: u8) -> Result<Directory, StoreError> {
        let fresh = Identity::new([seed; 16], [seed; 16], [seed; 32]);
        Directory::open(Arc::new(disk.clone()), SEGMENT_BYTES_MIN, fresh, &mut || seed.into())
    }

    /// R1: the identity comes last, so it never stands for a directory that is not all there.
    #[test]
    fn a_directory_whose_making_is_interrupted_is_whole_or_made_anew() {
        let mut operations = 0;
        for nth in 1.. {
            let disk = SimDisk::new();
            disk.set_faults(Faults::none().at(Counter::Changes, nth, Fault::CrashAfter));
            let is_made = open(&disk, 1).is_ok();
            for crashed in disk.every_crash(64).chain([disk.kill()]) {
                let again = open(&crashed, 2);
                let lineage = again.map(|directory| directory.identity().lineage);
                let lineage = lineage.expect("what is there is its own");
                assert!(!is_made || lineage == Lineage([1; 16]), "it keeps who it is");
                let crashed = crashed.crash(&mut keep_none());
                assert!(open(&crashed, 3).is_ok_and(|there| there.identity().lineage == lineage));
            }
            operations = nth;
            if is_made {
                break;
            }
        }
        assert!(operations > 8, "{operations}");
    }

    #[test]
    fn a_directory_is_one_processs_at_a_time_and_new_once() {
        let disk = SimDisk::new();
        let directory = open(&disk, 1).expect("an empty directory");
        assert!(directory.is_new());
        assert!(matches!(open(&disk, 2), Err(StoreError::Locked)));
        drop(directory);
        assert!(open(&disk, 3).is_ok_and(|directory| !directory.is_new()));
    }

    #[test]
    fn an_identity_without_segments_is_a_directory_that_lost_its_log() {
        let disk = SimDisk::new();
        assert!(open(&disk, 1).is_ok_and(|directory| directory.is_new()));
        let disk = disk.kill();
        disk.erase(&SegmentId::FIRST.path()).expect("it was made");
        assert!(matches!(open(&disk, 2), Err(StoreError::SegmentsMissing)));
        assert!(!disk.paths().contains(&SegmentId::FIRST.path()), "and it is not made again");
    }

    #[test]
    fn a_directory_that_cannot_be_read_or_cleared_is_not_taken_for_an_empty_one() {
        let disk = SimDisk::new();
        let identity = Identity::new([1; 16], [1; 16], [1; 32]);
        assert!(has_segments(&disk).is_ok_and(|has| !has));
        disk.set_faults(Faults::none().at(Counter::Reads, 1, Fault::Eio));
        assert!(has_segments(&disk).is_err());
        disk.set_faults(Faults::none().at(Counter::Changes, 1, Fault::Eio));
        assert!(publish(&disk, &identity).is_err());
        assert_eq!(disk.paths(), Vec::<String>::new());
        assert!(publish(&disk, &identity).is_ok(), "that nothing is to be cleared is no error");
    }
}
