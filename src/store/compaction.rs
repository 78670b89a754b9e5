//! Copying the live messages of files that have few of them, so that the files can be given back.
//!
//! A compaction is planned by the owner, copies in steps in the background and is made true by one
//! record in the log, once its output is durable and was read back (R5 of the log's rules). Only
//! places change: at the switch, a message that died meanwhile stays dead (R21).

use std::{cmp::Reverse, collections::BinaryHeap, io, sync::Arc};

use bytes::Bytes;
use roaring::RoaringTreemap;

use super::{
    StoreError,
    places::Slot,
    stream::{Messages, Stored, encode_kept, last_lsn},
};
use crate::{
    codec,
    disk::{Disk, File, read_exact_at},
    log::{Body, Draft, FileId, FinishedOutput, OutputWriter, StoredFile},
    types::{Lineage, Lsn, OutputId, Seq, Timestamp},
};

/// About the payload bytes of one frame of an output.
pub(super) const FRAME_BYTES: u64 = 1 << 20;
/// The most messages of one frame.
pub(super) const FRAME_COUNT_MAX: usize = 4096;

/// What is to be copied into one output.
pub struct CompactionPlan {
    pub(super) output: OutputId,
    pub(super) lineage: Lineage,
    pub(super) salt: u64,
    /// How often the messages were copied, with this copy.
    pub(super) generation: u8,
    /// The files, each with the last LSN in it and its live messages.
    pub(super) sources: Vec<(FileId, Lsn, RoaringTreemap)>,
}

/// A compaction under way.
pub struct Compactor {
    output: OutputWriter,
    sources: Vec<Source>,
    heads: BinaryHeap<Reverse<(Seq, usize)>>,
    places: Vec<(Seq, Slot)>,
    generation: u8,
}

struct Source {
    messages: Messages,
    file: Arc<dyn File>,
    live: RoaringTreemap,
}

/// What is to be done next for a compaction.
pub enum CompactionTask {
    /// Open the files.
    Begin(Box<CompactionPlan>),
    /// Copy one frame more.
    Copy(Box<Compactor>),
    /// Remove what was written.
    Abandon(Box<Compactor>),
}

/// What a task led to.
pub enum CompactionOutcome {
    /// There is more to copy; so many bytes were written.
    Ready(Box<Compactor>, u64),
    /// All is copied, durable, and was read back.
    Finished(Box<Compacted>),
    /// Nothing is left of it.
    Abandoned,
}

/// An output that can be switched to.
pub struct Compacted {
    pub(super) output: FinishedOutput,
    pub(super) generation: u8,
    /// Where each message lies now, ascending.
    pub(super) places: Vec<(Seq, Slot)>,
}

/// Why a compaction could not be done. Nothing is lost: the messages stay where they are.
#[derive(Debug, thiserror::Error)]
pub enum CompactionError {
    /// A file cannot be read; it is left as it is from now on.
    #[error("cannot copy from {file}: {reason}")]
    Source {
        /// The file.
        file: FileId,
        /// Why.
        reason: String,
    },
    /// The output cannot be written.
    #[error("cannot write a compaction output")]
    Output(#[from] io::Error),
}

impl CompactionTask {
    /// Runs it; may wait for the device. After an error nothing is left of the output.
    pub fn run(self, disk: &dyn Disk) -> Result<CompactionOutcome, CompactionError> {
        match self {
            Self::Begin(plan) => Compactor::begin(*plan, disk)
                .map(|compactor| CompactionOutcome::Ready(Box::new(compactor), 0)),
            Self::Copy(compactor) => compactor.copy(disk),
            Self::Abandon(compactor) => {
                compactor.output.abandon(disk);
                Ok(CompactionOutcome::Abandoned)
            }
        }
    }
}

impl Compacted {
    /// How many messages were copied.
    pub fn copied_count(&self) -> u64 {
        self.places.len() as u64
    }

    /// What was written: id, salt, length and footer CRC.
    pub fn output(&self) -> &FinishedOutput {
        &self.output
    }
}

impl Compactor {
    fn begin(plan: CompactionPlan, disk: &dyn Disk) -> Result<Self, CompactionError> {
        let mut sources = Vec::with_capacity(plan.sources.len());
        let mut heads = BinaryHeap::new();
        for (id, end, live) in plan.sources {
            let failed = |error: &dyn std::error::Error| source_error(id, error);
            let stored =
                StoredFile::open(disk, id, plan.lineage).map_err(|error| failed(&error))?;
            let mut messages =
                Messages::open(&stored, last_lsn(id, end)).map_err(|error| failed(&error))?;
            let head = messages.peek().map_err(|error| failed(&error))?;
            heads.extend(head.map(|seq| Reverse((seq, sources.len()))));
            sources.push(Source { messages, file: stored.file, live });
        }
        let generation = plan.generation;
        let output = OutputWriter::create(disk, plan.output, plan.lineage, plan.salt, generation)?;
        Ok(Self { output, sources, heads, places: Vec::new(), generation })
    }

    /// Copies one frame, or ends.
    fn copy(mut self: Box<Self>, disk: &dyn Disk) -> Result<CompactionOutcome, CompactionError> {
        match self.copy_frame() {
            Ok(0) => {}
            Ok(bytes) => return Ok(CompactionOutcome::Ready(self, bytes)),
            Err(error) => {
                self.output.abandon(disk);
                return Err(error);
            }
        }
        let lost = self.sources.iter().find(|source| !source.live.is_empty());
        if let Some(source) = lost {
            let reason = "some of its live messages were not found".to_owned();
            let file = source.messages.id;
            self.output.abandon(disk);
            return Err(CompactionError::Source { file, reason });
        }
        let Self { output, places, generation, .. } = *self;
        let output = output.finish(disk)?;
        Ok(CompactionOutcome::Finished(Box::new(Compacted { output, generation, places })))
    }

    /// Writes the next frame; how many bytes it had, 0 if nothing was left.
    fn copy_frame(&mut self) -> Result<u64, CompactionError> {
        let mut taken = Vec::new();
        let mut bodies = Vec::new();
        let mut bytes = 0;
        while bytes < FRAME_BYTES
            && taken.len() < FRAME_COUNT_MAX
            && let Some((stored, body)) = self.next_live()?
        {
            bytes += u64::from(stored.slot.length);
            bodies.push(Body { chunks: [body, Bytes::new()], crc: stored.slot.crc });
            taken.push(stored);
        }
        if taken.is_empty() {
            return Ok(0);
        }
        let draft = kept_frame(&taken, bodies);
        let written = self.output.append(draft)?;
        let places = taken.iter().zip(written).map(|(stored, place)| {
            let slot = Slot::new(place.offset, u64::from(place.len), place.crc);
            (stored.summary.seq, slot)
        });
        self.places.extend(places);
        Ok(bytes)
    }

    /// The next live message of all sources, with its payload as it is: if it is damaged, it stays
    /// damaged, and its CRC says so.
    fn next_live(&mut self) -> Result<Option<(Stored, Bytes)>, CompactionError> {
        while let Some(Reverse((_, at))) = self.heads.pop() {
            let source = &mut self.sources[at];
            let id = source.messages.id;
            let failed = |error: StoreError| source_error(id, &error);
            let stored = source.messages.next().map_err(failed)?;
            let head = source.messages.peek().map_err(failed)?;
            self.heads.extend(head.map(|seq| Reverse((seq, at))));
            let Some(stored) = stored else { continue };
            if !source.live.remove(stored.summary.seq.get()) {
                continue;
            }
            let mut body = vec![0; stored.slot.length as usize];
            read_exact_at(&*source.file, u64::from(stored.slot.offset), &mut body)
                .map_err(|error| source_error(id, &error))?;
            return Ok(Some((stored, body.into())));
        }
        Ok(None)
    }
}

/// A frame of an output.
pub(super) fn kept_frame(taken: &[Stored], bodies: Vec<Body>) -> Draft {
    let mut records = Vec::new();
    for stored in taken {
        codec::encode_kept(&stored.summary, &mut records);
    }
    let record_count = u32::try_from(taken.len()).unwrap_or(u32::MAX);
    let (now, tick, summary) = (Timestamp::ZERO, false, encode_kept(taken));
    Draft { now, records, record_count, bodies, summary, tick }
}

fn source_error(file: FileId, error: &dyn std::error::Error) -> CompactionError {
    CompactionError::Source { file, reason: error.to_string() }
}
