//! Mapping a file into memory: the only unsafe code of the crate.
//!
//! Callers map only sealed files, which nothing writes to or shortens any more: a mapping of a
//! file that shrinks ends the process with SIGBUS.
#![expect(unsafe_code, reason = "a mapping changes if the file does, which no type can rule out")]
#![expect(clippy::disallowed_types, reason = "this room owns the file system")]

use std::{fs::File, io};

use bytes::Bytes;
use memmap2::Mmap;

/// The bytes of a whole file; the mapping lives as long as a part of them is in use.
pub(super) fn map(file: &File) -> io::Result<Bytes> {
    if file.metadata()?.len() == 0 {
        return Ok(Bytes::new());
    }
    // SAFETY: `disk::File::map` is for files that nothing writes to: sealed segments, which are
    // only ever unlinked while they may be mapped, and offline commands, which hold the lock of
    // the data directory. The mapping is read-only and private to this process.
    let mapping = unsafe { Mmap::map(file)? };
    Ok(Bytes::from_owner(mapping))
}
