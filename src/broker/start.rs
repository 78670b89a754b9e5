//! From a data directory to an owner that may serve: lock, identity, replay, first frame.

use std::{io, sync::Arc, time::Duration};

use super::{
    Effect, Event, Owner, Request, Waiter, owner,
    recover::{Recovered, recover},
    reserve::is_about_space,
};
use crate::{
    clock::{BrokerClock, Clock, Stopwatch},
    disk::Disk,
    entropy::Entropy,
    log::{LogError, RecoveryReport},
    state::{self, State},
    store::{self, Directory, Identity, ReserveTask, StoreError},
    types::{Lsn, Millis, Record, RecoveryStatus, Timestamp},
};

/// A start whose wall clock is further than this past the last logged time holds retention.
pub const CLOCK_JUMP_MAX: Millis = Millis::from_secs(7 * 24 * 3600);

/// What a broker is started with.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Size of the segments that are made from now on, in bytes.
    pub segment_bytes: u64,
    /// Bytes of the latest payloads that are kept in memory.
    pub tail_cache_bytes: u64,
    /// How many dead segments are kept for use again.
    pub pool_count_max: usize,
    /// What the state is set to.
    pub state: state::Settings,
    /// What the owner is set to.
    pub owner: owner::Settings,
    /// The operator agrees with the wall clock, however far it is past the last logged time.
    pub accept_clock: bool,
}

/// How far a start is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done, in words.
    pub step: &'static str,
    /// How many files are done.
    pub done: usize,
    /// Of how many.
    pub total: usize,
}

/// Why a broker did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log cannot be used.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no space for the segment that the first frame needs.
    #[error(
        "the disk is too full to start: the log needs one segment of {segment_bytes} bytes; free \
         some space and start again"
    )]
    NoSpace {
        /// Size of a segment.
        segment_bytes: u64,
    },
}

/// An owner that has recovered, and what goes with it.
pub struct Started<W> {
    /// The owner; its first frame is durable.
    pub owner: Owner<W>,
    /// Broker time.
    pub clock: BrokerClock,
    /// The data directory, locked.
    pub directory: Directory,
    /// What the log held.
    pub report: RecoveryReport,
    /// How the start went.
    pub status: RecoveryStatus,
    /// Whether messages outlive their retention because the clock is in doubt.
    pub retention_held: bool,
}

/// Opens a data directory, takes its newest good checkpoint, replays the log behind it and makes
/// the owner. Answers nobody yet.
pub fn start<W: Waiter>(
    settings: Settings,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    mut entropy: Box<dyn Entropy>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Started<W>, StartError> {
    let mut salts = || entropy.next();
    let fresh = Identity::random(&mut salts);
    let directory = Directory::open(disk, settings.segment_bytes, fresh, &mut salts)?;
    let recovered = loop {
        match recover(&settings, &directory, &mut salts, progress) {
            Err(StartError::Log(LogError::Io { source, .. })) if is_about_space(&source) => {
                make_space(&settings, &directory)?;
            }
            recovered => break recovered?,
        }
    };
    let Recovered { state, store, log, report, status, unsaved } = recovered;

    let clock = BrokerClock::start(clock, state.now());
    let now = clock.now();
    let last_now = (report.next_lsn > Lsn::new(1)).then(|| state.now());
    let hold = retention_record(&settings, &state, last_now, now);
    let mut owner = Owner::new(settings.owner, state, store, log, entropy);
    let reserved_bytes = store::reserved_bytes(&**directory.disk()).unwrap_or_default();
    owner.recovered(status, unsaved, reserved_bytes);
    owner.begin(now, hold);
    run_until_durable(&settings, &mut owner, &directory, now)?;
    let retention_held = owner.state().retention_held();
    Ok(Started { owner, clock, directory, report, status, retention_held })
}

/// Gives back what is held back for a full disk (R23 of the log's rules).
fn make_space(settings: &Settings, directory: &Directory) -> Result<(), StartError> {
    let disk = &**directory.disk();
    if store::reserved_bytes(disk).unwrap_or_default() == 0 {
        return Err(StartError::NoSpace { segment_bytes: settings.segment_bytes });
    }
    tracing::warn!("the disk is full: the start takes the space that is held back for it");
    let path = "the reserve".to_owned();
    let released = ReserveTask::Release.run(disk);
    released.map_err(|source| StoreError::Io { operation: "release", path, source })?;
    Ok(())
}

/// What the first frame says about retention, beside the time.
fn retention_record(
    settings: &Settings,
    state: &State,
    last_now: Option<Timestamp>,
    now: Timestamp,
) -> Option<Record> {
    let jumped = last_now.is_some_and(|last| now.since(last) > CLOCK_JUMP_MAX);
    match (settings.accept_clock, state.retention_held()) {
        (true, true) => Some(Record::RetentionReleased),
        (false, false) if jumped => Some(Record::RetentionHeld),
        _ => None,
    }
}

/// Runs the owner's jobs here until nothing is under way. Nobody waits for answers yet.
fn run_until_durable<W: Waiter>(
    settings: &Settings,
    owner: &mut Owner<W>,
    directory: &Directory,
    now: Timestamp,
) -> Result<(), StartError> {
    let mut effects = Vec::new();
    loop {
        owner.flush(now, &mut effects);
        if effects.is_empty() {
            let is_durable = owner.is_durable();
            owner.serve();
            let segment_bytes = settings.segment_bytes;
            return is_durable.then_some(()).ok_or(StartError::NoSpace { segment_bytes });
        }
        for effect in effects.drain(..) {
            match effect {
                Effect::Write(job, _) => {
                    let outcome = timed(|| job.run());
                    owner.step(now, Event::Written(outcome));
                }
                Effect::Prepare(job) => {
                    let outcome = job.run(&**directory.disk());
                    owner.step(now, Event::Prepared(outcome));
                }
                Effect::Seal(job) => {
                    let bytes = job.footer_bytes();
                    owner.step(now, Event::Sealed(job.run().map(|()| bytes)));
                }
                Effect::Checkpoint(task) => {
                    let outcome = task.run(&**directory.disk());
                    owner.step(now, Event::Checkpointed(outcome));
                }
                Effect::Compact(task) => {
                    let outcome = task.run(&**directory.disk());
                    owner.step(now, Event::Compacted(outcome));
                }
                Effect::Scrub(task) => {
                    let outcome = task.run(&**directory.disk());
                    owner.step(now, Event::Scrubbed(outcome));
                }
                Effect::Unlink(unlink) => unlink.run(&**directory.disk()),
                Effect::Reserve(task) => {
                    let outcome = task.run(&**directory.disk());
                    owner.step(now, Event::Reserved(outcome));
                }
                Effect::ReadForMove(read) => {
                    let request = Request { command: read.run(), waiter: None };
                    owner.step(now, Event::Request(request));
                }
                Effect::Failed(error) => return Err(error.into()),
                // The owner tries again by itself, and takes no sends until it works.
                Effect::NoSpace(cause) => {
                    tracing::warn!(%cause, "cannot prepare a segment; sends are refused until it works");
                }
                Effect::CheckpointFailed(cause) => {
                    tracing::warn!(%cause, "cannot take a checkpoint; it is tried again later");
                }
                Effect::CompactionFailed(_)
                | Effect::ScrubFound(_)
                | Effect::ReserveFailed(_)
                | Effect::Unsealed(_)
                | Effect::Release(_)
                | Effect::Synced(_)
                | Effect::Drained => {}
            }
        }
    }
}

/// How long a job took.
pub(super) fn timed(job: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let watch = Stopwatch::start();
    job().map(|()| watch.elapsed())
}
