//! From a seq to the place of its payload.
//!
//! Seqs are dense and are given in the order of the log, so a segment holds a run of them, and a
//! message's ordinal is its seq minus the segment's first: 12 bytes a message.

use std::sync::Arc;

use super::Place;
use crate::{disk::File, log::SegmentId, types::Seq};

/// The places of all payloads.
#[derive(Default)]
pub(super) struct Index {
    /// In ascending order of seqs; none is empty.
    segments: Vec<Segment>,
}

struct Segment {
    id: SegmentId,
    file: Arc<dyn File>,
    first: Seq,
    slots: Vec<Slot>,
}

/// A segment is at most 1 GiB, so that an offset in it fits.
#[derive(Clone, Copy)]
struct Slot {
    offset: u32,
    length: u32,
    crc: u32,
}

impl Index {
    /// Adds the payloads of one frame: offset, length and CRC of each.
    pub(super) fn extend(
        &mut self,
        id: SegmentId,
        file: &Arc<dyn File>,
        first: Seq,
        places: impl Iterator<Item = (u64, u64, u32)>,
    ) {
        let mut slots = places.map(|(offset, length, crc)| Slot {
            offset: small(offset),
            length: small(length),
            crc,
        });
        let Some(slot) = slots.next() else { return };
        if self.segments.last().is_none_or(|segment| segment.id != id) {
            let file = file.clone();
            self.segments.push(Segment { id, file, first, slots: Vec::new() });
        }
        if let Some(segment) = self.segments.last_mut() {
            let next = segment.first.get() + segment.slots.len() as u64;
            debug_assert_eq!(next, first.get(), "seqs are dense");
            segment.slots.push(slot);
            segment.slots.extend(slots);
        }
    }

    /// Where a message's payload lies.
    pub(super) fn place(&self, seq: Seq) -> Option<Place> {
        let behind = self.segments.partition_point(|segment| segment.first <= seq);
        let segment = self.segments.get(behind.checked_sub(1)?)?;
        let ordinal = usize::try_from(seq.get() - segment.first.get()).ok()?;
        let slot = segment.slots.get(ordinal)?;
        let (offset, length, crc) = (u64::from(slot.offset), slot.length, slot.crc);
        Some(Place { file: segment.file.clone(), offset, length, crc })
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).expect("a segment is at most 1 GiB")
}
