//! A message that was received, delayed or moved: it has a state of its own.

use super::lanes::Slot;
use crate::types::{GroupId, Nonce, QueueId, Timestamp};

/// A message with a state of its own.
#[derive(Clone, Debug)]
pub(super) struct Touched {
    /// Where it belongs among its queue's lanes.
    pub(super) slot: Slot,
    /// Its group; an image tells it when the lane may be gone.
    pub(super) group: Option<GroupId>,
    pub(super) sent_at: Timestamp,
    /// From when its retention counts: its send, or its move to a FIFO dead-letter queue.
    pub(super) retained_from: Timestamp,
    /// When its own time to live is over.
    pub(super) expires_at: Option<Timestamp>,
    /// Body and attributes, in bytes.
    pub(super) size: u32,
    pub(super) receive_count: u32,
    /// Before the first receive: zero.
    pub(super) first_received_at: Timestamp,
    /// The last receive.
    pub(super) leased_at: Timestamp,
    /// The last lease; it may be over.
    pub(super) nonce: Nonce,
    /// Whether the last lease was changed since its receive.
    pub(super) is_changed: bool,
    /// Whether an attempt was repeated since the receive: its lease is in two hands, and one that
    /// lets go does not end it.
    pub(super) is_repeated: bool,
    /// Receives in the queues that it was in before.
    pub(super) received_elsewhere: u32,
    /// The queue that it came from as a dead letter.
    pub(super) source: Option<QueueId>,
    pub(super) phase: Phase,
}

/// Where a touched message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for its delay, or the wait after its return, to pass.
    Delayed { until: Timestamp },
    /// Is leased.
    InFlight { until: Timestamp },
    /// Can be received.
    Ready { turn: Turn },
}

/// A place in an order that is served from the front.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(pub(super) i64);

impl Turn {
    /// The place behind `last`.
    pub(super) fn behind(last: Option<Self>) -> Self {
        last.map_or(Self(0), |Self(last)| Self(last + 1))
    }

    /// The place in front of `first`.
    pub(super) fn before(first: Option<Self>) -> Self {
        first.map_or(Self(0), |Self(first)| Self(first - 1))
    }
}

impl Touched {
    pub(super) fn new(
        slot: Slot,
        group: Option<GroupId>,
        sent_at: Timestamp,
        size: u32,
        phase: Phase,
    ) -> Self {
        Self {
            slot,
            group,
            sent_at,
            retained_from: sent_at,
            expires_at: None,
            size,
            receive_count: 0,
            first_received_at: Timestamp::ZERO,
            leased_at: Timestamp::ZERO,
            nonce: Nonce::default(),
            is_changed: false,
            is_repeated: false,
            received_elsewhere: 0,
            source: None,
            phase,
        }
    }

    /// When its lease or delay ends, if it has one.
    pub(super) fn until(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Delayed { until } | Phase::InFlight { until } => Some(until),
            Phase::Ready { .. } => None,
        }
    }
}
