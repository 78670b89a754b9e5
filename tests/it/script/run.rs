//! Tells a script to a driver and writes down what comes back.

use std::collections::BTreeMap;

use ledgerq::types::{CancelOutcome, DeleteOutcome};

use super::{
    driver::{Accepted, Call, Content, Driver, Entry, Looked, Message, Outcome, Step, StepTold},
    parse::Line,
    show,
};

/// What was written down, one line an outcome, and what happened beside it at each line.
pub(super) struct Story {
    pub(super) transcript: String,
    pub(super) beside: Vec<Beside>,
}

/// What a line brings about without an answer to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Beside {
    /// How many polls were answered.
    arrivals: usize,
    /// How the move tasks are.
    tasks: Vec<String>,
}

/// Tells the lines to the driver. `expected` is what a story that was told before had beside it.
pub(super) fn run(driver: &mut dyn Driver, lines: &[Line], expected: &[Beside]) -> Story {
    let (mut run, mut beside) = (Run::default(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        run.line(driver, line.clone());
        let expected = expected.get(at).cloned().unwrap_or_default();
        let has_tasks = !run.tasks.is_empty();
        let tasks = if has_tasks { driver.tasks(&expected.tasks) } else { Vec::new() };
        let arrived = driver.arrived(expected.arrivals);
        beside.push(Beside { arrivals: arrived.len(), tasks });
        for (label, outcome) in arrived {
            run.received(&format!("{label}: "), outcome);
        }
    }
    Story { transcript: run.transcript, beside }
}

#[derive(Default)]
struct Run {
    transcript: String,
    /// Each message's label, by its id.
    labels: BTreeMap<String, String>,
    /// What was sent under each id.
    sent: BTreeMap<String, Entry>,
    /// In the order of their labels: `r1` is the first.
    handles: Vec<String>,
    /// In the order of their labels: `t1` is the first.
    tasks: Vec<String>,
}

impl Run {
    fn line(&mut self, driver: &mut dyn Driver, line: Line) {
        match line {
            Line::Call(call) => self.call(driver, call),
            Line::Settings { queue } => match driver.call(Call::Get { queue: queue.clone() }) {
                Outcome::Queue(told) => self.say(&show::settings(&queue, &told.settings)),
                other => self.done("", other),
            },
            Line::Lose(receive) => driver.lose(receive),
            Line::Poll { label, receive } => driver.poll(&label, receive),
            Line::HangUp { label } => driver.hang_up(&label),
            Line::Advance(by) => driver.advance(by),
            Line::Restart => driver.restart(),
        }
    }

    fn call(&mut self, driver: &mut dyn Driver, mut call: Call) {
        self.look_up_all(&mut call);
        let outcome = driver.call(call.clone());
        match call {
            Call::Create { queue, .. } => self.done(&format!("created {queue}"), outcome),
            Call::Update { queue, .. } => self.done(&format!("updated {queue}"), outcome),
            Call::Purge { queue } => self.done(&format!("purged {queue}"), outcome),
            Call::Drop { queue } => self.done(&format!("dropped {queue}"), outcome),
            Call::Get { queue } | Call::Pause { queue, .. } => match outcome {
                Outcome::Queue(told) => self.say(&show::counts(&queue, &told)),
                other => self.done("", other),
            },
            Call::List { .. } | Call::Sources { .. } => self.listed(outcome),
            Call::Send { entries, .. } => self.sent(entries, outcome),
            Call::Receive(_) => self.received("", outcome),
            Call::Delete { .. } => self.deleted(outcome),
            Call::Change { .. } => self.changed(outcome),
            Call::Cancel { .. } => self.cancelled(outcome),
            Call::Transact { steps } => self.transacted(steps, outcome),
            Call::Browse(_) => self.browsed(outcome),
            Call::StartMove { .. } | Call::ListMoves { .. } | Call::CancelMove { .. } => {
                self.moves(outcome);
            }
        }
    }

    /// Labels become what they stand for; anything else is garbage, as it is.
    fn look_up_all(&self, call: &mut Call) {
        match call {
            Call::Delete { handles, .. } => handles.iter_mut().for_each(|text| self.handle(text)),
            Call::Change { entries, .. } => {
                for (text, _) in entries {
                    self.handle(text);
                }
            }
            Call::Transact { steps } => {
                for step in steps {
                    match step {
                        Step::Send { .. } => {}
                        Step::Delete { handle, .. } | Step::Change { handle, .. } => {
                            self.handle(handle);
                        }
                    }
                }
            }
            Call::Cancel { ids, .. } => ids.iter_mut().for_each(|id| self.id(id)),
            Call::Browse(look) => look.after.iter_mut().for_each(|id| self.id(id)),
            Call::CancelMove { task } => {
                if let Some(found) = labelled(task, 't', &self.tasks) {
                    *task = found;
                }
            }
            _ => {}
        }
    }

    fn handle(&self, handle: &mut String) {
        if let Some(found) = labelled(handle, 'r', &self.handles) {
            *handle = found;
        }
    }

    fn id(&self, id: &mut String) {
        if let Some((found, _)) = self.labels.iter().find(|(_, label)| *label == id) {
            id.clone_from(found);
        }
    }

    fn say(&mut self, line: &str) {
        self.transcript.push_str(line);
        self.transcript.push('\n');
    }

    fn refused(&mut self, reason: &str) {
        self.say(&format!("refused: {reason}"));
    }

    fn done(&mut self, text: &str, outcome: Outcome) {
        match outcome {
            Outcome::Done | Outcome::Queue(_) => self.say(text),
            Outcome::Refused(reason) => self.refused(&reason),
            other => panic!("answered with {other:?}"),
        }
    }

    fn listed(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Queues { names, .. } if names.is_empty() => self.say("no queues"),
            Outcome::Queues { names, more } => {
                let more = if more { " and more" } else { "" };
                self.say(&format!("queues: {}{more}", names.join(" ")));
            }
            other => self.done("", other),
        }
    }

    fn sent(&mut self, entries: Vec<Entry>, outcome: Outcome) {
        let Outcome::Sent(results) = outcome else { return self.done("", outcome) };
        assert_eq!(results.len(), entries.len(), "every entry has its outcome");
        for (entry, result) in entries.into_iter().zip(results) {
            match result {
                Ok(accepted) => self.accepted(entry, accepted),
                Err(reason) => self.refused(&reason),
            }
        }
    }

    fn accepted(&mut self, entry: Entry, accepted: Accepted) {
        let Accepted { id, is_duplicate } = accepted;
        if is_duplicate {
            let first = self.labels.get(&id).expect("a duplicate is of what was sent").clone();
            return self.say(&format!("duplicate of {first}"));
        }
        let last = self.labels.keys().next_back();
        assert!(last.is_none_or(|last| *last < id), "ids, which are sequence numbers, rise");
        let label = format!("m{}", self.labels.len() + 1);
        self.say(&format!("sent {label}"));
        self.sent.insert(id.clone(), entry);
        self.labels.insert(id, label);
    }

    fn received(&mut self, prefix: &str, outcome: Outcome) {
        let messages = match outcome {
            Outcome::Received(messages) => messages,
            Outcome::Refused(reason) => return self.say(&format!("{prefix}refused: {reason}")),
            other => panic!("a receive was answered with {other:?}"),
        };
        if messages.is_empty() {
            self.say(&format!("{prefix}nothing"));
        }
        for message in messages {
            self.message(prefix, message);
        }
    }

    fn message(&mut self, prefix: &str, message: Message) {
        let label = self.known(&message.id, message.content, message.source.is_some());
        assert!(message.first_received_at >= message.sent_at, "{label} is sent, then received");
        let known = self.handles.iter().position(|handle| *handle == message.handle);
        let receipt = known.unwrap_or_else(|| {
            self.handles.push(message.handle);
            self.handles.len() - 1
        }) + 1;
        let (count, source) = (message.receive_count, show::source(message.source.as_deref()));
        self.say(&format!("{prefix}received {label} r{receipt} count={count}{source}"));
    }

    /// The label of a message, once its content was compared with what was sent. A message that a
    /// task moved has a new id: it is known by its body, and called after what it was.
    fn known(&mut self, id: &str, mut content: Content, is_dead: bool) -> String {
        if !self.labels.contains_key(id) {
            let same_body = |(_, entry): &(&String, &Entry)| entry.body == content.body;
            let found = self.sent.iter().find(same_body).expect("only what was sent is received");
            let (was, entry) = (self.labels[found.0].clone(), found.1.clone());
            let label = format!("m{}({was})", self.labels.len() + 1);
            self.labels.insert(id.to_owned(), label);
            self.sent.insert(id.to_owned(), entry);
        }
        let (label, sent) = (self.labels[id].clone(), &self.sent[id]);
        content.attributes.sort_by(|one, other| one.name.cmp(&other.name));
        assert!(sent.body == content.body, "{label} has the body that it was sent with");
        assert_eq!(sent.attributes, content.attributes, "{label} has its attributes");
        assert_eq!(sent.group, content.group, "{label} has its group");
        if sent.deduplication_id.is_some() && !is_dead {
            assert_eq!(sent.deduplication_id, content.deduplication_id, "{label}");
        }
        label
    }

    fn deleted(&mut self, outcome: Outcome) {
        let Outcome::Deleted(results) = outcome else { return self.done("", outcome) };
        for result in results {
            match result {
                Ok(DeleteOutcome::Deleted) => self.say("deleted"),
                Ok(DeleteOutcome::AlreadyDeleted) => self.say("already deleted"),
                Ok(DeleteOutcome::StaleLease) => self.say("stale lease"),
                Err(reason) => self.refused(&reason),
            }
        }
    }

    fn changed(&mut self, outcome: Outcome) {
        let Outcome::Changed(results) = outcome else { return self.done("", outcome) };
        for result in results {
            match result {
                Ok(()) => self.say("changed"),
                Err(reason) => self.refused(&reason),
            }
        }
    }

    fn cancelled(&mut self, outcome: Outcome) {
        let Outcome::Cancelled(results) = outcome else { return self.done("", outcome) };
        for result in results {
            match result {
                Ok(CancelOutcome::Cancelled) => self.say("cancelled"),
                Ok(CancelOutcome::TooLate) => self.say("too late"),
                Ok(CancelOutcome::NotFound) => self.say("not found"),
                Err(reason) => self.refused(&reason),
            }
        }
    }

    fn transacted(&mut self, steps: Vec<Step>, outcome: Outcome) {
        let Outcome::Transacted(outcomes) = outcome else { return self.done("", outcome) };
        assert_eq!(outcomes.len(), steps.len(), "every step has its outcome");
        for pair in steps.into_iter().zip(outcomes) {
            match pair {
                (Step::Send { entry, .. }, StepTold::Sent(sent)) => self.accepted(entry, sent),
                (Step::Delete { .. }, StepTold::Deleted) => self.say("deleted"),
                (Step::Change { .. }, StepTold::Changed) => self.say("changed"),
                (step, told) => panic!("{step:?} was answered with {told:?}"),
            }
        }
    }

    fn browsed(&mut self, outcome: Outcome) {
        let Outcome::Browsed { messages, more } = outcome else { return self.done("", outcome) };
        if messages.is_empty() {
            self.say("nothing");
        }
        for looked in messages {
            let Looked { id, content, state, receive_count, priority, source } = looked;
            let label = self.known(&id, content, source.is_some());
            let state = show::state(state);
            let (priority, source) = (show::priority(priority), show::source(source.as_deref()));
            self.say(&format!("{label} {state} count={receive_count}{priority}{source}"));
        }
        if more {
            self.say("and more");
        }
    }

    fn moves(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::MoveStarted { task, to_move_count } => {
                let label = task.map_or("dry run".to_owned(), |task| {
                    self.tasks.push(task);
                    format!("started t{}", self.tasks.len())
                });
                self.say(&format!("{label}: {to_move_count} to move"));
            }
            Outcome::Moves(tasks) if tasks.is_empty() => self.say("no tasks"),
            Outcome::Moves(tasks) => {
                for (id, task) in tasks {
                    let known = self.tasks.iter().position(|known| *known == id);
                    let number = known.expect("only what was started is listed") + 1;
                    self.say(&format!("t{number} {}", show::task(&task)));
                }
            }
            Outcome::MoveCancelling { moved_count } => {
                self.say(&format!("cancelling, {moved_count} moved"));
            }
            other => self.done("", other),
        }
    }
}

/// What the label of this kind stands for.
fn labelled(text: &str, kind: char, known: &[String]) -> Option<String> {
    let number = text.strip_prefix(kind)?.parse::<usize>().ok()?;
    known.get(number.checked_sub(1)?).cloned()
}
