//! What can be asked of the broker.

use super::{
    BackupId, Browse, Deduplication, Digest, GroupId, Millis, MoveSpec, Nonce, Payload, QueueId,
    QueueName, Seq, SettingsEdit, SettingsPatch, TaskId, Timestamp, limits,
};

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
    /// List the queues whose dead letters go to a queue.
    ListDeadLetterSources {
        /// The dead-letter queue.
        queue: QueueName,
        /// Only names after this one.
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
    /// Change some words of a queue's settings.
    EditQueue {
        /// Its name.
        queue: QueueName,
        /// What to change.
        edit: SettingsEdit,
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
    /// Pause or resume a queue's sends and receives.
    PauseQueue {
        /// Its name.
        queue: QueueName,
        /// Whether sends are refused from now on; as it is if not given.
        sends: Option<bool>,
        /// Whether receives are refused from now on; as it is if not given.
        receives: Option<bool>,
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
        /// How.
        options: ReceiveOptions,
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
    /// Delete messages that wait for their time.
    Cancel {
        /// The queue.
        queue: QueueName,
        /// The messages.
        seqs: Vec<Seq>,
    },
    /// Do all of the steps or none.
    Transact {
        /// The steps, in order.
        steps: Vec<Step>,
    },
    /// Look at messages.
    Browse(Browse),
    /// Start a move task.
    StartMove {
        /// What it is to do.
        spec: MoveSpec,
        /// Only tell how many messages there are to look at; start nothing.
        dry_run: bool,
    },
    /// List the move tasks of a source queue, the newest first.
    ListMoves {
        /// The source queue; all of them if not given.
        source: Option<QueueName>,
        /// At most so many.
        count_max: usize,
    },
    /// End a move task.
    CancelMove {
        /// The task.
        task: TaskId,
    },
    /// Tell how the broker is.
    GetStatus,
    /// Take a checkpoint now; answered when it is published.
    Checkpoint,
    /// Copy the live messages of every file that has too few of them now; answered when it is done.
    Compact,
    /// Begin a pass of the scrub, unless one is under way; answered at once.
    Scrub,
    /// Keep the files of a new checkpoint and of the log up to now for a backup; answered when they
    /// can be copied.
    BeginBackup {
        /// How long they are kept, unless the backup ends before.
        hold: Millis,
    },
    /// Let go of the files of a backup.
    EndBackup {
        /// Which.
        backup: BackupId,
    },
    /// Move messages of a task whose payloads were read; asked by the broker itself.
    Move {
        /// The task.
        task: TaskId,
        /// The messages that its filter lets through, each with its payload.
        messages: Vec<(Seq, Payload)>,
        /// Up to where the task has looked.
        looked_to: Seq,
        /// Whether there may be more behind that.
        more: bool,
    },
}

/// One message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SendEntry {
    /// Its bytes.
    pub payload: Payload,
    /// How long it waits before it can be received; the queue's own delay if not given.
    pub delay: Option<Delay>,
    /// How long after its acceptance it expires, if that is before the queue's retention is over.
    pub time_to_live: Option<Millis>,
    /// Its priority; [`limits::PRIORITY_DEFAULT`] if not given.
    pub priority: Option<u8>,
    /// Its group.
    pub group: Option<GroupId>,
    /// By what its duplicates are known.
    pub deduplication: Option<Deduplication>,
    /// Whether it may be larger than its queue allows, as in a batch of Amazon SQS.
    pub of_any_size: bool,
}

/// A delay, by its length or by its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// So long from the acceptance.
    For(Millis),
    /// Until this time; one that has passed is no delay.
    Until(Timestamp),
}

/// How to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// At most so many messages.
    pub count_max: usize,
    /// How long the leases last; the queue's own timeout if not given.
    pub visibility_timeout: Option<Millis>,
    /// FIFO: the attempt, so that the same again gives the same messages.
    pub attempt: Option<Digest>,
}

/// One step of a transact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Accept a message.
    Send {
        /// Where to.
        queue: QueueName,
        /// The message.
        entry: SendEntry,
    },
    /// Delete a leased message.
    Delete {
        /// The queue that the lease must be of.
        queue: QueueName,
        /// The lease.
        lease: LeaseRef,
    },
    /// Let a lease end at another time.
    ChangeVisibility {
        /// The queue that the lease must be of.
        queue: QueueName,
        /// The lease.
        lease: LeaseRef,
        /// The time from now after which it ends.
        timeout: Millis,
    },
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
    /// As SQS does: on a standard queue delete it all the same, on a FIFO queue refuse.
    Lenient,
}

impl Command {
    /// Bytes of messages that the command carries.
    pub fn payload_bytes(&self) -> u64 {
        match self {
            Self::Send { entries, .. } => {
                entries.iter().map(|entry| entry.payload.stored_bytes()).sum()
            }
            Self::Transact { steps } => steps.iter().map(Step::payload_bytes).sum(),
            Self::Move { messages, .. } => {
                messages.iter().map(|(_, payload)| payload.stored_bytes()).sum()
            }
            Self::CreateQueue { .. }
            | Self::GetQueue { .. }
            | Self::ListQueues { .. }
            | Self::ListDeadLetterSources { .. }
            | Self::UpdateQueue { .. }
            | Self::EditQueue { .. }
            | Self::DeleteQueue { .. }
            | Self::PurgeQueue { .. }
            | Self::PauseQueue { .. }
            | Self::Receive { .. }
            | Self::Delete { .. }
            | Self::ChangeVisibility { .. }
            | Self::Return { .. }
            | Self::Cancel { .. }
            | Self::Browse(_)
            | Self::StartMove { .. }
            | Self::ListMoves { .. }
            | Self::CancelMove { .. }
            | Self::GetStatus
            | Self::Checkpoint
            | Self::Compact
            | Self::Scrub
            | Self::BeginBackup { .. }
            | Self::EndBackup { .. } => 0,
        }
    }
}

impl Step {
    /// Bytes of the message that the step carries.
    pub fn payload_bytes(&self) -> u64 {
        match self {
            Self::Send { entry, .. } => entry.payload.stored_bytes(),
            Self::Delete { .. } | Self::ChangeVisibility { .. } => 0,
        }
    }
}

impl ReceiveOptions {
    /// One receive of at most so many messages, as the queue is set.
    pub fn new(count_max: usize) -> Self {
        Self { count_max, visibility_timeout: None, attempt: None }
    }
}

impl SendEntry {
    /// The priority of the message.
    pub fn priority(&self) -> u8 {
        self.priority.unwrap_or(limits::PRIORITY_DEFAULT)
    }
}
