//! The simulated disk behind the traits: each call takes the lock and is one step of the state.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use rustix::io::Errno;

use super::SimDisk;
use crate::disk::{Access, Disk, File};

impl Disk for SimDisk {
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.state().create_dir(dir)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.state().list(dir)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = self.state().create(path)?;
        Ok(Arc::new(SimFile { disk: self.clone(), file, access: Access::ReadWrite }))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let file = self.state().open(path)?;
        Ok(Arc::new(SimFile { disk: self.clone(), file, access }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().rename(from, to)
    }

    fn link_from(&self, from: &Path, path: &str) -> io::Result<()> {
        self.state().link(from.to_str().unwrap_or_default(), path)
    }

    /// The path itself: all of a simulated machine's directories are on one such disk.
    fn locate(&self, path: &str) -> PathBuf {
        PathBuf::from(path)
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        self.state().unlink(path)
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.state().sync_dir(dir)
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Send + Sync>> {
        let file = self.state().lock(path)?;
        Ok(Box::new(SimLock { disk: self.clone(), file }))
    }
}

/// An open file.
struct SimFile {
    disk: SimDisk,
    /// The inode number.
    file: u64,
    access: Access,
}

impl File for SimFile {
    fn len(&self) -> io::Result<u64> {
        self.disk.state().len(self.file)
    }

    fn link_count(&self) -> io::Result<u64> {
        self.disk.state().link_count(self.file)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.state().read_at(self.file, offset, buffer, false)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.disk.state().read_at(self.file, offset, buffer, true)
    }

    fn write_at(&self, offset: u64, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.access {
            Access::Read => Err(Errno::BADF.into()),
            Access::ReadWrite | Access::Direct { .. } => {
                self.disk.state().write_at(self.file, offset, chunks)
            }
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.state().sync(self.file)
    }

    /// The same as [`File::sync_data`]: there is no other metadata.
    fn sync_all(&self) -> io::Result<()> {
        self.disk.state().sync(self.file)
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.disk.state().drop_cache(self.file)
    }

    /// Nothing here is slow.
    fn will_need(&self, _offset: u64, _len: u64) -> io::Result<()> {
        Ok(())
    }

    fn map(&self) -> io::Result<Bytes> {
        self.disk.state().map(self.file)
    }
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.state().release(self.file);
    }
}

/// A lock that is held.
struct SimLock {
    disk: SimDisk,
    file: u64,
}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state().unlock(self.file);
    }
}
