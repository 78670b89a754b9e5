//! Why the broker refuses: a closed list, worded once, mapped once for each protocol.

use super::{Millis, NameError, QueueName, TaskId, limits::QUOTED_CHARS_MAX};

/// A refusal. It changed nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// A string is not a queue name.
    #[error("{field}: {source}; given: {value:?}")]
    QueueName {
        /// The field of the request.
        field: &'static str,
        /// What was given, shortened.
        value: String,
        /// What is wrong with it.
        source: NameError,
    },
    /// A number is beyond its limits.
    #[error("{field} is {}, it can be {} to {}", unit.show(*value), unit.show(*min), unit.show(*max))]
    OutOfRange {
        /// The field of the request.
        field: &'static str,
        /// What was given.
        value: u64,
        /// The least that is allowed.
        min: u64,
        /// The most that is allowed.
        max: u64,
        /// What is counted.
        unit: Unit,
    },
    /// A field is wrong in a way that is not a number.
    #[error("{field} is {value:?}: {problem}")]
    Malformed {
        /// The field of the request.
        field: &'static str,
        /// What was given, shortened.
        value: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// A field that is needed is not there.
    #[error("{field} is missing: {needed}")]
    Missing {
        /// The field of the request.
        field: &'static str,
        /// What is needed.
        needed: &'static str,
    },
    /// There is no such queue.
    #[error("queue {queue} does not exist")]
    QueueNotFound {
        /// Its name.
        queue: QueueName,
    },
    /// There is such a queue with other settings.
    #[error("queue {queue} already exists with another {setting}")]
    QueueAlreadyExists {
        /// Its name.
        queue: QueueName,
        /// The first setting that differs.
        setting: &'static str,
    },
    /// An edit was made from settings that are others by now.
    #[error("the settings of queue {queue} were changed meanwhile; try again")]
    SettingsChanged {
        /// Its name.
        queue: QueueName,
    },
    /// The name is that of a queue that was deleted a short while ago.
    #[error(
        "a queue {queue} was deleted less than {} ago, and deleted_names_held is set; again in \
         {retry_after}",
        super::limits::DELETED_NAME_HELD
    )]
    QueueDeletedRecently {
        /// Its name.
        queue: QueueName,
        /// When there can be one again.
        retry_after: Millis,
    },
    /// A message is larger than its queue allows.
    #[error("a message has {bytes} bytes, queue {queue} takes at most {bytes_max}")]
    MessageTooLarge {
        /// The queue.
        queue: QueueName,
        /// Body and attributes together.
        bytes: u64,
        /// The queue's limit.
        bytes_max: u64,
    },
    /// The queue has as many leased messages as it may have.
    #[error(
        "queue {queue} has {in_flight_max} messages in flight, which is its limit; delete some or let leases run out"
    )]
    TooManyInFlight {
        /// The queue.
        queue: QueueName,
        /// The limit.
        in_flight_max: u64,
    },
    /// A string is no receipt handle of this broker.
    #[error("the receipt handle {value:?} is not one of this broker's")]
    ReceiptHandleInvalid {
        /// What was given, shortened.
        value: String,
    },
    /// A receipt handle of another queue, or of a queue that was deleted and made again.
    #[error("the receipt handle is not of queue {queue} as it is now")]
    ReceiptHandleOfAnotherQueue {
        /// The queue that was asked.
        queue: QueueName,
    },
    /// The message of a receipt handle is there, but not leased.
    #[error("the message is not in flight: its lease has run out")]
    MessageNotInFlight,
    /// The message of a receipt handle is leased to a later receive.
    #[error("the lease is over and another receive has the message")]
    LeaseStale,
    /// The message of a receipt handle does not exist any more.
    #[error("the message does not exist any more")]
    MessageNotFound,
    /// A lease cannot last longer.
    #[error("a lease can last until {max} after its receive, this one would last {value}")]
    LeaseTooLong {
        /// From the receive to the end that was asked for.
        value: Millis,
        /// The limit.
        max: Millis,
    },
    /// The lease of a receipt handle of a FIFO queue is over.
    #[error("the receipt handle has expired")]
    ReceiptHandleExpired,
    /// The queue was purged a short while ago.
    #[error(
        "queue {queue} was purged less than {} ago; again in {retry_after}",
        super::limits::PURGE_INTERVAL
    )]
    PurgeInProgress {
        /// The queue.
        queue: QueueName,
        /// When it can be purged again.
        retry_after: Millis,
    },
    /// The queue's sends or receives are paused.
    #[error("the {what} of queue {queue} are paused; `queue resume` lets them go on")]
    QueuePaused {
        /// The queue.
        queue: QueueName,
        /// `sends` or `receives`.
        what: &'static str,
    },
    /// A field that this kind of queue does not have.
    #[error("{field} is not for queue {queue}: {problem}")]
    NotForThisKind {
        /// The queue.
        queue: QueueName,
        /// The field of the request.
        field: &'static str,
        /// Why not, and what would be right.
        problem: &'static str,
    },
    /// A FIFO send has nothing by which duplicates would be known.
    #[error(
        "the queue should either have content_deduplication enabled or deduplication_id provided \
         explicitly"
    )]
    DeduplicationIdMissing {
        /// The queue.
        queue: QueueName,
    },
    /// More deduplication ids count than the broker keeps.
    #[error(
        "queue {queue} has {ids_max} deduplication ids of the last 5 minutes, which is its limit; \
         again in {retry_after}"
    )]
    TooManyDeduplicationIds {
        /// The queue.
        queue: QueueName,
        /// The limit.
        ids_max: u64,
        /// When the oldest stops counting.
        retry_after: Millis,
    },
    /// A dead-letter queue does not take dead letters of this queue, or would send them in a
    /// circle.
    #[error("{dead_letter_queue} cannot be the dead-letter queue of {queue}: {problem}")]
    DeadLetterQueue {
        /// The source.
        queue: QueueName,
        /// The target.
        dead_letter_queue: QueueName,
        /// Why not.
        problem: &'static str,
    },
    /// A step of a transact cannot be done, so none was.
    #[error("steps[{index}]: {source}")]
    Step {
        /// Which step, counted from 0.
        index: usize,
        /// Why not.
        source: Box<Rejection>,
    },
    /// Two steps of a transact are about one message.
    #[error("it is about the same message as steps[{other}]; one transact takes a message once")]
    SameMessage {
        /// The step before.
        other: usize,
    },
    /// The source of a move task takes no part in redrive.
    #[error("queue {queue} is no queue's dead-letter queue; name a target queue")]
    NotADeadLetterQueue {
        /// The queue.
        queue: QueueName,
    },
    /// A move task of this source is running.
    #[error("a move task of queue {queue} is running; one at a time")]
    MoveTaskRunning {
        /// The source queue.
        queue: QueueName,
    },
    /// There is no such move task, or it has ended.
    #[error("there is no move task {task} that runs")]
    MoveTaskNotFound {
        /// Its id.
        task: TaskId,
    },
    /// A request is larger than one frame of the log, which has at most a quarter of a segment.
    #[error(
        "the request needs {bytes} bytes of the log and a frame has at most {bytes_max}: split it, or \
         run the broker with larger segments"
    )]
    RequestTooLarge {
        /// What it needs.
        bytes: u64,
        /// What a frame has.
        bytes_max: u64,
    },
    /// More requests or bytes are under way than the broker holds.
    #[error("the broker has {what} under way, which is its limit; try again")]
    Overloaded {
        /// The limit that was reached, with its value.
        what: String,
    },
    /// There is no space on the disk for another message.
    #[error(
        "the disk is full, or data_bytes_max is reached: no sends until space is free; receives and deletes go on"
    )]
    DiskFull,
    /// A checkpoint, a compaction or a backup that was asked for could not be done; the broker goes
    /// on.
    #[error("the {what} failed: {reason}")]
    MaintenanceFailed {
        /// Which of them.
        what: &'static str,
        /// Why.
        reason: String,
    },
    /// As many backups are under way as there may be.
    #[error(
        "{backups_max} backups are under way, which is the limit: wait until one has ended, or until \
         its time is over"
    )]
    TooManyBackups {
        /// The limit.
        backups_max: usize,
    },
    /// There is no such backup under way.
    #[error(
        "the backup is not under way any more: its time is over, it was ended, or the broker was \
         started again; its files may be gone"
    )]
    BackupNotFound,
    /// The broker only shows what is there.
    #[error(
        "the broker was started with --read-only: it shows what is there and changes nothing; a \
         receive would change something too, peek does not"
    )]
    ReadOnly,
    /// The broker is shutting down: the command was not accepted.
    #[error("the broker is shutting down")]
    ShuttingDown,
    /// The broker has stopped in the middle: whether the command was done is not known.
    #[error(
        "the broker stopped before it could confirm; the request may or may not have been done"
    )]
    Unknown,
}

/// What a number in an [`Rejection::OutOfRange`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds, shown as a duration.
    Millis,
    /// Bytes.
    Bytes,
    /// Entries, messages, characters.
    Count,
}

impl Rejection {
    /// A refusal of a field for what it says; quotes the beginning of it.
    pub fn malformed(field: &'static str, value: &str, problem: impl Into<String>) -> Self {
        Self::Malformed { field, value: quoted(value), problem: problem.into() }
    }
}

/// As much of what a client sent as a refusal quotes.
pub fn quoted(value: &str) -> String {
    value.chars().take(QUOTED_CHARS_MAX).collect()
}

/// Refuses a number that is not within `min` and `max`, both allowed.
pub fn in_range(
    field: &'static str,
    value: u64,
    min: u64,
    max: u64,
    unit: Unit,
) -> Result<(), Rejection> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(Rejection::OutOfRange { field, value, min, max, unit })
}

impl Unit {
    /// The number with its unit, as people write it.
    pub fn show(self, value: u64) -> String {
        match self {
            Self::Millis => Millis::new(value).to_string(),
            Self::Bytes => format!("{value} bytes"),
            Self::Count => value.to_string(),
        }
    }
}
