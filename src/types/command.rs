//! What can be asked of the broker.

use super::{Millis, Nonce, Payload, QueueId, QueueName, Seq, SettingsPatch};

/// A request, parsed and checked as far as it can be without the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Make a queue, or agree that it is there with the same settings.
    CreateQueue {
        /// Its name.
        queue: QueueName,
        /// The settings that were given; the others take their defaults.
        settings: SettingsPatch,
    },
    /// Tell a queue's settings and counts.
    GetQueue {
        /// Its name.
        queue: QueueName,
    },
    /// List queues by name.
    ListQueues {
        /// Only names that begin so.
        prefix: String,
        /// Only names after this one: where the page before ended.
        after: Option<QueueName>,
        /// At most so many.
        count_max: usize,
    },
    /// Change a queue's settings.
    UpdateQueue {
        /// Its name.
        queue: QueueName,
        /// What to change.
        settings: SettingsPatch,
    },
    /// Delete a queue and every message in it.
    DeleteQueue {
        /// Its name.
        queue: QueueName,
    },
    /// Delete every message of a queue.
    PurgeQueue {
        /// Its name.
        queue: QueueName,
    },
    /// Accept messages.
    Send {
        /// Where to.
        queue: QueueName,
        /// The messages, in order.
        entries: Vec<SendEntry>,
    },
    /// Lease messages.
    Receive {
        /// From where.
        queue: QueueName,
        /// At most so many messages.
        count_max: usize,
        /// How long the leases last; the queue's own timeout if not given.
        visibility_timeout: Option<Millis>,
        /// How long to wait for a first message; the queue's own wait if not given.
        wait: Option<Millis>,
    },
    /// Delete leased messages.
    Delete {
        /// The queue that the leases must be of.
        queue: QueueName,
        /// The leases.
        leases: Vec<LeaseRef>,
        /// What to do about a lease that is over.
        mode: DeleteMode,
    },
    /// Let leases end at another time.
    ChangeVisibility {
        /// The queue that the leases must be of.
        queue: QueueName,
        /// The leases, each with the time from now after which it ends; zero ends it at once.
        entries: Vec<(LeaseRef, Millis)>,
    },
    /// Undo leases whose reply never reached the client.
    Return {
        /// The leases.
        leases: Vec<LeaseRef>,
    },
}

/// One message to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendEntry {
    /// Its bytes.
    pub payload: Payload,
    /// How long it waits before it can be received; the queue's own delay if not given.
    pub delay: Option<Millis>,
}

/// One lease, as a receipt handle names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRef {
    /// The queue's incarnation.
    pub queue: QueueId,
    /// The message.
    pub seq: Seq,
    /// The lease.
    pub nonce: Nonce,
}

/// What a delete does with a lease that is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeleteMode {
    /// Leave the message alone: somebody else may have it.
    #[default]
    Fenced,
    /// Delete it all the same, as SQS does on standard queues.
    Lenient,
}

impl Command {
    /// Bytes of messages that the command carries.
    pub fn payload_bytes(&self) -> u64 {
        match self {
            Self::Send { entries, .. } => {
                entries.iter().map(|entry| entry.payload.stored_bytes()).sum()
            }
            Self::CreateQueue { .. }
            | Self::GetQueue { .. }
            | Self::ListQueues { .. }
            | Self::UpdateQueue { .. }
            | Self::DeleteQueue { .. }
            | Self::PurgeQueue { .. }
            | Self::Receive { .. }
            | Self::Delete { .. }
            | Self::ChangeVisibility { .. }
            | Self::Return { .. } => 0,
        }
    }
}
