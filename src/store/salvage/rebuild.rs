//! A new data directory, made of messages and of a state.
//!
//! The messages are copied into outputs, as a compaction does; the state becomes a checkpoint at a
//! tick, which is the only record of a log of its own. A second tick behind it proves the first.
//! `IDENTITY` comes last (R1 of the log's rules): before that a start refuses the directory.

use std::{io, sync::Arc};

use bytes::Bytes;

use super::{
    super::{
        CHECKPOINTS_DIR, CheckpointOutcome, CheckpointTask, Identity, Settings, Store, StoreError,
        backup::RESTORING,
        compaction::{FRAME_BYTES, FRAME_COUNT_MAX, kept_frame},
        directory,
        files::StoredInfo,
        places::Slot,
        stream::Stored,
    },
    FoundMessage,
};
use crate::{
    disk::Disk,
    log::{
        self, Body, Draft, FileId, OutputWriter, Position, SEGMENT_BYTES_DEFAULT, SEGMENTS_DIR,
        SegmentId, StoredFile,
    },
    types::{DeduplicationBucket, ImageEntry, Lsn, OutputId, Seq, Timestamp},
};

/// About the length of one output, in bytes.
const OUTPUT_BYTES: u64 = SEGMENT_BYTES_DEFAULT / 4 * 3;

/// Why a directory could not be made. What there is of it is refused by a start.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The system refused.
    #[error("cannot write the new directory")]
    Io(#[from] io::Error),
    /// A file of it cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A payload that was whole when it was looked at is not any more.
    #[error(
        "{path} reads differently each time at offset {offset}: the device is not to be trusted"
    )]
    Changed {
        /// The file.
        path: String,
        /// Where, in bytes.
        offset: u64,
    },
}

/// A directory that is being made.
pub struct Rebuilding<'a> {
    disk: &'a Arc<dyn Disk>,
    identity: Identity,
    salts: &'a mut dyn FnMut() -> u64,
    store: Store,
    writer: Option<OutputWriter>,
    next_output: OutputId,
    /// Of the output that is being written: the place of each message.
    places: Vec<(Seq, Slot)>,
    /// Of the frame to be.
    taken: Vec<Stored>,
    bodies: Vec<Body>,
    bytes: u64,
    copied_bytes: u64,
    _lock: Box<dyn Send + Sync>,
}

impl<'a> Rebuilding<'a> {
    /// Begins in an empty directory. `last_output` is the last that the old one had.
    pub fn begin(
        disk: &'a Arc<dyn Disk>,
        identity: Identity,
        last_output: OutputId,
        salts: &'a mut dyn FnMut() -> u64,
    ) -> Result<Self, RebuildError> {
        let lock = directory::lock(&**disk)?;
        directory::write(&**disk, RESTORING, &identity)?;
        disk.sync_dir("")?;
        for dir in [SEGMENTS_DIR, CHECKPOINTS_DIR] {
            disk.create_dir(dir)?;
        }
        let settings =
            Settings { tail_cache_bytes: 0, segment_bytes: 0, output_bytes: 0, pool_count_max: 0 };
        Ok(Self {
            disk,
            salts,
            store: Store::new(settings, identity.lineage),
            identity,
            writer: None,
            next_output: last_output.next(),
            places: Vec::new(),
            taken: Vec::new(),
            bodies: Vec::new(),
            bytes: 0,
            copied_bytes: 0,
            _lock: lock,
        })
    }

    /// Copies a message; they are given in ascending order.
    pub fn push(&mut self, message: &FoundMessage) -> Result<(), RebuildError> {
        let Some(payload) = message.payload() else {
            let (path, offset) = (message.id.path(), message.offset);
            return Err(RebuildError::Changed { path, offset });
        };
        let slot = Slot::new(0, payload.len() as u64, message.crc);
        self.bytes += payload.len() as u64;
        let chunks = [Bytes::from(payload), Bytes::new()];
        self.bodies.push(Body { chunks, crc: message.crc });
        self.taken.push(Stored { summary: message.summary.clone(), slot });
        if self.bytes >= FRAME_BYTES || self.taken.len() >= FRAME_COUNT_MAX {
            self.write_frame()?;
        }
        Ok(())
    }

    /// Writes the log of one tick at `lsn` behind `last_segment`, and the checkpoint there. The
    /// state's entries come from `entries`, until it says that there are no more.
    pub fn finish(
        &mut self,
        last_segment: SegmentId,
        lsn: Lsn,
        now: Timestamp,
        buckets: Vec<DeduplicationBucket>,
        entries: &mut dyn FnMut(&mut Vec<ImageEntry>) -> bool,
    ) -> Result<u64, RebuildError> {
        self.write_frame()?;
        self.finish_output()?;
        let lineage = self.identity.lineage;
        let before =
            Position { lsn: Lsn::new(lsn.get() - 1), segment: last_segment, offset: 0, crc: 0 };
        let position = self.tick(before, now)?;
        let id = FileId::Segment(position.segment);
        let stored = StoredFile::open(&**self.disk, id, lineage).map_err(StoreError::Log)?;
        let info = StoredInfo::new(stored.file, stored.bytes, stored.salt, lsn);
        self.store.files.insert(id, info);
        self.store.next_output = self.next_output;
        let draft = self.store.begin_checkpoint(position, now, buckets);
        self.checkpoint(CheckpointTask::Begin(Box::new(draft)), entries)?;
        self.tick(position, now)?;
        for dir in [SEGMENTS_DIR, CHECKPOINTS_DIR, ""] {
            self.disk.sync_dir(dir)?;
        }
        Ok(self.copied_bytes)
    }

    /// Gives the directory its identity: it is whole.
    pub fn publish(self) -> Result<(), RebuildError> {
        Ok(directory::name(&**self.disk, RESTORING)?)
    }

    fn checkpoint(
        &self,
        mut task: CheckpointTask,
        entries: &mut dyn FnMut(&mut Vec<ImageEntry>) -> bool,
    ) -> io::Result<()> {
        let mut more = true;
        loop {
            task = match task.run(&**self.disk)? {
                CheckpointOutcome::Ready(writer) if more => {
                    let mut slice = Vec::new();
                    more = entries(&mut slice);
                    CheckpointTask::Append(writer, slice)
                }
                CheckpointOutcome::Ready(writer) => CheckpointTask::Publish(writer),
                CheckpointOutcome::Published(_) | CheckpointOutcome::Abandoned => return Ok(()),
            };
        }
    }

    /// One frame more, in a segment of its own.
    fn tick(&mut self, before: Position, now: Timestamp) -> io::Result<Position> {
        let mut records = Vec::new();
        crate::codec::encode_record(&crate::types::Record::Tick, &mut records);
        let frame = Draft { now, records, record_count: 1, tick: true, ..Draft::default() };
        log::prove_end(&**self.disk, self.identity.lineage, before, frame, (self.salts)())
    }

    fn write_frame(&mut self) -> Result<(), RebuildError> {
        let (taken, bodies) = (std::mem::take(&mut self.taken), std::mem::take(&mut self.bodies));
        if taken.is_empty() {
            return Ok(());
        }
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => self.writer.insert(OutputWriter::create(
                &**self.disk,
                self.next_output,
                self.identity.lineage,
                (self.salts)(),
                1,
            )?),
        };
        let written = writer.append(kept_frame(&taken, bodies))?;
        let places = taken.iter().zip(written).map(|(stored, place)| {
            (stored.summary.seq, Slot::new(place.offset, u64::from(place.len), place.crc))
        });
        self.places.extend(places);
        self.copied_bytes += std::mem::take(&mut self.bytes);
        if writer.bytes() >= OUTPUT_BYTES {
            self.finish_output()?;
        }
        Ok(())
    }

    fn finish_output(&mut self) -> Result<(), RebuildError> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let output = writer.finish(&**self.disk)?;
        self.next_output = output.id.next();
        let id = FileId::Output(output.id);
        // No record of the log switches to it: the first of the log stands for that.
        let mut info = StoredInfo::new(output.file, output.length, output.salt, Lsn::new(1));
        info.generation = 1;
        self.store.files.insert(id, info);
        for (seq, slot) in std::mem::take(&mut self.places) {
            self.store.places.push_sparse(id, seq, slot);
            self.store.files.came(id, u64::from(slot.length));
        }
        Ok(())
    }
}
