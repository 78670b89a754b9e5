//! From a data directory that is locked to its state: the newest good checkpoint, the footers of
//! what was live, the log behind it.

use std::{collections::BTreeSet, io, sync::Arc};

use super::start::{Progress, Settings, StartError};
use crate::{
    clock::Stopwatch,
    codec,
    disk::Disk,
    log::{self, FileId, FrameView, Position, Recovery, RecoveryReport, SegmentId, Writer},
    state::{Restoring, State},
    store::{
        self, CHECKPOINTS_DIR, CheckpointOutcome, CheckpointTask, Directory, Found, Good,
        LoadReport, Manifest, Store, StoreError,
    },
    types::{Lineage, Lsn, Millis, Record, RecoveryStatus, Seq, Summary},
};

/// A replay takes a checkpoint after so many times the log after which a broker that serves does:
/// a start that is killed again and again still comes to its end.
const REPLAY_CHECKPOINT: u64 = 8;
/// Prepared segments that wait behind the one that is written to.
const STANDBY_COUNT: usize = 2;
/// Entries of the state that a checkpoint takes at once.
const SLICE_COUNT: usize = 4096;

/// What a start found.
pub(super) struct Recovered {
    pub(super) state: State,
    pub(super) store: Store,
    pub(super) log: Writer,
    pub(super) report: RecoveryReport,
    pub(super) status: RecoveryStatus,
    /// Length of the frames behind the last checkpoint, in bytes.
    pub(super) unsaved: u64,
}

/// Loads and replays everything.
pub(super) fn recover(
    settings: &Settings,
    directory: &Directory,
    salts: &mut dyn FnMut() -> u64,
    progress: &mut dyn FnMut(Progress),
) -> Result<Recovered, StartError> {
    let (disk, lineage) = (directory.disk(), directory.identity().lineage);
    disk.sync_dir(CHECKPOINTS_DIR).map_err(|source| StoreError::Io {
        operation: "sync",
        path: CHECKPOINTS_DIR.to_owned(),
        source,
    })?;
    let Loaded { state, store, recovery, mut status } = open(settings, disk, lineage, progress)?;

    let watch = Stopwatch::start();
    let checkpoint_after = settings.owner.upkeep.checkpoint_bytes.saturating_mul(REPLAY_CHECKPOINT);
    let mut replay = Replay::new(state, store, disk, checkpoint_after);
    let mut sink = |view: FrameView<'_>| replay.frame(&view);
    let (log, report) = recovery.replay(&**disk, salts, &mut sink, &mut told_of(progress))?;
    let Replay { state, mut store, unsaved, .. } = replay;
    store.replay_ended(&**disk, &report.segments, report.stray.clone());
    status.records_count = report.records_count;
    status.frames_bytes = report.frames_bytes;
    status.replay_took = millis(&watch);
    Ok(Recovered { state, store, log, report, status, unsaved })
}

/// What a start has before it replays the log.
struct Loaded {
    state: State,
    store: Store,
    recovery: Recovery,
    status: RecoveryStatus,
}

/// Finds the newest good checkpoint and loads it. Makes durable what is there, and changes nothing.
fn open(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    lineage: Lineage,
    progress: &mut dyn FnMut(Progress),
) -> Result<Loaded, StartError> {
    let watch = Stopwatch::start();
    let Found { good, damaged, spare } = store::find(&**disk, lineage)?;
    for (path, bad) in &damaged {
        tracing::warn!(path, %bad, "a checkpoint is damaged: an older one, or the log, is used");
    }
    let newest = good.first().map(|good| &good.manifest);
    let log_settings = log::Settings {
        segment_bytes: settings.segment_bytes,
        lineage,
        standby_count: STANDBY_COUNT,
    };
    let from = newest.map(|manifest| manifest.position);
    let needed = newest.map(needed_segments).unwrap_or_default();
    let recovery = Recovery::open(&**disk, &log_settings, from, &needed)?;
    let mut status = RecoveryStatus {
        checkpoint_lsn: from.map(|position| position.lsn).unwrap_or_default(),
        checkpoints_damaged: damaged.len() as u64,
        survey_took: millis(&watch),
        ..RecoveryStatus::default()
    };

    let watch = Stopwatch::start();
    let store_settings = store::Settings {
        tail_cache_bytes: settings.tail_cache_bytes,
        segment_bytes: settings.segment_bytes,
        // Frames and footer come on top, and a file is at most as long as the longest segment.
        output_bytes: settings.segment_bytes / 4 * 3,
        pool_count_max: settings.pool_count_max,
    };
    let mut store = Store::new(store_settings, lineage);
    let (state, loaded) = match newest {
        Some(manifest) => load(settings, disk, manifest, &mut store, progress)?,
        None => (State::new(settings.state), LoadReport::default()),
    };
    status.summaries_count = loaded.summaries_count;
    status.files_without_footer = loaded.files_without_footer;
    status.load_took = millis(&watch);
    store.adopt(good.into_iter().map(|Good { manifest, bytes }| (manifest, bytes)), spare);
    Ok(Loaded { state, store, recovery, status })
}

/// What a directory holds, as a start would find it.
pub struct Examined {
    /// The queues and their messages at the end of the log.
    pub state: State,
    /// Where the messages lie, and which files are needed.
    pub store: Store,
    /// What the log held.
    pub report: RecoveryReport,
}

/// Goes through a start without being one: on a [`crate::disk::ReadOnly`] disk nothing is changed.
/// It fails where a start would fail, but for what only a disk that is written to shows.
pub fn examine(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    lineage: Lineage,
    progress: &mut dyn FnMut(Progress),
) -> Result<Examined, StartError> {
    let Loaded { state, store, recovery, .. } = open(settings, disk, lineage, progress)?;
    let mut replay = Replay::new(state, store, disk, u64::MAX);
    let mut sink = |view: FrameView<'_>| replay.frame(&view);
    let report = recovery.examine(&mut sink, &mut told_of(progress))?;
    let Replay { state, mut store, .. } = replay;
    store.replay_ended(&**disk, &report.segments, report.stray.clone());
    Ok(Examined { state, store, report })
}

/// The progress of a replay as that of a start.
fn told_of(progress: &mut dyn FnMut(Progress)) -> impl FnMut(log::Progress) {
    |at| {
        let (done, total) = (at.segments_done, at.segments_total);
        progress(Progress { step: "reading the log", done, total });
    }
}

/// The segments before its own that a checkpoint needs.
fn needed_segments(manifest: &Manifest) -> BTreeSet<SegmentId> {
    let segment = |id: &FileId| match id {
        FileId::Segment(id) => Some(*id),
        FileId::Output(_) => None,
    };
    let needed = manifest.files.keys().filter(|id| manifest.needs(**id)).filter_map(segment);
    needed.filter(|id| *id < manifest.position.segment).collect()
}

/// The state as it was at a checkpoint.
fn load(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    manifest: &Manifest,
    store: &mut Store,
    progress: &mut dyn FnMut(Progress),
) -> Result<(State, LoadReport), StartError> {
    let lsn = manifest.position.lsn;
    let refused = |reason: String| StoreError::CheckpointRefused { lsn, reason };
    let mut restoring = Restoring::new(settings.state);
    store.read_entries(&**disk, manifest, &mut |entry| {
        restoring.entry(entry).map_err(|error| error.to_string())
    })?;
    store.read_buckets(&**disk, manifest, &mut |bucket| {
        restoring.bucket(bucket).map_err(|error| error.to_string())
    })?;
    let mut told = |done: usize, total: usize| {
        progress(Progress { step: "reading the footers", done, total });
    };
    let mut keep = |summary: &Summary| restoring.message(summary);
    let report = store.load(disk, manifest, &mut keep, &mut told)?;
    let state = restoring.finish().map_err(|error| refused(error.to_string()))?;
    if state.applied_lsn() != lsn {
        return Err(refused(format!("its state is that at LSN {}", state.applied_lsn())).into());
    }
    if state.now() != manifest.at {
        let (told, is) = (manifest.at, state.now());
        return Err(refused(format!("it is of {told}, and its state is of {is}")).into());
    }
    Ok((state, report))
}

fn millis(watch: &Stopwatch) -> Millis {
    Millis::new(u64::try_from(watch.elapsed().as_millis()).unwrap_or(u64::MAX))
}

/// The state and the places of messages as they grow from the log.
struct Replay {
    state: State,
    store: Store,
    disk: Arc<dyn Disk>,
    /// Length of the frames since the last checkpoint, in bytes.
    unsaved: u64,
    /// So many of them are worth a checkpoint.
    checkpoint_after: u64,
}

impl Replay {
    fn new(state: State, store: Store, disk: &Arc<dyn Disk>, checkpoint_after: u64) -> Self {
        Self { state, store, disk: Arc::clone(disk), unsaved: 0, checkpoint_after }
    }

    fn frame(&mut self, view: &FrameView<'_>) -> Result<(), String> {
        self.state.advance(view.now);
        let first_seq = self.state.next_seq();
        let mut refused = None;
        let mut apply = |record: Record| {
            if refused.is_none() {
                refused = apply(&mut self.state, &mut self.store, &self.disk, &record).err();
            }
        };
        codec::decode_records(view.records, &mut apply).map_err(|error| error.to_string())?;
        if let Some(refused) = refused {
            return Err(refused);
        }
        let sent = self.state.next_seq().get() - first_seq.get();
        if sent != view.bodies.len() as u64 {
            return Err(format!("{sent} messages were sent with {} bodies", view.bodies.len()));
        }
        self.store.replayed(view, Seq::new(first_seq.get()));
        // Nobody waits yet.
        drop(self.state.take_woken());
        while self.state.collect_garbage() {}
        let mut gone = Vec::new();
        self.state.take_gone(&mut gone);
        self.store.gone(&gone);
        self.unsaved += view.frame_bytes;
        if self.unsaved >= self.checkpoint_after {
            self.unsaved = 0;
            let last = view.first_lsn.get() + u64::from(view.record_count) - 1;
            let position = Position {
                lsn: Lsn::new(last),
                segment: view.segment,
                offset: view.offset + view.frame_bytes,
                crc: view.crc,
            };
            if let Err(error) = self.checkpoint(position) {
                tracing::warn!(%error, "cannot take a checkpoint in a replay; it goes on without");
            }
        }
        Ok(())
    }

    /// Takes a checkpoint here and now. What is replayed was synced before it was read, so it is
    /// durable.
    fn checkpoint(&mut self, position: Position) -> io::Result<()> {
        self.state.begin_image();
        let buckets = self.state.deduplication_buckets();
        let draft = self.store.begin_checkpoint(position, self.state.now(), buckets);
        let mut task = CheckpointTask::Begin(Box::new(draft));
        let mut more = true;
        loop {
            task = match task.run(&*self.disk) {
                Ok(CheckpointOutcome::Ready(writer)) if more => {
                    let mut entries = Vec::new();
                    more = self.state.image_slice(SLICE_COUNT, &mut entries);
                    CheckpointTask::Append(writer, entries)
                }
                Ok(CheckpointOutcome::Ready(writer)) => CheckpointTask::Publish(writer),
                Ok(CheckpointOutcome::Published(published)) => {
                    self.store.checkpoint_published(&published, Millis::ZERO, 0);
                    return Ok(());
                }
                Ok(CheckpointOutcome::Abandoned) => return Ok(()),
                Err(error) => {
                    self.state.cancel_image();
                    return Err(error);
                }
            };
        }
    }
}

fn apply(
    state: &mut State,
    store: &mut Store,
    disk: &Arc<dyn Disk>,
    record: &Record,
) -> Result<(), String> {
    state.admits(record).map_err(|error| error.to_string())?;
    let lsn = state.applied_lsn().next();
    state.apply(record, lsn);
    store.replay_switch(disk, record, lsn).map_err(|error| error.to_string())
}
