//! A file that notes what it is asked for, and an output with the messages that a test names.

use std::{
    io::{self, IoSlice},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use roaring::RoaringTreemap;

use crate::{
    disk::{Disk, File, SimDisk},
    log::{Body, FileId, FinishedOutput, OutputWriter, Position, SEGMENTS_DIR, SegmentId},
    store::{ListedFile, Manifest, Settings, Slot, Store, compaction::kept_frame, stream::Stored},
    types::{Lineage, Lsn, OutputId, QueueId, Seq, Summary, Timestamp},
};

pub(in crate::store) const LINEAGE: Lineage = Lineage([1; 16]);

/// An empty store that keeps so many bytes of payloads in memory.
pub(in crate::store) fn store(tail_cache_bytes: u64) -> Store {
    let (segment_bytes, output_bytes, pool_count_max) = (64 << 10, 64 << 10, 0);
    Store::new(Settings { tail_cache_bytes, segment_bytes, output_bytes, pool_count_max }, LINEAGE)
}

pub(in crate::store) fn segment(id: u64) -> FileId {
    FileId::Segment(SegmentId::new(id))
}

/// A file that cannot be changed, of which the page cache has the first bytes alone. It notes
/// offset and length of each hint and of each read that must not wait.
#[derive(Default)]
pub(in crate::store) struct NotingFile {
    pub(in crate::store) bytes: Vec<u8>,
    pub(in crate::store) cached_count: usize,
    pub(in crate::store) noted: Mutex<Vec<(u64, u64)>>,
}

impl NotingFile {
    /// What was noted since the last call.
    pub(in crate::store) fn take_noted(&self) -> Vec<(u64, u64)> {
        std::mem::take(&mut *self.noted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, offset: u64, length: u64) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push((offset, length));
    }

    fn copy(&self, offset: u64, end: usize, buffer: &mut [u8]) -> usize {
        let rest = self.bytes[..end].get(usize::try_from(offset).expect("small")..);
        let rest = rest.unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        count
    }
}

impl File for NotingFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.len() as u64)
    }

    fn link_count(&self) -> io::Result<u64> {
        Ok(1)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(self.copy(offset, self.bytes.len(), buffer))
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.note(offset, buffer.len() as u64);
        Ok(self.copy(offset, self.cached_count, buffer))
    }

    fn write_at(&self, _: u64, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::PermissionDenied.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn drop_cache(&self) -> io::Result<()> {
        Ok(())
    }

    fn will_need(&self, offset: u64, len: u64) -> io::Result<()> {
        self.note(offset, len);
        Ok(())
    }

    fn map(&self) -> io::Result<Bytes> {
        Ok(Bytes::copy_from_slice(&self.bytes))
    }
}

/// A disk with room for outputs.
pub(in crate::store) fn disk() -> SimDisk {
    let disk = SimDisk::new();
    disk.create_dir(SEGMENTS_DIR).expect("there is space");
    disk.sync_dir("").expect("nothing fails");
    disk
}

/// An output whose frames hold these messages: for each its seq and its payload.
pub(in crate::store) fn write_output(
    disk: &SimDisk,
    id: u64,
    frames: &[Vec<(u64, Bytes)>],
) -> FinishedOutput {
    let created = OutputWriter::create(disk, OutputId::new(id), LINEAGE, 7, 1);
    let mut writer = created.expect("there is space");
    for messages in frames {
        let stored: Vec<_> = messages.iter().map(|(seq, payload)| stored(*seq, payload)).collect();
        let body = |(stored, (_, payload)): (&Stored, &(u64, Bytes))| Body {
            chunks: [payload.clone(), Bytes::new()],
            crc: stored.slot.crc,
        };
        let bodies = stored.iter().zip(messages).map(body).collect();
        writer.append(kept_frame(&stored, bodies)).expect("there is space");
    }
    writer.finish(disk).expect("nothing fails")
}

fn stored(seq: u64, payload: &Bytes) -> Stored {
    let summary = Summary {
        seq: Seq::new(seq),
        queue: QueueId::new(1),
        sent_at: Timestamp::from_millis(1),
        size: u32::try_from(payload.len()).expect("small"),
        expires_at: None,
        priority: 0,
        group: None,
    };
    Stored { summary, slot: Slot::new(0, payload.len() as u64, crc32fast::hash(payload)) }
}

/// What a checkpoint says of an output that [`write_output`] made.
pub(in crate::store) fn listed(bytes: u64, live: &[u64]) -> ListedFile {
    let live = live.iter().copied().collect::<RoaringTreemap>();
    ListedFile { salt: 7, bytes, generation: 1, needed_to: Lsn::new(1), live }
}

/// A checkpoint that lists one file.
pub(in crate::store) fn manifest(id: FileId, listed: ListedFile) -> Manifest {
    let (lsn, segment) = (Lsn::new(100), SegmentId::new(50));
    Manifest {
        position: Position { lsn, segment, offset: 4160, crc: 1 },
        at: Timestamp::ZERO,
        next_output: OutputId::new(9),
        files: [(id, listed)].into(),
        buckets: Vec::new(),
    }
}
