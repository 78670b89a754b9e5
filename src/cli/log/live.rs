//! A data directory that a broker may be writing to, read and nothing else.
//!
//! A mapping of a file that is written to changes under its reader, so files are read into memory
//! here, one at a time.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use crate::disk::{Access, Disk, File, RealDisk, read_exact_at};

/// The directory; whatever would change it is refused.
pub(super) struct LiveDisk(pub(super) RealDisk);

/// A file of it.
struct LiveFile(Arc<dyn File>);

fn refused<T>() -> io::Result<T> {
    Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is only read here"))
}

impl Disk for LiveDisk {
    fn create_dir(&self, _: &str) -> io::Result<()> {
        refused()
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.0.list(dir)
    }

    fn create(&self, _: &str) -> io::Result<Arc<dyn File>> {
        refused()
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        match access {
            Access::Read => Ok(Arc::new(LiveFile(self.0.open(path, access)?))),
            Access::ReadWrite => refused(),
        }
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        refused()
    }

    fn link_from(&self, _: &Path, _: &str) -> io::Result<()> {
        refused()
    }

    fn locate(&self, path: &str) -> PathBuf {
        self.0.locate(path)
    }

    fn unlink(&self, _: &str) -> io::Result<()> {
        refused()
    }

    fn sync_dir(&self, _: &str) -> io::Result<()> {
        refused()
    }

    fn lock(&self, _: &str) -> io::Result<Box<dyn Send + Sync>> {
        refused()
    }
}

impl File for LiveFile {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn link_count(&self) -> io::Result<u64> {
        self.0.link_count()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, buffer)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_cached_at(offset, buffer)
    }

    fn write_at(&self, _: u64, _: &[IoSlice<'_>]) -> io::Result<usize> {
        refused()
    }

    fn sync_data(&self) -> io::Result<()> {
        refused()
    }

    fn sync_all(&self) -> io::Result<()> {
        refused()
    }

    fn drop_cache(&self) -> io::Result<()> {
        refused()
    }

    fn will_need(&self, offset: u64, len: u64) -> io::Result<()> {
        self.0.will_need(offset, len)
    }

    fn map(&self) -> io::Result<Bytes> {
        let length = self.len()?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        read_exact_at(&*self.0, 0, &mut bytes)?;
        Ok(bytes.into())
    }
}
