//! What the edge does for drivers that have none: names and handles are parsed, one bad entry of
//! several fails alone.

use bytes::Bytes;
use ledgerq::{
    broker::{Handle, Receipts, digest},
    state::State,
    types::{
        Browse, Command, Envelope, GroupId, Leased, Lineage, MessageId, MoveFilter, MoveSpec,
        QueueName, QueueView, ReceiveOptions, Rejection, Reply, SendEntry, Sent, Seq, Step,
        StepOutcome, TaskId, check_id,
    },
};

use super::driver::{
    Accepted, Call, Content, Entry, Look, Looked, Message, Move, Outcome, Queue, Receive,
    Step as ScriptStep, StepTold,
};

pub(super) struct Edge {
    pub(super) receipts: Receipts,
    pub(super) lineage: Lineage,
}

/// A command, and the entries that were refused before it with their places.
pub(super) type Parsed = (Command, Vec<(usize, Rejection)>);

/// Parses entries, each by itself; those that cannot be are kept with their places.
fn each<T, U>(
    given: impl IntoIterator<Item = T>,
    refused: &mut Vec<(usize, Rejection)>,
    parse: impl Fn(T) -> Result<U, Rejection>,
) -> Vec<U> {
    let mut parsed = Vec::new();
    for (at, entry) in given.into_iter().enumerate() {
        match parse(entry) {
            Ok(entry) => parsed.push(entry),
            Err(rejection) => refused.push((at, rejection)),
        }
    }
    parsed
}

impl Edge {
    pub(super) fn command(&self, call: Call) -> Result<Parsed, Rejection> {
        let mut refused = Vec::new();
        let open = |handle: &str| self.receipts.open(handle);
        let command = match call {
            Call::Send { queue, entries } => {
                let queue = name(&queue)?;
                let entries = each(entries, &mut refused, |given| entry(&queue, &given));
                Command::Send { queue, entries }
            }
            Call::Receive(receive) => command_of(receive)?,
            Call::Delete { queue, handles, mode } => {
                let leases = each(handles, &mut refused, |handle| open(&handle));
                Command::Delete { queue: name(&queue)?, leases, mode }
            }
            Call::Change { queue, entries } => {
                let change = |(handle, timeout): (String, _)| Ok((open(&handle)?, timeout));
                let entries = each(entries, &mut refused, change);
                Command::ChangeVisibility { queue: name(&queue)?, entries }
            }
            Call::Cancel { queue, ids } => {
                let seqs = ids.iter().map(|id| self.seq(id)).collect();
                Command::Cancel { queue: name(&queue)?, seqs }
            }
            Call::Transact { steps } => {
                let steps = steps.into_iter().enumerate().map(|(index, step)| {
                    let of_step = |source| Rejection::Step { index, source: Box::new(source) };
                    self.step(step).map_err(of_step)
                });
                Command::Transact { steps: steps.collect::<Result<_, _>>()? }
            }
            Call::Browse(look) => Command::Browse(self.browse(&look)?),
            other => queue_command(other)?,
        };
        Ok((command, refused))
    }

    fn step(&self, step: ScriptStep) -> Result<Step, Rejection> {
        Ok(match step {
            ScriptStep::Send { queue, entry: given } => {
                let queue = name(&queue)?;
                let entry = entry(&queue, &given)?;
                Step::Send { queue, entry }
            }
            ScriptStep::Delete { queue, handle } => {
                Step::Delete { queue: name(&queue)?, lease: self.receipts.open(&handle)? }
            }
            ScriptStep::Change { queue, handle, timeout } => {
                let lease = self.receipts.open(&handle)?;
                Step::ChangeVisibility { queue: name(&queue)?, lease, timeout }
            }
        })
    }

    fn browse(&self, look: &Look) -> Result<Browse, Rejection> {
        Ok(Browse {
            queue: name(&look.queue)?,
            states: look.states,
            group: group(look.group.as_deref())?,
            age_min: look.age_min,
            after: look.after.as_ref().map(|id| self.seq(id)).unwrap_or_default(),
            count_max: look.count_max,
        })
    }

    /// The message of an id, which is a good one.
    fn seq(&self, id: &str) -> Seq {
        let raw = u128::from_str_radix(&id.replace('-', ""), 16).expect("an id is a UUID");
        MessageId::from_u128(self.lineage, raw).expect("an id is of this broker").seq()
    }

    fn id(&self, seq: Seq) -> String {
        MessageId::new(self.lineage, seq).to_string()
    }

    /// What the client is told. `contents` are those of the reply's messages.
    pub(super) fn outcome(
        &self,
        reply: Result<Reply, Rejection>,
        contents: Vec<(Envelope, Bytes)>,
        refused: Vec<(usize, Rejection)>,
        state: &State,
    ) -> Outcome {
        let reply = match reply {
            Ok(reply) => reply,
            Err(rejection) => return Outcome::Refused(rejection.to_string()),
        };
        match reply {
            Reply::Done => Outcome::Done,
            Reply::Queue(view) => Outcome::Queue(queue_of(view)),
            Reply::Queues { queues, more } => {
                let names = queues.into_iter().map(|view| view.name.to_string()).collect();
                Outcome::Queues { names, more }
            }
            Reply::Sent(sent) => Outcome::Sent(merge(sent, |sent| self.accepted(sent), refused)),
            Reply::Received(leased) => {
                let pairs = leased.iter().zip(contents);
                let message = |(leased, content)| self.message(leased, content, state);
                Outcome::Received(pairs.map(message).collect())
            }
            Reply::Status(_)
            | Reply::Checkpointed(_)
            | Reply::Compacted { .. }
            | Reply::Scrubbing(_)
            | Reply::BackupBegun(_) => {
                unreachable!("scripts do not ask for these")
            }
            Reply::Deleted(outcomes) => Outcome::Deleted(merge(outcomes, |told| told, refused)),
            Reply::VisibilityChanged(ends) => Outcome::Changed(merge(ends, |_| (), refused)),
            Reply::Cancelled(outcomes) => Outcome::Cancelled(merge(outcomes, |told| told, refused)),
            Reply::Transacted(outcomes) => {
                let told = |outcome| match outcome {
                    StepOutcome::Sent(sent) => StepTold::Sent(self.accepted(sent)),
                    StepOutcome::Deleted => StepTold::Deleted,
                    StepOutcome::VisibilityChanged(_) => StepTold::Changed,
                };
                Outcome::Transacted(outcomes.into_iter().map(told).collect())
            }
            Reply::Browsed { messages, next } => {
                let looked = messages.into_iter().zip(contents).map(|(browsed, content)| Looked {
                    id: self.id(browsed.seq),
                    content: content_of(content),
                    state: browsed.state,
                    receive_count: browsed.receive_count,
                    priority: browsed.priority,
                    source: browsed.dead_letter_source.map(|name| name.to_string()),
                });
                Outcome::Browsed { messages: looked.collect(), more: next.is_some() }
            }
            Reply::MoveStarted { task, to_move_count } => {
                Outcome::MoveStarted { task: task.map(|task| task.to_string()), to_move_count }
            }
            Reply::Moves(tasks) => {
                Outcome::Moves(tasks.into_iter().map(|task| (task.id.to_string(), task)).collect())
            }
            Reply::MoveCancelling { moved_count } => Outcome::MoveCancelling { moved_count },
        }
    }

    fn accepted(&self, sent: Sent) -> Accepted {
        Accepted { id: self.id(sent.seq), is_duplicate: sent.is_duplicate }
    }

    fn message(&self, leased: &Leased, content: (Envelope, Bytes), state: &State) -> Message {
        let source = leased.dead_letter_source;
        let named = |id| state.queue_name(id).map(ToString::to_string);
        Message {
            id: self.id(leased.seq),
            handle: self.receipts.seal(&leased.lease()),
            content: content_of(content),
            sent_at: leased.sent_at,
            first_received_at: leased.first_received_at,
            receive_count: leased.receive_count,
            source: source.and_then(named),
        }
    }
}

fn queue_command(call: Call) -> Result<Command, Rejection> {
    let after = |after: Option<String>| after.map(|after| name(&after)).transpose();
    Ok(match call {
        Call::Create { queue, settings } => Command::CreateQueue { queue: name(&queue)?, settings },
        Call::Update { queue, settings } => Command::UpdateQueue { queue: name(&queue)?, settings },
        Call::Get { queue } => Command::GetQueue { queue: name(&queue)? },
        Call::List { prefix, after: given, count_max } => {
            Command::ListQueues { prefix, after: after(given)?, count_max }
        }
        Call::Sources { queue, after: given, count_max } => {
            let queue = name(&queue)?;
            Command::ListDeadLetterSources { queue, after: after(given)?, count_max }
        }
        Call::Purge { queue } => Command::PurgeQueue { queue: name(&queue)? },
        Call::Drop { queue } => Command::DeleteQueue { queue: name(&queue)? },
        Call::Pause { queue, sends, receives } => {
            Command::PauseQueue { queue: name(&queue)?, sends, receives }
        }
        Call::StartMove { given, dry_run } => Command::StartMove { spec: spec(given)?, dry_run },
        Call::ListMoves { source, count_max } => {
            let source = source.map(|source| name(&source)).transpose()?;
            Command::ListMoves { source, count_max }
        }
        Call::CancelMove { task } => {
            Command::CancelMove { task: TaskId::new(task.parse().expect("a task is a number")) }
        }
        other => unreachable!("{other:?} is about messages"),
    })
}

fn spec(given: Move) -> Result<MoveSpec, Rejection> {
    Ok(MoveSpec {
        source: name(&given.source)?,
        target: given.target.map(|target| name(&target)).transpose()?,
        rate_max: given.rate_max,
        filter: MoveFilter {
            group: group(given.group.as_deref())?,
            age_min: given.age_min,
            attribute: given.attribute,
        },
    })
}

pub(super) fn command_of(receive: Receive) -> Result<Command, Rejection> {
    let Receive { queue, count_max, visibility_timeout, wait, attempt } = receive;
    if let Some(attempt) = &attempt {
        check_id("attempt_id", attempt)?;
    }
    let attempt = attempt.as_deref().map(digest::attempt);
    let options = ReceiveOptions { count_max, visibility_timeout, attempt };
    Ok(Command::Receive { queue: name(&queue)?, options, wait })
}

fn name(raw: &str) -> Result<QueueName, Rejection> {
    QueueName::parse(raw).map_err(|source| Rejection::QueueName {
        field: "queue",
        value: raw.chars().take(64).collect(),
        source,
    })
}

fn group(raw: Option<&str>) -> Result<Option<GroupId>, Rejection> {
    raw.map(|raw| GroupId::parse("group_id", raw)).transpose()
}

/// What the envelope of an entry is.
pub(super) fn envelope(queue: &QueueName, given: &Entry) -> Result<Envelope, Rejection> {
    if let Some(id) = &given.deduplication_id {
        check_id("deduplication_id", id)?;
    }
    let content_id = || queue.is_fifo().then(|| digest::content_id(&given.body));
    Ok(Envelope {
        attributes: given.attributes.clone(),
        group: group(given.group.as_deref())?,
        deduplication_id: given.deduplication_id.clone().or_else(content_id),
        ..Envelope::default()
    })
}

fn entry(queue: &QueueName, given: &Entry) -> Result<SendEntry, Rejection> {
    let envelope = envelope(queue, given)?;
    let from_content = given.deduplication_id.is_none();
    let deduplication = envelope
        .deduplication_id
        .as_deref()
        .map(|id| digest::deduplication(id, envelope.group.as_ref(), from_content));
    Ok(SendEntry {
        payload: Handle::payload(&envelope, given.body.clone()),
        delay: given.delay,
        time_to_live: given.time_to_live,
        priority: given.priority,
        group: envelope.group,
        deduplication,
        of_any_size: false,
    })
}

fn queue_of(view: QueueView) -> Queue {
    let QueueView { settings, counts, sends_paused, receives_paused, .. } = view;
    Queue { settings, counts, sends_paused, receives_paused }
}

fn content_of((envelope, body): (Envelope, Bytes)) -> Content {
    Content {
        attributes: envelope.attributes,
        group: envelope.group.map(|group| group.to_string()),
        deduplication_id: envelope.deduplication_id,
        body,
    }
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
