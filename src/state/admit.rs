//! Whether a record can become true now. Asked in replay, where a record comes from a disk, and by
//! debug builds for every record.

use super::{
    State,
    queue::{Phase, Queue},
};
use crate::types::{QueueId, Record, Seq};

/// Why a record cannot follow on what was logged before it: the log is not one this program wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inadmissible {
    /// The queue does not exist.
    #[error("there is no queue {0}")]
    NoQueue(QueueId),
    /// The queue or its name was given before.
    #[error("queue {0} or its name is in use")]
    QueueInUse(QueueId),
    /// The message is not the next to be sent.
    #[error("message {found} is sent, but {expected} is next")]
    SeqGap {
        /// What the record says.
        found: Seq,
        /// What it should say.
        expected: Seq,
    },
    /// The message is not ready.
    #[error("message {0} is leased, but it is not ready")]
    NotReady(Seq),
    /// The message is not in flight.
    #[error("message {0} is not in flight")]
    NotInFlight(Seq),
    /// The message is not there.
    #[error("there is no message {0}")]
    NoMessage(Seq),
}

impl State {
    /// Whether [`State::apply`] may be given this record now.
    pub fn admits(&self, record: &Record) -> Result<(), Inadmissible> {
        match *record {
            Record::Tick | Record::RetentionHeld | Record::RetentionReleased => Ok(()),
            Record::QueueCreated { queue, ref name, .. } => {
                let is_free = queue >= self.next_queue && !self.names.contains_key(name);
                is_free.then_some(()).ok_or(Inadmissible::QueueInUse(queue))
            }
            Record::QueueUpdated { queue, .. } | Record::QueueDeleted { queue } => {
                self.known(queue).map(|_| ())
            }
            Record::QueuePurged { queue, seq_bound } => {
                self.known(queue)?;
                self.is_next(seq_bound)
            }
            Record::MessageSent { queue, seq, .. } => {
                self.known(queue)?;
                self.is_next(seq)
            }
            Record::MessageLeased { queue, seq, .. } => {
                let queue = self.known(queue)?;
                let is_front = queue.backlog.front().is_some_and(|waiting| waiting.seq == seq);
                let is_returned = matches!(phase(queue, seq), Some(Phase::Ready { .. }));
                (is_front || is_returned).then_some(()).ok_or(Inadmissible::NotReady(seq))
            }
            Record::VisibilityChanged { queue, seq, .. } | Record::LeaseReturned { queue, seq } => {
                let in_flight =
                    matches!(phase(self.known(queue)?, seq), Some(Phase::InFlight { .. }));
                in_flight.then_some(()).ok_or(Inadmissible::NotInFlight(seq))
            }
            Record::MessageDeleted { queue, seq } => {
                let there = phase(self.known(queue)?, seq).is_some();
                there.then_some(()).ok_or(Inadmissible::NoMessage(seq))
            }
        }
    }

    fn known(&self, queue: QueueId) -> Result<&Queue, Inadmissible> {
        self.queues.get(&queue).ok_or(Inadmissible::NoQueue(queue))
    }

    fn is_next(&self, found: Seq) -> Result<(), Inadmissible> {
        let expected = self.next_seq;
        (found == expected).then_some(()).ok_or(Inadmissible::SeqGap { found, expected })
    }
}

fn phase(queue: &Queue, seq: Seq) -> Option<Phase> {
    queue.touched.get(&seq).map(|touched| touched.phase)
}
