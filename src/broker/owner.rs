//! The owner: the machine that holds the state. It has no thread, no clock and no disk; events go
//! in by [`Owner::step`], and what is to be done comes out of [`Owner::flush`].
//!
//! It decides and applies every request that comes in, gathers the records in one batch, and hands
//! the batch out as one write as soon as the write before is durable. While that one syncs it
//! gathers the next: the batch grows as long as the disk takes, and nothing is ever delayed on
//! purpose.
//!
//! **Invariant**: an answer is released only when everything it was computed from is durable. It
//! travels with the write of its batch; an answer to which no record belongs waits for the write
//! under way, if there is one.
//!
//! **Invariant**: everything in a batch happens at one time, the batch's `now`.

use std::{
    collections::{BTreeSet, VecDeque},
    io,
    time::Duration,
};

use super::{
    Answer, Event, Held, Request, Waiter,
    backup::Backups,
    batch::{Batch, Sealed},
    mover::{MoveRead, Mover},
    parked::Parked,
    reserve::Reserve,
    scrub::{self, Scrub, Scrubbed},
    upkeep::{self, Upkeep},
};
use crate::{
    entropy::Entropy,
    log::{Appended, LogError, PrepareJob, SealJob, SyncReport, WriteJob, Writer},
    state::State,
    store::{
        CheckpointTask, CompactionError, CompactionTask, ReserveTask, ScrubTask, Store, Unlink,
    },
    types::{Lsn, Millis, QueueId, Record, RecoveryStatus, Rejection, Reply, Seq, Timestamp},
};

/// How long the owner waits after a segment could not be prepared before it tries again.
const PREPARE_RETRY: Millis = Millis::from_secs(1);
/// A batch that waits for the disk for longer takes no more requests: they would have its time,
/// and with that leases and known deduplication ids that end so much too early.
const BATCH_AGE_MAX: Millis = Millis::from_secs(1);

/// What the owner is set to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How long after the last write an idle broker proves it with another.
    pub idle_sync_after: Millis,
    /// What upkeep is set to.
    pub upkeep: upkeep::Settings,
    /// What the scrub is set to.
    pub scrub: scrub::Settings,
}

/// What is to be done outside. Every job's outcome comes back as an [`Event`].
pub enum Effect<W> {
    /// Run the job; if it succeeds, release the answers. Then [`Event::Written`].
    Write(WriteJob, Vec<Held<W>>),
    /// Release these answers now.
    Release(Vec<Held<W>>),
    /// Run the job in the background. Then [`Event::Prepared`].
    Prepare(PrepareJob),
    /// Run the job in the background. Then [`Event::Sealed`].
    Seal(SealJob),
    /// Read the payloads of a move task in the background. Then [`Event::Request`] with a
    /// [`Command::Move`](crate::types::Command::Move) that nobody waits for.
    ReadForMove(MoveRead),
    /// Run the task in the background. Then [`Event::Checkpointed`].
    Checkpoint(CheckpointTask),
    /// Run the task in the background. Then [`Event::Compacted`].
    Compact(CompactionTask),
    /// Take files away in the background.
    Unlink(Unlink),
    /// Run the task in the background. Then [`Event::Scrubbed`].
    Scrub(ScrubTask),
    /// Run the task in the background. Then [`Event::Reserved`].
    Reserve(ReserveTask),
    /// The reserve for a full disk could not be made; it is tried again later.
    ReserveFailed(io::Error),
    /// A checkpoint could not be taken: it is skipped, the next is tried later.
    CheckpointFailed(io::Error),
    /// A compaction could not be done: everything stays where it is.
    CompactionFailed(CompactionError),
    /// The scrub has found damage.
    ScrubFound(Scrubbed),
    /// A write is durable.
    Synced(SyncReport),
    /// A segment could not be prepared; sends are refused until it can.
    NoSpace(io::Error),
    /// The footer of a full segment could not be written; a start does without it.
    Unsealed(io::Error),
    /// A write failed. Nothing is acknowledged any more: the process must stop.
    Failed(LogError),
    /// Everything that was accepted is durable and answered, and nothing more will be.
    Drained,
}

/// The machine that holds the state; `W` is who waits for answers.
pub struct Owner<W> {
    pub(super) settings: Settings,
    pub(super) state: State,
    pub(super) store: Store,
    pub(super) log: Writer,
    pub(super) entropy: Box<dyn Entropy>,
    pub(super) batch: Batch<W>,
    pub(super) parked: Parked<W>,
    /// Requests for which the batch or the log had no room, in order.
    deferred: VecDeque<Request<W>>,
    /// Time has changed the state since the last record: an answer must not show it before it is
    /// durable.
    time_unlogged: bool,
    write_under_way: bool,
    /// When the last write became durable.
    synced_at: Timestamp,
    /// Why no segment could be prepared, told at the next flush, and when to try again.
    prepare_failed: Option<io::Error>,
    pub(super) prepare_again_at: Option<Timestamp>,
    seal_failed: Option<io::Error>,
    /// Footers that are being written.
    pub(super) seals_under_way: u32,
    report: Option<Result<SyncReport, LogError>>,
    pub(super) mode: Mode,
    /// Queues at which polls may be served that were not yet, for want of room in the batch.
    pub(super) woken: BTreeSet<QueueId>,
    garbage_left: bool,
    /// How far each move task is.
    pub(super) mover: Mover,
    pub(super) upkeep: Upkeep<W>,
    pub(super) scrub: Scrub,
    pub(super) backups: Backups<W>,
    pub(super) checkpoint_failed: Option<io::Error>,
    pub(super) compaction_failed: Option<CompactionError>,
    pub(super) reserve: Reserve,
    pub(super) reserve_failed: Option<io::Error>,
    /// Messages that are gone, on their way to the store.
    gone: Vec<Seq>,
}

/// Whether the owner still serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    /// It makes its first frame durable, and does nothing else yet.
    Starting,
    /// It takes requests.
    Serving,
    /// It refuses requests, and ends once all is durable.
    Draining,
    /// It has ended.
    Stopped,
}

impl<W: Waiter> Owner<W> {
    /// An owner of this state, which is all that the log holds.
    pub fn new(
        settings: Settings,
        state: State,
        store: Store,
        log: Writer,
        entropy: Box<dyn Entropy>,
    ) -> Self {
        Self {
            settings,
            synced_at: state.now(),
            state,
            store,
            log,
            entropy,
            batch: Batch::new(),
            parked: Parked::new(),
            deferred: VecDeque::new(),
            time_unlogged: false,
            write_under_way: false,
            prepare_failed: None,
            prepare_again_at: None,
            seal_failed: None,
            seals_under_way: 0,
            report: None,
            mode: Mode::Starting,
            woken: BTreeSet::new(),
            garbage_left: false,
            mover: Mover::default(),
            upkeep: Upkeep::new(settings.upkeep),
            scrub: Scrub::new(settings.scrub),
            backups: Backups::default(),
            checkpoint_failed: None,
            compaction_failed: None,
            reserve: Reserve::new(),
            reserve_failed: None,
            gone: Vec::new(),
        }
    }

    /// The first frame after a start: it puts the broker's time on record, holds or releases
    /// retention, and must be durable before anything is served.
    pub fn begin(&mut self, now: Timestamp, hold: Option<Record>) {
        self.scrub.started(now);
        // Retention is held at the last time that is not in doubt: by the doubtful time, what it
        // is to protect would have expired.
        let is_held = hold == Some(Record::RetentionHeld);
        self.pass_time(if is_held { self.state.now() } else { now });
        self.commit(&hold.unwrap_or(Record::Tick));
    }

    /// The first frame is durable: requests can come, and move tasks go on.
    pub fn serve(&mut self) {
        self.mode = self.mode.max(Mode::Serving);
    }

    /// Takes in one event, at this time.
    pub fn step(&mut self, now: Timestamp, event: Event<W>) {
        match event {
            Event::Request(request) => self.request(now, request),
            Event::Written(outcome) => self.written(now, outcome),
            Event::Prepared(outcome) => {
                let outcome = match outcome {
                    Ok(prepared) => {
                        self.store.zeros_written(prepared.bytes());
                        self.prepare_again_at = None;
                        Ok(prepared)
                    }
                    Err(error) => {
                        self.prepare_again_at = Some(now.after(PREPARE_RETRY));
                        let kind = error.kind();
                        self.prepare_failed = Some(error);
                        Err(kind.into())
                    }
                };
                self.log.prepared(outcome);
            }
            Event::Sealed(outcome) => {
                self.seals_under_way -= 1;
                match outcome {
                    Ok(bytes) => self.store.footer_written(bytes),
                    Err(error) => self.seal_failed = Some(error),
                }
            }
            Event::Checkpointed(outcome) => self.checkpoint_went_on(now, outcome),
            Event::Compacted(outcome) => self.compaction_went_on(now, outcome),
            Event::Scrubbed(outcome) => self.scrub_went_on(now, outcome),
            Event::Reserved(outcome) => self.reserved(now, outcome),
            Event::Woken => {}
            Event::Drain => self.mode = self.mode.max(Mode::Draining),
        }
    }

    /// Says what is to be done after the events that came in, at this time.
    pub fn flush(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        if self.mode == Mode::Stopped {
            return;
        }
        self.tell(effects);
        self.serve_parked(now);
        self.log_time();
        self.hand_out(effects);
        self.take_deferred(now);
        self.go_on_moving(now, effects);
        self.prove_when_idle(now);
        self.make_frame_for_checkpoint(now);
        self.make_frame_for_backup(now);
        self.hand_out(effects);
        self.background_jobs(now, effects);
        self.go_on_with_upkeep(now, effects);
        self.go_on_with_scrub(now, effects);
        self.go_on_with_reserve(now, effects);
        self.hand_out(effects);
        self.garbage_left = self.state.collect_garbage();
        self.tell_gone();
        let is_done = self.is_durable() && !self.log.unproved() && self.seals_under_way == 0;
        let is_done = self.mode == Mode::Draining && is_done && self.deferred.is_empty();
        if is_done && self.upkeep.is_done() {
            self.mode = Mode::Stopped;
            effects.push(Effect::Drained);
        }
    }

    /// When [`Owner::step`] wants an [`Event::Woken`], if nothing else happens before.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let idle = self.log.unproved().then(|| self.synced_at.after(self.settings.idle_sync_after));
        let idle = if self.write_under_way { None } else { idle };
        // While a job is under way there is nothing to try again.
        let prepare = self.prepare_again_at.filter(|_| self.log.wants_segment());
        let deadlines = [
            self.state.next_deadline(),
            self.parked.next_deadline(),
            idle,
            prepare,
            self.next_move(),
            self.next_upkeep(),
            self.next_scrub(),
            self.next_reserve(),
        ];
        if self.garbage_left {
            return Some(Timestamp::ZERO);
        }
        // A batch that is still here waits for the disk: it goes on when that is done, not when
        // time passes.
        let waits = !self.batch.is_empty();
        if waits { prepare } else { deadlines.into_iter().flatten().min() }
    }

    /// Whether everything that was decided is durable.
    pub fn is_durable(&self) -> bool {
        self.batch.is_empty() && !self.write_under_way
    }

    /// The state, to look at.
    pub fn state(&self) -> &State {
        &self.state
    }

    fn request(&mut self, now: Timestamp, request: Request<W>) {
        // Whoever waits for nothing only gives something back; that is never refused.
        self.pass_time(now);
        if self.mode != Mode::Serving && request.waiter.is_some() {
            self.hold(request.waiter, Err(Rejection::ShuttingDown));
            return;
        }
        // On a full disk others may wait for space: what needs none does not wait with them.
        let passes = self.is_disk_full() && self.frame_bytes_with(&request.command) == 0;
        if !(passes || self.deferred.is_empty()) || self.is_batch_old(now) {
            self.deferred.push_back(request);
            return;
        }
        self.pass_time(now);
        // What time has made ready is for those who wait already.
        self.serve_woken();
        if let Some(request) = self.execute(now, request) {
            self.deferred.push_back(request);
        }
        self.serve_woken();
    }

    fn written(&mut self, now: Timestamp, outcome: io::Result<Duration>) {
        self.write_under_way = false;
        self.synced_at = now;
        self.report = Some(self.log.synced(outcome));
    }

    /// A batch that is empty begins now; one that is not has its time already.
    pub(super) fn pass_time(&mut self, now: Timestamp) {
        if self.batch.is_empty() {
            self.batch.now = now.max(self.state.now());
            self.time_unlogged |= self.state.advance(self.batch.now);
        }
    }

    fn is_batch_old(&self, now: Timestamp) -> bool {
        !self.batch.is_empty() && now.since(self.batch.now) > BATCH_AGE_MAX
    }

    /// Logs a record and makes it true.
    pub(super) fn commit(&mut self, record: &Record) {
        self.batch.push(record);
        self.apply(record);
    }

    pub(super) fn apply(&mut self, record: &Record) {
        let ordinal = u64::from(self.batch.record_count()) - 1;
        let lsn = Lsn::new(self.log.next_lsn().get() + ordinal);
        self.state.apply(record, lsn);
        self.time_unlogged = false;
    }

    /// An answer that shows what time did needs that time on record.
    fn log_time(&mut self) {
        if self.time_unlogged && self.batch.has_answers() && !self.batch.has_records() {
            self.commit(&Record::Tick);
        }
    }

    fn prove_when_idle(&mut self, now: Timestamp) {
        let is_idle = self.batch.is_empty() && !self.write_under_way && self.log.unproved();
        let is_due = now >= self.synced_at.after(self.settings.idle_sync_after);
        if is_idle && (is_due || self.mode == Mode::Draining) {
            self.pass_time(now);
            self.commit(&Record::Tick);
        }
    }

    fn tell(&mut self, effects: &mut Vec<Effect<W>>) {
        match self.report.take() {
            Some(Ok(report)) => effects.push(Effect::Synced(report)),
            Some(Err(error)) => {
                self.mode = Mode::Stopped;
                effects.push(Effect::Failed(error));
            }
            None => {}
        }
        effects.extend(self.prepare_failed.take().map(Effect::NoSpace));
        effects.extend(self.seal_failed.take().map(Effect::Unsealed));
        effects.extend(self.checkpoint_failed.take().map(Effect::CheckpointFailed));
        effects.extend(self.compaction_failed.take().map(Effect::CompactionFailed));
        effects.extend(self.scrub.take_found().into_iter().map(Effect::ScrubFound));
        effects.extend(self.reserve_failed.take().map(Effect::ReserveFailed));
    }

    fn hand_out(&mut self, effects: &mut Vec<Effect<W>>) {
        if self.write_under_way || self.mode == Mode::Stopped || self.batch.is_empty() {
            return;
        }
        if !self.batch.has_records() {
            effects.push(Effect::Release(self.batch.take_answers()));
            return;
        }
        if !self.log.ready(self.batch.frame_bytes(0, 0, 0), self.batch.summary_bytes()) {
            return;
        }
        let Sealed { draft, first_seq, payloads, held } = self.batch.seal();
        let is_tick = draft.tick;
        let (end, segment) = (self.log.position(), self.log.active_segment());
        let Appended { job, place } = self.log.append(draft);
        if self.is_disk_full() && segment != Some(place.segment) {
            // Each segment that is used up now must give others back in time (R23).
            self.ask_checkpoint(None);
        }
        self.backups.framed(end, place.segment);
        self.store.written(&place, first_seq, payloads);
        self.tell_gone();
        self.write_under_way = true;
        self.upkeep.framed(place.frame_bytes, is_tick);
        effects.push(Effect::Write(job, held));
        self.begin_checkpoint_if_due(effects);
    }

    /// Tells the store which messages are gone. Not while messages of the batch have no place yet:
    /// one of them may be gone already.
    fn tell_gone(&mut self) {
        if self.batch.has_records() {
            return;
        }
        self.state.take_gone(&mut self.gone);
        self.store.gone(&self.gone);
        self.gone.clear();
    }

    /// Whether a write is under way.
    pub(super) fn is_writing(&self) -> bool {
        self.write_under_way
    }

    /// What a start found: how it went, how much of the log lies behind the last checkpoint, and
    /// how much space is held back, in bytes.
    pub fn recovered(&mut self, recovery: RecoveryStatus, unsaved: u64, reserved_bytes: u64) {
        self.reserve.found(reserved_bytes);
        self.upkeep.recovery = recovery;
        let newest = self.store.checkpoints().0.unwrap_or_default();
        self.upkeep.replayed(unsaved, newest.bytes);
    }

    fn take_deferred(&mut self, now: Timestamp) {
        while !self.is_batch_old(now)
            && let Some(request) = self.deferred.pop_front()
        {
            self.pass_time(now);
            self.serve_woken();
            if let Some(request) = self.execute(now, request) {
                if self.mode == Mode::Draining && self.is_disk_full() {
                    // There may be no space for it, ever: nothing of it was done.
                    self.hold(request.waiter, Err(Rejection::ShuttingDown));
                    continue;
                }
                self.deferred.push_front(request);
                break;
            }
            self.serve_woken();
        }
    }

    fn background_jobs(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        let is_due = self.prepare_again_at.is_none_or(|at| now >= at);
        if is_due && self.log.wants_segment() {
            let pooled = self.store.take_pooled();
            // A start cannot do without a segment to go on in.
            let can_wait = self.log.active_segment().is_some() || self.log.standby_count() > 0;
            if pooled.is_none() && self.reserve.is_missing() && can_wait {
                self.prepare_again_at = self.prepare_again_at.map(|_| now.after(PREPARE_RETRY));
            } else {
                let salt = self.entropy.next();
                effects.extend(self.log.prepare(salt, pooled).map(Effect::Prepare));
            }
        }
        while let Some(job) = self.log.seal() {
            self.seals_under_way += 1;
            self.backups.sealing(job.segment());
            effects.push(Effect::Seal(job));
        }
    }

    pub(super) fn hold(&mut self, waiter: Option<W>, reply: Result<Reply, Rejection>) {
        if let Some(waiter) = waiter {
            self.batch.hold(waiter, Answer::new(reply));
        }
    }
}
