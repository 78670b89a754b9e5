//! What a script is told to: the calls of a client, and what it is answered.

use bytes::Bytes;
use ledgerq::types::{
    Attribute, CancelOutcome, Delay, DeleteMode, DeleteOutcome, MessageState, Millis, MoveTaskView,
    QueueCounts, QueueSettings, SettingsPatch, StateFilter, Timestamp, limits,
};

use super::show;

/// A broker at some depth: its state alone, its owner, or a server.
pub(super) trait Driver {
    /// Asks and waits for the answer.
    fn call(&mut self, call: Call) -> Outcome;
    /// Asks for messages as somebody who is gone before the answer reaches him.
    fn lose(&mut self, receive: Receive);
    /// Asks for messages in the background.
    fn poll(&mut self, label: &str, receive: Receive);
    /// Whoever polls under this label is gone.
    fn hang_up(&mut self, label: &str);
    /// The polls that were answered since the last call, in order; `expected` says how many there
    /// should be, for a driver that cannot know when to stop waiting.
    fn arrived(&mut self, expected: usize) -> Vec<(String, Outcome)>;
    /// How the move tasks are, once each has come to where it waits for its time or ends;
    /// `expected` says where that is, for a driver whose tasks go on in the background.
    fn tasks(&mut self, expected: &[String]) -> Vec<String> {
        let _ = expected;
        self.call(ALL_TASKS).tasks()
    }
    /// Lets time pass.
    fn advance(&mut self, by: Millis);
    /// Ends the broker at once and starts it on what it had made durable.
    fn restart(&mut self);
}

/// Lists every move task that is listed at all.
pub(super) const ALL_TASKS: Call = Call::ListMoves { source: None, count_max: limits::PAGE_MAX };

/// What a client asks, as he writes it: names and handles are not checked yet.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Create { queue: String, settings: SettingsPatch },
    Update { queue: String, settings: SettingsPatch },
    Get { queue: String },
    List { prefix: String, after: Option<String>, count_max: usize },
    Sources { queue: String, after: Option<String>, count_max: usize },
    Purge { queue: String },
    Drop { queue: String },
    Pause { queue: String, sends: Option<bool>, receives: Option<bool> },
    Send { queue: String, entries: Vec<Entry> },
    Receive(Receive),
    Delete { queue: String, handles: Vec<String>, mode: DeleteMode },
    Change { queue: String, entries: Vec<(String, Millis)> },
    Cancel { queue: String, ids: Vec<String> },
    Transact { steps: Vec<Step> },
    Browse(Look),
    StartMove { given: Move, dry_run: bool },
    ListMoves { source: Option<String>, count_max: usize },
    CancelMove { task: String },
}

/// One message to send.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) body: Bytes,
    pub(super) attributes: Vec<Attribute>,
    pub(super) delay: Option<Delay>,
    pub(super) time_to_live: Option<Millis>,
    pub(super) priority: Option<u8>,
    pub(super) group: Option<String>,
    pub(super) deduplication_id: Option<String>,
}

/// A receive.
#[derive(Clone, Debug)]
pub(super) struct Receive {
    pub(super) queue: String,
    pub(super) count_max: usize,
    pub(super) visibility_timeout: Option<Millis>,
    pub(super) wait: Option<Millis>,
    pub(super) attempt: Option<String>,
}

/// One step of a transact.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Send { queue: String, entry: Entry },
    Delete { queue: String, handle: String },
    Change { queue: String, handle: String, timeout: Millis },
}

/// Looking at messages without any effect.
#[derive(Clone, Debug)]
pub(super) struct Look {
    pub(super) queue: String,
    pub(super) states: StateFilter,
    pub(super) group: Option<String>,
    pub(super) age_min: Option<Millis>,
    /// The message behind which it begins, by its id.
    pub(super) after: Option<String>,
    pub(super) count_max: usize,
}

/// A move of many messages.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) source: String,
    pub(super) target: Option<String>,
    pub(super) rate_max: Option<u32>,
    pub(super) group: Option<String>,
    pub(super) age_min: Option<Millis>,
    pub(super) attribute: Option<Attribute>,
}

/// What a client is told. A refusal is its text.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Done,
    Refused(String),
    Queue(Queue),
    Queues { names: Vec<String>, more: bool },
    Sent(Vec<Result<Accepted, String>>),
    Received(Vec<Message>),
    Deleted(Vec<Result<DeleteOutcome, String>>),
    Changed(Vec<Result<(), String>>),
    Cancelled(Vec<Result<CancelOutcome, String>>),
    Transacted(Vec<StepTold>),
    Browsed { messages: Vec<Looked>, more: bool },
    MoveStarted { task: Option<String>, to_move_count: u64 },
    Moves(Vec<(String, MoveTaskView)>),
    MoveCancelling { moved_count: u64 },
}

impl Outcome {
    /// The tasks that were listed, each as it is shown.
    pub(super) fn tasks(self) -> Vec<String> {
        match self {
            Self::Moves(tasks) => tasks.iter().map(|(_, task)| show::task(task)).collect(),
            other => panic!("a list of tasks was answered with {other:?}"),
        }
    }
}

/// A queue as it is told.
#[derive(Clone, Debug)]
pub(super) struct Queue {
    pub(super) settings: QueueSettings,
    pub(super) counts: QueueCounts,
    pub(super) sends_paused: bool,
    pub(super) receives_paused: bool,
}

/// An accepted message, or the one that it is a duplicate of.
#[derive(Clone, Debug)]
pub(super) struct Accepted {
    pub(super) id: String,
    pub(super) is_duplicate: bool,
}

#[derive(Clone, Debug)]
pub(super) enum StepTold {
    Sent(Accepted),
    Deleted,
    Changed,
}

/// What goes with a message and its body, as it is shown.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) attributes: Vec<Attribute>,
    pub(super) group: Option<String>,
    pub(super) deduplication_id: Option<String>,
    pub(super) body: Bytes,
}

/// One received message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) handle: String,
    pub(super) content: Content,
    pub(super) sent_at: Timestamp,
    pub(super) first_received_at: Timestamp,
    pub(super) receive_count: u32,
    /// The queue that it came from as a dead letter.
    pub(super) source: Option<String>,
}

/// One message that was looked at.
#[derive(Clone, Debug)]
pub(super) struct Looked {
    pub(super) id: String,
    pub(super) content: Content,
    pub(super) state: MessageState,
    pub(super) receive_count: u32,
    pub(super) priority: u8,
    pub(super) source: Option<String>,
}
