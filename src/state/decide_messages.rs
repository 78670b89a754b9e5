//! Deciding on commands about messages: what record would make them true, or why not.
//!
//! The entries of a request are decided and applied one by one, so that each sees what the one
//! before it did.

use super::{
    State,
    queue::{Phase, Queue},
};
use crate::types::{
    DeleteMode, LeaseRef, Millis, Nonce, QueueName, Record, Rejection, SendEntry, Timestamp, Unit,
    limits::{RECEIVE_BYTES_MAX, VISIBILITY_MAX},
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

impl State {
    /// The record that accepts a message.
    pub fn decide_send(&self, name: &QueueName, entry: &SendEntry) -> Result<Record, Rejection> {
        let queue = self.named(name)?;
        let (bytes, bytes_max) = (entry.payload.size, queue.settings.message_bytes_max);
        let size = match u32::try_from(bytes) {
            Ok(size) if bytes <= bytes_max => size,
            _ => return Err(Rejection::MessageTooLarge { queue: name.clone(), bytes, bytes_max }),
        };
        if let Some(delay) = entry.delay {
            within("delay", delay, queue.settings.retention)?;
        }
        let ready_at = self.now.after(entry.delay.unwrap_or(queue.settings.delay));
        Ok(Record::MessageSent { queue: queue.id, seq: self.next_seq, ready_at, size })
    }

    /// The records that lease up to `count_max` messages under `nonce`; none if none is ready.
    ///
    /// The messages together are at most [`RECEIVE_BYTES_MAX`] long, or one.
    pub fn decide_receive(
        &self,
        name: &QueueName,
        count_max: usize,
        visibility_timeout: Option<Millis>,
        nonce: Nonce,
    ) -> Result<Vec<Record>, Rejection> {
        let queue = self.named(name)?;
        let timeout = visibility_timeout.unwrap_or(queue.settings.visibility_timeout);
        within("visibility_timeout", timeout, VISIBILITY_MAX)?;
        let in_flight_max = self.settings.in_flight_max;
        let free = in_flight_max.saturating_sub(queue.in_flight_count);
        if free == 0 && queue.ready_count() > 0 {
            return Err(Rejection::TooManyInFlight { queue: name.clone(), in_flight_max });
        }
        let until = self.now.after(timeout);
        let mut bytes = 0;
        let fits = |(_, size): &(_, u32)| {
            let is_first = bytes == 0;
            bytes += u64::from(*size);
            is_first || bytes <= RECEIVE_BYTES_MAX
        };
        let count = count_max.min(usize::try_from(free).unwrap_or(usize::MAX));
        let chosen = queue.next_ready().take(count).take_while(fits);
        let lease = |(seq, _)| Record::MessageLeased { queue: queue.id, seq, nonce, until };
        Ok(chosen.map(lease).collect())
    }

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
        if touched.nonce != lease.nonce && mode == DeleteMode::Fenced {
            return Ok(DeleteDecision::StaleLease);
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
        within("visibility_timeout", timeout, VISIBILITY_MAX)?;
        let queue = self.leased_from(name, lease)?;
        let touched = queue.touched.get(&lease.seq).ok_or(Rejection::MessageNotFound)?;
        if touched.nonce != lease.nonce {
            return Err(Rejection::LeaseStale);
        }
        let Phase::InFlight { .. } = touched.phase else {
            return Err(Rejection::MessageNotInFlight);
        };
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
        let is_held =
            matches!(touched.phase, Phase::InFlight { .. }) && touched.nonce == lease.nonce;
        is_held.then_some(Record::LeaseReturned { queue: lease.queue, seq: lease.seq })
    }

    fn leased_from(&self, name: &QueueName, lease: &LeaseRef) -> Result<&Queue, Rejection> {
        let queue = self.named(name)?;
        if queue.id != lease.queue {
            return Err(Rejection::ReceiptHandleOfAnotherQueue { queue: name.clone() });
        }
        Ok(queue)
    }
}

fn within(field: &'static str, value: Millis, max: Millis) -> Result<(), Rejection> {
    if value <= max {
        return Ok(());
    }
    let (value, max) = (value.get(), max.get());
    Err(Rejection::OutOfRange { field, value, min: 0, max, unit: Unit::Millis })
}
