//! What a backup says of itself: the file `BACKUP`.
//!
//! ```text
//!  0  8  magic "LQBCKUP\n"
//!  8  2  format version: 1
//! 10 16  lineage
//! 26  8  LSN of the last record of the backup; one more, a tick, proves it
//! 34  8  LSN of its checkpoint
//! 42  8  broker time at the last record, in milliseconds since 1970
//! 50  4  count of files, each:
//!     2  length of the path
//!        path, relative to the directory, as UTF-8
//!     8  length of the file, in bytes
//!     4  CRC-32 (IEEE) of all before
//! ```

use bytes::BufMut;

use super::{
    super::checkpoint::{is_buckets_path, is_checkpoint_path},
    BackupError,
};
use crate::{
    codec::{DecodeError, Reader},
    log::FileId,
    types::{Lineage, Lsn, Timestamp},
};

const MAGIC: &[u8; 8] = b"LQBCKUP\n";
/// The version that this program writes, and the highest that it reads.
const VERSION: u16 = 1;
/// Magic, version and checksum.
const FRAME_BYTES: usize = 14;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupFile {
    /// The lineage of the directory that it was made from.
    pub lineage: Lineage,
    /// The last record that it holds, apart from the tick that proves it.
    pub lsn: Lsn,
    /// The last record that its checkpoint holds.
    pub checkpoint_lsn: Lsn,
    /// Broker time at the last record.
    pub at: Timestamp,
    /// Its files but for `BACKUP`, in the order in which they were made.
    pub files: Vec<ListedCopy>,
}

/// One file of a backup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedCopy {
    /// Its path, relative to the directory.
    pub path: String,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// Whether a backup can have a file of this path. Nothing else is made, read or linked, whoever
/// names it.
pub(super) fn is_ours(path: &str) -> bool {
    FileId::of_path(path).is_some() || is_checkpoint_path(path) || is_buckets_path(path)
}

impl BackupFile {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_slice(MAGIC);
        out.put_u16_le(VERSION);
        out.put_slice(&self.lineage.0);
        out.put_u64_le(self.lsn.get());
        out.put_u64_le(self.checkpoint_lsn.get());
        out.put_u64_le(self.at.as_millis());
        out.put_u32_le(u32::try_from(self.files.len()).expect("far less than four billion"));
        for ListedCopy { path, bytes } in &self.files {
            out.put_u16_le(u16::try_from(path.len()).expect("a path of ours is short"));
            out.put_slice(path.as_bytes());
            out.put_u64_le(*bytes);
        }
        let crc = crc32fast::hash(&out);
        out.put_u32_le(crc);
        out
    }

    /// What these bytes say, which may be any.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BackupError> {
        let damaged = |problem| BackupError::Damaged { problem };
        if bytes.get(..8) != Some(MAGIC) {
            return Err(damaged("it does not begin as a BACKUP does"));
        }
        let Some(version) = bytes.get(8..10).and_then(|version| version.first_chunk()) else {
            return Err(damaged("it is cut off"));
        };
        let found = u16::from_le_bytes(*version);
        if found > VERSION {
            return Err(BackupError::Newer { found, known: VERSION });
        }
        let whole = bytes.split_last_chunk::<4>().filter(|_| bytes.len() >= FRAME_BYTES);
        let Some((content, _)) =
            whole.filter(|(content, crc)| crc32fast::hash(content).to_le_bytes() == **crc)
        else {
            return Err(damaged("its checksum does not match"));
        };
        let file = take(&mut Reader::new(&content[10..]))
            .map_err(|_| damaged("its content does not decode"))?;
        match file.files.iter().find(|file| !is_ours(&file.path)) {
            Some(other) => Err(BackupError::Name { path: other.path.clone() }),
            None => Ok(file),
        }
    }
}

fn take(reader: &mut Reader<'_>) -> Result<BackupFile, DecodeError> {
    let lineage = reader.take(16, "the lineage")?;
    let lineage = Lineage(*lineage.first_chunk().expect("so many were taken"));
    let lsn = Lsn::new(reader.u64("the LSN")?);
    let checkpoint_lsn = Lsn::new(reader.u64("the checkpoint")?);
    let at = Timestamp::from_millis(reader.u64("the time")?);
    let mut files = Vec::new();
    for _ in 0..reader.u32("the count of files")? {
        let offset = reader.offset();
        let length = usize::from(reader.u16("the length of a path")?);
        let path = std::str::from_utf8(reader.take(length, "a path")?);
        let what = "a path";
        let path = path.map_err(|_| DecodeError::Unknown { offset, what, value: 0 })?.to_owned();
        files.push(ListedCopy { path, bytes: reader.u64("a file's length")? });
    }
    Ok(BackupFile { lineage, lsn, checkpoint_lsn, at, files })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> BackupFile {
        let listed = |path: &str| ListedCopy { path: path.to_owned(), bytes: 65_536 };
        BackupFile {
            lineage: Lineage([7; 16]),
            lsn: Lsn::new(300),
            checkpoint_lsn: Lsn::new(290),
            at: Timestamp::from_millis(1_700_000_000_000),
            files: vec![
                listed("segments/00000000000000000003.seg"),
                listed("segments/00000000000000000001.out"),
                listed("checkpoints/00000000000000000290.ckpt"),
                listed("checkpoints/00000000000000000250.ids"),
            ],
        }
    }

    #[test]
    fn a_backup_file_is_read_as_it_was_written() {
        let read = BackupFile::decode(&sample().encode()).expect("it is whole");
        assert_eq!(read, sample());
    }

    #[test]
    fn every_changed_bit_and_every_other_length_is_refused() {
        let bytes = sample().encode();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(BackupFile::decode(&changed).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(BackupFile::decode(&bytes[..length]).is_err(), "length {length}");
        }
        assert!(BackupFile::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        for path in ["IDENTITY", "../x", "segments/../IDENTITY", "/etc/passwd", "segments/1.seg"] {
            let mut file = sample();
            file.files[0].path = path.to_owned();
            let refused = BackupFile::decode(&file.encode());
            assert!(matches!(refused, Err(BackupError::Name { .. })), "{path}");
        }
    }
}
