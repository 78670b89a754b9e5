//! The state, taken apart for a checkpoint, and what the log's footers say of each message.
//!
//! A checkpoint does not hold messages that were never touched: their [`Summary`] lies in a footer,
//! and the checkpoint says only which of them are live. Everything else is an [`ImageEntry`].

use std::sync::Arc;

use super::{
    DeduplicationScope, Digest, GroupId, Lsn, MoveOutcome, MoveSpec, Nonce, QueueId, QueueName,
    QueueSettings, Sending, Seq, TaskId, Timestamp,
};

/// One piece of the state as it was at one LSN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageEntry {
    /// What belongs to no queue; the first entry of an image, and there once.
    Base(BaseImage),
    /// A queue without its messages; before every entry that names it.
    Queue(Box<QueueImage>),
    /// A message with a state of its own.
    Touched(Box<TouchedImage>),
    /// An attempt of a FIFO receive that counts.
    Attempt(AttemptImage),
    /// A move task.
    Move(Box<MoveImage>),
    /// The name of a queue that was deleted a short while ago.
    Name(Box<NameImage>),
    /// A message of a purge or of a deleted queue that was not freed yet: those who count what is
    /// gone may not know of it, and its summary names the queue that it came from.
    Gone(Seq),
}

/// What belongs to no queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseImage {
    /// The last LSN that was applied.
    pub applied_lsn: Lsn,
    /// The last time that was advanced to.
    pub now: Timestamp,
    /// The incarnation that the next queue gets.
    pub next_queue: QueueId,
    /// The identity that the next message gets.
    pub next_seq: Seq,
    /// The id that the next move task gets.
    pub next_task: TaskId,
    /// Whether messages outlive their retention, because the clock is in doubt.
    pub retention_held: bool,
}

/// A queue without its messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueImage {
    /// Its incarnation.
    pub id: QueueId,
    /// Its name.
    pub name: QueueName,
    /// All of its settings.
    pub settings: QueueSettings,
    /// The deduplication scope that it was made with.
    pub scope: DeduplicationScope,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings were last changed.
    pub modified_at: Timestamp,
    /// When it was last purged.
    pub purged_at: Option<Timestamp>,
    /// The first message that no purge has reached: untouched messages before it are gone.
    pub purged_below: Seq,
    /// Whether its sends are refused.
    pub sends_paused: bool,
    /// Whether its receives are refused.
    pub receives_paused: bool,
    /// Whether its next receive looks first at what came back; of no meaning for a FIFO queue.
    pub prefers_returned: bool,
}

/// The name of a queue that was deleted a short while ago; no queue has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameImage {
    /// The name.
    pub name: QueueName,
    /// When its queue was deleted.
    pub deleted_at: Timestamp,
}

/// A message with a state of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TouchedImage {
    /// The queue that it is in.
    pub queue: QueueId,
    /// The message.
    pub seq: Seq,
    /// Its group.
    pub group: Option<GroupId>,
    /// Its priority.
    pub priority: u8,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// From when its retention counts.
    pub retained_from: Timestamp,
    /// When its own time to live is over.
    pub expires_at: Option<Timestamp>,
    /// Body and attributes, in bytes.
    pub size: u32,
    /// How often it was received.
    pub receive_count: u32,
    /// The first receive; zero before it.
    pub first_received_at: Timestamp,
    /// The last receive; zero before it.
    pub leased_at: Timestamp,
    /// The last lease; it may be over.
    pub nonce: Nonce,
    /// Whether the last lease was changed since its receive.
    pub is_changed: bool,
    /// Whether an attempt was repeated since the receive.
    pub is_repeated: bool,
    /// Receives in the queues that it was in before.
    pub received_elsewhere: u32,
    /// The queue that it came from as a dead letter.
    pub source: Option<QueueId>,
    /// Where it is in its life.
    pub phase: PhaseImage,
}

/// Where a touched message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseImage {
    /// Waits for a time.
    Delayed {
        /// Which.
        until: Timestamp,
    },
    /// Is leased.
    InFlight {
        /// Until when.
        until: Timestamp,
    },
    /// Can be received.
    Ready {
        /// Its place among those that returned.
        turn: i64,
    },
}

/// An attempt of a FIFO receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptImage {
    /// The queue.
    pub queue: QueueId,
    /// The attempt.
    pub attempt: Digest,
    /// The lease that it gave.
    pub nonce: Nonce,
    /// The messages, in the order of the reply.
    pub seqs: Vec<Seq>,
    /// When the attempt stops counting.
    pub ends_at: Timestamp,
}

/// A move task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveImage {
    /// The task.
    pub task: TaskId,
    /// From where.
    pub source: QueueId,
    /// Where to; to the queue that each message came from if not given.
    pub target: Option<QueueId>,
    /// What it was asked to do.
    pub spec: MoveSpec,
    /// When it was started.
    pub started_at: Timestamp,
    /// How many messages it has moved.
    pub moved_count: u64,
    /// How many there were to look at when it was started.
    pub to_move_count: u64,
    /// The last message that was moved.
    pub cursor: Seq,
    /// Whether it was asked to end.
    pub cancelling: bool,
    /// How it ended, if it has.
    pub outcome: Option<MoveOutcome>,
}

/// Deduplication ids that one queue accepted one after another. It does not change any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeduplicationBucket {
    /// The queue.
    pub queue: QueueId,
    /// The message of the first id: no two buckets of one queue begin with the same.
    pub first: Seq,
    /// When each stops counting, the message it was accepted for, and the id; in the order of
    /// their acceptance.
    pub ids: Arc<Vec<(Timestamp, Seq, Digest)>>,
}

/// What a footer says of one message: all that the state needs of one that was never touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The message.
    pub seq: Seq,
    /// The queue that it was sent to.
    pub queue: QueueId,
    /// When it was accepted.
    pub sent_at: Timestamp,
    /// Body and attributes, in bytes.
    pub size: u32,
    /// When it expires, if that does not follow from the queue's retention.
    pub expires_at: Option<Timestamp>,
    /// Its priority.
    pub priority: u8,
    /// Its group.
    pub group: Option<GroupId>,
}

/// The summary of a message, from the record that accepted it at this time.
pub fn summary_of(now: Timestamp, sending: &Sending) -> Summary {
    Summary {
        seq: sending.seq,
        queue: sending.queue,
        sent_at: now,
        size: sending.size,
        expires_at: sending.expires_at,
        priority: sending.priority,
        group: sending.group.clone(),
    }
}
