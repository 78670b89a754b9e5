//! Move tasks: many messages from one queue to another, in the background.

use super::{Attribute, GroupId, Millis, QueueName, TaskId, Timestamp};

/// What a move task is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveSpec {
    /// From where.
    pub source: QueueName,
    /// Where to; to the queue that each message came from as a dead letter if not given.
    pub target: Option<QueueName>,
    /// At most so many messages a second; as fast as it goes if not given.
    pub rate_max: Option<u32>,
    /// Which messages.
    pub filter: MoveFilter,
}

/// Which messages a move task moves: those to which all of it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoveFilter {
    /// Only those of this group.
    pub group: Option<GroupId>,
    /// Only those that are at least so old.
    pub age_min: Option<Millis>,
    /// Only those with this attribute, type and value included.
    pub attribute: Option<Attribute>,
}

/// How a move task ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveOutcome {
    /// No message is left that it should move.
    Completed,
    /// It was cancelled; what it moved stays moved.
    Cancelled,
    /// It could not go on.
    Failed {
        /// Why.
        reason: String,
    },
}

/// A move task as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveTaskView {
    /// Its id.
    pub id: TaskId,
    /// What it is to do.
    pub spec: MoveSpec,
    /// When it was started.
    pub started_at: Timestamp,
    /// How many messages it has moved.
    pub moved_count: u64,
    /// How many messages there were to look at when it was started.
    pub to_move_count: u64,
    /// Whether it was asked to end and has not yet.
    pub cancelling: bool,
    /// How it ended; `None` while it runs.
    pub outcome: Option<MoveOutcome>,
}
