//! What is left of a log that a start refuses: every frame that is whole, and where others are
//! missing. It changes nothing and syncs nothing.
//!
//! Nothing is refused but what a newer program wrote. A file whose footer is whole is read by it:
//! of a frame that is not, the footer still tells the messages. Other files are read frame by
//! frame, on behind damage, since every frame names its LSN. What is behind the end of the log, a
//! write that was cut off or bytes that a later segment does not go on from, is told apart from
//! damage as a start does it.

mod opened;
mod walk;

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    disk::{Disk, File},
    types::{Lineage, Lsn, OutputId},
};

use super::{
    FileId, FooterEntry, FrameView, LogError, Position, Progress, SegmentId, position::Chain,
    recover::ends_at, survey::list,
};
use opened::{Opened, Usable, open};
use walk::{Cause, End, Next, Walk};

/// A part of what is left, in the order of the log.
pub enum Piece<'a> {
    /// A frame whose records are whole; its bodies say for themselves whether they are.
    Frame(FrameView<'a>),
    /// LSNs that are missing.
    Hole(Hole),
    /// A frame that is not whole, and lies in the hole that was told before: of its messages, the
    /// footer tells what it tells of any.
    Listed(Listed<'a>),
}

/// Records that are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hole {
    /// The first LSN that is lost.
    pub first_lsn: Lsn,
    /// The first behind it that is not; `None` if the log ends with the hole, wherever that was.
    pub next_lsn: Option<Lsn>,
    /// The file in which they lay, within the data directory.
    pub path: String,
    /// Where in the file the damage is, in bytes.
    pub offset: u64,
    /// What was found there, in words.
    pub found: String,
    /// How many messages came with them that nothing else tells of; `None` if that is not known.
    pub body_count: Option<u64>,
}

/// What a footer says of one frame.
pub struct Listed<'a> {
    /// The file.
    pub id: FileId,
    /// Opened for reading.
    pub file: &'a Arc<dyn File>,
    /// Where the frame lies.
    pub entry: &'a FooterEntry,
    /// What is said of its messages; opaque here.
    pub summary: &'a [u8],
    /// LSN of the frame's last record.
    pub last_lsn: Lsn,
}

/// Takes the pieces.
pub type PieceSink<'a> = dyn FnMut(Piece<'_>) + 'a;

/// How a log ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The LSN behind the last that is known of.
    pub next_lsn: Lsn,
    /// The last segment that is there.
    pub last_segment: SegmentId,
    /// The last output that is there; 0 if there is none.
    pub last_output: OutputId,
}

/// Gives what is left of the log behind `from`, or of all, to `sink`. `salts` are those of files
/// that a checkpoint names. An error is that the directory cannot be listed, or that a file is of a
/// newer version.
pub fn salvage(
    disk: &dyn Disk,
    lineage: Lineage,
    from: Option<Position>,
    salts: &BTreeMap<FileId, u32>,
    sink: &mut PieceSink<'_>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Salvaged, LogError> {
    let listing = list(disk)?;
    let first = from.map_or(SegmentId::FIRST, |from| from.segment);
    let ids = listing.segments.iter().copied().filter(|id| *id >= first);
    let mut files = Vec::new();
    for id in ids {
        let id_file = FileId::Segment(id);
        files.push((id, open(disk, id_file, lineage, salts.get(&id_file).copied())?));
    }
    let chain = from.map_or_else(Chain::default, Position::chain);
    let mut reading = Reading { from, chain, cause: None, last: None, sink };
    for at in 0..files.len() {
        reading.file(&files, at)?;
        let lsn = Lsn::new(reading.chain.next_lsn.get() - 1);
        progress(Progress { segments_done: at + 1, segments_total: files.len(), lsn });
    }
    reading.end(&files);
    let next_lsn = reading.chain.next_lsn;
    let last_segment = listing.last().unwrap_or_default();
    let last_output = listing.outputs.last().copied().unwrap_or_default();
    Ok(Salvaged { next_lsn, last_segment, last_output })
}

/// Gives what is left of one file to `sink`; why nothing can be read of it, or what of it cannot.
/// Of a segment that ends at `until`, no frame that begins behind that.
pub fn salvage_file(
    disk: &dyn Disk,
    id: FileId,
    lineage: Lineage,
    salt: Option<u32>,
    until: Option<Lsn>,
    sink: &mut PieceSink<'_>,
) -> Result<Option<String>, LogError> {
    let opened = match open(disk, id, lineage, salt)? {
        Opened::Usable(opened) => opened,
        Opened::Blank => return Ok(None),
        Opened::Unusable(found) => return Ok(Some(found)),
    };
    let chain = match id {
        FileId::Segment(_) => opened.opening.unwrap_or_default(),
        FileId::Output(_) => Chain::default(),
    };
    let bytes = match opened.read() {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Some(format!("it cannot be read: {error}"))),
    };
    let mut damage = None;
    let mut tell = |piece: Piece<'_>| {
        if let Piece::Hole(hole) = &piece {
            damage.get_or_insert_with(|| hole.found.clone());
        }
        sink(piece);
    };
    let mut walk = Walk { opened: &opened, bytes: &bytes, chain, until, next: None, cause: None };
    if let End::Broken(cause) = walk.run(Usable::FIRST_FRAME, &mut tell)? {
        damage.get_or_insert(cause.found);
    }
    Ok(damage)
}

type Files = [(SegmentId, Opened)];

/// The reading of a log so far.
struct Reading<'a, 'b> {
    from: Option<Position>,
    chain: Chain,
    /// What is known to be wrong where the chain ends.
    cause: Option<Cause>,
    /// The segment that was looked at last.
    last: Option<SegmentId>,
    sink: &'a mut PieceSink<'b>,
}

impl Reading<'_, '_> {
    fn file(&mut self, files: &Files, at: usize) -> Result<(), LogError> {
        let (id, opened) = &files[at];
        let before = self.last.map(SegmentId::next).or(self.from.map(|from| from.segment));
        let expected = before.unwrap_or(SegmentId::FIRST);
        if expected != *id {
            self.cause.get_or_insert_with(|| Cause::of(expected.path(), "the file is missing"));
        }
        self.last = Some(*id);
        let usable = match opened {
            Opened::Usable(usable) => usable,
            Opened::Blank => return Ok(()),
            Opened::Unusable(found) => {
                self.cause.get_or_insert_with(|| Cause::of(id.path(), found));
                return Ok(());
            }
        };
        let begins = self.from.filter(|from| from.segment == *id);
        if begins.is_some_and(|from| !is_reached(usable, from, &files[at + 1..])) {
            let found = "a checkpoint goes on from here, and no frame ends here with its LSN";
            self.cause.get_or_insert_with(|| Cause::of(id.path(), found));
        }
        let bytes = match usable.read() {
            Ok(bytes) => bytes,
            Err(error) => {
                let found = format!("it cannot be read: {error}");
                self.cause.get_or_insert_with(|| Cause::of(id.path(), &found));
                return Ok(());
            }
        };
        let (chain, cause) = (self.chain, self.cause.take());
        let next = next_of(files, at);
        let mut walk = Walk { opened: usable, bytes: &bytes, chain, until: None, next, cause };
        if begins.is_none()
            && let Some(opening) = usable.opening.filter(|it| it.next_lsn >= chain.next_lsn)
        {
            walk.reach(opening, None, self.sink);
        }
        let start = begins.map_or(Usable::FIRST_FRAME, |from| from.offset);
        let end = walk.run(start, self.sink)?;
        self.chain = walk.chain;
        self.cause = walk.cause.take();
        if let End::Broken(cause) = end {
            self.cause.get_or_insert(cause);
        }
        Ok(())
    }

    /// A log that ends with damage may have gone on. One that lacks a file which nothing proves was
    /// in use ends in order, as for a start.
    fn end(&mut self, files: &Files) {
        let lacks_begin =
            self.from.is_some_and(|from| files.iter().all(|(id, _)| *id != from.segment));
        if lacks_begin && let Some(from) = self.from {
            let found = "the file in which the checkpoint's last frame lies is missing";
            self.cause.get_or_insert_with(|| Cause::of(from.segment.path(), found));
        }
        let is_missing = |cause: &Cause| !lacks_begin && cause.found == "the file is missing";
        let Some(cause) = self.cause.take().filter(|cause| !is_missing(cause)) else { return };
        let Cause { path, offset, found } = cause;
        let first_lsn = self.chain.next_lsn;
        let (next_lsn, body_count) = (None, None);
        (self.sink)(Piece::Hole(Hole { first_lsn, next_lsn, path, offset, found, body_count }));
    }
}

/// Whether the log is there up to the position: its frame is, or one that goes on behind it.
fn is_reached(usable: &Usable, from: Position, later: &Files) -> bool {
    let is_behind = |(_, opened): &(SegmentId, Opened)| match opened {
        Opened::Usable(usable) => usable.opening.is_some_and(|it| it.next_lsn > from.lsn),
        Opened::Blank | Opened::Unusable(_) => false,
    };
    later.iter().any(is_behind)
        || ends_at(&*usable.file, usable.bytes, usable.salt, from).unwrap_or(false)
}

/// Where the next segment in use goes on.
fn next_of(files: &Files, at: usize) -> Option<Next> {
    let mut is_adjacent = true;
    let mut id = files[at].0;
    for (later, opened) in &files[at + 1..] {
        is_adjacent &= id.next() == *later;
        id = *later;
        match opened {
            Opened::Usable(Usable { opening: Some(chain), .. }) => {
                return Some(Next { chain: *chain, is_adjacent });
            }
            Opened::Usable(_) | Opened::Blank => {}
            Opened::Unusable(_) => is_adjacent = false,
        }
    }
    None
}
