//! Deciding on what is done with leases, and on messages that wait for their time.

use super::{
    State,
    queue::Queue,
    touched::{Phase, Touched},
};
use crate::types::{
    CancelOutcome, DeleteMode, LeaseRef, Millis, QueueName, Record, Rejection, Seq, Timestamp,
    Unit, in_range, limits::VISIBILITY_MAX,
};

/// What a delete would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeleteDecision {
    /// This record deletes the message.
    Delete(Record),
    /// The message is gone already.
    AlreadyDeleted,
    /// Another receive has or had the message since.
    StaleLease,
}

impl Touched {
    pub(super) fn is_in_flight(&self) -> bool {
        matches!(self.phase, Phase::InFlight { .. })
    }
}

impl State {
    /// What a delete under this lease does.
    pub fn decide_delete(
        &self,
        name: &QueueName,
        lease: &LeaseRef,
        mode: DeleteMode,
    ) -> Result<DeleteDecision, Rejection> {
        let queue = self.leased_from(name, lease)?;
        let Some(touched) = queue.touched.get(&lease.seq) else {
            return Ok(DeleteDecision::AlreadyDeleted);
        };
        let is_current = touched.nonce == lease.nonce;
        match mode {
            DeleteMode::Fenced if !is_current => return Ok(DeleteDecision::StaleLease),
            DeleteMode::Lenient if name.is_fifo() && !(is_current && touched.is_in_flight()) => {
                return Err(Rejection::ReceiptHandleExpired);
            }
            DeleteMode::Fenced | DeleteMode::Lenient => {}
        }
        let record = Record::MessageDeleted { queue: queue.id, seq: lease.seq };
        Ok(DeleteDecision::Delete(record))
    }

    /// The record that lets a lease end `timeout` from now, and when that is.
    pub fn decide_change_visibility(
        &self,
        name: &QueueName,
        lease: &LeaseRef,
        timeout: Millis,
    ) -> Result<(Record, Timestamp), Rejection> {
        in_range("visibility_timeout", timeout.get(), 0, VISIBILITY_MAX.get(), Unit::Millis)?;
        let queue = self.leased_from(name, lease)?;
        let touched = queue.touched.get(&lease.seq).ok_or(Rejection::MessageNotFound)?;
        if touched.nonce != lease.nonce {
            return Err(Rejection::LeaseStale);
        }
        if !touched.is_in_flight() {
            return Err(Rejection::MessageNotInFlight);
        }
        let until = self.now.after(timeout);
        let value = until.since(touched.leased_at);
        if value > VISIBILITY_MAX {
            return Err(Rejection::LeaseTooLong { value, max: VISIBILITY_MAX });
        }
        let record = Record::VisibilityChanged { queue: queue.id, seq: lease.seq, until };
        Ok((record, until))
    }

    /// The record that undoes a lease, as if its receive had not been; `None` if it is over.
    pub fn decide_return(&self, lease: &LeaseRef) -> Option<Record> {
        let touched = self.queues.get(&lease.queue)?.touched.get(&lease.seq)?;
        // A copy of a repeated answer that nobody took says nothing of the other copy.
        let is_one = touched.nonce == lease.nonce && !touched.is_repeated;
        (is_one && touched.is_in_flight())
            .then_some(Record::LeaseReturned { queue: lease.queue, seq: lease.seq })
    }

    /// The record that deletes a message which waits for its time, or why there is none.
    pub fn decide_cancel(
        &self,
        name: &QueueName,
        seq: Seq,
    ) -> Result<Result<Record, CancelOutcome>, Rejection> {
        let queue = self.named(name)?;
        let record = Record::MessageDeleted { queue: queue.id, seq };
        let never_received = |touched: &Touched| touched.receive_count == 0;
        Ok(match queue.touched.get(&seq) {
            Some(touched) => match touched.phase {
                Phase::Delayed { .. } if never_received(touched) => Ok(record),
                Phase::Delayed { .. } | Phase::InFlight { .. } | Phase::Ready { .. } => {
                    Err(CancelOutcome::TooLate)
                }
            },
            None if queue.is_upcoming(seq) => Ok(record),
            None if queue.slot_of_waiting(seq).is_some() => Err(CancelOutcome::TooLate),
            None => Err(CancelOutcome::NotFound),
        })
    }

    fn leased_from(&self, name: &QueueName, lease: &LeaseRef) -> Result<&Queue, Rejection> {
        let queue = self.named(name)?;
        if queue.id != lease.queue {
            return Err(Rejection::ReceiptHandleOfAnotherQueue { queue: name.clone() });
        }
        Ok(queue)
    }
}
