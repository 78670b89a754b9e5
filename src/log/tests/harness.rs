//! A log in small segments, what was put into it, and what a start finds again.

use std::{collections::BTreeSet, io, time::Duration};

use bytes::Bytes;

use crate::{
    disk::{
        SimDisk, read_exact_at,
        sim::{Choice, Counter, Fault, Faults, Random},
    },
    log::{
        Body, BodyPlace, Draft, FramePlace, FrameView, LogError, Position, Recovery,
        RecoveryReport, SECTOR_BYTES, SEGMENT_BYTES_MIN, SegmentId, Settings, Writer, create,
    },
    types::{Lineage, Lsn, Timestamp},
};

pub(super) const LINEAGE: Lineage = Lineage(*b"a log for tests!");

pub(super) fn settings() -> Settings {
    Settings { segment_bytes: SEGMENT_BYTES_MIN, lineage: LINEAGE, standby_count: 1 }
}

/// What one frame held, or holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) first_lsn: Lsn,
    pub(super) now: Timestamp,
    pub(super) record_count: u32,
    pub(super) records: Vec<u8>,
    /// `None` for a body that is damaged.
    pub(super) bodies: Vec<Option<Vec<u8>>>,
}

/// A start that succeeded.
pub(super) struct Started {
    pub(super) log: TestLog,
    pub(super) frames: Vec<Content>,
    pub(super) report: RecoveryReport,
}

/// A writer whose jobs run at once.
pub(super) struct TestLog {
    pub(super) disk: SimDisk,
    pub(super) writer: Writer,
    salts: Random,
}

/// A disk with a new log on it.
pub(super) fn new_disk() -> SimDisk {
    let disk = SimDisk::new();
    let mut salts = Random::new(1);
    create(&disk, &settings(), &mut || salts.next_u64()).expect("nothing fails");
    disk
}

/// A new log that was started.
pub(super) fn new_log() -> TestLog {
    start(&new_disk()).expect("a new log starts").log
}

/// Starts the log; bodies are read back from their places.
pub(super) fn start(disk: &SimDisk) -> Result<Started, LogError> {
    start_from(disk, None, &[])
}

/// Starts the log behind a position; the segments before it that are needed are given.
pub(super) fn start_from(
    disk: &SimDisk,
    from: Option<Position>,
    needed: &[u64],
) -> Result<Started, LogError> {
    let needed = needed.iter().copied().map(SegmentId::new).collect();
    start_in(disk, Recovery::open(disk, &settings(), from, &needed)?)
}

/// Starts the log with other settings than before.
pub(super) fn start_with(disk: &SimDisk, settings: &Settings) -> Result<Started, LogError> {
    start_in(disk, Recovery::open(disk, settings, None, &BTreeSet::new())?)
}

fn start_in(disk: &SimDisk, recovery: Recovery) -> Result<Started, LogError> {
    let mut frames = Vec::new();
    // Another stream of salts for each start, as in life, and the same for the same disk.
    let mut salts = Random::new(disk.paths().len() as u64 ^ disk.operation_count() << 8);
    let mut sink = |frame: FrameView<'_>| {
        frames.push(Content::of_view(&frame));
        Ok(())
    };
    let (writer, report) =
        recovery.replay(disk, &mut || salts.next_u64(), &mut sink, &mut |_| {})?;
    Ok(Started { log: TestLog { disk: disk.clone(), writer, salts }, frames, report })
}

/// A frame with one record for each body, of which the text tells.
pub(super) fn draft(now: u64, bodies: &[&[u8]]) -> Draft {
    let records = bodies.iter().flat_map(|body| format!("r{} ", body.len()).into_bytes());
    Draft {
        now: Timestamp::from_millis(now),
        records: records.collect(),
        record_count: u32::try_from(bodies.len()).expect("few bodies"),
        bodies: bodies.iter().map(|bytes| body(bytes)).collect(),
        summary: Vec::new(),
        tick: false,
    }
}

pub(super) fn body(bytes: &[u8]) -> Body {
    let (head, rest) = bytes.split_at(bytes.len() / 3);
    let chunks = [Bytes::copy_from_slice(head), Bytes::copy_from_slice(rest)];
    Body { chunks, crc: crc32fast::hash(bytes) }
}

/// The frame that proves those before it.
pub(super) fn tick(now: u64) -> Draft {
    Draft {
        now: Timestamp::from_millis(now),
        records: b"tick".to_vec(),
        record_count: 1,
        bodies: Vec::new(),
        summary: Vec::new(),
        tick: true,
    }
}

/// So many bytes, none of them zero.
pub(super) fn text(length: usize) -> Vec<u8> {
    (0..length).map(|at| b'a' + u8::try_from(at % 23).expect("below 23")).collect()
}

impl Content {
    /// What a frame holds that was read, with its bodies.
    pub(super) fn of_view(frame: &FrameView<'_>) -> Self {
        let body = |place: &BodyPlace| {
            let mut bytes = vec![0; place.len as usize];
            read_exact_at(&**frame.file, place.offset, &mut bytes).expect("it lies in the file");
            (!place.damaged).then_some(bytes)
        };
        Self {
            first_lsn: frame.first_lsn,
            now: frame.now,
            record_count: frame.record_count,
            records: frame.records.to_vec(),
            bodies: frame.bodies.iter().map(body).collect(),
        }
    }

    /// What a draft holds once it is appended.
    pub(super) fn of(draft: &Draft, first_lsn: Lsn) -> Self {
        let joined = |body: &Body| Some(body.chunks.concat());
        Self {
            first_lsn,
            now: draft.now,
            record_count: draft.record_count,
            records: draft.records.clone(),
            bodies: draft.bodies.iter().map(joined).collect(),
        }
    }
}

impl TestLog {
    /// Appends one frame and waits for it; prepares and seals as an owner does.
    pub(super) fn append(&mut self, draft: Draft) -> Result<FramePlace, LogError> {
        while !self.writer.ready(draft.frame_bytes(), draft.summary.len() as u64) {
            self.prepare().map_err(LogError::io("prepare", "a segment"))?;
        }
        let appended = self.writer.append(draft);
        let result = appended.job.run();
        self.writer.synced(result.map(|()| Duration::ZERO))?;
        self.maintain()?;
        Ok(appended.place)
    }

    /// What an owner does in the background.
    pub(super) fn maintain(&mut self) -> Result<(), LogError> {
        while let Some(job) = self.writer.seal() {
            job.run().map_err(LogError::io("seal", &job.segment().path()))?;
        }
        while self.writer.wants_segment() {
            self.prepare().map_err(LogError::io("prepare", "a segment"))?;
        }
        Ok(())
    }

    fn prepare(&mut self) -> io::Result<()> {
        self.prepare_from(None)
    }

    /// Prepares a segment, from a dead one's file if one is given.
    pub(super) fn prepare_from(&mut self, dead: Option<u64>) -> io::Result<()> {
        let salt = self.salts.next_u64();
        let dead = dead.map(SegmentId::new);
        let job = self.writer.prepare(salt, dead).expect("a segment is wanted");
        let prepared = job.run(&self.disk);
        let outcome = prepared.as_ref().map(|_| ()).map_err(|error| error.kind().into());
        self.writer.prepared(prepared);
        outcome
    }
}

/// Keeps the sectors that `keep` names by their number in the file, and everything else.
pub(super) fn keep_sectors(keep: impl Fn(u64) -> bool) -> impl FnMut(Choice<'_>) -> bool {
    move |choice| match choice {
        Choice::Sector { sector, .. } => keep(sector),
        Choice::Entry(_) | Choice::Length { .. } => true,
    }
}

/// Appends a frame, and cuts the power before its sync: of its sectors only those are kept that
/// `keep` names, by their number in the file.
pub(super) fn tear(
    mut log: TestLog,
    draft: Draft,
    keep: impl Fn(u64) -> bool,
) -> (SimDisk, FramePlace) {
    let appended = log.writer.append(draft);
    log.disk.set_faults(Faults::none().at(Counter::Syncs, 1, Fault::Crash));
    assert!(appended.job.run().is_err());
    (log.disk.crash(&mut keep_sectors(keep)), appended.place)
}

/// Flips one bit on the medium.
pub(super) fn flip(disk: &SimDisk, path: &str, offset: u64, bit: u8) {
    disk.corrupt(path, offset, |byte| byte ^ (1 << bit)).expect("the byte is on the medium");
}

/// Zeroes one sector on the medium.
pub(super) fn zero_sector(disk: &SimDisk, path: &str, sector: u64) {
    for offset in sector * SECTOR_BYTES..(sector + 1) * SECTOR_BYTES {
        disk.corrupt(path, offset, |_| 0).expect("the byte is on the medium");
    }
}

/// The start is refused: where, from which LSN, and why.
#[track_caller]
pub(super) fn refusal(disk: &SimDisk) -> (String, u64, u64, String) {
    match start(disk) {
        Ok(started) => panic!("started with {} frames", started.frames.len()),
        Err(LogError::Corrupt { path, offset, lsn, found }) => (path, offset, lsn.get(), found),
        Err(LogError::Missing { path, why }) => (path, 0, 0, format!("missing: {why}")),
        Err(error) => panic!("not corrupt: {error}"),
    }
}

/// The path of a segment.
pub(super) fn segment(raw: u64) -> String {
    SegmentId::new(raw).path()
}
