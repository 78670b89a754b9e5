//! Where dead letters go, and whose a queue takes.

use crate::types::{QueueName, Rejection, Unit, limits, rejection::in_range};

/// Where messages go that were received too often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedrivePolicy {
    /// The dead-letter queue, of the same kind as its source.
    pub dead_letter_queue: QueueName,
    /// How often a message is received before the next receive moves it: 1 or more.
    pub receives_max: u32,
}

/// Whose dead letters a queue takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RedriveAllow {
    /// Any queue's.
    #[default]
    All,
    /// No queue's.
    None,
    /// Those of these queues, of which there are at most 10.
    Queues(Vec<QueueName>),
}

impl RedrivePolicy {
    /// Checks what can be checked without knowing the dead-letter queue.
    pub(super) fn check(&self, name: &QueueName) -> Result<(), Rejection> {
        let max = u64::from(limits::RECEIVES_MAX_MAX);
        let receives = u64::from(self.receives_max);
        in_range("redrive_policy.max_receives", receives, 1, max, Unit::Count)?;
        let target = &self.dead_letter_queue;
        let field = "redrive_policy.dead_letter_queue";
        if target == name {
            let problem = "a queue cannot be its own dead-letter queue";
            return Err(Rejection::malformed(field, target.as_str(), problem));
        }
        if target.is_fifo() != name.is_fifo() {
            let problem = if name.is_fifo() {
                "the dead-letter queue of a FIFO queue is a FIFO queue"
            } else {
                "the dead-letter queue of a standard queue is a standard queue"
            };
            return Err(Rejection::malformed(field, target.as_str(), problem));
        }
        Ok(())
    }
}

impl RedriveAllow {
    /// Whether the dead letters of this queue are taken.
    pub fn allows(&self, source: &QueueName) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Queues(sources) => sources.contains(source),
        }
    }

    pub(super) fn check(&self) -> Result<(), Rejection> {
        let Self::Queues(sources) = self else { return Ok(()) };
        let (count, max) = (sources.len() as u64, limits::REDRIVE_SOURCES_MAX as u64);
        in_range("redrive_allow_policy.source_queues", count, 1, max, Unit::Count)
    }
}
