//! From a data directory to an owner that may serve: lock, identity, replay, first frame.

use std::{io, sync::Arc, time::Duration};

use super::{Effect, Event, Owner, Request, Waiter, owner};
use crate::{
    clock::{BrokerClock, Clock, Stopwatch},
    codec,
    disk::Disk,
    entropy::Entropy,
    log::{self, FrameView, LogError, Progress, RecoveryReport},
    state::{self, State},
    store::{Directory, Identity, Store, StoreError},
    types::{Millis, Record, Seq, Timestamp},
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
    /// What the state is set to.
    pub state: state::Settings,
    /// What the owner is set to.
    pub owner: owner::Settings,
    /// The operator agrees with the wall clock, however far it is past the last logged time.
    pub accept_clock: bool,
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
    /// Whether messages outlive their retention because the clock is in doubt.
    pub retention_held: bool,
}

/// Opens a data directory, replays its log and makes the owner. Answers nobody yet.
pub fn start<W: Waiter>(
    settings: Settings,
    disk: Arc<dyn Disk>,
    clock: Arc<dyn Clock>,
    mut entropy: Box<dyn Entropy>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Started<W>, StartError> {
    let fresh = fresh_identity(&mut *entropy);
    let mut salts = || entropy.next();
    let directory = Directory::open(disk, settings.segment_bytes, fresh, &mut salts)?;
    let lineage = directory.identity().lineage;
    let log_settings = log::Settings { segment_bytes: settings.segment_bytes, lineage };
    let mut replay =
        Replay { state: State::new(settings.state), store: Store::new(settings.tail_cache_bytes) };
    let disk = directory.disk().clone();
    let mut sink = |view: FrameView<'_>| replay.frame(&view);
    let (log, report) = log::recover(&*disk, &log_settings, &mut salts, &mut sink, progress)?;
    let Replay { state, store } = replay;

    let clock = BrokerClock::start(clock, report.last_now.unwrap_or_default());
    let now = clock.now();
    let hold = retention_record(&settings, &state, report.last_now, now);
    let mut owner = Owner::new(settings.owner, state, store, log, entropy);
    owner.begin(now, hold);
    run_until_durable(&settings, &mut owner, &directory, now)?;
    let retention_held = owner.state().retention_held();
    Ok(Started { owner, clock, directory, report, retention_held })
}

fn fresh_identity(entropy: &mut dyn Entropy) -> Identity {
    let mut bytes = [0; 64];
    for chunk in bytes.chunks_mut(8) {
        chunk.copy_from_slice(&entropy.next().to_le_bytes());
    }
    let part = |from: usize| std::array::from_fn(|at| bytes[from + at]);
    let key = std::array::from_fn(|at| bytes[32 + at]);
    Identity::new(part(0), part(16), key)
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
                Effect::Seal(job) => owner.step(now, Event::Sealed(job.run())),
                Effect::ReadForMove(read) => {
                    let request = Request { command: read.run(), waiter: None };
                    owner.step(now, Event::Request(request));
                }
                Effect::Failed(error) => return Err(error.into()),
                // The owner tries again by itself, and takes no sends until it works.
                Effect::NoSpace(cause) => {
                    tracing::warn!(%cause, "cannot prepare a segment; sends are refused until it works");
                }
                Effect::Unsealed(_) | Effect::Release(_) | Effect::Synced(_) | Effect::Drained => {}
            }
        }
    }
}

/// How long a job took.
pub(super) fn timed(job: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let watch = Stopwatch::start();
    job().map(|()| watch.elapsed())
}

/// The state and the places of messages as they grow from the log.
struct Replay {
    state: State,
    store: Store,
}

impl Replay {
    fn frame(&mut self, view: &FrameView<'_>) -> Result<(), String> {
        self.state.advance(view.now);
        let first_seq = self.state.next_seq();
        let mut refused = None;
        let state = &mut self.state;
        let mut apply = |record: Record| {
            if refused.is_none() {
                match state.admits(&record) {
                    Ok(()) => state.apply(&record, state.applied_lsn().next()),
                    Err(error) => refused = Some(error.to_string()),
                }
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
        Ok(())
    }
}
