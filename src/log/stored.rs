//! A sealed file, read back: its footer, its frames, or one frame of it.
//!
//! Nothing is judged here. A frame that is not whole ends a reading, or is an error to whoever
//! asked for it.

use std::{io, sync::Arc};

use crate::{
    disk::{Access, Disk, File, PageBuffer, read_exact_at},
    types::{Lineage, Lsn, OutputId, Timestamp},
};

use super::{
    BodyPlace, FRAME_BYTES_MAX, FileId, Footer, FooterEntry, LogError, SegmentId, Sink,
    footer::{read_footer_crc, read_footer_of},
    frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead, TABLE_ENTRY_BYTES},
    header::{HEADER_PAGE_BYTES, read_output_page},
    le::{index, salted_crc, u32_at},
    position::Chain,
    scan::SegmentBytes,
    survey::{Told, begin_of, read_header, whole},
};

/// A segment or an output whose header was read.
pub struct StoredFile {
    /// Which file it is.
    pub id: FileId,
    /// Opened for reading.
    pub file: Arc<dyn File>,
    /// Length of the file, in bytes.
    pub bytes: u64,
    /// The salt of its CRCs.
    pub salt: u32,
    /// How often the messages of an output were copied; 0 for a segment.
    pub generation: u8,
    /// Whether the header page has harmless damage.
    pub(super) blemished: bool,
    /// What its first frame continues; `None` for a segment that was never used.
    opening: Option<Chain>,
}

/// The records of one frame, and where its bodies lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRecords {
    /// Broker time of the records.
    pub now: Timestamp,
    /// LSN of the first record.
    pub first_lsn: Lsn,
    /// How many records there are.
    pub record_count: u32,
    /// The records, encoded, as they were written.
    pub records: Vec<u8>,
    /// Where the bodies lie, in order. They were not read: `damaged` is false.
    pub bodies: Vec<BodyPlace>,
}

impl StoredFile {
    /// Opens a file and reads its header: it must be this file's, of the lineage, and tell the
    /// file's length.
    pub fn open(disk: &dyn Disk, id: FileId, lineage: Lineage) -> Result<Self, LogError> {
        Self::open_of(disk, id, Some(lineage))
    }

    /// The same, of any lineage if none is given.
    pub(super) fn open_of(
        disk: &dyn Disk,
        id: FileId,
        lineage: Option<Lineage>,
    ) -> Result<Self, LogError> {
        let path = id.path();
        let file = disk.open(&path, Access::Read).map_err(LogError::io("open", &path))?;
        match id {
            FileId::Segment(segment) => {
                let found = read_header(segment, file, lineage)?;
                let (bytes, salt) = (found.header.segment_bytes, found.header.salt);
                let (file, opening, blemished) = (found.file, found.opening, found.blemished);
                Ok(Self { id, file, bytes, salt, generation: 0, blemished, opening })
            }
            FileId::Output(output) => Self::of_output(output, file, lineage),
        }
    }

    fn of_output(
        id: OutputId,
        file: Arc<dyn File>,
        lineage: Option<Lineage>,
    ) -> Result<Self, LogError> {
        let id = FileId::Output(id);
        let path = id.path();
        let (file_bytes, begin) = begin_of(&*file, &path)?;
        let (header, blemished) = whole(&path, read_output_page(&begin))?;
        let (told_lineage, bytes) = (header.lineage, header.output_bytes);
        let told = Told { id: FileId::Output(header.id), lineage: told_lineage, bytes };
        told.check(id, lineage, file_bytes)?;
        let (salt, generation) = (header.salt, header.generation);
        // An output has a chain of its own.
        let opening = Some(Chain::default());
        Ok(Self { id, file, bytes, salt, generation, blemished, opening })
    }

    /// LSN of the first record; `None` for a segment that was never used. An output's own LSNs
    /// begin with 1 and mean nothing beyond it.
    pub fn first_lsn(&self) -> Option<Lsn> {
        self.opening.map(|opening| opening.next_lsn)
    }

    /// The footer, if there is a valid one with summaries; reads no more than that. An error is the
    /// operating system's.
    pub fn footer(&self) -> io::Result<Option<Footer>> {
        read_footer_of(&*self.file, self.bytes, self.salt)
    }

    /// The CRC of the footer, as the file's last bytes tell it, so that an output can be compared
    /// with what the log says of it; `None` if they are no footer's.
    pub fn footer_crc(&self) -> io::Result<Option<u32>> {
        read_footer_crc(&*self.file, self.bytes)
    }

    /// Gives every whole frame from the first on to `sink`, for a file without a footer. It stops
    /// at the first thing that is not a whole frame that continues the one before.
    ///
    /// `last_lsn` is where the file ends, if that is known: a torn frame behind it, whose LSNs were
    /// given again (R14), may be whole but for its bodies.
    pub fn scan(&self, last_lsn: Option<Lsn>, sink: &mut Sink<'_>) -> Result<(), LogError> {
        let Some(mut chain) = self.opening else { return Ok(()) };
        let path = self.id.path();
        let failed = || LogError::io("read", &path);
        let mut bytes = PageBuffer::new(index(self.bytes)).map_err(failed())?;
        read_exact_at(&*self.file, 0, &mut bytes).map_err(failed())?;
        let segment = SegmentBytes { bytes: &bytes, salt: self.salt };
        let id = match self.id {
            FileId::Segment(id) => id,
            FileId::Output(_) => SegmentId::default(),
        };
        let mut at = HEADER_PAGE_BYTES as u64;
        while let Ok(frame) = segment.frame(at, chain)
            && last_lsn.is_none_or(|last| chain.next_lsn <= last)
        {
            sink(frame.view(id, &self.file, &frame.bodies())).map_err(|reason| {
                let (path, offset, lsn) = (path.clone(), at, chain.next_lsn);
                LogError::Refused { path, offset, lsn, reason }
            })?;
            (at, chain) = (frame.end(), frame.header.chain_after());
        }
        Ok(())
    }

    /// The records of one frame of the footer, and the places of its bodies. Header and records
    /// must have their CRCs; the bodies are not read.
    pub fn frame(&self, entry: &FooterEntry) -> Result<FrameRecords, LogError> {
        let path = self.id.path();
        let damaged = |found: &str| {
            let (path, offset, lsn) = (path.clone(), entry.offset, entry.first_lsn);
            LogError::Corrupt { path, offset, lsn, found: found.to_owned() }
        };
        let length = u64::from(entry.bodies_at);
        let is_within = length >= FRAME_HEADER_BYTES as u64 && length <= FRAME_BYTES_MAX;
        if !is_within || entry.offset.saturating_add(length) > self.bytes {
            return Err(damaged("the footer names a frame that cannot be"));
        }
        let mut bytes = vec![0; index(length)];
        read_exact_at(&*self.file, entry.offset, &mut bytes)
            .map_err(LogError::io("read", &path))?;
        let HeaderRead::Whole(header) = FrameHeader::read(&bytes, self.salt) else {
            return Err(damaged("the header of the frame is not whole"));
        };
        let summary_bytes = entry.summary_bytes as usize;
        if !header.is_consistent() || header.entry(entry.offset, summary_bytes) != *entry {
            return Err(damaged("the frame is another than the footer names"));
        }
        if salted_crc(self.salt, &[&bytes[FRAME_HEADER_BYTES..]]) != header.records_crc {
            return Err(damaged("the records of the frame are not as written"));
        }
        let records = bytes.split_off(index(header.records_at()));
        let bodies = places(&bytes[FRAME_HEADER_BYTES..], entry.offset + header.bodies_at());
        let (now, first_lsn, record_count) = (header.now, header.first_lsn, header.record_count);
        Ok(FrameRecords { now, first_lsn, record_count, records, bodies })
    }
}

/// Where the bodies of a table lie, the first of them at `offset`; not looked at.
fn places(table: &[u8], mut offset: u64) -> Vec<BodyPlace> {
    let (entries, _) = table.as_chunks::<TABLE_ENTRY_BYTES>();
    let place = |entry: &[u8; TABLE_ENTRY_BYTES]| {
        let (at, len) = (offset, u32_at(entry, 0));
        offset += u64::from(len);
        BodyPlace { offset: at, len, crc: u32_at(entry, 4), damaged: false }
    };
    entries.iter().map(place).collect()
}
