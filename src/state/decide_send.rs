//! Deciding on sends: what record would accept a message, or why not.

use super::{State, queue::Queue};
use crate::types::{
    DeduplicationScope, Delay, Digest, QueueName, Record, Rejection, SendEntry, Sending, Seq,
    Timestamp, Unit, in_range,
    limits::{PRIORITY_DEFAULT, PRIORITY_MAX},
};

/// What a send would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendDecision {
    /// This acceptance makes it true.
    Accept(Sending),
    /// The message is a duplicate of this one.
    Duplicate(Seq),
}

impl SendDecision {
    /// The record that makes it true, if it takes one.
    pub fn record(self) -> Option<Record> {
        match self {
            Self::Accept(sending) => Some(Record::MessageSent(sending)),
            Self::Duplicate(_) => None,
        }
    }
}

impl State {
    /// What becomes of a message that is sent as number `seq`.
    pub fn decide_send(
        &self,
        name: &QueueName,
        entry: &SendEntry,
        seq: Seq,
    ) -> Result<SendDecision, Rejection> {
        let queue = self.named(name)?;
        if queue.sends_paused {
            return Err(Rejection::QueuePaused { queue: name.clone(), what: "sends" });
        }
        let (bytes, bytes_max) = (entry.payload.size, queue.settings.message_bytes_max);
        let size = match u32::try_from(bytes) {
            Ok(size) if bytes <= bytes_max || entry.of_any_size => size,
            _ => return Err(Rejection::MessageTooLarge { queue: name.clone(), bytes, bytes_max }),
        };
        let ready_at = self.ready_at(queue, entry)?;
        Self::check_kind(queue, entry)?;
        let deduplication = Self::duplicate_key(queue, entry)?;
        if let Some(first) = deduplication.and_then(|digest| queue.window.get(digest)) {
            return Ok(SendDecision::Duplicate(first));
        }
        if deduplication.is_some() {
            self.check_window(queue, 1)?;
        }
        Ok(SendDecision::Accept(Sending {
            queue: queue.id,
            seq,
            ready_at,
            size,
            expires_at: self.expires_at(queue, entry)?,
            priority: entry.priority(),
            group: entry.group.clone(),
            deduplication,
        }))
    }

    /// Whether so many deduplication ids more can be kept.
    pub(super) fn check_window(&self, queue: &Queue, more: u64) -> Result<(), Rejection> {
        let ids_max = self.settings.deduplication_ids_max;
        if queue.window.len() + more <= ids_max {
            return Ok(());
        }
        let retry_after = queue.window.retry_after(self.now);
        Err(Rejection::TooManyDeduplicationIds { queue: queue.name.clone(), ids_max, retry_after })
    }

    fn ready_at(&self, queue: &Queue, entry: &SendEntry) -> Result<Timestamp, Rejection> {
        let retention = queue.settings.retention;
        let delay = match entry.delay {
            None => queue.settings.delay,
            Some(Delay::For(delay)) => {
                in_range("delay", delay.get(), 0, retention.get(), Unit::Millis)?;
                delay
            }
            Some(Delay::Until(until)) => {
                let delay = until.since(self.now);
                in_range("deliver_at", delay.get(), 0, retention.get(), Unit::Millis)?;
                delay
            }
        };
        if queue.name.is_fifo() && entry.delay.is_some() && !delay.is_zero() {
            let problem = "a FIFO queue has one delay for all its messages: the queue's";
            let field = match entry.delay {
                Some(Delay::Until(_)) => "deliver_at",
                Some(Delay::For(_)) | None => "delay",
            };
            return Err(Self::not_for(queue, field, problem));
        }
        Ok(self.now.after(delay))
    }

    fn expires_at(&self, queue: &Queue, entry: &SendEntry) -> Result<Option<Timestamp>, Rejection> {
        let Some(time_to_live) = entry.time_to_live else { return Ok(None) };
        let retention = queue.settings.retention;
        in_range("time_to_live", time_to_live.get(), 1, retention.get(), Unit::Millis)?;
        Ok(Some(self.now.after(time_to_live)))
    }

    fn check_kind(queue: &Queue, entry: &SendEntry) -> Result<(), Rejection> {
        let priority = u64::from(entry.priority());
        in_range("priority", priority, 0, u64::from(PRIORITY_MAX), Unit::Count)?;
        if !queue.name.is_fifo() {
            return Ok(());
        }
        if entry.priority.is_some_and(|priority| priority != PRIORITY_DEFAULT) {
            let problem = "a FIFO queue has one order, that of its groups";
            return Err(Self::not_for(queue, "priority", problem));
        }
        if entry.group.is_none() {
            let needed = "a message of a FIFO queue has a group";
            return Err(Rejection::Missing { field: "group_id", needed });
        }
        Ok(())
    }

    /// By what the message's duplicates are known, in the scope that holds.
    fn duplicate_key(queue: &Queue, entry: &SendEntry) -> Result<Option<Digest>, Rejection> {
        let by_content = queue.settings.content_deduplication;
        let given = entry.deduplication.filter(|given| !given.from_content || by_content);
        match given {
            Some(given) => Ok(Some(match queue.scope {
                DeduplicationScope::Queue => given.in_queue,
                DeduplicationScope::MessageGroup => given.in_group,
            })),
            None if queue.name.is_fifo() => {
                Err(Rejection::DeduplicationIdMissing { queue: queue.name.clone() })
            }
            None => Ok(None),
        }
    }

    fn not_for(queue: &Queue, field: &'static str, problem: &'static str) -> Rejection {
        Rejection::NotForThisKind { queue: queue.name.clone(), field, problem }
    }
}
