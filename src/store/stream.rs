//! The messages of one file, in ascending order of seq: from its footer, or, where that is missing
//! or damaged, from its frames (R3 of the log's rules).

use std::{collections::VecDeque, sync::Arc};

use super::{StoreError, places::Slot};
use crate::{
    codec::{self, DecodeError},
    disk::Disk,
    log::{FileId, Footer, FooterEntry, FrameView, StoredFile},
    types::{Lineage, Lsn, Record, Seq, Summary, summary_of},
};

/// Bytes of what the footer of an output says of one message before its summary.
const KEPT_TABLE_BYTES: usize = 8;

/// One message of a file.
pub(super) struct Stored {
    pub(super) summary: Summary,
    pub(super) slot: Slot,
}

/// All messages of a file, one after another.
pub(super) struct Messages {
    pub(super) id: FileId,
    source: Source,
    /// Of the frame that was decoded last.
    ready: VecDeque<Stored>,
    /// Messages behind this LSN are left out.
    until: Option<Lsn>,
}

enum Source {
    Footer { footer: Footer, next: usize, summaries_at: usize },
    Frames(VecDeque<Stored>),
}

impl Messages {
    /// The messages of a file; of a segment, those of frames that begin at or before `until`, where
    /// it ends: behind that a torn frame may lie, whose LSNs and seqs were given again.
    pub(super) fn open(stored: &StoredFile, until: Option<Lsn>) -> Result<Self, StoreError> {
        let id = stored.id;
        let footer = stored.footer().map_err(StoreError::io("read", &id.path()))?;
        let source = match footer {
            Some(footer) => Source::Footer { footer, next: 0, summaries_at: 0 },
            None => Source::Frames(scan(stored, until)?),
        };
        Ok(Self { id, source, ready: VecDeque::new(), until })
    }

    /// Whether the file has no usable footer.
    pub(super) fn is_rebuilt(&self) -> bool {
        matches!(self.source, Source::Frames(_))
    }

    /// How many messages the file holds at most.
    pub(super) fn count(&self) -> u64 {
        match &self.source {
            Source::Footer { footer, .. } => {
                footer.entries.iter().map(|entry| u64::from(entry.body_count)).sum()
            }
            Source::Frames(messages) => messages.len() as u64,
        }
    }

    /// The seq of the next message.
    pub(super) fn peek(&mut self) -> Result<Option<Seq>, StoreError> {
        self.fill()?;
        Ok(self.ready.front().map(|stored| stored.summary.seq))
    }

    /// The next message.
    pub(super) fn next(&mut self) -> Result<Option<Stored>, StoreError> {
        self.fill()?;
        Ok(self.ready.pop_front())
    }

    fn fill(&mut self) -> Result<(), StoreError> {
        if !self.ready.is_empty() {
            return Ok(());
        }
        match &mut self.source {
            Source::Frames(messages) => self.ready = std::mem::take(messages),
            Source::Footer { footer, next, summaries_at } => {
                while self.ready.is_empty()
                    && let Some(entry) = footer.entries.get(*next)
                {
                    *next += 1;
                    let end = *summaries_at + entry.summary_bytes as usize;
                    let part = footer.summaries.slice(*summaries_at..end);
                    *summaries_at = end;
                    if self.until.is_some_and(|until| entry.first_lsn > until) {
                        continue;
                    }
                    decode(self.id, entry, &part, &mut self.ready)
                        .map_err(|error| undecodable(self.id, &error))?;
                }
            }
        }
        Ok(())
    }
}

/// What a footer says of the messages of one frame.
pub(super) fn decode(
    id: FileId,
    entry: &FooterEntry,
    part: &[u8],
    out: &mut VecDeque<Stored>,
) -> Result<(), DecodeError> {
    if entry.body_count == 0 {
        return Ok(());
    }
    let mut offset = entry.offset + u64::from(entry.bodies_at);
    let mut push = |summary: Summary, length: u32, crc: u32| {
        out.push_back(Stored { summary, slot: Slot::new(offset, u64::from(length), crc) });
        offset += u64::from(length);
    };
    match id {
        FileId::Segment(_) => codec::decode_summaries(part, &mut push),
        FileId::Output(_) => {
            let table_bytes = entry.body_count as usize * KEPT_TABLE_BYTES;
            let Some((table, kept)) = part.split_at_checked(table_bytes) else {
                let what = "the table of an output's messages";
                return Err(DecodeError::TooShort { offset: part.len(), what });
            };
            let mut table = table.as_chunks::<KEPT_TABLE_BYTES>().0.iter();
            codec::decode_kept(kept, &mut |summary| {
                if let Some(row) = table.next() {
                    push(summary, number(&row[..4]), number(&row[4..]));
                }
            })
        }
    }
}

/// What the footer of an output says of messages: for each, length and CRC of its payload; then
/// their summaries.
pub(super) fn encode_kept(stored: &[Stored]) -> Vec<u8> {
    let mut out = Vec::new();
    for Stored { slot, .. } in stored {
        out.extend_from_slice(&slot.length.to_le_bytes());
        out.extend_from_slice(&slot.crc.to_le_bytes());
    }
    for stored in stored {
        codec::encode_kept(&stored.summary, &mut out);
    }
    out
}

fn number(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(*bytes.first_chunk().expect("half a row"))
}

fn scan(stored: &StoredFile, until: Option<Lsn>) -> Result<VecDeque<Stored>, StoreError> {
    let mut found = VecDeque::new();
    stored.scan(until, &mut |view| {
        found.extend(of_frame(stored.id, &view).map_err(|error| error.to_string())?);
        Ok(())
    })?;
    Ok(found)
}

/// The messages of one frame, from its records.
pub(super) fn of_frame(id: FileId, view: &FrameView<'_>) -> Result<Vec<Stored>, DecodeError> {
    let mut summaries = Vec::new();
    match id {
        FileId::Segment(_) => codec::decode_records(view.records, &mut |record: Record| {
            record.for_each_sending(&mut |sending| {
                summaries.push(summary_of(view.now, sending));
            });
        })?,
        FileId::Output(_) => {
            codec::decode_kept(view.records, &mut |summary| summaries.push(summary))?;
        }
    }
    let slots = view.bodies.iter().map(|b| Slot::new(b.offset, u64::from(b.len), b.crc));
    Ok(summaries.into_iter().zip(slots).map(|(summary, slot)| Stored { summary, slot }).collect())
}

fn undecodable(id: FileId, error: &DecodeError) -> StoreError {
    StoreError::FooterUndecodable { path: id.path(), reason: error.to_string() }
}

/// Where the messages of a file end: the LSNs of an output are its own.
pub(super) fn last_lsn(id: FileId, needed_to: Lsn) -> Option<Lsn> {
    match id {
        FileId::Segment(_) => Some(needed_to),
        FileId::Output(_) => None,
    }
}

/// Opens a file that a checkpoint or a record names; its salt tells it from another of that name.
pub(super) fn open_stored(
    disk: &Arc<dyn Disk>,
    id: FileId,
    lineage: Lineage,
    salt: u32,
) -> Result<StoredFile, StoreError> {
    let stored = StoredFile::open(&**disk, id, lineage)?;
    if stored.salt != salt {
        return Err(StoreError::OtherFile { path: id.path() });
    }
    Ok(stored)
}
