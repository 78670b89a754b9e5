//! A data directory that is read and nothing else, also while a broker writes to it.
//!
//! Whatever would change the directory is refused; what makes it durable is left out. So a start's
//! own code can look at a directory without being a start. What only the page cache has is shown
//! like the rest.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{Access, Disk, File, read_exact_at};

/// The directory.
pub struct ReadOnly {
    disk: Arc<dyn Disk>,
    is_live: bool,
}

/// A file of it.
struct ReadOnlyFile {
    file: Arc<dyn File>,
    is_live: bool,
}

impl ReadOnly {
    /// A directory that nobody writes to.
    pub fn quiet(disk: Arc<dyn Disk>) -> Self {
        Self { disk, is_live: false }
    }

    /// A directory that a broker may be writing to: a mapping of a file that is written to changes
    /// under its reader, so files are read into memory, one at a time, and stay in the broker's
    /// page cache.
    pub fn live(disk: Arc<dyn Disk>) -> Self {
        Self { disk, is_live: true }
    }
}

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is only read here"))
}

impl Disk for ReadOnly {
    fn create_dir(&self, _: &str) -> io::Result<()> {
        refused()
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn File>> {
        refused()
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        match access {
            Access::Read => {
                let file = self.disk.open(path, access)?;
                Ok(Arc::new(ReadOnlyFile { file, is_live: self.is_live }))
            }
            Access::ReadWrite | Access::Direct { .. } => refused(),
        }
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        refused()
    }

    fn unlink(&self, _: &str) -> io::Result<()> {
        refused()
    }

    fn link_from(&self, _: &Path, _: &str) -> io::Result<()> {
        refused()
    }

    fn locate(&self, path: &str) -> PathBuf {
        self.disk.locate(path)
    }

    fn sync_dir(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn lock(&self, _: &str) -> io::Result<Box<dyn Send + Sync>> {
        refused()
    }
}

impl File for ReadOnlyFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn link_count(&self) -> io::Result<u64> {
        self.file.link_count()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(offset, buffer)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_cached_at(offset, buffer)
    }

    fn write_at(&self, _: u64, _: &[IoSlice<'_>]) -> io::Result<usize> {
        refused()
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn drop_cache(&self) -> io::Result<()> {
        if self.is_live { Ok(()) } else { self.file.drop_cache() }
    }

    fn will_need(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.will_need(offset, len)
    }

    fn map(&self) -> io::Result<Bytes> {
        if !self.is_live {
            return self.file.map();
        }
        let length = usize::try_from(self.len()?).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        read_exact_at(&*self.file, 0, &mut bytes)?;
        Ok(bytes.into())
    }
}
