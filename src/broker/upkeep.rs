//! Checkpoints, reclaim and compaction, from one step to the next.
//!
//! The work itself is done by tasks that the owner hands out and whose outcomes come back as
//! events; here is when the next one is due. The owner gives a checkpoint the state in slices
//! between two flushes, so that nobody waits for it longer than a slice takes.
//!
//! **Invariant**: a checkpoint begins between two frames, holds the state at the end of the one
//! before, and is published only once that frame is durable.

use std::io;

use super::{
    Answer, Effect, Waiter,
    owner::{Mode, Owner},
};
use crate::{
    clock::Stopwatch,
    log::Position,
    store::{CheckpointOutcome, CheckpointTask, CheckpointWriter, Compacted, Compactor},
    types::{
        CheckpointStatus, CompactionStatus, Millis, RecoveryStatus, Rejection, Reply, Timestamp,
    },
};

/// Entries of the state that a checkpoint takes at once.
const SLICE_COUNT: usize = 2048;
/// A checkpoint is due after so many times its own length of log, if that is more than asked for.
const LENGTHS_OF_LOG: u64 = 10;
/// Checkpoints that are due for the sake of space come at most so often.
const PRESSED_EVERY: Millis = Millis::new(250);
/// How long after a checkpoint or compaction failed the next is tried.
pub(super) const RETRY: Millis = Millis::from_secs(10);

/// What upkeep is set to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// A checkpoint is due after so many bytes of log at least.
    pub checkpoint_bytes: u64,
    /// How many bytes a compaction copies in a second.
    pub compaction_bytes_per_s: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { checkpoint_bytes: 256 << 20, compaction_bytes_per_s: 64 << 20 }
    }
}

/// What is under way, and what is due when.
pub(super) struct Upkeep<W> {
    pub(super) settings: Settings,
    checkpoint: Option<Checkpoint>,
    pub(super) due: Due,
    /// Who waits for the next to be published, and who for the one under way.
    asked: Vec<W>,
    waiting: Vec<W>,
    /// Length of the frames since the last one began, in bytes.
    log_bytes: u64,
    /// Whether there were records since then that are more than time.
    has_news: bool,
    /// Length of the last one, in bytes.
    last_bytes: u64,
    /// When the last one began.
    began_at: Timestamp,
    /// When it was last looked what further ones would let go of.
    looked_at: Timestamp,
    looked_at_bytes: u64,
    retry_at: Option<Timestamp>,
    failed_count: u64,
    pub(super) compaction: Compaction,
    /// Who waits for compactions to be done.
    pub(super) compacting_for: Vec<W>,
    pub(super) copied_since_asked: u64,
    pub(super) compact_at: Timestamp,
    pub(super) status: CompactionStatus,
    pub(super) recovery: RecoveryStatus,
}

/// What is wanted as soon as it can be.
pub(super) struct Due {
    /// Somebody wants a checkpoint now.
    checkpoint: bool,
    /// Files may have become sparse since a compaction was last planned.
    pub(super) plan: bool,
    /// Files may have become free.
    reclaim: bool,
}

/// A checkpoint under way.
struct Checkpoint {
    position: Position,
    began_at: Timestamp,
    pause_us_max: u64,
    stage: Stage,
}

enum Stage {
    /// A task is under way.
    Working,
    /// More of the state can be taken.
    Ready(Box<CheckpointWriter>),
    /// All of the state is taken, and the last task is under way.
    Ending,
    /// It waits for the log to be durable.
    Complete(Box<CheckpointWriter>),
}

pub(super) enum Compaction {
    Idle,
    Working,
    /// More can be copied.
    Ready(Box<Compactor>),
    /// It can be switched to.
    Finished(Box<Compacted>),
}

impl<W> Upkeep<W> {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            checkpoint: None,
            due: Due { checkpoint: false, plan: true, reclaim: true },
            asked: Vec::new(),
            waiting: Vec::new(),
            log_bytes: 0,
            has_news: false,
            last_bytes: 0,
            began_at: Timestamp::ZERO,
            looked_at: Timestamp::ZERO,
            looked_at_bytes: 0,
            retry_at: None,
            failed_count: 0,
            compaction: Compaction::Idle,
            compacting_for: Vec::new(),
            copied_since_asked: 0,
            compact_at: Timestamp::ZERO,
            status: CompactionStatus::default(),
            recovery: RecoveryStatus::default(),
        }
    }

    /// A frame was handed out.
    pub(super) fn framed(&mut self, frame_bytes: u64, is_tick: bool) {
        let was_young = !self.is_halfway();
        self.log_bytes += frame_bytes;
        self.has_news |= !is_tick;
        self.due.plan |= was_young && self.is_halfway();
    }

    /// So much of the log a start had to replay, behind a checkpoint of so many bytes: the next is
    /// due that much earlier.
    pub(super) fn replayed(&mut self, frames_bytes: u64, last_bytes: u64) {
        self.last_bytes = last_bytes;
        self.log_bytes += frames_bytes;
        self.has_news |= frames_bytes > 0;
    }

    /// Whether somebody waits for compactions to be done.
    pub(super) fn is_forced(&self) -> bool {
        !self.compacting_for.is_empty()
    }

    /// Whether half of the log to the next checkpoint is there: what is older than the last one has
    /// had its time to die.
    pub(super) fn is_halfway(&self) -> bool {
        self.log_bytes >= self.due_after() / 2
    }

    fn due_after(&self) -> u64 {
        self.settings.checkpoint_bytes.max(self.last_bytes * LENGTHS_OF_LOG)
    }

    /// Whether a broker may end: nothing is under way, and the last checkpoint holds everything, or
    /// could not be taken.
    pub(super) fn is_done(&self) -> bool {
        self.is_idle() && (!self.has_news || self.retry_at.is_some())
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.checkpoint.is_none() && matches!(self.compaction, Compaction::Idle)
    }
}

impl<W: Waiter> Owner<W> {
    /// Whoever asks for a checkpoint is answered when one is published that began later.
    pub(super) fn ask_checkpoint(&mut self, waiter: Option<W>) {
        self.upkeep.due.checkpoint = true;
        self.upkeep.retry_at = None;
        self.upkeep.asked.extend(waiter);
    }

    /// Files may have become free.
    pub(super) fn ask_reclaim(&mut self) {
        self.upkeep.due.reclaim = true;
    }

    /// Whether a checkpoint is to begin with the next frame.
    fn wants_checkpoint(&self, now: Timestamp) -> bool {
        let upkeep = &self.upkeep;
        if upkeep.checkpoint.is_some() || upkeep.retry_at.is_some_and(|at| now < at) {
            return false;
        }
        upkeep.due.checkpoint || upkeep.log_bytes >= upkeep.due_after()
    }

    /// Whether a checkpoint is worth its length for the space that it lets go of, together with one
    /// more: dead files that it is not the log behind it that needs.
    fn is_pressed(&mut self, now: Timestamp) -> bool {
        let upkeep = &mut self.upkeep;
        let is_idle = self.mode == Mode::Serving && upkeep.checkpoint.is_none();
        let due_at = upkeep.began_at.max(upkeep.looked_at).after(PRESSED_EVERY);
        let dead_bytes = self.store.dead_file_bytes();
        if !is_idle || now < due_at || dead_bytes == 0 {
            return false;
        }
        (upkeep.looked_at, upkeep.looked_at_bytes) = (now, dead_bytes);
        let worth_it = self.upkeep.last_bytes.saturating_mul(LENGTHS_OF_LOG);
        let freed = self.store.freed_by_checkpoints();
        if self.is_disk_full() {
            return freed > 0 || self.upkeep.has_news;
        }
        freed > 0 && freed >= worth_it.max(self.store.segment_bytes())
    }

    /// A frame was just handed out: everything is as it is at its end.
    pub(super) fn begin_checkpoint_if_due(&mut self, effects: &mut Vec<Effect<W>>) {
        let now = self.batch.now.max(self.state.now());
        let Some(position) = self.log.position() else { return };
        if !self.wants_checkpoint(now) {
            return;
        }
        let pause = Stopwatch::start();
        self.state.begin_image();
        let buckets = self.state.deduplication_buckets();
        let at = self.state.now();
        let draft = self.store.begin_checkpoint(position, at, buckets);
        let pause_us_max = micros(&pause);
        self.upkeep.due.checkpoint = false;
        self.upkeep.waiting = std::mem::take(&mut self.upkeep.asked);
        self.upkeep.began_at = at;
        self.upkeep.log_bytes = 0;
        self.upkeep.has_news = false;
        self.begin_backup(position);
        let stage = Stage::Working;
        self.upkeep.checkpoint = Some(Checkpoint { position, began_at: at, pause_us_max, stage });
        effects.push(Effect::Checkpoint(CheckpointTask::Begin(Box::new(draft))));
    }

    /// A task of the checkpoint under way has ended.
    pub(super) fn checkpoint_went_on(
        &mut self,
        now: Timestamp,
        outcome: io::Result<CheckpointOutcome>,
    ) {
        let Some(checkpoint) = &mut self.upkeep.checkpoint else { return };
        match outcome {
            Ok(CheckpointOutcome::Ready(writer)) => {
                checkpoint.stage = match checkpoint.stage {
                    Stage::Ending => Stage::Complete(writer),
                    _ => Stage::Ready(writer),
                };
            }
            Ok(CheckpointOutcome::Published(published)) => {
                let took = now.since(checkpoint.began_at);
                self.store.checkpoint_published(&published, took, checkpoint.pause_us_max);
                self.upkeep.last_bytes = published.bytes;
                // One more may let go of what this one does not.
                self.upkeep.looked_at_bytes = 0;
                self.upkeep.checkpoint = None;
                self.upkeep.retry_at = None;
                self.upkeep.due.plan = true;
                self.upkeep.due.reclaim = true;
                let status = self.store.checkpoints().0.unwrap_or_default();
                self.answer_checkpoint(now, &Ok(status));
                self.pin_for_backup(now);
            }
            Ok(CheckpointOutcome::Abandoned) => self.upkeep.checkpoint = None,
            Err(error) => {
                self.state.cancel_image();
                self.upkeep.checkpoint = None;
                self.upkeep.failed_count += 1;
                let soon = self.reserve.failed(&error);
                self.upkeep.retry_at = Some(now.after(RETRY));
                self.upkeep.due.checkpoint |= soon;
                // What it would have held is still to be held by the next.
                self.upkeep.has_news = true;
                let reason = error.to_string();
                self.checkpoint_failed = Some(error);
                let what = "checkpoint";
                let failed = Rejection::MaintenanceFailed { what, reason };
                self.answer_checkpoint(now, &Err(failed.clone()));
                self.checkpoint_of_backup_failed(now, &failed);
            }
        }
    }

    fn answer_checkpoint(&mut self, now: Timestamp, outcome: &Result<CheckpointStatus, Rejection>) {
        for waiter in std::mem::take(&mut self.upkeep.waiting) {
            self.pass_time(now);
            let reply = outcome.clone().map(Reply::Checkpointed);
            self.batch.hold(waiter, Answer::new(reply));
        }
    }

    /// Hands out what upkeep has to do.
    pub(super) fn go_on_with_upkeep(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        self.go_on_with_checkpoint(effects);
        self.go_on_with_compaction(now, effects);
        self.go_on_with_backup(now);
        if self.upkeep.due.reclaim {
            self.upkeep.due.reclaim = false;
            let unlink = self.store.reclaim(self.log.active_segment());
            if !unlink.is_empty() {
                self.reserve.retry(now);
                effects.push(Effect::Unlink(unlink));
            }
            // A dead segment can be used again even where there is no space for a new one.
            self.prepare_again_at = self.prepare_again_at.map(|_| now);
        }
    }

    fn go_on_with_checkpoint(&mut self, effects: &mut Vec<Effect<W>>) {
        let durable_lsn = self.log.durable_lsn();
        let Some(checkpoint) = &mut self.upkeep.checkpoint else { return };
        match std::mem::replace(&mut checkpoint.stage, Stage::Working) {
            Stage::Ready(writer) => {
                let pause = Stopwatch::start();
                let mut entries = Vec::with_capacity(SLICE_COUNT);
                let more = self.state.image_slice(SLICE_COUNT, &mut entries);
                checkpoint.pause_us_max = checkpoint.pause_us_max.max(micros(&pause));
                checkpoint.stage = if more { Stage::Working } else { Stage::Ending };
                effects.push(Effect::Checkpoint(CheckpointTask::Append(writer, entries)));
            }
            Stage::Complete(writer) if durable_lsn >= checkpoint.position.lsn => {
                effects.push(Effect::Checkpoint(CheckpointTask::Publish(writer)));
            }
            other => checkpoint.stage = other,
        }
    }

    /// There is space again: what failed for want of it is tried at once.
    pub(super) fn retry_upkeep(&mut self) {
        self.upkeep.retry_at = None;
        self.upkeep.compact_at = Timestamp::ZERO;
    }

    /// Whether a checkpoint is under way, and how many have failed.
    pub(super) fn checkpoints_status(&self) -> (bool, u64) {
        (self.upkeep.checkpoint.is_some(), self.upkeep.failed_count)
    }

    /// A checkpoint that is wanted begins with a frame; an idle broker makes one. A broker that
    /// ends wants a last one, so that its next start has nothing to replay.
    pub(super) fn make_frame_for_checkpoint(&mut self, now: Timestamp) {
        let is_idle = self.batch.is_empty() && !self.is_writing();
        if self.mode == Mode::Draining && !self.upkeep.is_done() && self.upkeep.is_idle() {
            self.upkeep.due.checkpoint = true;
        }
        self.upkeep.due.checkpoint |= self.is_pressed(now);
        if self.upkeep.due.checkpoint && is_idle && self.wants_checkpoint(now) {
            self.pass_time(now);
            self.commit(&crate::types::Record::Tick);
        }
    }

    /// When upkeep wants to go on.
    pub(super) fn next_upkeep(&self) -> Option<Timestamp> {
        let upkeep = &self.upkeep;
        let copy = matches!(upkeep.compaction, Compaction::Ready(_)).then_some(upkeep.compact_at);
        let plans = upkeep.due.plan && matches!(upkeep.compaction, Compaction::Idle);
        let plan = (plans && self.mode == Mode::Serving).then_some(upkeep.compact_at);
        let retry = if upkeep.due.checkpoint { upkeep.retry_at } else { None };
        let is_idle = upkeep.checkpoint.is_none() && self.mode == Mode::Serving;
        // What was looked at and left is not looked at again before it is more.
        let dead_bytes = self.store.dead_file_bytes();
        let has_dead = is_idle && dead_bytes > 0 && dead_bytes != upkeep.looked_at_bytes;
        let looked_at = upkeep.began_at.max(upkeep.looked_at);
        let pressed = has_dead.then(|| looked_at.after(PRESSED_EVERY));
        // Only if it can still come to that: what is dead was looked at when that time passed.
        let pressed = pressed.filter(|at| *at > self.state.now());
        [copy, plan, retry, pressed, self.store.next_unpin()].into_iter().flatten().min()
    }
}

fn micros(watch: &Stopwatch) -> u64 {
    u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX)
}
