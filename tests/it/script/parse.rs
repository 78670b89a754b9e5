//! Text becomes lines. A mistake in a script ends the test: scripts are code.

use bytes::Bytes;
use ledgerq::types::{Attribute, AttributeValue, DeleteMode, Millis, SettingsPatch, limits};

use super::driver::{Call, Entry, Receive};

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
}

/// The lines of a script.
pub(super) fn script(text: &str) -> Vec<Line> {
    let code = |line: &'_ str| line.split('#').next().unwrap_or_default().trim().to_owned();
    text.lines().map(code).filter(|line| !line.is_empty()).map(|line| parse(&line)).collect()
}

fn parse(line: &str) -> Line {
    let mut words = line.split_whitespace();
    let verb = words.next().expect("empty lines were left out");
    let mut words = Words { line, words: words.collect() };
    let parsed = match verb {
        "create" | "update" => queue_line(verb, &mut words),
        "show" => Line::Call(Call::Get { queue: words.next("a queue") }),
        "settings" => Line::Settings { queue: words.next("a queue") },
        "list" => Line::Call(Call::List {
            prefix: words.option("prefix").unwrap_or_default(),
            after: words.option("after"),
            count_max: words.number("max").unwrap_or(limits::PAGE_MAX),
        }),
        "purge" => Line::Call(Call::Purge { queue: words.next("a queue") }),
        "drop" => Line::Call(Call::Drop { queue: words.next("a queue") }),
        "send" => send(&mut words),
        "receive" => Line::Call(Call::Receive(receive(&mut words))),
        "lose" => Line::Lose(receive(&mut words)),
        "poll" => Line::Poll { label: words.next("a label"), receive: receive(&mut words) },
        "hang-up" => Line::HangUp { label: words.next("a label") },
        "delete" => delete(&mut words),
        "change" => change(&mut words),
        "advance" => Line::Advance(duration(&words.next("a duration"))),
        "restart" => Line::Restart,
        _ => panic!("no such command: {line}"),
    };
    assert!(words.words.is_empty(), "{:?} is left over: {line}", words.words);
    parsed
}

fn queue_line(verb: &str, words: &mut Words<'_>) -> Line {
    let queue = words.next("a queue");
    let settings = SettingsPatch {
        delay: words.duration("delay"),
        message_bytes_max: words.number("max_bytes"),
        retention: words.duration("retention"),
        receive_wait: words.duration("wait"),
        visibility_timeout: words.duration("visibility"),
    };
    Line::Call(match verb {
        "create" => Call::Create { queue, settings },
        _ => Call::Update { queue, settings },
    })
}

fn send(words: &mut Words<'_>) -> Line {
    let queue = words.next("a queue");
    let delay = words.duration("delay");
    let attributes: Vec<Attribute> =
        std::iter::from_fn(|| words.option("attr")).map(|text| attribute(&text)).collect();
    let bodies = std::mem::take(&mut words.words);
    let entry = |text: &str| Entry { body: body(text), attributes: attributes.clone(), delay };
    Line::Call(Call::Send { queue, entries: bodies.into_iter().map(entry).collect() })
}

fn receive(words: &mut Words<'_>) -> Receive {
    Receive {
        queue: words.next("a queue"),
        count_max: words.number("max").unwrap_or(1),
        visibility_timeout: words.duration("visibility"),
        wait: words.duration("wait"),
    }
}

fn delete(words: &mut Words<'_>) -> Line {
    let queue = words.next("a queue");
    let mut handles: Vec<String> = words.rest();
    let is_lenient = handles.pop_if(|word| word == "lenient").is_some();
    let mode = if is_lenient { DeleteMode::Lenient } else { DeleteMode::Fenced };
    Line::Call(Call::Delete { queue, handles, mode })
}

fn change(words: &mut Words<'_>) -> Line {
    let queue = words.next("a queue");
    let entries = words.rest().into_iter().map(|entry| {
        let (handle, timeout) = entry.split_once('=').expect("a change is RECEIPT=DURATION");
        (handle.to_owned(), duration(timeout))
    });
    Line::Call(Call::Change { queue, entries: entries.collect() })
}

/// `hello`, or `x*1024`.
fn body(text: &str) -> Bytes {
    match text.split_once('*') {
        Some((part, count)) => part.repeat(count.parse().expect("BODY*N has a number")).into(),
        None => text.to_owned().into(),
    }
}

/// `NAME:TYPE:VALUE`; the value of a binary type is the bytes of its text.
fn attribute(text: &str) -> Attribute {
    let parts: Vec<&str> = text.splitn(3, ':').collect();
    let [name, data_type, value] = parts[..] else { panic!("{text} is not NAME:TYPE:VALUE") };
    let is_binary = data_type.starts_with("Binary");
    let value = match body(value) {
        bytes if is_binary => AttributeValue::Binary(bytes),
        bytes => AttributeValue::Text(String::from_utf8_lossy(&bytes).into_owned()),
    };
    Attribute { name: name.to_owned(), data_type: data_type.to_owned(), value }
}

fn duration(text: &str) -> Millis {
    let duration = humantime::parse_duration(text).expect("a duration is like 30s");
    Millis::new(u64::try_from(duration.as_millis()).expect("durations are far below that"))
}

/// What is left of a line.
struct Words<'a> {
    line: &'a str,
    words: Vec<&'a str>,
}

impl Words<'_> {
    fn next(&mut self, what: &str) -> String {
        assert!(!self.words.is_empty(), "{what} is missing: {}", self.line);
        self.words.remove(0).to_owned()
    }

    fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words).into_iter().map(str::to_owned).collect()
    }

    fn option(&mut self, key: &str) -> Option<String> {
        let is_it = |word: &&str| word.split_once('=').is_some_and(|(found, _)| found == key);
        let at = self.words.iter().position(is_it)?;
        self.words.remove(at).split_once('=').map(|(_, value)| value.to_owned())
    }

    fn duration(&mut self, key: &str) -> Option<Millis> {
        self.option(key).map(|text| duration(&text))
    }

    fn number<T: std::str::FromStr>(&mut self, key: &str) -> Option<T> {
        self.option(key).map(|text| text.parse().ok().expect("a number"))
    }
}
