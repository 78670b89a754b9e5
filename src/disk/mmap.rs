//! Memory that comes from the system directly: mapped files, and large buffers that are given back
//! when they are dropped.
//!
//! Callers map only sealed files, which nothing writes to or shortens any more: a mapping of a
//! file that shrinks ends the process with SIGBUS.
#![expect(unsafe_code, reason = "a mapping changes if the file does, which no type can rule out")]
#![expect(clippy::disallowed_types, reason = "this room owns the file system")]

use std::{fs::File, io};

use bytes::Bytes;
use memmap2::{Mmap, MmapMut};

/// A large buffer of zeros. Unlike the allocator's memory, which it may keep for later, this goes
/// back to the system when it is dropped.
pub struct PageBuffer {
    pages: MmapMut,
}

impl PageBuffer {
    /// A buffer of so many bytes, which are more than none.
    pub fn new(length: usize) -> io::Result<Self> {
        MmapMut::map_anon(length).map(|pages| Self { pages })
    }
}

impl std::ops::Deref for PageBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.pages
    }
}

impl std::ops::DerefMut for PageBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.pages
    }
}

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
