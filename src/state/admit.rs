//! Whether a record can become true now. Asked in replay, where a record comes from a disk, and by
//! debug builds for every record.

use super::{
    State,
    lanes::Lanes,
    queue::Queue,
    touched::{Phase, Touched},
};
use crate::types::{QueueId, Record, Sending, Seq, TaskId};

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
    /// A message of a FIFO queue has no group.
    #[error("message {0} is sent or moved to a FIFO queue without a group")]
    NoGroup(Seq),
    /// The message is not ready.
    #[error("message {0} is leased or moved, but it is not ready")]
    NotReady(Seq),
    /// The message is not in flight.
    #[error("message {0} is not in flight")]
    NotInFlight(Seq),
    /// The message is not there.
    #[error("there is no message {0}")]
    NoMessage(Seq),
    /// Only receives of FIFO queues have attempts.
    #[error("an attempt to receive is of queue {0}, which is no FIFO queue")]
    NotFifo(QueueId),
    /// There is no such attempt.
    #[error("an attempt is repeated that was not made")]
    NoAttempt,
    /// The task was given before.
    #[error("move task {0} is started again")]
    TaskInUse(TaskId),
    /// The task does not run.
    #[error("move task {0} does not run")]
    NoTask(TaskId),
    /// A record that a transact cannot hold.
    #[error("a transact holds a record that it cannot")]
    NotInTransact,
}

type No = Inadmissible;

impl State {
    /// Whether [`State::apply`] may be given this record now.
    pub fn admits(&self, record: &Record) -> Result<(), Inadmissible> {
        match *record {
            Record::Tick
            | Record::RetentionHeld
            | Record::RetentionReleased
            | Record::Compacted { .. } => Ok(()),
            Record::QueueCreated { queue, ref name, .. } => {
                let is_free = queue >= self.next_queue && !self.names.contains_key(name);
                is_free.then_some(()).ok_or(No::QueueInUse(queue))
            }
            Record::QueueUpdated { queue, .. }
            | Record::QueueDeleted { queue }
            | Record::QueuePaused { queue, .. } => self.known(queue).map(drop),
            Record::AttemptMade { queue, .. } => {
                let is_fifo = matches!(self.known(queue)?.lanes, Lanes::Fifo(_));
                is_fifo.then_some(()).ok_or(No::NotFifo(queue))
            }
            Record::QueuePurged { queue, seq_bound } => {
                self.known(queue)?;
                is_next(seq_bound, self.next_seq)
            }
            Record::MessageSent(ref sending) => self.admits_sending(sending, self.next_seq),
            Record::MessageLeased { queue, seq, .. } => Self::is_ready(self.known(queue)?, seq),
            Record::MessageMoved { queue, seq, target } => {
                let target = self.known(target)?;
                let touched = self.known(queue)?.touched.get(&seq);
                let ready = touched.filter(|t| matches!(t.phase, Phase::Ready { .. }));
                let has_group = ready.ok_or(No::NotReady(seq))?.group.is_some();
                (has_group || !target.name.is_fifo()).then_some(()).ok_or(No::NoGroup(seq))
            }
            Record::VisibilityChanged { queue, seq, .. } | Record::LeaseReturned { queue, seq } => {
                let touched = self.known(queue)?.touched.get(&seq);
                let in_flight = touched.is_some_and(Touched::is_in_flight);
                in_flight.then_some(()).ok_or(No::NotInFlight(seq))
            }
            Record::MessageDeleted { queue, seq } => {
                let queue = self.known(queue)?;
                let there = queue.touched.contains_key(&seq) || queue.is_upcoming(seq);
                there.then_some(()).ok_or(No::NoMessage(seq))
            }
            Record::AttemptRepeated { queue, attempt, .. } => {
                let made = self.known(queue)?.attempts.by_id.contains_key(&attempt);
                made.then_some(()).ok_or(No::NoAttempt)
            }
            Record::Transacted { ref records } => self.admits_all(records),
            Record::MoveStarted { task, source, .. } => {
                self.known(source)?;
                (task >= self.next_task).then_some(()).ok_or(No::TaskInUse(task))
            }
            Record::MessageRedriven { task, seq, ref sending } => {
                let source = self.running(task)?;
                if self.known(source)?.ready(seq).is_none() {
                    return Err(No::NotReady(seq));
                }
                self.admits_sending(sending, self.next_seq)
            }
            Record::MoveCancelling { task } | Record::MoveEnded { task, .. } => {
                self.running(task).map(drop)
            }
        }
    }

    /// The records of a transact name different messages, so each can be asked about by itself; of
    /// sends only the numbers depend on each other.
    fn admits_all(&self, records: &[Record]) -> Result<(), Inadmissible> {
        let mut next = self.next_seq;
        for record in records {
            match record {
                Record::MessageSent(sending) => {
                    self.admits_sending(sending, next)?;
                    next = next.next();
                }
                Record::MessageDeleted { .. } | Record::VisibilityChanged { .. } => {
                    self.admits(record)?;
                }
                _ => return Err(No::NotInTransact),
            }
        }
        Ok(())
    }

    fn admits_sending(&self, sending: &Sending, next: Seq) -> Result<(), Inadmissible> {
        let queue = self.known(sending.queue)?;
        if queue.name.is_fifo() && sending.group.is_none() {
            return Err(No::NoGroup(sending.seq));
        }
        is_next(sending.seq, next)
    }

    fn is_ready(queue: &Queue, seq: Seq) -> Result<(), Inadmissible> {
        let is_ready = match queue.touched.get(&seq) {
            Some(touched) => matches!(touched.phase, Phase::Ready { .. }),
            None => queue.lanes.front_slot(seq).is_some(),
        };
        is_ready.then_some(()).ok_or(No::NotReady(seq))
    }

    fn known(&self, queue: QueueId) -> Result<&Queue, Inadmissible> {
        self.queues.get(&queue).ok_or(No::NoQueue(queue))
    }

    fn running(&self, task: TaskId) -> Result<QueueId, Inadmissible> {
        let found = self.tasks.get(&task).filter(|task| task.outcome.is_none());
        found.map(|found| found.source).ok_or(No::NoTask(task))
    }
}

fn is_next(found: Seq, expected: Seq) -> Result<(), Inadmissible> {
    (found == expected).then_some(()).ok_or(No::SeqGap { found, expected })
}
