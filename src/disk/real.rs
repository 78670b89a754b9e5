//! The disk of the operating system: a directory, reached by plain system calls.
//!
//! Each operation is one call or two, and its error is the system's own, with its number: whoever
//! asked knows the path and names it. Durability is never implied: only `sync_data`, `sync_all`
//! and `sync_dir` give it. Written for Linux.
#![expect(clippy::disallowed_types, reason = "this room owns the file system")]

use std::{
    fs::{self, DirBuilder, File as SystemFile, OpenOptions},
    io::{self, IoSlice, IoSliceMut},
    num::NonZeroU64,
    os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use rustix::{
    fs::{Advice, FlockOperation, OFlags, fadvise, flock, statfs, statvfs},
    io::{Errno, ReadWriteFlags, preadv2, pwritev},
};

use super::{Access, Disk, File, Medium, direct::DirectFile, mmap};

/// Directories are for their owner alone.
const DIRECTORY_MODE: u32 = 0o700;
/// Files are for their owner alone.
const FILE_MODE: u32 = 0o600;

/// A data directory of the operating system's.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// Takes a directory, and makes it durably, with what is missing above it, if it is not there.
    /// A directory that was there keeps its mode. The error names the path.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        match fs::metadata(&root) {
            Ok(metadata) if metadata.is_dir() => {}
            Ok(_) => {
                let text = format!("{} is not a directory", root.display());
                return Err(io::Error::new(io::ErrorKind::NotADirectory, text));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_root(&root)?,
            Err(error) => return Err(named(&error, "cannot look at", &root)),
        }
        Ok(Self { root })
    }

    /// The directory itself, for messages.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What kind of file system the directory is on.
    pub fn medium(&self) -> io::Result<Medium> {
        let status = statfs(&self.root).map_err(|errno| {
            named(&errno.into(), "cannot ask for the file system of", &self.root)
        })?;
        Ok(Medium::of_magic(i128::from(status.f_type)))
    }

    /// How many bytes the file system still has for an unprivileged user.
    pub fn free_bytes(&self) -> io::Result<u64> {
        let status = statvfs(&self.root).map_err(|errno| {
            named(&errno.into(), "cannot ask for the free space of", &self.root)
        })?;
        Ok(status.f_bavail.saturating_mul(status.f_frsize))
    }

    /// Paths are this crate's own, so a bad one is a bug and not an error.
    fn path(&self, path: &str) -> PathBuf {
        debug_assert!(
            path.is_empty() || path.split('/').all(|part| !matches!(part, "" | "." | "..")),
            "a path stays within the data directory: {path:?}"
        );
        self.root.join(path)
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        let path = self.path(dir);
        match DirBuilder::new().mode(DIRECTORY_MODE).create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
            outcome => outcome,
        }
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.path(dir))? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                continue;
            }
            // A name that is not UTF-8 is nothing that this crate has made, or could open.
            names.extend(entry.file_name().into_string());
        }
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(self.path(path))?;
        Ok(Arc::new(RealFile { file }))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        let path = self.path(path);
        let write = access != Access::Read;
        let file = OpenOptions::new().read(true).write(write).open(&path)?;
        let cached = RealFile { file };
        let Access::Direct { zero_from } = access else { return Ok(Arc::new(cached)) };
        let flags = OFlags::DIRECT.bits().cast_signed();
        match OpenOptions::new().write(true).custom_flags(flags).open(&path) {
            Ok(direct) => Ok(Arc::new(DirectFile::new(cached, direct, zero_from)?)),
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(Arc::new(cached)),
            Err(error) => Err(error),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path(from), self.path(to))
    }

    fn link_from(&self, from: &Path, path: &str) -> io::Result<()> {
        fs::hard_link(from, self.path(path))
    }

    fn locate(&self, path: &str) -> PathBuf {
        let path = self.path(path);
        // Only a process whose own directory is gone has no absolute paths.
        std::path::absolute(&path).unwrap_or(path)
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        fs::remove_file(self.path(path))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        sync_directory(&self.path(dir))
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Send + Sync>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .open(self.path(path))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(file))
    }
}

/// A file of the operating system's. The standard library opens with `O_CLOEXEC`.
pub(super) struct RealFile {
    file: SystemFile,
}

impl File for RealFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn link_count(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.nlink())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut buffers = [IoSliceMut::new(buffer)];
        match preadv2(&self.file, &mut buffers, offset, ReadWriteFlags::NOWAIT) {
            // A file system, or a kernel, that cannot tell may always have to wait.
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                Err(io::ErrorKind::WouldBlock.into())
            }
            outcome => Ok(outcome?),
        }
    }

    fn write_at(&self, offset: u64, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        // rustix passes on at most as many chunks as Linux takes (`IOV_MAX`).
        Ok(pwritev(&self.file, chunks, offset)?)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    fn drop_cache(&self) -> io::Result<()> {
        Ok(fadvise(&self.file, 0, None, Advice::DontNeed)?)
    }

    fn will_need(&self, offset: u64, len: u64) -> io::Result<()> {
        // No length means "to the end of the file" to the system.
        let Some(len) = NonZeroU64::new(len) else { return Ok(()) };
        Ok(fadvise(&self.file, offset, Some(len), Advice::WillNeed)?)
    }

    fn map(&self) -> io::Result<Bytes> {
        mmap::map(&self.file)
    }
}

/// Makes the missing directories from the top down. Each one's entry is made durable at once: what
/// is synced within a directory whose name is lost is lost as well.
fn create_root(root: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = root
        .ancestors()
        .take_while(|path| !path.as_os_str().is_empty() && !path.exists())
        .collect();
    for path in missing.into_iter().rev() {
        match DirBuilder::new().mode(DIRECTORY_MODE).create(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
            outcome => outcome.map_err(|error| named(&error, "cannot make", path))?,
        }
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        sync_directory(parent).map_err(|error| named(&error, "cannot sync", parent))?;
    }
    Ok(())
}

fn sync_directory(path: &Path) -> io::Result<()> {
    SystemFile::open(path)?.sync_all()
}

fn named(error: &io::Error, attempt: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{attempt} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("the path is there").permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        let outside = tempfile::tempdir().expect("a temporary directory can be made");
        let root = outside.path().join("new/data");
        let disk = RealDisk::new(&root).expect("the directory can be made");
        disk.create_dir("d").expect("the name is free");
        let _file = disk.create("d/a").expect("the name is free");
        let _lock = disk.lock("LOCK").expect("nobody holds it");
        assert_eq!(
            [mode(&outside.path().join("new")), mode(&root), mode(&root.join("d"))],
            [0o700; 3]
        );
        assert_eq!([mode(&root.join("d/a")), mode(&root.join("LOCK"))], [0o600; 2]);
    }

    #[test]
    fn a_directory_that_was_there_is_taken_as_it_is() {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o750)).expect("it is ours");
        let disk = RealDisk::new(root.path()).expect("the directory is there");
        assert_eq!(mode(disk.root()), 0o750);
        assert!(disk.free_bytes().expect("the directory is there") > 0);
        disk.medium().expect("the directory is there");
    }

    #[test]
    fn a_root_that_is_a_file_is_refused_by_name() {
        let outside = tempfile::tempdir().expect("a temporary directory can be made");
        let root = outside.path().join("data");
        fs::write(&root, b"1").expect("there is space");
        let error = RealDisk::new(&root).expect_err("it is a file");
        assert_eq!(error.to_string(), format!("{} is not a directory", root.display()));
        let error = RealDisk::new(root.join("sub")).expect_err("a file has no directories");
        assert!(error.to_string().contains("data/sub"), "{error}");
    }

    #[test]
    fn an_error_keeps_the_number_of_the_system() {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let disk = RealDisk::new(root.path()).expect("the directory is there");
        let error = disk.open("a", Access::Read).err().expect("it is not there");
        assert_eq!(error.raw_os_error(), Some(Errno::NOENT.raw_os_error()));
    }

    #[test]
    fn a_second_name_counts_as_a_link() {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let disk = RealDisk::new(root.path()).expect("the directory is there");
        let file = disk.create("a").expect("the name is free");
        fs::hard_link(root.path().join("a"), root.path().join("b")).expect("the name is free");
        assert_eq!(file.link_count().expect("the file is open"), 2);
    }
}
