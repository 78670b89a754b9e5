//! What clients asked and were told, and what a broker that keeps its promises cannot have said.
//!
//! A message is known by its number, which its body says.

use std::fmt;

use ledgerq::types::{CancelOutcome, Millis, Nonce, Timestamp};

/// Names one message.
pub(super) type Number = u64;
/// Names one request.
pub(super) type AskId = usize;
/// Names one queue.
pub(super) type QueueNo = usize;

/// One thing that happened, at the border between clients and broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A client asked.
    Asked { id: AskId, at: Timestamp, ask: Ask },
    /// A client was told. What is not told before the process ends is never told.
    Told { id: AskId, at: Timestamp, told: Told },
    /// The process ended, and another began.
    Ended,
    /// Everything that could be received since the process began has been received.
    Emptied,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Create {
        queue: QueueNo,
        dead_letters: Option<QueueNo>,
    },
    /// All of one group, if the queue has groups.
    Send {
        queue: QueueNo,
        numbers: Vec<Number>,
        group: Option<u64>,
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
    /// A checkpoint, or a compaction.
    Upkeep,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Done,
    Refused(String),
    Sent,
    /// Each message; `None` for a number whose body is not the one that was sent.
    Received(Vec<Lease>),
    Deleted(Vec<Deleted>),
    /// When each lease ends now; `None` if the change was refused.
    Changed(Vec<Option<Timestamp>>),
    Cancelled(CancelOutcome),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) number: Number,
    pub(super) nonce: Nonce,
    pub(super) count: u32,
    pub(super) until: Timestamp,
    /// Whether the body is, byte by byte, the one that was sent.
    pub(super) is_whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    Gone,
    /// There is no such message in that queue.
    NotThere,
    Stale,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A message that was acknowledged and never deleted is not there.
    Lost(Number),
    /// A message that was deleted is back.
    Resurrected(Number),
    /// A message that nobody sent, or not so.
    Invented(Number),
    /// Of the messages of one request, some are there and some are not.
    Torn(AskId),
    /// A receive count did not rise by what was received.
    Count { number: Number, before: u32, after: u32 },
    /// A message was leased to two at once.
    Overlap(Number),
    /// A queue that was made is not there.
    QueueLost(QueueNo),
    /// A message is in a queue to which nothing could bring it.
    Astray(Number),
    /// A message of a group was given out before an earlier one.
    OutOfOrder { number: Number, earlier: Number },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(number) => write!(f, "message {number} was acknowledged and is lost"),
            Self::Resurrected(number) => write!(f, "message {number} was deleted and is back"),
            Self::Invented(number) => write!(f, "message {number} was never sent so"),
            Self::Torn(id) => write!(f, "request {id} is there in part"),
            Self::Count { number, before, after } => {
                write!(f, "message {number} had been received {before} times, then {after} times")
            }
            Self::Overlap(number) => write!(f, "message {number} has two valid leases"),
            Self::Astray(number) => write!(f, "message {number} is in a wrong queue"),
            Self::OutOfOrder { number, earlier } => {
                write!(f, "message {number} was given out before {earlier} of its group")
            }
            Self::QueueLost(queue) => write!(f, "queue {queue} was made and is lost"),
        }
    }
}
