//! The logged facts. Each holds all that replay needs: times, ids and nonces were chosen before.

use super::{Nonce, QueueId, QueueName, QueueSettings, Seq, Timestamp};

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
    /// A message was accepted. Its payload is the frame's next body.
    MessageSent {
        /// Where to.
        queue: QueueId,
        /// The message: the one after the last that was given.
        seq: Seq,
        /// When it can be received; at or before `now` if at once.
        ready_at: Timestamp,
        /// Its size by which limits are measured: body and attributes, in bytes.
        size: u32,
    },
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
}
