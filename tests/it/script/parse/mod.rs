//! Text becomes lines. A mistake in a script ends the test: scripts are code.

mod settings;
mod words;

use ledgerq::types::{Delay, DeleteMode, Millis, StateFilter, limits};

use self::words::{Words, attribute, duration, repeated};
use super::driver::{Call, Entry, Look, Move, Receive, Step};
use crate::broker::BEGIN;

/// The time between two messages of a task is a whole number of these.
const STEP: Millis = Millis::new(100);

/// One line of a script. Handles are labels still.
#[derive(Clone, Debug)]
pub(super) enum Line {
    Call(Call),
    /// Prints the settings, where a call prints the counts.
    Settings {
        queue: String,
    },
    Lose(Receive),
    Poll {
        label: String,
        receive: Receive,
    },
    HangUp {
        label: String,
    },
    Advance(Millis),
    Restart,
}

impl Line {
    /// Whether it is about when the broker notices that a client has gone, which a client cannot
    /// see.
    pub(super) fn is_of_the_inside(&self) -> bool {
        matches!(self, Self::Lose(_) | Self::HangUp { .. })
    }

    /// Whether a restart behind it would be seen: who waits is gone, and a move task does not wait
    /// for its rate.
    pub(super) fn shows_restarts(&self) -> bool {
        match self {
            Self::Poll { .. } => true,
            _ => self.shows_rates(),
        }
    }

    /// Whether it starts a task that goes on as time passes.
    pub(super) fn shows_rates(&self) -> bool {
        matches!(self, Self::Call(Call::StartMove { given, .. }) if given.rate_max.is_some())
    }

    /// The line, or if it lets time pass, several that let as much pass.
    pub(super) fn in_steps(&self) -> Vec<Self> {
        let Self::Advance(by) = self else { return vec![self.clone()] };
        let (steps, rest) = (by.get() / STEP.get(), by.get() % STEP.get());
        let mut lines = vec![Self::Advance(STEP); usize::try_from(steps).expect("a few")];
        if rest > 0 {
            lines.push(Self::Advance(Millis::new(rest)));
        }
        lines
    }
}

/// The lines of a script.
pub(super) fn script(text: &str) -> Vec<Line> {
    let code = |line: &'_ str| line.split('#').next().unwrap_or_default().trim().to_owned();
    text.lines().map(code).filter(|line| !line.is_empty()).map(|line| parse(&line)).collect()
}

fn parse(line: &str) -> Line {
    if let Some(steps) = line.strip_prefix("transact ") {
        let steps = steps.split(';').map(step).collect();
        return Line::Call(Call::Transact { steps });
    }
    let mut words = Words::new(line);
    let verb = words.next("a command");
    let parsed = match verb.as_str() {
        "settings" => Line::Settings { queue: words.next("a queue") },
        "lose" => Line::Lose(receive(&mut words)),
        "poll" => Line::Poll { label: words.next("a label"), receive: receive(&mut words) },
        "hang-up" => Line::HangUp { label: words.next("a label") },
        "advance" => Line::Advance(duration(&words.next("a duration"))),
        "restart" => Line::Restart,
        _ => Line::Call(message_call(&verb, &mut words)),
    };
    assert!(words.is_empty(), "{:?} is left over: {line}", words.rest());
    parsed
}

fn message_call(verb: &str, words: &mut Words<'_>) -> Call {
    match verb {
        "send" => send(words),
        "receive" => Call::Receive(receive(words)),
        "delete" => {
            let queue = words.next("a queue");
            let is_lenient = words.flag("lenient");
            let mode = if is_lenient { DeleteMode::Lenient } else { DeleteMode::Fenced };
            Call::Delete { queue, handles: words.rest(), mode }
        }
        "change" => {
            let queue = words.next("a queue");
            Call::Change {
                queue,
                entries: words.rest().iter().map(|entry| change(entry)).collect(),
            }
        }
        "cancel" => Call::Cancel { queue: words.next("a queue"), ids: words.rest() },
        "browse" => Call::Browse(look(words)),
        _ => queue_call(verb, words),
    }
}

fn queue_call(verb: &str, words: &mut Words<'_>) -> Call {
    let count_max = |words: &mut Words<'_>| words.number("max").unwrap_or(limits::PAGE_MAX);
    match verb {
        "list" => Call::List {
            prefix: words.option("prefix").unwrap_or_default(),
            after: words.option("after"),
            count_max: count_max(words),
        },
        "tasks" => {
            let count_max = count_max(words);
            let source = (!words.is_empty()).then(|| words.next("a queue"));
            Call::ListMoves { source, count_max }
        }
        "stop" => Call::CancelMove { task: words.next("a task") },
        "redrive" => start_move(words),
        _ => one_queue_call(verb, words),
    }
}

fn one_queue_call(verb: &str, words: &mut Words<'_>) -> Call {
    let queue = words.next("a queue");
    match verb {
        "create" => Call::Create { queue, settings: settings::settings(words) },
        "update" => Call::Update { queue, settings: settings::settings(words) },
        "show" => Call::Get { queue },
        "purge" => Call::Purge { queue },
        "drop" => Call::Drop { queue },
        "sources" => Call::Sources {
            queue,
            after: words.option("after"),
            count_max: words.number("max").unwrap_or(limits::PAGE_MAX),
        },
        "pause" | "resume" => {
            let (sends, receives) = (words.flag("sends"), words.flag("receives"));
            let is_all = !sends && !receives;
            let paused = |is_meant: bool| (is_meant || is_all).then_some(verb == "pause");
            Call::Pause { queue, sends: paused(sends), receives: paused(receives) }
        }
        _ => panic!("no such command: {verb}"),
    }
}

fn send(words: &mut Words<'_>) -> Call {
    let queue = words.next("a queue");
    let entry = Entry {
        body: bytes::Bytes::new(),
        attributes: words.options("attr").iter().map(|text| attribute(text)).collect(),
        delay: delay(words),
        time_to_live: words.duration("ttl"),
        priority: words.number("priority"),
        group: words.text("group"),
        deduplication_id: words.text("dedup"),
    };
    let with_body = |text: &String| Entry { body: repeated(text).into(), ..entry.clone() };
    Call::Send { queue, entries: words.rest().iter().map(with_body).collect() }
}

/// `delay=` from now, or `at=` so long after the beginning of the script.
fn delay(words: &mut Words<'_>) -> Option<Delay> {
    let until = words.duration("at").map(|at| Delay::Until(BEGIN.after(at)));
    until.or_else(|| words.duration("delay").map(Delay::For))
}

fn receive(words: &mut Words<'_>) -> Receive {
    Receive {
        queue: words.next("a queue"),
        count_max: words.number("max").unwrap_or(1),
        visibility_timeout: words.duration("visibility"),
        wait: words.duration("wait"),
        attempt: words.text("attempt"),
    }
}

fn change(entry: &str) -> (String, Millis) {
    let (handle, timeout) = entry.split_once('=').expect("a change is RECEIPT=DURATION");
    (handle.to_owned(), duration(timeout))
}

/// A step of a transact: `send`, `delete` or `change`, each of one message.
fn step(text: &str) -> Step {
    let mut words = Words::new(text);
    let verb = words.next("a step");
    match message_call(&verb, &mut words) {
        Call::Send { queue, mut entries } => {
            let entry = entries.pop().filter(|_| entries.is_empty());
            Step::Send { queue, entry: entry.expect("a step sends one message") }
        }
        Call::Delete { queue, mut handles, .. } => {
            Step::Delete { queue, handle: handles.pop().expect("a step deletes one message") }
        }
        Call::Change { queue, mut entries } => {
            let (handle, timeout) = entries.pop().expect("a step changes one lease");
            Step::Change { queue, handle, timeout }
        }
        other => panic!("{other:?} is no step"),
    }
}

fn look(words: &mut Words<'_>) -> Look {
    let states = words.option("state").map_or(StateFilter::ALL, |text| {
        let has = |state: &str| text.split(',').any(|word| word == state);
        StateFilter { ready: has("ready"), delayed: has("delayed"), in_flight: has("in_flight") }
    });
    Look {
        queue: words.next("a queue"),
        states,
        group: words.option("group"),
        age_min: words.duration("age"),
        after: words.option("after"),
        count_max: words.number("max").unwrap_or(limits::ENTRIES_MAX),
    }
}

fn start_move(words: &mut Words<'_>) -> Call {
    let given = Move {
        source: words.next("a queue"),
        target: words.option("to"),
        rate_max: words.number("rate"),
        group: words.option("group"),
        age_min: words.duration("age"),
        attribute: words.option("attr").map(|text| attribute(&text)),
    };
    Call::StartMove { given, dry_run: words.flag("dry-run") }
}
