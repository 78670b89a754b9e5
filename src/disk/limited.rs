//! A data directory that may take no more than so many bytes of its file system.
//!
//! What counts is the length of each file under its name here, of which a file with two names has
//! two. A write that would go beyond the bound, or make a file longer while the directory is above
//! it, fails as on a disk that is full, with `QuotaExceeded`; nothing of it is written. Files that
//! have their length already, as prepared segments do, are written to whatever the bound.

use std::{
    io::{self, IoSlice},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;

use super::{Access, Disk, File};

/// The directory.
pub struct Limited {
    disk: Arc<dyn Disk>,
    used: Arc<Used>,
}

/// How many bytes the files have together.
struct Used {
    bytes: Mutex<u64>,
    bytes_max: u64,
}

/// A file of it.
struct LimitedFile {
    file: Arc<dyn File>,
    used: Arc<Used>,
    /// The file is at least so long.
    length: AtomicU64,
}

impl Limited {
    /// Bounds a directory to so many bytes. `dirs` are all of its directories that have files, the
    /// data directory itself, `""`, among them; each may be missing.
    pub fn new(disk: Arc<dyn Disk>, bytes_max: u64, dirs: &[&str]) -> io::Result<Self> {
        let mut bytes = 0;
        for dir in dirs {
            let names = match disk.list(dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                names => names?,
            };
            for name in names {
                let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
                bytes += length(&*disk, &path)?;
            }
        }
        let used = Arc::new(Used { bytes: Mutex::new(bytes), bytes_max });
        Ok(Self { disk, used })
    }

    /// How many bytes the files have together.
    pub fn used_bytes(&self) -> u64 {
        *self.used.lock()
    }

    fn file(&self, file: Arc<dyn File>) -> io::Result<Arc<dyn File>> {
        let length = AtomicU64::new(file.len()?);
        Ok(Arc::new(LimitedFile { file, used: Arc::clone(&self.used), length }))
    }

    /// The length of a file; 0 if it is not there.
    fn length(&self, path: &str) -> io::Result<u64> {
        match length(&*self.disk, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            outcome => outcome,
        }
    }
}

fn length(disk: &dyn Disk, path: &str) -> io::Result<u64> {
    disk.open(path, Access::Read)?.len()
}

impl Used {
    fn lock(&self) -> MutexGuard<'_, u64> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gone(&self, bytes: u64) {
        let mut used = self.lock();
        *used = used.saturating_sub(bytes);
    }

    fn refusal(&self) -> io::Error {
        let text = format!("the data directory may take {} bytes and has no more", self.bytes_max);
        io::Error::new(io::ErrorKind::QuotaExceeded, text)
    }
}

impl Disk for Limited {
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.create_dir(dir)
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        self.file(self.disk.create(path)?)
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let file = self.disk.open(path, access)?;
        match access {
            Access::Read => Ok(file),
            Access::ReadWrite | Access::Direct { .. } => self.file(file),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let replaced = if from == to { 0 } else { self.length(to)? };
        self.disk.rename(from, to)?;
        self.used.gone(replaced);
        Ok(())
    }

    fn link_from(&self, from: &Path, path: &str) -> io::Result<()> {
        self.disk.link_from(from, path)?;
        *self.used.lock() += length(&*self.disk, path)?;
        Ok(())
    }

    fn locate(&self, path: &str) -> PathBuf {
        self.disk.locate(path)
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        let bytes = self.length(path)?;
        self.disk.unlink(path)?;
        self.used.gone(bytes);
        Ok(())
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(path)
    }
}

impl LimitedFile {
    /// Writes what makes the file longer.
    fn grow(&self, offset: u64, chunks: &[IoSlice<'_>], end: u64) -> io::Result<usize> {
        let mut used = self.used.lock();
        let before = self.file.len()?;
        let more = end.saturating_sub(before);
        if more > 0 && used.saturating_add(more) > self.used.bytes_max {
            return Err(self.used.refusal());
        }
        let outcome = self.file.write_at(offset, chunks);
        // Also a write that failed may have made it longer.
        let after = self.file.len()?;
        *used += after.saturating_sub(before);
        self.length.store(after, Ordering::Relaxed);
        outcome
    }
}

impl File for LimitedFile {
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

    fn write_at(&self, offset: u64, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let bytes: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        let end = offset.saturating_add(bytes);
        if end <= self.length.load(Ordering::Relaxed) {
            return self.file.write_at(offset, chunks);
        }
        self.grow(offset, chunks, end)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.file.drop_cache()
    }

    fn will_need(&self, offset: u64, len: u64) -> io::Result<()> {
        self.file.will_need(offset, len)
    }

    fn map(&self) -> io::Result<Bytes> {
        self.file.map()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{SimDisk, write_all_at};

    fn write(file: &dyn File, offset: u64, bytes: usize) -> Option<io::ErrorKind> {
        let bytes = vec![7; bytes];
        let written = write_all_at(file, offset, &mut [IoSlice::new(&bytes)]);
        written.err().map(|error| error.kind())
    }

    const FULL: Option<io::ErrorKind> = Some(io::ErrorKind::QuotaExceeded);

    #[test]
    fn files_share_the_bound_and_give_back_what_they_had() {
        let sim = SimDisk::new();
        sim.create_dir("sub").expect("it can be made");
        sim.plant("sub/old", &[1; 30]).expect("there is space");
        let dirs = ["", "sub", "missing"];
        let disk = Limited::new(Arc::new(sim), 100, &dirs).expect("it can be read");
        assert_eq!(disk.used_bytes(), 30);
        let file = disk.create("a").expect("there is space");
        assert_eq!(write(&*file, 0, 71), FULL);
        assert_eq!(file.len().expect("it is open"), 0, "nothing of it is written");
        assert_eq!(write(&*file, 20, 50), None);
        assert_eq!((disk.used_bytes(), write(&*file, 70, 1)), (100, FULL));
        assert_eq!(write(&*file, 10, 60), None, "it does not get longer");
        disk.unlink("sub/old").expect("it is there");
        let other = disk.create("sub/b").expect("there is space");
        assert_eq!((write(&*other, 0, 31), write(&*other, 0, 30)), (FULL, None));
        disk.rename("sub/b", "a").expect("both are there");
        assert_eq!(disk.used_bytes(), 30);
        disk.rename("a", "c").expect("it is there");
        let again = disk.open("c", Access::ReadWrite).expect("it is there");
        assert_eq!((write(&*again, 30, 71), write(&*again, 30, 70)), (FULL, None));
        assert_eq!(disk.used_bytes(), 100);
    }

    #[test]
    fn above_the_bound_nothing_grows_and_all_can_be_written_in_place() {
        let sim = SimDisk::new();
        sim.plant("a", &[1; 300]).expect("there is space");
        let disk = Limited::new(Arc::new(sim), 100, &[""]).expect("it can be read");
        let file = disk.open("a", Access::ReadWrite).expect("it is there");
        assert_eq!((write(&*file, 200, 100), write(&*file, 200, 101)), (None, FULL));
        disk.create("b").expect("an empty file takes no bytes");
        assert_eq!(disk.used_bytes(), 300);
    }
}
