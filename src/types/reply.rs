//! What the broker answers.

use super::{
    BackupPlan, Browsed, CheckpointStatus, LeaseRef, Millis, MoveTaskView, Nonce, QueueId,
    QueueName, QueueSettings, Rejection, ScrubStatus, Seq, Status, TaskId, Timestamp,
};

/// The answer to a command that was not refused. Lists hold one item for each entry, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a queue is told far less often than a message")]
pub enum Reply {
    /// Nothing but that it is done.
    Done,
    /// One queue.
    Queue(QueueView),
    /// A page of queues.
    Queues {
        /// In ascending order of names.
        queues: Vec<QueueView>,
        /// Whether there are more after the last of these.
        more: bool,
    },
    /// The outcome of each send.
    Sent(Vec<Result<Sent, Rejection>>),
    /// The messages that a receive leased; none if there were none.
    Received(Vec<Leased>),
    /// The outcome of each delete.
    Deleted(Vec<Result<DeleteOutcome, Rejection>>),
    /// The outcome of each change: when the lease ends now.
    VisibilityChanged(Vec<Result<Timestamp, Rejection>>),
    /// The outcome of each cancellation.
    Cancelled(Vec<Result<CancelOutcome, Rejection>>),
    /// What each step of a transact did; all of them did it.
    Transacted(Vec<StepOutcome>),
    /// A page of messages.
    Browsed {
        /// In ascending order of seq.
        messages: Vec<Browsed>,
        /// Up to where the page looked; `None` if there is nothing behind it.
        next: Option<Seq>,
    },
    /// A move task was started; with no id, only counted.
    MoveStarted {
        /// The task.
        task: Option<TaskId>,
        /// How many messages there are to look at.
        to_move_count: u64,
    },
    /// Move tasks, the newest first.
    Moves(Vec<MoveTaskView>),
    /// How the broker is.
    Status(Box<Status>),
    /// A checkpoint was published.
    Checkpointed(CheckpointStatus),
    /// A compaction has ended: how many messages it copied.
    Compacted {
        /// How many.
        copied_count: u64,
    },
    /// A pass of the scrub is under way.
    Scrubbing(Box<ScrubStatus>),
    /// The files of a backup are kept and can be copied.
    BackupBegun(Box<BackupPlan>),
    /// A move task will end; so many messages it has moved.
    MoveCancelling {
        /// How many.
        moved_count: u64,
    },
}

/// An accepted message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The message; the first of its kind, if it is a duplicate.
    pub seq: Seq,
    /// Whether it is a duplicate: nothing was accepted this time.
    pub is_duplicate: bool,
}

/// What a cancellation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelOutcome {
    /// The message waited for its time and is gone.
    Cancelled,
    /// The message is ready or in flight already; it was left alone.
    TooLate,
    /// There is no such message in the queue.
    NotFound,
}

/// What one step of a transact did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// A message was accepted.
    Sent(Sent),
    /// A message was deleted.
    Deleted,
    /// A lease ends at this time.
    VisibilityChanged(Timestamp),
}

/// A message as one receive has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leased {
    /// The queue.
    pub queue: QueueId,
    /// The message.
    pub seq: Seq,
    /// The lease.
    pub nonce: Nonce,
    /// When the lease ends unless it is changed.
    pub until: Timestamp,
    /// When the message was accepted.
    pub sent_at: Timestamp,
    /// When it was received for the first time.
    pub first_received_at: Timestamp,
    /// How often it has been received, this receive counted.
    pub receive_count: u32,
    /// The queue that it came from as a dead letter, if it is one.
    pub dead_letter_source: Option<QueueId>,
    /// The name of that queue, if it is still there.
    pub dead_letter_source_name: Option<QueueName>,
    /// Its priority.
    pub priority: u8,
}

/// What a delete did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// The message was there and is gone.
    Deleted,
    /// There was no such message any more.
    AlreadyDeleted,
    /// The lease was over; the message was left alone.
    StaleLease,
}

/// A queue as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its name.
    pub name: QueueName,
    /// Its incarnation.
    pub id: QueueId,
    /// Its settings.
    pub settings: QueueSettings,
    /// Its messages.
    pub counts: QueueCounts,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings were last changed.
    pub modified_at: Timestamp,
    /// Whether its sends are refused.
    pub sends_paused: bool,
    /// Whether its receives are refused.
    pub receives_paused: bool,
}

/// How many messages a queue has; exact.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueCounts {
    /// Can be received now.
    pub ready: u64,
    /// Wait for their delay to pass.
    pub delayed: u64,
    /// Are leased.
    pub in_flight: u64,
    /// Since when the oldest of all of them is there; `None` if there is none.
    pub oldest_age: Option<Millis>,
}

impl Leased {
    /// The lease's names.
    pub fn lease(&self) -> LeaseRef {
        LeaseRef { queue: self.queue, seq: self.seq, nonce: self.nonce }
    }
}
