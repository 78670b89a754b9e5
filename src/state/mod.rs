//! The queues, and what becomes of their messages: pure.
//!
//! ```text
//!   send with delay              delay passed
//!  ----------------> [delayed] ---------------+
//!   send                                      v        receive
//!  ---------------------------------------> [ready] ------------> [in flight] --- delete --> gone
//!                                           ^  |                    |    |
//!                                           |  | received too often |    | lease ran out and the
//!                                           |  v                    |    | queue has a back-off
//!                                           | dead-letter queue     |    v
//!                                           +--- lease ran out -----+ [delayed]
//!                                                or was returned
//! ```
//!
//! Retention, or a time to live of its own, takes a message out of any of these states.
//!
//! Three doors. `decide_*` reads and may refuse; it yields the records that would make the command
//! true. [`State::apply`] makes one record true and cannot fail. [`State::advance`] lets time pass,
//! and nothing else does. Live and in replay the same records and times come through the same
//! doors, so that the same log makes the same state.
//!
//! **Invariant**: nothing here reads a clock, draws a random number, locks, waits or does I/O.
//! **Invariant**: `advance(a)` then `advance(b)` is `advance(b)`, for `a <= b`: how often a broker
//! woke up is not in the log.

mod admit;
mod advance;
mod apply;
mod attempts;
mod backlog;
mod browse;
mod coherence;
mod cow;
mod deadlines;
mod decide_moves;
mod decide_queues;
mod decide_receive;
mod decide_send;
mod decide_transact;
mod deleted_names;
mod garbage;
mod image;
mod invariants;
mod lanes;
mod leases;
mod moves;
mod queue;
mod restore;
mod salvage;
mod touched;
mod view;
mod window;

use std::collections::BTreeMap;

pub use admit::Inadmissible;
pub use decide_receive::Receiving;
pub use decide_send::SendDecision;
pub use leases::DeleteDecision;
pub use moves::MoveCandidates;
pub use restore::{NotAnImage, Restoring};
pub use salvage::{KnownQueue, Salvage};

use deadlines::Deadlines;
use deleted_names::DeletedNames;
use garbage::Garbage;
use image::Image;
use moves::MoveTask;
use queue::Queue;

use crate::types::{
    DeduplicationBucket, Lsn, QueueId, QueueName, Rejection, Seq, TaskId, Timestamp,
};

/// Limits of the state that an operator sets.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// In-flight messages of one queue.
    pub in_flight_max: u64,
    /// Deduplication ids of one queue that count at one time.
    pub deduplication_ids_max: u64,
    /// Whether the name of a deleted queue cannot be used again for a while.
    pub deleted_names_held: bool,
}

/// Everything that is true now.
pub struct State {
    settings: Settings,
    queues: BTreeMap<QueueId, Queue>,
    names: BTreeMap<QueueName, QueueId>,
    /// Names that queues had a short while ago.
    deleted_names: DeletedNames,
    /// When time alone changes something, over all queues.
    deadlines: Deadlines,
    /// Move tasks that run, and the last that ended.
    tasks: BTreeMap<TaskId, MoveTask>,
    /// The incarnation that the next queue gets.
    next_queue: QueueId,
    /// The identity that the next message gets.
    next_seq: Seq,
    /// The id that the next move task gets.
    next_task: TaskId,
    /// The last LSN that was applied.
    applied_lsn: Lsn,
    /// The last time that was advanced to.
    now: Timestamp,
    /// Whether messages outlive their retention, because the clock is in doubt.
    retention_held: bool,
    /// Queues that may have more to receive than when this was last taken. Not part of what is
    /// true: it only says where to look.
    woken: Vec<QueueId>,
    /// What was purged or deleted as a whole, freed a slice at a time.
    garbage: Garbage,
    /// Messages that are gone since this was last taken.
    gone: Vec<Seq>,
    /// What is left to tell of the state as it was when an image was begun.
    image: Option<Box<Image>>,
}

impl State {
    /// The state before anything was logged.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            queues: BTreeMap::new(),
            names: BTreeMap::new(),
            deleted_names: DeletedNames::default(),
            deadlines: Deadlines::default(),
            tasks: BTreeMap::new(),
            next_queue: QueueId::new(1),
            next_seq: Seq::new(1),
            next_task: TaskId::new(1),
            applied_lsn: Lsn::default(),
            now: Timestamp::ZERO,
            retention_held: false,
            woken: Vec::new(),
            garbage: Garbage::default(),
            gone: Vec::new(),
            image: None,
        }
    }

    /// The last LSN that was applied.
    pub fn applied_lsn(&self) -> Lsn {
        self.applied_lsn
    }

    /// The last time that was advanced to.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The identity that the next message gets.
    pub fn next_seq(&self) -> Seq {
        self.next_seq
    }

    /// Whether messages outlive their retention until an operator agrees with the clock.
    pub fn retention_held(&self) -> bool {
        self.retention_held
    }

    /// When time alone will next change something; may be early, never late.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// Queues that may have more to receive than at the last call, each at least once.
    pub fn take_woken(&mut self) -> Vec<QueueId> {
        std::mem::take(&mut self.woken)
    }

    /// Whether a receive on the queue would not have to wait: it finds a message, or is refused.
    pub fn has_answer(&self, queue: QueueId) -> bool {
        self.queues.get(&queue).is_none_or(|queue| queue.receives_paused || queue.is_deliverable())
    }

    /// How many queues there are.
    pub fn queue_count(&self) -> u64 {
        self.queues.len() as u64
    }

    /// The queue of a name.
    pub fn queue_id(&self, name: &QueueName) -> Result<QueueId, Rejection> {
        self.named(name).map(|queue| queue.id)
    }

    /// The name of a queue, if it is there.
    pub fn queue_name(&self, queue: QueueId) -> Option<&QueueName> {
        self.queues.get(&queue).map(|queue| &queue.name)
    }

    /// Frees a bounded part of what was purged or deleted; whether more is left.
    pub fn collect_garbage(&mut self) -> bool {
        self.garbage.collect(&mut self.deadlines, &mut self.gone)
    }

    /// Moves the messages that are gone since the last call to the end of `out`, each exactly once:
    /// deleted, expired, moved by a task to be new ones, and of purges and deleted queues what
    /// [`State::collect_garbage`] has freed. A dead letter is not gone.
    pub fn take_gone(&mut self, out: &mut Vec<Seq>) {
        out.append(&mut self.gone);
    }

    /// The ids of every queue's deduplication window, in buckets that do not change any more. Ids
    /// are shared, not copied.
    pub fn deduplication_buckets(&mut self) -> Vec<DeduplicationBucket> {
        let mut buckets = Vec::new();
        for (id, queue) in &mut self.queues {
            queue.window.buckets(*id, &mut buckets);
        }
        buckets
    }

    fn wake(&mut self, queue: QueueId) {
        if self.woken.last() != Some(&queue) {
            self.woken.push(queue);
        }
    }

    fn named(&self, name: &QueueName) -> Result<&Queue, Rejection> {
        let found = self.names.get(name).and_then(|id| self.queues.get(id));
        found.ok_or_else(|| Rejection::QueueNotFound { queue: name.clone() })
    }
}
