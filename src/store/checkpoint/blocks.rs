//! The file of a checkpoint: a header and blocks, each under its own CRC.
//!
//! ```text
//! offset  bytes
//!      0      8  magic "LQCHKPT\n"
//!      8      4  format version, 1
//!     12      4  salt: every other checksum of the file begins from it
//!     16     16  lineage
//!     32      8  LSN of the last record that the checkpoint holds
//!     40     20  zero
//!     60      4  CRC-32 (IEEE) of bytes 0 to 59, not salted
//!     64         blocks, one behind the other
//! ```
//!
//! One block, all numbers little-endian:
//!
//! ```text
//!      0      1  kind: 1 manifest, 2 entries of the state, 3 end
//!      1      3  zero
//!      4      4  length of the content
//!      8      4  number of the block, from 0
//!     12      4  CRC of bytes 0 to 11 and the content, begun from the salt
//!     16         content
//! ```
//!
//! The first block is the manifest, the last is the end, with an empty content; the file ends
//! behind it. So a file that was cut off anywhere has no end, and says so.

use std::io::{self, IoSlice};

use crate::{
    disk::{File, read_exact_at, write_all_at},
    types::{Lineage, Lsn},
};

const MAGIC: &[u8; 8] = b"LQCHKPT\n";
/// The version that this program writes, and the highest that it reads.
pub const CHECKPOINT_VERSION: u32 = 1;
const HEADER_BYTES: usize = 64;
const BLOCK_HEADER_BYTES: usize = 16;
/// Longest content of a block, in bytes: what a reader takes into memory at once.
pub(super) const BLOCK_BYTES_MAX: usize = 64 << 20;
/// How much is written before it is synced, so that no sync is long, in bytes.
const SYNC_BYTES: u64 = 4 << 20;

/// What a block holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Manifest = 1,
    Entries = 2,
    End = 3,
}

/// Why a file is no good checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum BadCheckpoint {
    /// The file cannot be read.
    #[error("it cannot be read")]
    Io(#[from] io::Error),
    /// It is of a later program.
    #[error("it has format version {0}, this program reads up to {CHECKPOINT_VERSION}")]
    Newer(u32),
    /// It is of another data directory.
    #[error("its lineage is another")]
    Foreign,
    /// Its bytes are not those that were written.
    #[error("it is damaged at offset {offset}: {found}")]
    Damaged {
        /// Where.
        offset: u64,
        /// What was found there.
        found: &'static str,
    },
    /// The deduplication ids that it lists are not those that were written.
    #[error("{path}, where its deduplication ids are, is damaged at offset {offset}: {found}")]
    Buckets {
        /// Their file.
        path: String,
        /// Where.
        offset: u64,
        /// What was found there.
        found: &'static str,
    },
    /// Its bytes are whole, and do not make sense.
    #[error("its content does not decode: {0}")]
    Content(String),
}

/// Appends blocks to a new file.
pub(super) struct BlockWriter {
    salt: u32,
    at: u64,
    number: u32,
    unsynced: u64,
}

impl BlockWriter {
    /// Writes the header.
    pub(super) fn begin(
        file: &dyn File,
        salt: u32,
        lineage: Lineage,
        lsn: Lsn,
    ) -> io::Result<Self> {
        let mut header = Vec::with_capacity(HEADER_BYTES);
        header.extend_from_slice(MAGIC);
        header.extend_from_slice(&CHECKPOINT_VERSION.to_le_bytes());
        header.extend_from_slice(&salt.to_le_bytes());
        header.extend_from_slice(&lineage.0);
        header.extend_from_slice(&lsn.get().to_le_bytes());
        header.resize(HEADER_BYTES - 4, 0);
        header.extend_from_slice(&crc32fast::hash(&header).to_le_bytes());
        write_all_at(file, 0, &mut [IoSlice::new(&header)])?;
        Ok(Self { salt, at: HEADER_BYTES as u64, number: 0, unsynced: 0 })
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        self.at
    }

    /// Writes one block.
    pub(super) fn append(&mut self, file: &dyn File, kind: Kind, content: &[u8]) -> io::Result<()> {
        let header = block_header(self.salt, kind, self.number, content);
        write_all_at(file, self.at, &mut [IoSlice::new(&header), IoSlice::new(content)])?;
        let length = (BLOCK_HEADER_BYTES + content.len()) as u64;
        self.at += length;
        self.number += 1;
        self.unsynced += length;
        if self.unsynced >= SYNC_BYTES {
            self.unsynced = 0;
            file.sync_data()?;
        }
        Ok(())
    }
}

fn block_header(salt: u32, kind: Kind, number: u32, content: &[u8]) -> [u8; BLOCK_HEADER_BYTES] {
    let mut header = [0; BLOCK_HEADER_BYTES];
    let length = u32::try_from(content.len()).expect("a block is within its limit");
    header[0] = kind as u8;
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header[8..12].copy_from_slice(&number.to_le_bytes());
    let crc = block_crc(salt, &header, content);
    header[12..].copy_from_slice(&crc.to_le_bytes());
    header
}

fn block_crc(salt: u32, header: &[u8; BLOCK_HEADER_BYTES], content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(&header[..12]);
    hasher.update(content);
    hasher.finalize()
}

/// Reads the blocks of a file, each checked.
pub(super) struct BlockReader<'a> {
    file: &'a dyn File,
    bytes: u64,
    salt: u32,
    /// The LSN that the header names.
    pub(super) lsn: Lsn,
    at: u64,
    number: u32,
}

impl<'a> BlockReader<'a> {
    /// Reads the header.
    pub(super) fn open(file: &'a dyn File, lineage: Lineage) -> Result<Self, BadCheckpoint> {
        let bytes = file.len()?;
        let mut header = [0; HEADER_BYTES];
        if bytes < HEADER_BYTES as u64 {
            return Err(damaged(0, "the file ends within its header"));
        }
        read_exact_at(file, 0, &mut header)?;
        if header[..8] != *MAGIC || number(&header, 60) != crc32fast::hash(&header[..60]) {
            return Err(damaged(0, "its header is not whole"));
        }
        let version = number(&header, 8);
        if version > CHECKPOINT_VERSION {
            return Err(BadCheckpoint::Newer(version));
        }
        if header[16..32] != lineage.0 {
            return Err(BadCheckpoint::Foreign);
        }
        let lsn = u64::from(number(&header, 36)) << 32 | u64::from(number(&header, 32));
        let (salt, at) = (number(&header, 12), HEADER_BYTES as u64);
        Ok(Self { file, bytes, salt, lsn: Lsn::new(lsn), at, number: 0 })
    }

    /// The next block, the end not among them; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(Kind, Vec<u8>)>, BadCheckpoint> {
        let mut header = [0; BLOCK_HEADER_BYTES];
        if self.at + BLOCK_HEADER_BYTES as u64 > self.bytes {
            return Err(damaged(self.at, "the file ends without an end"));
        }
        read_exact_at(self.file, self.at, &mut header)?;
        let length = number(&header, 4) as usize;
        let begin = self.at + BLOCK_HEADER_BYTES as u64;
        if length > BLOCK_BYTES_MAX || begin + length as u64 > self.bytes {
            return Err(damaged(self.at, "a block is longer than the file"));
        }
        let mut content = vec![0; length];
        read_exact_at(self.file, begin, &mut content)?;
        let is_whole = number(&header, 12) == block_crc(self.salt, &header, &content);
        if !is_whole || number(&header, 8) != self.number {
            return Err(damaged(self.at, "a block's checksum or number does not match"));
        }
        let kind = match header[0] {
            1 => Kind::Manifest,
            2 => Kind::Entries,
            3 => Kind::End,
            _ => return Err(damaged(self.at, "a block is of an unknown kind")),
        };
        if (kind == Kind::Manifest) != (self.number == 0) {
            return Err(damaged(self.at, "the manifest is not the first block"));
        }
        self.at = begin + length as u64;
        self.number += 1;
        if kind != Kind::End {
            return Ok(Some((kind, content)));
        }
        if self.at != self.bytes || length != 0 {
            return Err(damaged(self.at, "there are bytes behind the end"));
        }
        Ok(None)
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*bytes[at..].first_chunk().expect("the field lies within the header"))
}

fn damaged(offset: u64, found: &'static str) -> BadCheckpoint {
    BadCheckpoint::Damaged { offset, found }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Disk, SimDisk};

    const LINEAGE: Lineage = Lineage([3; 16]);
    /// Beyond 32 bits.
    const LSN: u64 = 5 << 32 | 7;

    /// A file of three blocks, and its length as the writer tells it.
    fn written(disk: &SimDisk) -> u64 {
        let file = disk.create("blocks").expect("there is space");
        let begun = BlockWriter::begin(&*file, 9, LINEAGE, Lsn::new(LSN));
        let mut writer = begun.expect("there is space");
        for (kind, content) in
            [(Kind::Manifest, &b"manifest"[..]), (Kind::Entries, b"entries"), (Kind::End, b"")]
        {
            writer.append(&*file, kind, content).expect("there is space");
        }
        file.sync_all().expect("nothing fails");
        disk.sync_dir("").expect("nothing fails");
        writer.bytes()
    }

    fn read(disk: &SimDisk) -> Result<(Lsn, usize), BadCheckpoint> {
        let file = disk.open("blocks", crate::disk::Access::Read).expect("it is there");
        let mut reader = BlockReader::open(&*file, LINEAGE)?;
        let mut count = 0;
        while reader.next()?.is_some() {
            count += 1;
        }
        Ok((reader.lsn, count))
    }

    #[test]
    fn blocks_are_read_as_they_were_written() {
        let disk = SimDisk::new();
        let bytes = written(&disk);
        assert_eq!(disk.file("blocks").map(|file| file.len() as u64), Some(bytes));
        assert!(read(&disk).is_ok_and(|found| found == (Lsn::new(LSN), 2)));
    }

    #[test]
    fn every_changed_byte_and_every_other_length_is_refused() {
        let disk = SimDisk::new();
        let bytes = written(&disk);
        for offset in 0..bytes {
            let changed = disk.snapshot();
            changed.corrupt("blocks", offset, |byte| !byte).expect("it is there");
            assert!(read(&changed).is_err(), "byte {offset}");
            let cut = disk.snapshot();
            cut.truncate("blocks", offset).expect("it is there");
            assert!(read(&cut).is_err(), "length {offset}");
        }
        let longer = disk.file("blocks").expect("it is there");
        let other = SimDisk::new();
        other.plant("blocks", &[&longer[..], &[0]].concat()).expect("there is space");
        assert!(read(&other).is_err(), "a byte too much");
    }

    #[test]
    fn a_block_as_large_as_they_get_is_read_and_a_larger_one_is_not() {
        let read = |bytes: usize| {
            let disk = SimDisk::new();
            let file = disk.create("blocks").expect("there is space");
            let begun = BlockWriter::begin(&*file, 9, LINEAGE, Lsn::new(LSN));
            let mut writer = begun.expect("there is space");
            let content = vec![1; bytes];
            for (kind, content) in [(Kind::Manifest, &content[..]), (Kind::End, b"")] {
                writer.append(&*file, kind, content).expect("there is space");
            }
            super::tests::read(&disk)
        };
        assert!(read(BLOCK_BYTES_MAX).is_ok());
        assert!(read(BLOCK_BYTES_MAX + 1).is_err());
    }
}
