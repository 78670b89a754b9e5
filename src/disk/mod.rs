//! The seam to the operating system: what the broker needs of a file system, and no more.
//!
//! Two implementations obey one conformance suite: [`RealDisk`], and [`SimDisk`], which keeps what
//! is durable apart from what is only cached, crashes with any subset of the difference, and fails
//! when told. [`ReadOnly`] lets neither be changed, [`Limited`] lets neither grow beyond a bound.
//! Nothing here knows what a segment is. [`cut_power`] is for drills alone; it and the mapping of
//! files are the library's only unsafe code.
//!
//! Paths are relative to the data directory, with `/` between parts, and are made by this crate
//! alone: never from a user's string.

#[cfg(test)]
mod conformance;
mod direct;
mod limited;
mod medium;
mod mmap;
mod read_only;
mod real;
mod shutdown;
pub mod sim;

pub use limited::Limited;
pub use medium::Medium;
pub use mmap::PageBuffer;
pub use read_only::ReadOnly;
pub use real::RealDisk;
pub use shutdown::cut_power;
pub use sim::SimDisk;

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

/// A data directory on some file system.
pub trait Disk: Send + Sync + 'static {
    /// Makes a directory, readable by its owner alone; it is no error if it is there.
    fn create_dir(&self, dir: &str) -> io::Result<()>;
    /// The names of the files in a directory, ascending. Sub-directories are left out.
    fn list(&self, dir: &str) -> io::Result<Vec<String>>;
    /// Makes a new file, readable by its owner alone; an error if there is one of the name.
    fn create(&self, path: &str) -> io::Result<Arc<dyn File>>;
    /// Opens a file that is there.
    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>>;
    /// Gives a file another name, in place of a file that had it.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file of this file system another name, here: one that is not taken. `from` is what
    /// [`Disk::locate`] of the disk that it is on says. `CrossesDevices` if it is on another file
    /// system.
    ///
    /// Nothing may write to a file that has two names (R4 of the log's rules).
    fn link_from(&self, from: &Path, path: &str) -> io::Result<()>;
    /// Where a file or the directory itself, `""`, lies for the system.
    fn locate(&self, path: &str) -> PathBuf;
    /// Takes a name away from a file.
    fn unlink(&self, path: &str) -> io::Result<()>;
    /// Makes the entries of a directory durable. The data directory itself is `""`.
    fn sync_dir(&self, dir: &str) -> io::Result<()>;
    /// Takes the exclusive lock on a file, made if it is not there, for as long as the returned
    /// value lives. `WouldBlock` if another holds it.
    fn lock(&self, path: &str) -> io::Result<Box<dyn Send + Sync>>;
}

/// An open file. Offsets and lengths are in bytes.
pub trait File: Send + Sync {
    /// The file's length.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// How many names the file has.
    fn link_count(&self) -> io::Result<u64>;
    /// Reads into `buffer` from `offset`; returns how much, 0 at the end of the file.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Reads like [`File::read_at`], but only what needs no wait for the device: `WouldBlock`
    /// otherwise.
    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes the chunks one behind the other from `offset`; returns how much, which may be less.
    fn write_at(&self, offset: u64, chunks: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Makes the file's bytes and length durable (`fdatasync`). A failure is final: what was
    /// written before may be lost although a read still shows it.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes the file's bytes and all of its metadata durable (`fsync`).
    fn sync_all(&self) -> io::Result<()>;
    /// Lets the next read come from the device and not from the page cache.
    fn drop_cache(&self) -> io::Result<()>;
    /// Lets the system read a part of the file ahead. A hint: nothing waits for it.
    fn will_need(&self, offset: u64, len: u64) -> io::Result<()>;
    /// The file's bytes as they are now, mapped where the file system can. For offline use, on
    /// files that nothing writes to.
    fn map(&self) -> io::Result<Bytes>;
}

/// What an opened file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reading alone.
    Read,
    /// Reading and writing.
    ReadWrite,
    /// The same for a file that is written once from its beginning to its end: past the page cache
    /// where that can be done. What was written is not cached then, and a read waits for it.
    Direct {
        /// From here on the file has no byte but zero, which the one who opens it knows; or
        /// `u64::MAX`.
        zero_from: u64,
    },
}

/// Reads exactly `buffer.len()` bytes; `UnexpectedEof` if the file ends before.
pub fn read_exact_at(file: &dyn File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(offset, buffer) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                buffer = &mut buffer[read..];
                offset += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of the chunks; after a short write it goes on where that ended.
pub fn write_all_at(
    file: &dyn File,
    mut offset: u64,
    chunks: &mut [IoSlice<'_>],
) -> io::Result<()> {
    let mut rest = chunks;
    // An empty chunk in front would read as "nothing written".
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        match file.write_at(offset, rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                IoSlice::advance_slices(&mut rest, written);
                offset += written as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
