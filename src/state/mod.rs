//! The queues, and what becomes of their messages: pure.
//!
//! ```text
//!   send with delay              delay passed
//!  ----------------> [delayed] ---------------+
//!   send                                      v        receive
//!  ---------------------------------------> [ready] ------------> [in flight] --- delete --> gone
//!                                             ^                        |
//!                                             +---- lease ran out -----+
//!                                                   or was returned
//! ```
//!
//! Retention takes a message out of any of these states.
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
mod backlog;
mod deadlines;
mod decide_messages;
mod decide_queues;
mod garbage;
mod invariants;
mod queue;
mod view;

use std::collections::BTreeMap;

pub use admit::Inadmissible;
pub use decide_messages::DeleteDecision;

use deadlines::Deadlines;
use garbage::Garbage;
use queue::Queue;

use crate::types::{Lsn, QueueId, QueueName, Rejection, Seq, Timestamp};

/// Limits of the state that an operator sets.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// In-flight messages of one standard queue.
    pub in_flight_max: u64,
}

/// Everything that is true now.
pub struct State {
    settings: Settings,
    queues: BTreeMap<QueueId, Queue>,
    names: BTreeMap<QueueName, QueueId>,
    /// When leases and delays end, over all queues.
    deadlines: Deadlines,
    /// The incarnation that the next queue gets.
    next_queue: QueueId,
    /// The identity that the next message gets.
    next_seq: Seq,
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
}

impl State {
    /// The state before anything was logged.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            queues: BTreeMap::new(),
            names: BTreeMap::new(),
            deadlines: Deadlines::default(),
            next_queue: QueueId::new(1),
            next_seq: Seq::new(1),
            applied_lsn: Lsn::default(),
            now: Timestamp::ZERO,
            retention_held: false,
            woken: Vec::new(),
            garbage: Garbage::default(),
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

    /// Whether a receive on the queue would find a message; `None` if there is no such queue.
    pub fn has_ready(&self, queue: QueueId) -> Option<bool> {
        self.queues.get(&queue).map(|queue| queue.ready_count() > 0)
    }

    /// The queue of a name.
    pub fn queue_id(&self, name: &QueueName) -> Result<QueueId, Rejection> {
        self.named(name).map(|queue| queue.id)
    }

    /// Frees a bounded part of what was purged or deleted; whether more is left.
    pub fn collect_garbage(&mut self) -> bool {
        self.garbage.collect(&mut self.deadlines)
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
