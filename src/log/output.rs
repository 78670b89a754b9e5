//! Compaction outputs (R5): files of their own, outside the chain of LSNs, that hold the original
//! records and bodies of messages from elsewhere.
//!
//! An output is laid out like a segment: a header page, frames from LSN 1 on in a chain of their
//! own, zeros, and a footer that ends at the file's last byte. Its length is what it needs, up to
//! the next multiple of 4096. It is made under a temporary name, which a start removes, and has its
//! own name only once it is whole, durable and read back: so it is never judged, and its frames
//! need no later one to prove them.

use std::{
    io::{self, IoSlice},
    sync::Arc,
};

use crate::{
    disk::{Disk, File, write_all_at},
    types::{Lineage, OutputId},
};

use super::{
    BodyPlace, Draft, FRAME_BYTES_MAX, FileId, Footer, FooterEntry, LogError, SEGMENTS_DIR,
    StoredFile,
    encode::encode,
    footer::{crc_of, encode_footer, footer_bytes},
    header::{HEADER_PAGE_BYTES, OutputHeader},
    jobs::create_anew,
    le::{folded, short},
    position::Chain,
    settings::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_STEP},
};

/// Largest output, in bytes, as [`OutputWriter::bytes`] counts them.
pub const OUTPUT_BYTES_MAX: u64 = SEGMENT_BYTES_MAX;

/// Makes an output. It has no threads: each call is a step. After an error it is of no use but for
/// [`OutputWriter::abandon`].
pub struct OutputWriter {
    /// Complete but for the length.
    header: OutputHeader,
    file: Arc<dyn File>,
    chain: Chain,
    /// Where the next frame begins, in bytes.
    end: u64,
    entries: Vec<FooterEntry>,
    summaries: Vec<u8>,
}

/// An output that is whole and durable: what the log says of it when it takes the place of others.
pub struct FinishedOutput {
    /// The output.
    pub id: OutputId,
    /// Opened for reading.
    pub file: Arc<dyn File>,
    /// The salt of its CRCs.
    pub salt: u32,
    /// Length of the file, in bytes.
    pub length: u64,
    /// The CRC of its footer, which stands for the file.
    pub footer_crc: u32,
}

impl OutputWriter {
    /// Begins an output under its temporary name, in place of what was left there. The salt is
    /// random; the generation is how often its messages were copied, this time included.
    pub fn create(
        disk: &dyn Disk,
        id: OutputId,
        lineage: Lineage,
        salt: u64,
        generation: u8,
    ) -> io::Result<Self> {
        let file = create_anew(disk, &FileId::Output(id).temporary_path())?;
        Ok(Self {
            header: OutputHeader { salt: folded(salt), id, lineage, output_bytes: 0, generation },
            file,
            chain: Chain::default(),
            end: HEADER_PAGE_BYTES as u64,
            entries: Vec::new(),
            summaries: Vec::new(),
        })
    }

    /// Writes one frame and syncs it. Records are opaque, and bodies keep the CRC that they are
    /// given with, damaged ones too. Returns where each body lies; they are not read back.
    ///
    /// # Panics
    ///
    /// Without a record, and for a frame or a file beyond its limit: those are faults of the
    /// caller.
    pub fn append(&mut self, mut draft: Draft) -> io::Result<Vec<BodyPlace>> {
        assert!(draft.frame_bytes() <= FRAME_BYTES_MAX, "a frame is within its limit");
        let summary = std::mem::take(&mut draft.summary);
        let bodies: Vec<_> = draft.bodies.iter().map(|body| (body.bytes(), body.crc)).collect();
        let frame = encode(draft, self.end, self.header.salt, self.chain);
        let mut slices: Vec<_> = frame.chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
        write_all_at(&*self.file, self.end, &mut slices)?;
        self.file.sync_data()?;
        let mut offset = self.end + frame.header.bodies_at();
        let places = bodies.into_iter().map(|(length, crc)| {
            let at = offset;
            offset += length;
            let len = u32::try_from(length).expect("a body is smaller than its frame");
            BodyPlace { offset: at, len, crc, damaged: false }
        });
        let places = places.collect();
        self.entries.push(frame.header.entry(self.end, summary.len()));
        self.summaries.extend_from_slice(&summary);
        self.end += u64::from(frame.header.frame_bytes);
        self.chain = frame.header.chain_after();
        assert!(self.bytes() <= OUTPUT_BYTES_MAX, "an output is within its limit");
        Ok(places)
    }

    /// Length that the file would have if it were finished now, in bytes.
    pub fn bytes(&self) -> u64 {
        let footer = footer_bytes(self.entries.len(), self.summaries.len() as u64);
        (self.end + footer).next_multiple_of(SEGMENT_BYTES_STEP)
    }

    /// Completes the output, makes it durable under its own name, and reads it back past the cache:
    /// header, footer, and the records of every frame.
    ///
    /// After an error the output is not there: what has its temporary name, or its own without
    /// anybody who knows of it, is removed sooner or later.
    pub fn finish(mut self, disk: &dyn Disk) -> io::Result<FinishedOutput> {
        self.header.output_bytes = self.bytes();
        let id = FileId::Output(self.header.id);
        let finished = self.publish(disk, id);
        if finished.is_err() {
            // Gives the space back; if it fails too, nobody needs the file.
            let _ = disk.unlink(&id.temporary_path()).or_else(|_| disk.unlink(&id.path()));
        }
        finished
    }

    /// Removes what was written.
    pub fn abandon(self, disk: &dyn Disk) {
        // If this fails, the next start removes it.
        let _ = disk.unlink(&FileId::Output(self.header.id).temporary_path());
    }

    fn publish(self, disk: &dyn Disk, id: FileId) -> io::Result<FinishedOutput> {
        let Self { header, file, chain, entries, summaries, .. } = self;
        let footer = Footer { entries, summaries: summaries.into(), next_lsn: chain.next_lsn };
        let encoded = encode_footer(&footer, header.salt);
        let footer_at = header.output_bytes - u64::from(short(encoded.len()));
        write_all_at(&*file, footer_at, &mut [IoSlice::new(&encoded)])?;
        write_all_at(&*file, 0, &mut [IoSlice::new(&header.encode())])?;
        file.sync_all()?;
        disk.rename(&id.temporary_path(), &id.path())?;
        disk.sync_dir(SEGMENTS_DIR)?;
        file.drop_cache()?;
        let stored = read_back(disk, id, header.lineage, &footer).map_err(io::Error::other)?;
        Ok(FinishedOutput {
            id: header.id,
            file: stored.file,
            salt: header.salt,
            length: header.output_bytes,
            footer_crc: crc_of(&encoded),
        })
    }
}

fn read_back(
    disk: &dyn Disk,
    id: FileId,
    lineage: Lineage,
    written: &Footer,
) -> Result<StoredFile, LogError> {
    let stored = StoredFile::open(disk, id, lineage)?;
    let path = id.path();
    if stored.footer().map_err(LogError::io("read", &path))?.as_ref() != Some(written) {
        let (offset, lsn) = (stored.bytes, written.next_lsn);
        let found = "its footer does not read as it was written".to_owned();
        return Err(LogError::Corrupt { path, offset, lsn, found });
    }
    written.entries.iter().try_for_each(|entry| stored.frame(entry).map(|_| ()))?;
    Ok(stored)
}
