//! The messages that are left in files, each with the place of its payload.

use std::sync::Arc;

use super::super::{
    places::Slot,
    stream::{Stored, decode, of_frame},
};
use crate::{
    codec::DecodeError,
    disk::{Disk, File, read_exact_at},
    log::{self, FileId, LogError, Piece, PieceSink, SEGMENTS_DIR},
    types::{Lineage, Lsn, Seq, Summary},
};

/// A message that was found in a file. Its payload was not looked at.
#[derive(Clone)]
pub struct FoundMessage {
    /// What is known of it as one that was never touched.
    pub summary: Summary,
    /// The file with its payload.
    pub id: FileId,
    /// Opened for reading.
    pub file: Arc<dyn File>,
    /// Where the payload begins in the file, in bytes.
    pub offset: u64,
    /// Length of the payload, in bytes.
    pub length: u32,
    /// The CRC-32 that it was written with.
    pub crc: u32,
}

impl FoundMessage {
    fn new(id: FileId, file: &Arc<dyn File>, stored: Stored) -> Self {
        let Stored { summary, slot: Slot { offset, length, crc } } = stored;
        Self { summary, id, file: Arc::clone(file), offset: u64::from(offset), length, crc }
    }

    /// The payload, if it is as it was written.
    pub fn payload(&self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; self.length as usize];
        read_exact_at(&*self.file, self.offset, &mut bytes).ok()?;
        (crc32fast::hash(&bytes) == self.crc).then_some(bytes)
    }
}

/// The messages that a piece of a file tells of, in order.
pub fn messages_of(id: FileId, piece: &Piece<'_>) -> Result<Vec<FoundMessage>, DecodeError> {
    let found = |file: &Arc<dyn File>, stored: Vec<Stored>| {
        stored.into_iter().map(|stored| FoundMessage::new(id, file, stored)).collect()
    };
    match piece {
        Piece::Frame(view) => of_frame(id, view).map(|stored| found(view.file, stored)),
        Piece::Listed(listed) => {
            let mut stored = std::collections::VecDeque::new();
            decode(id, listed.entry, listed.summary, &mut stored)?;
            Ok(found(listed.file, stored.into()))
        }
        Piece::Hole(_) => Ok(Vec::new()),
    }
}

/// Gives the messages that are left of a file to `sink`, ascending; what is wrong with the file, if
/// anything is. `until` is where a segment ends, if that is known.
pub fn messages_left(
    disk: &dyn Disk,
    id: FileId,
    lineage: Lineage,
    salt: Option<u32>,
    until: Option<Lsn>,
    sink: &mut dyn FnMut(FoundMessage),
) -> Result<Option<String>, LogError> {
    let mut undecodable = None;
    let mut take = |piece: Piece<'_>| match messages_of(id, &piece) {
        Ok(found) => found.into_iter().for_each(&mut *sink),
        Err(error) => undecodable = Some(error.to_string()),
    };
    let take: &mut PieceSink<'_> = &mut take;
    let until = until.filter(|_| matches!(id, FileId::Segment(_)));
    let damage = log::salvage_file(disk, id, lineage, salt, until, take)?;
    Ok(damage.or(undecodable))
}

/// Looks through every file, or through outputs alone, for messages whose payload is whole.
pub fn elsewhere(
    disk: &dyn Disk,
    lineage: Lineage,
    is_wanted: &dyn Fn(FileId, Seq) -> bool,
    sink: &mut dyn FnMut(FoundMessage),
) -> Result<(), LogError> {
    let names = disk.list(SEGMENTS_DIR).map_err(|source| {
        let (operation, path) = ("list", SEGMENTS_DIR.to_owned());
        LogError::Io { operation, path, source }
    })?;
    let paths = names.iter().map(|name| format!("{SEGMENTS_DIR}/{name}"));
    for id in paths.filter_map(|path| FileId::of_path(&path)) {
        let mut take = |found: FoundMessage| {
            if is_wanted(id, found.summary.seq) && found.payload().is_some() {
                sink(found);
            }
        };
        messages_left(disk, id, lineage, None, None, &mut take)?;
    }
    Ok(())
}
