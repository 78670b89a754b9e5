//! Space that is held back for a full disk (R23 of the log's rules).
//!
//! What frees space needs some first: a checkpoint to let files go, a compaction to leave them. A
//! file of zeros takes that space while there is enough. When a checkpoint or a compaction finds
//! none, the file goes and it is tried again; once there is space, the file is made anew.

use std::io::{self, IoSlice};

use crate::disk::{Access, Disk, write_all_at};

/// The file, in the data directory.
pub(super) const RESERVE: &str = "RESERVE";
pub(super) const RESERVE_TEMPORARY: &str = "RESERVE.tmp";
/// How many zeros are written at once, in bytes.
const ZERO_BYTES: u64 = 1 << 20;

/// What is to be done about the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReserveTask {
    /// Take so many bytes.
    Make(u64),
    /// Give all of them back.
    Release,
}

impl ReserveTask {
    /// Runs it; how many bytes are held back then. May wait for the device.
    pub fn run(self, disk: &dyn Disk) -> io::Result<u64> {
        match self {
            Self::Make(bytes) => {
                let made = make(disk, bytes);
                if made.is_err() {
                    let _ = disk.unlink(RESERVE_TEMPORARY);
                }
                made.map(|()| bytes)
            }
            Self::Release => {
                remove(disk, RESERVE)?;
                disk.sync_dir("")?;
                Ok(0)
            }
        }
    }
}

/// How many bytes are held back.
pub fn reserved_bytes(disk: &dyn Disk) -> io::Result<u64> {
    match disk.open(RESERVE, Access::Read) {
        Ok(file) => file.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(error),
    }
}

fn make(disk: &dyn Disk, bytes: u64) -> io::Result<()> {
    remove(disk, RESERVE_TEMPORARY)?;
    disk.create(RESERVE_TEMPORARY)?;
    let file = disk.open(RESERVE_TEMPORARY, Access::Direct { zero_from: u64::MAX })?;
    let zeros = vec![0; usize::try_from(ZERO_BYTES.min(bytes)).unwrap_or_default()];
    let mut offset = 0;
    while offset < bytes {
        let part = usize::try_from(bytes - offset).unwrap_or(usize::MAX).min(zeros.len());
        write_all_at(&*file, offset, &mut [IoSlice::new(&zeros[..part])])?;
        offset += part as u64;
        // In pieces, so that nobody else's sync waits for all of it.
        file.sync_data()?;
    }
    file.sync_all()?;
    disk.rename(RESERVE_TEMPORARY, RESERVE)?;
    disk.sync_dir("")
}

fn remove(disk: &dyn Disk, path: &str) -> io::Result<()> {
    match disk.unlink(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::SimDisk;

    #[test]
    fn the_reserve_takes_its_space_until_it_is_given_back() {
        let disk = SimDisk::new();
        assert_eq!(reserved_bytes(&disk).expect("nothing fails"), 0);
        let bytes = 2 * ZERO_BYTES + 7;
        assert_eq!(ReserveTask::Make(bytes).run(&disk).expect("there is space"), bytes);
        assert_eq!(reserved_bytes(&disk).expect("nothing fails"), bytes);
        assert_eq!(disk.paths(), [RESERVE]);
        assert_eq!(ReserveTask::Release.run(&disk).expect("nothing fails"), 0);
        assert!(disk.paths().is_empty());
        assert_eq!(ReserveTask::Release.run(&disk).expect("it was gone already"), 0);
    }

    #[test]
    fn a_reserve_for_which_there_is_no_space_takes_none() {
        let disk = SimDisk::new();
        disk.plant(RESERVE_TEMPORARY, b"left by a process that ended").expect("there is space");
        disk.set_capacity_bytes(Some(ZERO_BYTES));
        assert!(ReserveTask::Make(2 * ZERO_BYTES).run(&disk).is_err());
        assert!(disk.paths().is_empty());
        assert_eq!(ReserveTask::Make(ZERO_BYTES).run(&disk).expect("it fits"), ZERO_BYTES);
    }

    #[test]
    fn a_reserve_that_cannot_be_looked_at_is_not_none() {
        let disk = SimDisk::new();
        drop(disk.kill());
        assert!(reserved_bytes(&disk).is_err());
    }
}
