//! What clients asked and were told, and what a broker that keeps its promises cannot have said.
//!
//! A message is known by its number, which its body says. Times are the broker's. [`Checker`] reads
//! a history once, from the beginning; it knows nothing of the broker but what clients know.

#[cfg(test)]
mod bad_histories;
mod checker;
mod fate;
mod violation;

use ledgerq::types::{CancelOutcome, Millis, Nonce, Seq, Timestamp};

pub(crate) use checker::{Checker, check};
pub(crate) use violation::Violation;

/// Names one message.
pub(crate) type Number = u64;
/// Names one request; a later one has a larger id.
pub(crate) type AskId = usize;
/// Names one queue.
pub(crate) type QueueNo = usize;

/// One thing that happened, at the border between clients and broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A client asked.
    Asked { id: AskId, at: Timestamp, ask: Ask },
    /// A client was told. What is not told before the process ends is never told.
    Told { id: AskId, at: Timestamp, told: Told },
    /// From now on the bodies of some messages may be unreadable.
    Damaged,
    /// The process ended, and another began.
    Ended,
    /// Everything that could be received since the process began has been received.
    Emptied,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ask {
    Create {
        queue: QueueNo,
        dead_letters: Option<QueueNo>,
    },
    /// All of one group, if the queue has groups. Numbers rise from one send to the next.
    Send {
        queue: QueueNo,
        numbers: Vec<Number>,
        group: Option<u64>,
        /// They are not received before.
        delay: Millis,
        /// They may be gone after.
        time_to_live: Option<Millis>,
    },
    Receive {
        queue: QueueNo,
    },
    Delete {
        leases: Vec<(Number, Nonce)>,
    },
    Change {
        leases: Vec<(Number, Nonce)>,
        timeout: Millis,
    },
    Purge {
        queue: QueueNo,
    },
    Cancel {
        number: Number,
    },
    /// One message is deleted and others are sent.
    Transact {
        lease: (Number, Nonce),
        queue: QueueNo,
        numbers: Vec<Number>,
    },
    Move {
        source: QueueNo,
        target: QueueNo,
    },
    /// A queue is deleted.
    Drop {
        queue: QueueNo,
    },
    /// A message that was accepted is sent again, with its deduplication id.
    Resend,
    /// A checkpoint, a compaction, or a part of a backup.
    Upkeep,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    Refused(String),
    Sent,
    Received(Vec<Lease>),
    Deleted(Vec<Deleted>),
    /// When each lease ends from then on; `None` if the change was refused.
    Changed(Vec<Option<Timestamp>>),
    Cancelled(CancelOutcome),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lease {
    pub(crate) number: Number,
    pub(crate) seq: Seq,
    pub(crate) nonce: Nonce,
    pub(crate) count: u32,
    pub(crate) until: Timestamp,
    pub(crate) body: Body,
}

/// What was served of a message's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// Byte by byte the one that was sent.
    Whole,
    /// Another one.
    Wrong,
    /// None: it was told as damaged. The number is not known then.
    Damaged,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deleted {
    Gone,
    /// There is no such message in that queue.
    NotThere,
    /// Another receive has the message.
    Stale,
}
