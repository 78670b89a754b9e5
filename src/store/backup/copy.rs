//! Copying and reading files whole.

use std::io::{self, IoSlice};

use super::BackupError;
use crate::disk::{Access, Disk, read_exact_at, write_all_at};

/// How much is read and written at once, in bytes.
const CHUNK_BYTES: usize = 1 << 20;

/// Copies a file, durably but for its name, and compares what reads back past the page cache with
/// what was read; its length.
pub(super) fn copy(from: &dyn Disk, to: &dyn Disk, path: &str) -> Result<u64, BackupError> {
    let source = from.open(path, Access::Read).map_err(missing(path))?;
    let target = to.create(path).map_err(BackupError::io("create", path))?;
    let bytes = source.len().map_err(BackupError::io("measure", path))?;
    let mut crc = crc32fast::Hasher::new();
    each_chunk(&*source, bytes, |offset, chunk| {
        crc.update(chunk);
        write_all_at(&*target, offset, &mut [IoSlice::new(chunk)])
    })
    .map_err(BackupError::io("copy", path))?;
    target.sync_all().map_err(BackupError::io("sync", path))?;
    target.drop_cache().map_err(BackupError::io("drop the cache of", path))?;
    let mut read = crc32fast::Hasher::new();
    each_chunk(&*target, bytes, |_, chunk| {
        read.update(chunk);
        Ok(())
    })
    .map_err(BackupError::io("read", path))?;
    if read.finalize() != crc.finalize() {
        return Err(BackupError::ReadBack { path: path.to_owned() });
    }
    Ok(bytes)
}

/// The bytes of a small file.
pub(super) fn read(disk: &dyn Disk, path: &str) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Access::Read)?;
    file.drop_cache()?;
    let mut bytes = vec![0; usize::try_from(file.len()?).map_err(io::Error::other)?];
    read_exact_at(&*file, 0, &mut bytes)?;
    Ok(bytes)
}

/// A file that cannot be opened is most often one that is not there.
pub(super) fn missing(path: &str) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_owned();
    move |source| match source.kind() {
        io::ErrorKind::NotFound => BackupError::Missing { path },
        _ => BackupError::Io { operation: "open", path, source },
    }
}

fn each_chunk(
    file: &dyn crate::disk::File,
    bytes: u64,
    mut take: impl FnMut(u64, &[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut offset = 0;
    while offset < bytes {
        let length = usize::try_from(bytes - offset).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        read_exact_at(file, offset, &mut chunk[..length])?;
        take(offset, &chunk[..length])?;
        offset += length as u64;
    }
    Ok(())
}
