//! The frames of one segment: a pure function over its bytes, which may be any bytes at all.

use std::sync::Arc;

use crate::{disk::File, types::Lsn};

use super::{
    BodyPlace, FrameView, SegmentId,
    frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead, MARK, TABLE_ENTRY_BYTES},
    header::HEADER_PAGE_BYTES,
    judge::{Rest, judge_rest},
    le::{all_zero, index, salted_crc, u32_at},
    position::Chain,
};

/// The bytes of one segment, and the salt that its header names.
#[derive(Clone, Copy)]
pub(super) struct SegmentBytes<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) salt: u32,
}

/// One whole frame, but for its bodies.
#[derive(Clone, Copy)]
pub(super) struct FrameRef<'a> {
    segment: SegmentBytes<'a>,
    pub(super) header: FrameHeader,
    /// Where it begins in the segment, in bytes.
    pub(super) at: u64,
}

/// Why there is no whole frame at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameFault {
    /// No header, or a damaged one.
    Header,
    /// A header of a version that this program does not know.
    Newer { version: u16 },
    /// A whole header that does not follow on what was before.
    Chain(FrameHeader),
    /// Lengths that contradict each other, or lead out of the segment.
    Lengths,
    /// A damaged zero-sector list.
    ZeroList(FrameHeader),
    /// A damaged body table or damaged records.
    Records(FrameHeader),
}

/// Takes a frame and its bodies.
pub(super) type OnFrame<'a, 'b> = dyn FnMut(FrameRef<'a>, &[BodyPlace]) -> Result<(), String> + 'b;

/// Where in a segment a scan begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// Where that is, in bytes.
    pub(super) at: u64,
    /// What the frame there continues.
    pub(super) chain: Chain,
}

impl Start {
    /// With the first frame of a segment.
    pub(super) fn of_segment(chain: Chain) -> Self {
        Self { at: HEADER_PAGE_BYTES as u64, chain }
    }
}

/// How the frames of a segment end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentScan {
    /// Behind the last whole frame.
    pub(super) chain: Chain,
    /// Where that is in the segment, in bytes.
    pub(super) at: u64,
    /// What comes after.
    pub(super) end: End,
    /// Whether the padding or the end mark of some frame is not as written. Harmless.
    pub(super) blemished: bool,
}

/// What comes after the last frame of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The next segment in use goes on from here: whatever lies here is not part of the log.
    Chained,
    /// As judged, since no segment goes on from here.
    Rest(Rest),
    /// Whoever takes the frames refused one.
    Refused(String),
}

impl<'a> SegmentBytes<'a> {
    /// The frame at `at`, if one is whole there and continues `chain`.
    pub(super) fn frame(self, at: u64, chain: Chain) -> Result<FrameRef<'a>, FrameFault> {
        let rest = self.bytes.get(index(at)..).unwrap_or_default();
        let header = match FrameHeader::read(rest, self.salt) {
            HeaderRead::Whole(header) => header,
            HeaderRead::Newer { version } => return Err(FrameFault::Newer { version }),
            HeaderRead::Not => return Err(FrameFault::Header),
        };
        if !header.is_consistent() || u64::from(header.frame_bytes) > rest.len() as u64 {
            return Err(FrameFault::Lengths);
        }
        if !header.continues(chain) {
            return Err(FrameFault::Chain(header));
        }
        let frame = FrameRef { segment: self, header, at };
        if salted_crc(self.salt, &[frame.zero_list()]) != header.zeros_crc {
            return Err(FrameFault::ZeroList(header));
        }
        let content = frame.part(FRAME_HEADER_BYTES as u64, header.bodies_at());
        if salted_crc(self.salt, &[content]) != header.records_crc {
            return Err(FrameFault::Records(header));
        }
        let bodies_bytes: u64 = frame.table().iter().map(|entry| u64::from(u32_at(entry, 0))).sum();
        if bodies_bytes != u64::from(header.bodies_bytes) {
            return Err(FrameFault::Lengths);
        }
        Ok(frame)
    }

    /// The frame of this whole header at `at`, if its records are whole too, whatever is behind
    /// them.
    pub(super) fn with_records(self, at: u64, header: FrameHeader) -> Option<FrameRef<'a>> {
        let frame = FrameRef { segment: self, header, at };
        let content = frame.part(FRAME_HEADER_BYTES as u64, header.bodies_at());
        let bodies_bytes: u64 = frame.table().iter().map(|entry| u64::from(u32_at(entry, 0))).sum();
        let is_whole = salted_crc(self.salt, &[content]) == header.records_crc
            && bodies_bytes == u64::from(header.bodies_bytes);
        is_whole.then_some(frame)
    }

    /// The first whole header of a frame at or behind `from` that holds `lsn_min` or later.
    ///
    /// The LSN and the salt keep a body that holds a copy of a segment, even of this one, from
    /// being taken for a frame: no copy can be of a frame that was not yet written.
    pub(super) fn find_frame(self, from: u64, lsn_min: Lsn) -> Option<(u64, FrameHeader)> {
        let begin = from.next_multiple_of(FRAME_HEADER_BYTES as u64);
        let rest = self.bytes.get(index(begin)..)?;
        let mut places = (begin..).step_by(FRAME_HEADER_BYTES);
        for block in rest.as_chunks::<FRAME_HEADER_BYTES>().0 {
            let place = places.next()?;
            if let HeaderRead::Whole(header) = FrameHeader::read(block, self.salt)
                && header.first_lsn >= lsn_min
                && header.is_consistent()
            {
                return Some((place, header));
            }
        }
        None
    }

    /// From `from` to `to`, as far as that lies within the segment.
    pub(super) fn part(self, from: u64, to: u64) -> &'a [u8] {
        let end = index(to).min(self.bytes.len());
        self.bytes.get(index(from)..end).unwrap_or_default()
    }

    /// Gives every whole frame from `start` on to `on_frame`. `next` is where the next segment in
    /// use goes on, if there is one.
    ///
    /// A frame whose records are whole but a body is not counts if it was durable: a later frame
    /// or segment proves that. Otherwise it is judged like any last frame.
    pub(super) fn scan(
        self,
        start: Start,
        next: Option<Chain>,
        on_frame: &mut OnFrame<'a, '_>,
    ) -> SegmentScan {
        let Start { chain, at } = start;
        let mut scan = SegmentScan { chain, at, end: End::Chained, blemished: false };
        while let Ok(frame) = self.frame(scan.at, scan.chain) {
            let bodies = frame.bodies();
            let damaged = bodies.iter().any(|body| body.damaged);
            if damaged && !self.was_durable(frame, next) {
                break;
            }
            if let Err(reason) = on_frame(frame, &bodies) {
                scan.end = End::Refused(reason);
                return scan;
            }
            scan.blemished |= !frame.ends_as_written();
            scan.chain = frame.header.chain_after();
            scan.at = frame.end();
        }
        if next != Some(scan.chain) {
            scan.end = End::Rest(judge_rest(self, scan.at, scan.chain));
        }
        scan
    }

    /// Whether what was written later proves that `frame` was durable. A segment that goes on from
    /// before the frame's end does not: then the frame was torn, and its LSNs were given again.
    pub(super) fn was_durable(self, frame: FrameRef<'_>, next: Option<Chain>) -> bool {
        let end = frame.header.chain_after();
        match next {
            Some(next) => next.next_lsn >= end.next_lsn,
            None => self.find_frame(frame.end(), end.next_lsn).is_some(),
        }
    }
}

impl<'a> FrameRef<'a> {
    /// Where the frame ends in the segment, in bytes.
    pub(super) fn end(&self) -> u64 {
        self.at + u64::from(self.header.frame_bytes)
    }

    fn part(&self, from: u64, to: u64) -> &'a [u8] {
        self.segment.part(self.at + from, self.at + to)
    }

    fn zero_list(&self) -> &'a [u8] {
        self.part(self.header.zeros_at(), self.header.zeros_end())
    }

    fn table(&self) -> &'a [[u8; TABLE_ENTRY_BYTES]] {
        let table = self.part(FRAME_HEADER_BYTES as u64, self.header.records_at());
        table.as_chunks().0
    }

    /// The frame as a reader of the log sees it.
    pub(super) fn view<'b>(
        &self,
        segment: SegmentId,
        file: &'b Arc<dyn File>,
        bodies: &'b [BodyPlace],
    ) -> FrameView<'b>
    where
        'a: 'b,
    {
        FrameView {
            segment,
            file,
            offset: self.at,
            frame_bytes: u64::from(self.header.frame_bytes),
            first_lsn: self.header.first_lsn,
            record_count: self.header.record_count,
            now: self.header.now,
            crc: self.header.crc,
            salt: self.segment.salt,
            file_bytes: self.segment.bytes.len() as u64,
            records: self.part(self.header.records_at(), self.header.bodies_at()),
            bodies,
        }
    }

    /// The end mark; empty in a frame of the version without one.
    fn end_mark(&self) -> &'a [u8] {
        self.part(self.header.padding_end(), u64::from(self.header.frame_bytes))
    }

    /// Where the bodies lie, each compared with its CRC.
    pub(super) fn bodies(&self) -> Vec<BodyPlace> {
        let mut offset = self.at + self.header.bodies_at();
        let mut places = Vec::with_capacity(self.table().len());
        for entry in self.table() {
            let (len, crc) = (u32_at(entry, 0), u32_at(entry, 4));
            let bytes = self.segment.part(offset, offset + u64::from(len));
            places.push(BodyPlace { offset, len, crc, damaged: crc32fast::hash(bytes) != crc });
            offset += u64::from(len);
        }
        places
    }

    /// Whether padding and end mark, which no CRC covers, are what the writer puts there.
    pub(super) fn ends_as_written(&self) -> bool {
        let bodies_end = self.header.bodies_at() + u64::from(self.header.bodies_bytes);
        all_zero(self.part(bodies_end, self.header.zeros_at()))
            && all_zero(self.part(self.header.zeros_end(), self.header.padding_end()))
            && self.end_mark().iter().all(|byte| *byte == MARK)
    }
}
