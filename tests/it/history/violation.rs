//! Promises that can be broken.

use std::fmt;

use super::{AskId, Number, QueueNo};

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Violation {
    /// A message that was acknowledged and never deleted is not there.
    Lost(Number),
    /// A message that was deleted is back.
    Resurrected(Number),
    /// A message that was sent once is there twice.
    Duplicated(Number),
    /// A message that nobody sent, or not so.
    Invented(Number),
    /// A message was received before its delay was over.
    Early(Number),
    /// The body of a message is unreadable, and nothing had damaged it.
    Unreadable,
    /// Of the messages of one request, some are there and some are not.
    Torn(AskId),
    /// A receive count did not rise by what was received.
    Count { number: Number, before: u32, after: u32 },
    /// A message was leased to two at once.
    Overlap(Number),
    /// A lease was over before its time.
    EndedEarly(Number),
    /// A queue that was made is not there.
    QueueLost(QueueNo),
    /// A message is in a queue to which nothing could bring it.
    Astray(Number),
    /// A message of a group was given out before an earlier one.
    OutOfOrder { number: Number, earlier: Number },
    /// An answer is of another kind than its request.
    Strange(AskId),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(number) => write!(f, "message {number} was acknowledged and is lost"),
            Self::Resurrected(number) => write!(f, "message {number} was deleted and is back"),
            Self::Duplicated(number) => write!(f, "message {number} is there twice"),
            Self::Invented(number) => write!(f, "message {number} was never sent so"),
            Self::Early(number) => {
                write!(f, "message {number} was received before its delay ended")
            }
            Self::Unreadable => write!(f, "a message is unreadable that nothing had damaged"),
            Self::Torn(id) => write!(f, "request {id} is there in part"),
            Self::Count { number, before, after } => {
                write!(f, "message {number} had been received {before} times, then {after} times")
            }
            Self::Overlap(number) => write!(f, "message {number} has two valid leases"),
            Self::EndedEarly(number) => write!(f, "the lease of message {number} ended early"),
            Self::Astray(number) => write!(f, "message {number} is in a wrong queue"),
            Self::OutOfOrder { number, earlier } => {
                write!(f, "message {number} was given out before {earlier} of its group")
            }
            Self::QueueLost(queue) => write!(f, "queue {queue} was made and is lost"),
            Self::Strange(id) => write!(f, "request {id} was answered with something else"),
        }
    }
}
