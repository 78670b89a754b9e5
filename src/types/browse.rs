//! Looking at messages without a lease and without any effect.

use super::{GroupId, Millis, Nonce, QueueId, QueueName, Seq, Timestamp};

/// Which messages to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browse {
    /// The queue.
    pub queue: QueueName,
    /// Only messages in one of these states.
    pub states: StateFilter,
    /// Only those of this group.
    pub group: Option<GroupId>,
    /// Only those that are at least so old.
    pub age_min: Option<Millis>,
    /// Only those after this one.
    pub after: Seq,
    /// At most so many.
    pub count_max: usize,
}

/// A choice of states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateFilter {
    /// Those that can be received.
    pub ready: bool,
    /// Those that wait for a time.
    pub delayed: bool,
    /// Those that are leased.
    pub in_flight: bool,
}

impl StateFilter {
    /// All states.
    pub const ALL: Self = Self { ready: true, delayed: true, in_flight: true };
}

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It can be received, or could if its group were free.
    Ready,
    /// It waits.
    Delayed {
        /// Until then.
        until: Timestamp,
    },
    /// It is leased.
    InFlight {
        /// Until then.
        until: Timestamp,
        /// The lease.
        nonce: Nonce,
    },
}

/// A message that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Browsed {
    /// The queue.
    pub queue: QueueId,
    /// The message.
    pub seq: Seq,
    /// Where it is in its life.
    pub state: MessageState,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// How often it was received.
    pub receive_count: u32,
    /// When it was received for the first time; zero if it never was.
    pub first_received_at: Timestamp,
    /// Its priority.
    pub priority: u8,
    /// Whether it came from another queue as a dead letter.
    pub is_dead_letter: bool,
    /// The queue that it came from as a dead letter, by name, if it is still there.
    pub dead_letter_source: Option<QueueName>,
}
