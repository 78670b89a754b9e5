//! What a script is told to: the calls of a client, and what it is answered.

use bytes::Bytes;
use ledgerq::{
    broker::Receipts,
    types::{
        Attribute, Command, DeleteMode, DeleteOutcome, Leased, Lineage, MessageId, Millis,
        QueueCounts, QueueName, QueueSettings, Rejection, Reply, SendEntry, SettingsPatch,
        Timestamp,
    },
};

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
    /// Lets time pass.
    fn advance(&mut self, by: Millis);
    /// Ends the broker at once and starts it on what it had made durable.
    fn restart(&mut self);
}

/// What a client asks, as he writes it: names and handles are not checked yet.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Create { queue: String, settings: SettingsPatch },
    Update { queue: String, settings: SettingsPatch },
    Get { queue: String },
    List { prefix: String, after: Option<String>, count_max: usize },
    Purge { queue: String },
    Drop { queue: String },
    Send { queue: String, entries: Vec<Entry> },
    Receive(Receive),
    Delete { queue: String, handles: Vec<String>, mode: DeleteMode },
    Change { queue: String, entries: Vec<(String, Millis)> },
}

/// One message to send.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) body: Bytes,
    pub(super) attributes: Vec<Attribute>,
    pub(super) delay: Option<Millis>,
}

/// A receive.
#[derive(Clone, Debug)]
pub(super) struct Receive {
    pub(super) queue: String,
    pub(super) count_max: usize,
    pub(super) visibility_timeout: Option<Millis>,
    pub(super) wait: Option<Millis>,
}

/// What a client is told. A refusal is its text.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    Done,
    Refused(String),
    Queue {
        settings: QueueSettings,
        counts: QueueCounts,
    },
    Queues {
        names: Vec<String>,
        more: bool,
    },
    /// The messages' ids.
    Sent(Vec<Result<String, String>>),
    Received(Vec<Message>),
    Deleted(Vec<Result<DeleteOutcome, String>>),
    Changed(Vec<Result<(), String>>),
}

/// One received message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) handle: String,
    pub(super) body: Bytes,
    pub(super) attributes: Vec<Attribute>,
    pub(super) sent_at: Timestamp,
    pub(super) first_received_at: Timestamp,
    pub(super) receive_count: u32,
}

/// What the edge does for drivers that have none: names and handles are parsed, one bad handle of
/// several fails alone.
pub(super) struct Edge {
    pub(super) receipts: Receipts,
    pub(super) lineage: Lineage,
}

/// A command, and the entries that were refused before it with their places.
pub(super) type Parsed = (Command, Vec<(usize, Rejection)>);

impl Edge {
    pub(super) fn command(&self, call: Call) -> Result<Parsed, Rejection> {
        let mut refused = Vec::new();
        let mut open = |(at, handle): (usize, &String)| match self.receipts.open(handle) {
            Ok(lease) => Some(lease),
            Err(rejection) => {
                refused.push((at, rejection));
                None
            }
        };
        let command = match call {
            Call::Create { queue, settings } => {
                Command::CreateQueue { queue: name(&queue)?, settings }
            }
            Call::Update { queue, settings } => {
                Command::UpdateQueue { queue: name(&queue)?, settings }
            }
            Call::Get { queue } => Command::GetQueue { queue: name(&queue)? },
            Call::List { prefix, after, count_max } => {
                let after = after.map(|after| name(&after)).transpose()?;
                Command::ListQueues { prefix, after, count_max }
            }
            Call::Purge { queue } => Command::PurgeQueue { queue: name(&queue)? },
            Call::Drop { queue } => Command::DeleteQueue { queue: name(&queue)? },
            Call::Send { queue, entries } => {
                let entries = entries.iter().map(entry).collect();
                Command::Send { queue: name(&queue)?, entries }
            }
            Call::Receive(receive) => command_of(receive)?,
            Call::Delete { queue, handles, mode } => {
                let leases = handles.iter().enumerate().filter_map(&mut open).collect();
                Command::Delete { queue: name(&queue)?, leases, mode }
            }
            Call::Change { queue, entries } => {
                let opened = entries.iter().enumerate().filter_map(|(at, (handle, timeout))| {
                    open((at, handle)).map(|lease| (lease, *timeout))
                });
                Command::ChangeVisibility { entries: opened.collect(), queue: name(&queue)? }
            }
        };
        Ok((command, refused))
    }

    /// What the client is told.
    pub(super) fn outcome(
        &self,
        reply: Result<Reply, Rejection>,
        contents: &[(Vec<Attribute>, Bytes)],
        refused: Vec<(usize, Rejection)>,
    ) -> Outcome {
        match reply {
            Err(rejection) => Outcome::Refused(rejection.to_string()),
            Ok(Reply::Done) => Outcome::Done,
            Ok(Reply::Queue(view)) => {
                Outcome::Queue { settings: view.settings, counts: view.counts }
            }
            Ok(Reply::Queues { queues, more }) => {
                let names = queues.into_iter().map(|view| view.name.to_string()).collect();
                Outcome::Queues { names, more }
            }
            Ok(Reply::Sent(sent)) => Outcome::Sent(merge(
                sent,
                |sent| MessageId::new(self.lineage, sent.seq).to_string(),
                refused,
            )),
            Ok(Reply::Received(leased)) => {
                let pairs = leased.iter().zip(contents);
                Outcome::Received(
                    pairs.map(|(leased, content)| self.message(leased, content)).collect(),
                )
            }
            Ok(Reply::Deleted(outcomes)) => Outcome::Deleted(merge(outcomes, |told| told, refused)),
            Ok(Reply::VisibilityChanged(ends)) => Outcome::Changed(merge(ends, |_| (), refused)),
        }
    }

    fn message(&self, leased: &Leased, content: &(Vec<Attribute>, Bytes)) -> Message {
        Message {
            id: MessageId::new(self.lineage, leased.seq).to_string(),
            handle: self.receipts.seal(&leased.lease()),
            body: content.1.clone(),
            attributes: content.0.clone(),
            sent_at: leased.sent_at,
            first_received_at: leased.first_received_at,
            receive_count: leased.receive_count,
        }
    }
}

pub(super) fn command_of(receive: Receive) -> Result<Command, Rejection> {
    let Receive { queue, count_max, visibility_timeout, wait } = receive;
    Ok(Command::Receive { queue: name(&queue)?, count_max, visibility_timeout, wait })
}

fn name(raw: &str) -> Result<QueueName, Rejection> {
    QueueName::parse(raw).map_err(|source| Rejection::QueueName {
        field: "queue",
        value: raw.chars().take(64).collect(),
        source,
    })
}

fn entry(entry: &Entry) -> SendEntry {
    let payload = ledgerq::broker::Handle::payload(&entry.attributes, entry.body.clone());
    SendEntry { payload, delay: entry.delay }
}

fn merge<T, U>(
    outcomes: Vec<Result<T, Rejection>>,
    told: impl Fn(T) -> U,
    refused: Vec<(usize, Rejection)>,
) -> Vec<Result<U, String>> {
    let mut merged: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| outcome.map(&told).map_err(|rejection| rejection.to_string()))
        .collect();
    for (at, rejection) in refused {
        merged.insert(at, Err(rejection.to_string()));
    }
    merged
}
