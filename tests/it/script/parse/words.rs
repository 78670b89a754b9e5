//! The words of a line, taken one by one.

use bytes::Bytes;
use ledgerq::types::{Attribute, AttributeValue, Millis};

/// What is left of a line.
pub(super) struct Words<'a> {
    line: &'a str,
    words: Vec<&'a str>,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str) -> Self {
        Self { line, words: line.split_whitespace().collect() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    pub(super) fn next(&mut self, what: &str) -> String {
        assert!(!self.words.is_empty(), "{what} is missing: {}", self.line);
        self.words.remove(0).to_owned()
    }

    pub(super) fn rest(&mut self) -> Vec<String> {
        std::mem::take(&mut self.words).into_iter().map(str::to_owned).collect()
    }

    /// Whether a word is there by itself.
    pub(super) fn flag(&mut self, flag: &str) -> bool {
        let at = self.words.iter().position(|word| *word == flag);
        at.map(|at| self.words.remove(at)).is_some()
    }

    pub(super) fn option(&mut self, key: &str) -> Option<String> {
        let is_it = |word: &&str| word.split_once('=').is_some_and(|(found, _)| found == key);
        let at = self.words.iter().position(is_it)?;
        self.words.remove(at).split_once('=').map(|(_, value)| value.to_owned())
    }

    pub(super) fn options(&mut self, key: &str) -> Vec<String> {
        std::iter::from_fn(|| self.option(key)).collect()
    }

    pub(super) fn duration(&mut self, key: &str) -> Option<Millis> {
        self.option(key).map(|text| duration(&text))
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, key: &str) -> Option<T> {
        self.option(key).map(|text| text.parse().ok().expect("a number"))
    }

    /// Text of which a part may be repeated: `x*128`.
    pub(super) fn text(&mut self, key: &str) -> Option<String> {
        self.option(key).map(|text| repeated(&text))
    }
}

/// `hello`, or `x*1024`.
pub(super) fn repeated(text: &str) -> String {
    match text.split_once('*') {
        Some((part, count)) => part.repeat(count.parse().expect("PART*N has a number")),
        None => text.to_owned(),
    }
}

/// `NAME:TYPE:VALUE`; the value of a binary type is the bytes of its text.
pub(super) fn attribute(text: &str) -> Attribute {
    let parts: Vec<&str> = text.splitn(3, ':').collect();
    let [name, data_type, value] = parts[..] else { panic!("{text} is not NAME:TYPE:VALUE") };
    let value = repeated(value);
    let value = if data_type.starts_with("Binary") {
        AttributeValue::Binary(Bytes::from(value))
    } else {
        AttributeValue::Text(value)
    };
    Attribute { name: name.to_owned(), data_type: data_type.to_owned(), value }
}

pub(super) fn duration(text: &str) -> Millis {
    let duration = humantime::parse_duration(text).expect("a duration is like 30s");
    Millis::new(u64::try_from(duration.as_millis()).expect("durations are far below that"))
}
