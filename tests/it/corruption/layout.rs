//! Where everything lies in the files of a directory, read as docs/FORMAT.md says and not by the
//! code under test, and what each part is for.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Bound::{Excluded, Unbounded},
    sync::Arc,
};

use ledgerq::{
    broker::examine,
    disk::{Disk, ReadOnly, SimDisk},
    log::{self, FileId},
    store::{self, Found, Manifest},
    types::Seq,
};

use super::world::settings;

pub(super) const PAGE_BYTES: u64 = 4096;
const COPY_BYTES: u64 = 64;
const SECOND_COPY_AT: u64 = 2048;
const FRAME_HEADER_BYTES: u64 = 64;

/// What a file is to a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A start does without it.
    NotNeeded,
    Identity,
    NewestCheckpoint,
    OlderCheckpoint,
    /// Deduplication ids of a checkpoint that is kept, and their copy.
    Ids,
    IdsCopy,
    /// A segment before the newest checkpoint, or an output.
    Sealed {
        has_footer: bool,
    },
    /// An output that only the log behind the newest checkpoint names: the files that it was copied
    /// from are still there.
    Switched {
        has_footer: bool,
    },
    /// The segment in which the newest checkpoint ends, and where.
    Position {
        at: u64,
        has_footer: bool,
    },
    /// A segment with frames behind the newest checkpoint; all of them without one.
    Behind {
        is_last: bool,
    },
    /// A segment that was never used.
    Prepared,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// All of a file that is not of frames.
    Whole,
    HeaderCopy,
    HeaderGap,
    FrameHeader,
    /// Body table and records.
    Records,
    /// A message's payload; of one that is there, its number.
    Body(Option<Seq>),
    /// Zeros around the zero list.
    Padding,
    ZeroList,
    Mark,
    /// What an unfinished write left.
    Torn,
    /// Zeros in which nothing was written.
    Blank,
    Footer,
}

/// From where to where a part reaches, and the frame that it belongs to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    pub(super) from: u64,
    pub(super) to: u64,
    pub(super) part: Part,
    pub(super) frame: u64,
}

pub(super) struct FileLayout {
    pub(super) role: Role,
    /// Ascending and without a gap, to the end of the file.
    pub(super) regions: Vec<Region>,
}

impl FileLayout {
    pub(super) fn region(&self, offset: u64) -> Region {
        let at = self.regions.partition_point(|region| region.to <= offset);
        self.regions[at]
    }

    /// Where whole frames begin, ascending.
    pub(super) fn frames(&self) -> Vec<u64> {
        let headers = self.regions.iter().filter(|region| region.part == Part::FrameHeader);
        headers.map(|region| region.frame).collect()
    }
}

/// The live messages of one file, by the place of their payloads.
type Live = BTreeMap<u64, (Seq, u64)>;

/// What a file needs to be laid out.
struct Known {
    newest: Option<Manifest>,
    older: Option<Manifest>,
    live: BTreeMap<FileId, Live>,
    /// Whole frames of segments: the number of each file, and where they begin.
    whole: BTreeSet<(String, u64)>,
}

/// The layouts of all files.
pub(super) fn layouts(disk: &SimDisk) -> BTreeMap<String, FileLayout> {
    let known = known(disk);
    let last_used = last_used(disk);
    let mut layouts = BTreeMap::new();
    for path in disk.paths() {
        let bytes = disk.file(&path).expect("it is durable");
        let regions = match FileId::of_path(&path) {
            Some(id) => regions(&path, &bytes, &known, known.live.get(&id)),
            None => whole(&bytes),
        };
        let role = role(&path, &regions, &known, last_used.as_deref());
        layouts.insert(path, FileLayout { role, regions });
    }
    layouts
}

fn known(disk: &SimDisk) -> Known {
    let lineage = store::lineage_of(disk).expect("it has one");
    let Found { good, damaged, .. } = store::find(disk, lineage).expect("it can be read");
    assert!(damaged.is_empty(), "checkpoints are whole");
    let mut manifests = good.into_iter().map(|good| good.manifest);
    let (newest, older) = (manifests.next(), manifests.next());
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::new(disk.clone())));
    let examined = examine(&settings(), &quiet, lineage, &mut |_| ()).expect("it is whole");
    let ids = examined.store.file_details().into_iter().map(|detail| detail.id);
    let live = ids.map(|id| {
        let bodies = examined.store.live_bodies(id).into_iter();
        (id, bodies.map(|(seq, at)| (at.offset, (seq, u64::from(at.length)))).collect())
    });
    let live = live.collect();
    let mut whole = BTreeSet::new();
    let mut note = |frame: log::FrameView<'_>| {
        whole.insert((frame.segment.path(), frame.offset));
        Ok(())
    };
    let from = newest.as_ref().map(|manifest| manifest.position);
    log::verify(disk, Some(lineage), from, &mut note, &mut |_| ()).expect("it can be read");
    Known { newest, older, live, whole }
}

/// The segment whose header was completed last.
fn last_used(disk: &SimDisk) -> Option<String> {
    let is_used = |path: &String| {
        let bytes = disk.file(path).unwrap_or_default();
        path.strip_suffix(".seg").is_some() && bytes[48..56] != [0; 8]
    };
    disk.paths().into_iter().rfind(is_used)
}

fn role(path: &str, regions: &[Region], known: &Known, last_used: Option<&str>) -> Role {
    let has_footer = regions.iter().any(|region| region.part == Part::Footer);
    let is_named = |manifest: &Option<Manifest>, ending: &str| {
        let buckets = manifest.iter().flat_map(|manifest| &manifest.buckets);
        buckets.into_iter().any(|b| path == format!("checkpoints/{:020}{ending}", b.file.get()))
    };
    let is_checkpoint = |manifest: &Option<Manifest>| {
        let at = manifest.as_ref().map(|manifest| store::checkpoint_path(manifest.position.lsn));
        at.as_deref() == Some(path)
    };
    let kept = [&known.newest, &known.older];
    match FileId::of_path(path) {
        None if path == "IDENTITY" => Role::Identity,
        None if is_checkpoint(&known.newest) => Role::NewestCheckpoint,
        None if is_checkpoint(&known.older) => Role::OlderCheckpoint,
        None if kept.iter().any(|manifest| is_named(manifest, ".ids")) => Role::Ids,
        None if kept.iter().any(|manifest| is_named(manifest, ".ids2")) => Role::IdsCopy,
        None => Role::NotNeeded,
        Some(id) => {
            let position = known.newest.as_ref().map(|manifest| manifest.position);
            let own = position.map(|at| FileId::Segment(at.segment));
            let is_live = known.live.get(&id).is_some_and(|live| !live.is_empty());
            let is_needed = known.newest.as_ref().is_some_and(|manifest| manifest.needs(id));
            match (id, position) {
                (FileId::Segment(_), Some(at)) if own == Some(id) => {
                    Role::Position { at: at.offset, has_footer }
                }
                (FileId::Segment(_), _) if own.is_none_or(|own| id > own) => {
                    let is_used = last_used.is_some_and(|last| path <= last);
                    let is_last = last_used == Some(path);
                    if is_used { Role::Behind { is_last } } else { Role::Prepared }
                }
                (FileId::Output(_), _) if is_live && !is_needed => Role::Switched { has_footer },
                _ if is_live || is_needed => Role::Sealed { has_footer },
                _ => Role::NotNeeded,
            }
        }
    }
}

fn whole(bytes: &[u8]) -> Vec<Region> {
    vec![Region { from: 0, to: bytes.len() as u64, part: Part::Whole, frame: 0 }]
}

/// Regions one behind the other.
struct Cuts {
    regions: Vec<Region>,
    frame: u64,
}

impl Cuts {
    fn to(&mut self, to: u64, part: Part) {
        let from = self.regions.last().map_or(0, |last| last.to);
        if to > from {
            self.regions.push(Region { from, to, part, frame: self.frame });
        }
    }
}

/// The parts of a segment or an output.
fn regions(path: &str, bytes: &[u8], known: &Known, live: Option<&Live>) -> Vec<Region> {
    let length = bytes.len() as u64;
    let mut cuts = Cuts { regions: Vec::new(), frame: 0 };
    cuts.to(COPY_BYTES, Part::HeaderCopy);
    cuts.to(SECOND_COPY_AT, Part::HeaderGap);
    cuts.to(SECOND_COPY_AT + COPY_BYTES, Part::HeaderCopy);
    cuts.to(PAGE_BYTES, Part::HeaderGap);
    let end = length - footer_bytes(bytes);
    let mut at = PAGE_BYTES;
    while at < end && bytes[place(at)..].starts_with(b"LQFR") {
        let is_output = path.strip_suffix(".out").is_some();
        if !is_output && !known.whole.contains(&(path.to_owned(), at)) {
            break;
        }
        frame(bytes, at, live, &mut cuts);
        at += u64::from(u32_at(bytes, at + 8));
    }
    let rest = &bytes[place(at)..place(end)];
    let torn = rest.iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    cuts.frame = at;
    cuts.to(at + torn, Part::Torn);
    cuts.to(end, Part::Blank);
    cuts.to(length, Part::Footer);
    cuts.regions
}

fn frame(bytes: &[u8], at: u64, live: Option<&Live>, cuts: &mut Cuts) {
    let field = |offset: u64| u64::from(u32_at(bytes, at + offset));
    let (frame_bytes, zeros, bodies, records) = (field(8), field(12), field(16), field(24));
    cuts.frame = at;
    cuts.to(at + FRAME_HEADER_BYTES, Part::FrameHeader);
    let mut end = at + FRAME_HEADER_BYTES + 8 * bodies + records;
    cuts.to(end, Part::Records);
    for nth in 0..bodies {
        let length = field(FRAME_HEADER_BYTES + 8 * nth);
        let seq = live.and_then(|live| live.get(&end)).map(|(seq, _)| *seq);
        end += length;
        cuts.to(end, Part::Body(seq));
    }
    // Only the list of zero sectors is aligned.
    let list = end.next_multiple_of(8);
    cuts.to(list, Part::Padding);
    cuts.to(list + 8 * zeros, Part::ZeroList);
    cuts.to(at + frame_bytes - 1, Part::Padding);
    cuts.to(at + frame_bytes, Part::Mark);
}

fn footer_bytes(bytes: &[u8]) -> u64 {
    let end = bytes.len() as u64 - 64;
    if !bytes[place(end)..].starts_with(b"LQFOOTER") {
        return 0;
    }
    64 + 32 * u64::from(u32_at(bytes, end + 12)) + u64::from(u32_at(bytes, end + 24))
}

fn u32_at(bytes: &[u8], offset: u64) -> u32 {
    u32::from_le_bytes(*bytes[place(offset)..].first_chunk().expect("within the file"))
}

pub(super) fn place(offset: u64) -> usize {
    usize::try_from(offset).expect("it fits into memory")
}

/// How many of the log's last frames are taken away one by one.
const CUT_OFF_COUNT: usize = 40;

/// The directory without its last frame, without its last two, and so on, as if they had never
/// been written. It ends where the footer of the segment before tells that there were more.
pub(super) fn cut_off(disk: &SimDisk, layouts: &BTreeMap<String, FileLayout>) -> Vec<SimDisk> {
    let mut disk = disk.snapshot();
    let mut cut = Vec::new();
    for (path, layout) in layouts.iter().rev() {
        let has_footer = layout.regions.last().is_some_and(|last| last.part == Part::Footer);
        if !matches!(layout.role, Role::Behind { .. }) || has_footer {
            continue;
        }
        for from in layout.frames().into_iter().rev() {
            if cut.len() == CUT_OFF_COUNT || (from == PAGE_BYTES && is_evident(layouts, path)) {
                return cut;
            }
            let mut bytes = disk.file(path).expect("it is there");
            bytes[place(from)..].fill(0);
            if from == PAGE_BYTES {
                // The header is completed by the write of the first frame: it is as prepared.
                unuse(&mut bytes);
            }
            disk = disk.snapshot();
            disk.plant(path, &bytes).expect("the directory is there");
            cut.push(disk.clone());
        }
    }
    cut
}

/// Whether the segment before has a footer, which it has only if this one was used.
fn is_evident(layouts: &BTreeMap<String, FileLayout>, path: &str) -> bool {
    let before = layouts.range::<str, _>((Unbounded, Excluded(path))).next_back();
    let Some((_, before)) = before else { return false };
    before.regions.last().is_some_and(|last| last.part == Part::Footer)
}

/// Makes both copies of a header those of a segment that was never used.
fn unuse(bytes: &mut [u8]) {
    for at in [0, place(SECOND_COPY_AT)] {
        bytes[at + 48..at + 60].fill(0);
        let crc = crc32fast::hash(&bytes[at..at + 60]);
        bytes[at + 60..at + 64].copy_from_slice(&crc.to_le_bytes());
    }
}
