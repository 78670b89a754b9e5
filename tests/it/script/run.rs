//! Tells a script to a driver and writes down what comes back.

use std::{collections::BTreeMap, fmt::Write};

use bytes::Bytes;
use ledgerq::types::{Attribute, DeleteOutcome, QueueCounts, QueueSettings};

use super::{
    driver::{Call, Driver, Entry, Message, Outcome, Receive},
    parse::Line,
};

/// What was written down, one line an outcome, and how many polls were answered at each line.
pub(super) struct Story {
    pub(super) transcript: String,
    pub(super) arrivals: Vec<usize>,
}

/// Tells the lines to the driver. `expected` are the arrivals of a story that was told before.
pub(super) fn run(driver: &mut dyn Driver, lines: &[Line], expected: &[usize]) -> Story {
    let (mut run, mut arrivals) = (Run::default(), Vec::new());
    for (at, line) in lines.iter().enumerate() {
        run.line(driver, line.clone());
        let arrived = driver.arrived(expected.get(at).copied().unwrap_or(0));
        arrivals.push(arrived.len());
        for (label, outcome) in arrived {
            run.received(&format!("{label}: "), outcome);
        }
    }
    Story { transcript: run.transcript, arrivals }
}

#[derive(Default)]
struct Run {
    transcript: String,
    /// Each message's label, by its id.
    labels: BTreeMap<String, String>,
    /// What was sent under each id.
    sent: BTreeMap<String, (Vec<Attribute>, Bytes)>,
    /// In the order of their labels: `r1` is the first.
    handles: Vec<String>,
}

impl Run {
    fn line(&mut self, driver: &mut dyn Driver, line: Line) {
        match line {
            Line::Call(call) => self.call(driver, call),
            Line::Settings { queue } => match driver.call(Call::Get { queue: queue.clone() }) {
                Outcome::Queue { settings, .. } => self.say(&show_settings(&queue, &settings)),
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
        match &mut call {
            Call::Delete { handles, .. } => {
                for handle in handles {
                    self.look_up(handle);
                }
            }
            Call::Change { entries, .. } => {
                for (handle, _) in entries {
                    self.look_up(handle);
                }
            }
            _ => {}
        }
        let outcome = driver.call(call.clone());
        match call {
            Call::Create { queue, .. } => self.done(&format!("created {queue}"), outcome),
            Call::Update { queue, .. } => self.done(&format!("updated {queue}"), outcome),
            Call::Purge { queue } => self.done(&format!("purged {queue}"), outcome),
            Call::Drop { queue } => self.done(&format!("dropped {queue}"), outcome),
            Call::Get { queue } => match outcome {
                Outcome::Queue { counts, .. } => self.say(&show_counts(&queue, &counts)),
                other => self.done("", other),
            },
            Call::List { .. } => self.listed(outcome),
            Call::Send { entries, .. } => self.sent(entries, outcome),
            Call::Receive(Receive { .. }) => self.received("", outcome),
            Call::Delete { .. } => self.deleted(outcome),
            Call::Change { .. } => self.changed(outcome),
        }
    }

    /// A label becomes the handle that it stands for; anything else is garbage, as it is.
    fn look_up(&self, handle: &mut String) {
        let number = handle.strip_prefix('r').and_then(|digits| digits.parse::<usize>().ok());
        let found = number.and_then(|number| self.handles.get(number.checked_sub(1)?));
        if let Some(found) = found {
            handle.clone_from(found);
        }
    }

    fn say(&mut self, line: &str) {
        self.transcript.push_str(line);
        self.transcript.push('\n');
    }

    fn done(&mut self, text: &str, outcome: Outcome) {
        match outcome {
            Outcome::Done | Outcome::Queue { .. } => self.say(text),
            Outcome::Refused(reason) => self.say(&format!("refused: {reason}")),
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
                Ok(id) => {
                    let label = format!("m{}", self.labels.len() + 1);
                    self.say(&format!("sent {label}"));
                    self.sent.insert(id.clone(), (entry.attributes, entry.body));
                    let before = self.labels.insert(id, label);
                    assert_eq!(before, None, "no id is given twice");
                }
                Err(reason) => self.say(&format!("refused: {reason}")),
            }
        }
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
        let label = self.labels.get(&message.id).expect("only what was sent is received").clone();
        let (attributes, body) = &self.sent[&message.id];
        let mut received = message.attributes;
        received.sort_by(|one, other| one.name.cmp(&other.name));
        assert!(*body == message.body, "{label} has the body that it was sent with");
        assert_eq!(*attributes, received, "{label} has the attributes it was sent with");
        assert!(message.first_received_at >= message.sent_at, "{label} is sent, then received");
        self.handles.push(message.handle);
        let (receipt, count) = (self.handles.len(), message.receive_count);
        self.say(&format!("{prefix}received {label} r{receipt} count={count}"));
    }

    fn deleted(&mut self, outcome: Outcome) {
        let Outcome::Deleted(results) = outcome else { return self.done("", outcome) };
        for result in results {
            match result {
                Ok(DeleteOutcome::Deleted) => self.say("deleted"),
                Ok(DeleteOutcome::AlreadyDeleted) => self.say("already deleted"),
                Ok(DeleteOutcome::StaleLease) => self.say("stale lease"),
                Err(reason) => self.say(&format!("refused: {reason}")),
            }
        }
    }

    fn changed(&mut self, outcome: Outcome) {
        let Outcome::Changed(results) = outcome else { return self.done("", outcome) };
        for result in results {
            match result {
                Ok(()) => self.say("changed"),
                Err(reason) => self.say(&format!("refused: {reason}")),
            }
        }
    }
}

fn show_counts(queue: &str, counts: &QueueCounts) -> String {
    let QueueCounts { ready, delayed, in_flight, oldest_age } = counts;
    let mut text = format!("{queue}: ready={ready} delayed={delayed} in_flight={in_flight}");
    if let Some(age) = oldest_age {
        let _ = write!(text, " oldest={age}");
    }
    text
}

fn show_settings(queue: &str, settings: &QueueSettings) -> String {
    let QueueSettings { delay, message_bytes_max, retention, receive_wait, visibility_timeout } =
        settings;
    format!(
        "{queue}: delay={delay} max_bytes={message_bytes_max} retention={retention} \
         wait={receive_wait} visibility={visibility_timeout}"
    )
}
