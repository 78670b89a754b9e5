//! The frames of one file, on behind damage.

use crate::types::Lsn;

use super::super::{
    Footer, LogError,
    footer::read_footer,
    frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead},
    judge::{Rest, judge_rest},
    position::Chain,
    scan::{FrameRef, SegmentBytes},
    survey::newer,
};
use super::{Hole, Listed, Piece, PieceSink, opened::Usable};

/// What is wrong at a place.
#[derive(Clone, Debug)]
pub(super) struct Cause {
    pub(super) path: String,
    pub(super) offset: u64,
    pub(super) found: String,
}

/// Where the next segment in use goes on.
#[derive(Clone, Copy)]
pub(super) struct Next {
    pub(super) chain: Chain,
    /// Whether every segment between is there: then the chain says where this one ends.
    pub(super) is_adjacent: bool,
}

/// How the frames of a file end.
pub(super) enum End {
    /// As a start would have it.
    Clean,
    /// There may have been more.
    Broken(Cause),
}

/// What is at a place.
enum Found<'a> {
    /// A frame with whole records.
    Whole(FrameRef<'a>),
    /// The whole header of a frame whose records are damaged.
    Header(FrameHeader),
    Newer(u16),
    Nothing,
}

/// A walk through one file.
pub(super) struct Walk<'a> {
    pub(super) opened: &'a Usable,
    pub(super) bytes: &'a [u8],
    /// Behind what was found so far.
    pub(super) chain: Chain,
    pub(super) until: Option<Lsn>,
    pub(super) next: Option<Next>,
    /// What is wrong where the chain ends, if that is known.
    pub(super) cause: Option<Cause>,
}

impl Cause {
    /// At the begin of a file.
    pub(super) fn of(path: String, found: &str) -> Self {
        Self { path, offset: 0, found: found.to_owned() }
    }
}

impl<'a> Walk<'a> {
    /// Gives every frame from `start` on to `sink`.
    pub(super) fn run(&mut self, start: u64, sink: &mut PieceSink<'_>) -> Result<End, LogError> {
        let frames = self.opened.frames(self.bytes);
        match read_footer(frames.bytes, frames.salt) {
            Some(footer) => self.by_footer(frames, &footer, sink),
            None => self.by_scan(frames, start, sink),
        }
    }

    /// What was found goes on from here: the LSNs up to it are lost, with so many messages.
    pub(super) fn reach(&mut self, to: Chain, body_count: Option<u64>, sink: &mut PieceSink<'_>) {
        let cause = self.cause.take();
        if to.next_lsn > self.chain.next_lsn {
            let unknown = || self.cause_at(0, "the records before are not there");
            let Cause { path, offset, found } = cause.unwrap_or_else(unknown);
            let (first_lsn, next_lsn) = (self.chain.next_lsn, Some(to.next_lsn));
            let hole = Hole { first_lsn, next_lsn, path, offset, found, body_count };
            sink(Piece::Hole(hole));
        }
        self.chain = to;
    }

    fn by_footer(
        &mut self,
        frames: SegmentBytes<'a>,
        footer: &Footer,
        sink: &mut PieceSink<'_>,
    ) -> Result<End, LogError> {
        let firsts = footer.entries.iter().skip(1).map(|entry| entry.first_lsn);
        for ((entry, summary), end) in footer.frames().zip(firsts.chain([footer.next_lsn])) {
            let lsn = entry.first_lsn;
            if lsn < self.chain.next_lsn || self.until.is_some_and(|until| lsn > until) {
                continue;
            }
            match found_at(frames, entry.offset) {
                Found::Whole(frame) if frame.header.crc == entry.crc => self.give(frame, sink),
                Found::Newer(version) => {
                    return Err(newer(self.opened.id.path(), u32::from(version)));
                }
                Found::Whole(_) | Found::Header(_) | Found::Nothing => {
                    self.reach(Chain { next_lsn: lsn, crc: self.chain.crc }, None, sink);
                    self.damaged(entry.offset, "the records of a frame are not as written");
                    // The footer tells its messages.
                    self.reach(Chain { next_lsn: end, crc: entry.crc }, Some(0), sink);
                    let (id, file) = (self.opened.id, &self.opened.file);
                    let last_lsn = Lsn::new(end.get() - 1);
                    sink(Piece::Listed(Listed { id, file, entry, summary, last_lsn }));
                }
            }
        }
        let is_log = matches!(self.opened.id, super::FileId::Segment(_));
        if is_log && self.next.is_none() && self.until.is_none() {
            let found = "the segment has its footer, but no later one is in use";
            return Ok(End::Broken(self.cause_at(self.opened.bytes, found)));
        }
        Ok(End::Clean)
    }

    fn by_scan(
        &mut self,
        frames: SegmentBytes<'a>,
        start: u64,
        sink: &mut PieceSink<'_>,
    ) -> Result<End, LogError> {
        let mut at = start;
        loop {
            let found = found_at(frames, at);
            match found {
                Found::Newer(version) => {
                    return Err(newer(self.opened.id.path(), u32::from(version)));
                }
                Found::Whole(frame) if self.fits(&frame.header) => {
                    if self.is_torn(frames, frame) {
                        return Ok(End::Clean);
                    }
                    self.give(frame, sink);
                    at = frame.end();
                    continue;
                }
                Found::Whole(_) | Found::Header(_) | Found::Nothing => {}
            }
            let Some(cause) = self.judge(frames, at)? else { return Ok(End::Clean) };
            self.cause.get_or_insert_with(|| cause.clone());
            if let Found::Header(header) = found
                && self.fits(&header)
            {
                let next_lsn = header.first_lsn;
                if next_lsn > self.chain.next_lsn {
                    self.reach(Chain { next_lsn, crc: header.previous_crc }, None, sink);
                    self.cause = Some(cause);
                }
                let body_count = Some(u64::from(header.body_count));
                self.reach(header.chain_after(), body_count, sink);
                at += u64::from(header.frame_bytes);
                continue;
            }
            let from = at + FRAME_HEADER_BYTES as u64;
            match frames.find_frame(from, self.chain.next_lsn) {
                Some((place, header)) if self.fits(&header) => at = place,
                Some(_) | None => {
                    return Ok(End::Broken(self.cause.take().unwrap_or(cause)));
                }
            }
        }
    }

    /// What is wrong where no frame is; `None` if the frames end there as they should.
    fn judge(&self, frames: SegmentBytes<'a>, at: u64) -> Result<Option<Cause>, LogError> {
        if self.until.is_some_and(|until| self.chain.next_lsn > until) {
            return Ok(None);
        }
        if let Some(next) = self.next.filter(|next| next.is_adjacent) {
            let found = "the frame that begins here is not whole";
            let is_there = self.chain.next_lsn >= next.chain.next_lsn;
            return Ok((!is_there).then(|| self.cause_at(at, found)));
        }
        match judge_rest(frames, at, self.chain) {
            Rest::Newer { version } => Err(newer(self.opened.id.path(), u32::from(version))),
            Rest::Corrupt { found } => Ok(Some(self.cause_at(at, &found))),
            Rest::Clean | Rest::Torn { .. } if self.opened.is_cut_off => {
                Ok(Some(self.cause_at(at, "the file is cut off")))
            }
            Rest::Clean | Rest::Torn { .. } => Ok(None),
        }
    }

    /// Whether the frame can be of this file: neither read before nor behind its end.
    fn fits(&self, header: &FrameHeader) -> bool {
        let end = header.chain_after().next_lsn;
        let next = self.next.filter(|next| next.is_adjacent);
        header.first_lsn >= self.chain.next_lsn
            && self.until.is_none_or(|until| header.first_lsn <= until)
            && next.is_none_or(|next| end <= next.chain.next_lsn)
    }

    /// Whether a frame with damaged bodies is a write that did not end. Whatever comes later proves
    /// that it did, and so does damage that no crash leaves.
    fn is_torn(&self, frames: SegmentBytes<'a>, frame: FrameRef<'a>) -> bool {
        let is_whole = frame.bodies().iter().all(|body| !body.damaged);
        let next = self.next.filter(|next| next.is_adjacent).map(|next| next.chain);
        if is_whole || self.until.is_some() || frames.was_durable(frame, next) {
            return false;
        }
        let FrameHeader { first_lsn: next_lsn, previous_crc: crc, .. } = frame.header;
        let chain = Chain { next_lsn, crc };
        // A list of zero sectors that is damaged itself was written to its end.
        let is_judged = frames.frame(frame.at, chain).is_ok();
        is_judged && matches!(judge_rest(frames, frame.at, chain), Rest::Torn { .. })
    }

    fn give(&mut self, frame: FrameRef<'a>, sink: &mut PieceSink<'_>) {
        let (next_lsn, crc) = (frame.header.first_lsn, frame.header.previous_crc);
        self.reach(Chain { next_lsn, crc }, None, sink);
        let bodies = frame.bodies();
        sink(Piece::Frame(frame.view(self.opened.segment(), &self.opened.file, &bodies)));
        self.chain = frame.header.chain_after();
    }

    fn damaged(&mut self, offset: u64, found: &str) {
        self.cause = Some(self.cause_at(offset, found));
    }

    fn cause_at(&self, offset: u64, found: &str) -> Cause {
        Cause { path: self.opened.id.path(), offset, found: found.to_owned() }
    }
}

/// What is at a place. The list of zero sectors is not looked at: it says nothing of what is there.
fn found_at(frames: SegmentBytes<'_>, at: u64) -> Found<'_> {
    match FrameHeader::read(frames.part(at, at + FRAME_HEADER_BYTES as u64), frames.salt) {
        HeaderRead::Not => Found::Nothing,
        HeaderRead::Newer { version } => Found::Newer(version),
        HeaderRead::Whole(header) if !header.is_consistent() => Found::Nothing,
        HeaderRead::Whole(header) => match frames.with_records(at, header) {
            Some(frame) => Found::Whole(frame),
            None => Found::Header(header),
        },
    }
}
