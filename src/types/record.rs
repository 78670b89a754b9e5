//! The logged facts. Each holds all that replay needs: times, ids and nonces were chosen before.

use super::{
    Digest, GroupId, MoveFilter, MoveOutcome, Nonce, OutputId, QueueId, QueueName, QueueSettings,
    Seq, TaskId, Timestamp, limits::PRIORITY_DEFAULT,
};

/// One fact of the log. The time at which it became true is its frame's `now`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// Time reached the frame's `now`; nothing else happened.
    Tick,
    /// The clock is in doubt: no message expires by its retention until an operator agreed.
    RetentionHeld,
    /// An operator agreed with the clock: retention goes on.
    RetentionReleased,
    /// A queue was made.
    QueueCreated {
        /// Its incarnation, never used before.
        queue: QueueId,
        /// Its name, not in use by another queue.
        name: QueueName,
        /// All of its settings.
        settings: QueueSettings,
    },
    /// A queue's settings were changed.
    QueueUpdated {
        /// The queue.
        queue: QueueId,
        /// All of its settings, as they are now.
        settings: QueueSettings,
    },
    /// A queue and all of its messages were deleted.
    QueueDeleted {
        /// The queue.
        queue: QueueId,
    },
    /// All messages of a queue were deleted.
    QueuePurged {
        /// The queue.
        queue: QueueId,
        /// The first seq that the purge does not reach: the next to be given at that time.
        seq_bound: Seq,
    },
    /// A queue's sends or receives were paused or resumed.
    QueuePaused {
        /// The queue.
        queue: QueueId,
        /// Whether sends are refused.
        sends: bool,
        /// Whether receives are refused.
        receives: bool,
    },
    /// A message was accepted. Its payload is the frame's next body.
    MessageSent(Sending),
    /// A receive took a message.
    MessageLeased {
        /// The queue.
        queue: QueueId,
        /// The message.
        seq: Seq,
        /// The lease; the messages of one receive share it.
        nonce: Nonce,
        /// When the lease ends.
        until: Timestamp,
    },
    /// A lease ends at another time; at or before `now`, it has ended.
    VisibilityChanged {
        /// The queue.
        queue: QueueId,
        /// The message.
        seq: Seq,
        /// When the lease ends.
        until: Timestamp,
    },
    /// A lease was undone, since its reply never reached the client: the receive does not count.
    LeaseReturned {
        /// The queue.
        queue: QueueId,
        /// The message.
        seq: Seq,
    },
    /// A message was deleted.
    MessageDeleted {
        /// The queue.
        queue: QueueId,
        /// The message.
        seq: Seq,
    },
    /// A message was received too often and went to the dead-letter queue; it keeps its identity.
    MessageMoved {
        /// From where.
        queue: QueueId,
        /// The message.
        seq: Seq,
        /// Where to.
        target: QueueId,
    },
    /// A FIFO receive named its attempt; these are the messages it leased.
    AttemptMade {
        /// The queue.
        queue: QueueId,
        /// The attempt.
        attempt: Digest,
        /// The lease of all of them.
        nonce: Nonce,
        /// The messages, in the order of the reply.
        seqs: Vec<Seq>,
    },
    /// A FIFO receive repeated an attempt: its leases last until then.
    AttemptRepeated {
        /// The queue.
        queue: QueueId,
        /// The attempt.
        attempt: Digest,
        /// When the leases end.
        until: Timestamp,
    },
    /// All of these became true at once.
    Transacted {
        /// Records of messages; none of them is a transact itself.
        records: Vec<Record>,
    },
    /// A move task was started.
    MoveStarted {
        /// The task, never given before.
        task: TaskId,
        /// From where.
        source: QueueId,
        /// Where to; to the queue that each message came from if not given.
        target: Option<QueueId>,
        /// At most so many messages a second.
        rate_max: Option<u32>,
        /// Which messages.
        filter: MoveFilter,
    },
    /// A move task moved a message, which is a new one from now on. Its payload is the frame's next
    /// body.
    MessageRedriven {
        /// The task.
        task: TaskId,
        /// The message as it was, in the task's source queue.
        seq: Seq,
        /// The message as it is.
        sending: Sending,
    },
    /// A move task was asked to end.
    MoveCancelling {
        /// The task.
        task: TaskId,
    },
    /// A move task has ended.
    MoveEnded {
        /// The task.
        task: TaskId,
        /// How.
        outcome: MoveOutcome,
    },
    /// Messages have another place from now on: those of a compaction output that are live.
    /// Nothing changes but places, which the state does not know.
    Compacted {
        /// The output.
        output: OutputId,
        /// The salt of its file.
        salt: u32,
        /// Length of its file, in bytes.
        length: u64,
        /// The CRC of its footer.
        footer_crc: u32,
    },
}

impl Record {
    /// Every acceptance of a message in this record, in the order of their payloads.
    pub fn for_each_sending(&self, visit: &mut dyn FnMut(&Sending)) {
        match self {
            Self::MessageSent(sending) | Self::MessageRedriven { sending, .. } => visit(sending),
            Self::Transacted { records } => {
                for record in records {
                    record.for_each_sending(visit);
                }
            }
            Self::Tick
            | Self::RetentionHeld
            | Self::RetentionReleased
            | Self::QueueCreated { .. }
            | Self::QueueUpdated { .. }
            | Self::QueueDeleted { .. }
            | Self::QueuePurged { .. }
            | Self::QueuePaused { .. }
            | Self::MessageLeased { .. }
            | Self::VisibilityChanged { .. }
            | Self::LeaseReturned { .. }
            | Self::MessageDeleted { .. }
            | Self::MessageMoved { .. }
            | Self::AttemptMade { .. }
            | Self::AttemptRepeated { .. }
            | Self::MoveStarted { .. }
            | Self::MoveCancelling { .. }
            | Self::MoveEnded { .. }
            | Self::Compacted { .. } => {}
        }
    }
}

/// The acceptance of one message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sending {
    /// Where to.
    pub queue: QueueId,
    /// The message: the one after the last that was given.
    pub seq: Seq,
    /// When it can be received; at or before `now` if at once. On a FIFO queue the queue's delay
    /// says that instead.
    pub ready_at: Timestamp,
    /// Its size by which limits are measured: body and attributes, in bytes.
    pub size: u32,
    /// When it expires, if that does not follow from the queue's retention.
    pub expires_at: Option<Timestamp>,
    /// Its priority.
    pub priority: u8,
    /// Its group.
    pub group: Option<GroupId>,
    /// By what its duplicates are known from now on, in the scope that holds.
    pub deduplication: Option<Digest>,
}

impl Sending {
    /// A message without anything special about it.
    pub fn plain(queue: QueueId, seq: Seq, ready_at: Timestamp, size: u32) -> Self {
        Self {
            queue,
            seq,
            ready_at,
            size,
            expires_at: None,
            priority: PRIORITY_DEFAULT,
            group: None,
            deduplication: None,
        }
    }

    /// Whether nothing is special about the message.
    pub fn is_plain(&self) -> bool {
        let Self { expires_at, priority, group, deduplication, .. } = self;
        let is_default = *priority == PRIORITY_DEFAULT;
        is_default && expires_at.is_none() && group.is_none() && deduplication.is_none()
    }
}
