//! Values of the command line that more than one subcommand knows: instants, tags, policies.
//!
//! Each is written the way it is printed, so that what `queue show` tells can be given to `queue
//! create`.

use std::{fmt, str::FromStr, time::UNIX_EPOCH};

use clap::ValueEnum;

use crate::{
    client::MessageState,
    config::Span,
    types::{
        Backoff, DeduplicationScope, GroupId, QueueName, RedriveAllow, Rejection, StateFilter,
        ThroughputLimit, Timestamp, limits,
    },
};

/// An instant in RFC 3339.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(pub(super) Timestamp);

/// A tag: `key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tag {
    pub(super) key: String,
    pub(super) value: String,
}

/// How long messages that came back wait: `fixed:5s`, `5s` or `exponential:1s..5m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BackoffForm(pub(super) Backoff);

/// Whose dead letters a queue takes: `all`, `none` or names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AllowForm(pub(super) RedriveAllow);

/// [`DeduplicationScope`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Scope {
    /// The whole queue
    Queue,
    /// Each message group by itself
    MessageGroup,
}

/// [`ThroughputLimit`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Throughput {
    /// The whole queue
    PerQueue,
    /// Each message group by itself; needs --deduplication-scope message-group
    PerMessageGroup,
}

/// A state of messages on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum StateWord {
    /// Can be received, or could if their group were free
    Ready,
    /// Wait for a time
    Delayed,
    /// Are leased
    InFlight,
}

/// Why a text is no such value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ValueError {
    #[error("{0:?} is not an instant; write it like 2030-01-31T08:00:00Z")]
    At(String),
    #[error("write it like key=value")]
    Tag,
    #[error("it has no key; write it like key=value")]
    NoKey,
    #[error(
        "{0:?} is not a backoff; write it like fixed:5s, or exponential:1s..5m for a wait that \
         doubles from 1s to at most 5m"
    )]
    Backoff(String),
    #[error("{0}")]
    Name(String),
    #[error("at most {count_max} queues can be named, these are {count}")]
    TooManyQueues { count: usize, count_max: usize },
}

impl FromStr for At {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = || ValueError::At(text.to_owned());
        let at = humantime::parse_rfc3339(text.trim()).map_err(|_| bad())?;
        let since = at.duration_since(UNIX_EPOCH).map_err(|_| bad())?;
        let millis = u64::try_from(since.as_millis()).map_err(|_| bad())?;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

impl FromStr for Tag {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let (key, value) = text.split_once('=').ok_or(ValueError::Tag)?;
        if key.is_empty() {
            return Err(ValueError::NoKey);
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl FromStr for BackoffForm {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bad = || ValueError::Backoff(text.to_owned());
        let span = |text: &str| text.parse().map(|Span(millis)| millis).map_err(|_| bad());
        let Some(range) = text.strip_prefix("exponential:") else {
            let first = span(text.strip_prefix("fixed:").unwrap_or(text))?;
            return Ok(Self(Backoff { first, doubles: false, max: first }));
        };
        let (first, max) = range.split_once("..").ok_or_else(bad)?;
        Ok(Self(Backoff { first: span(first)?, doubles: true, max: span(max)? }))
    }
}

impl fmt::Display for BackoffForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Backoff { first, doubles, max } = self.0;
        if doubles { write!(f, "exponential:{first}..{max}") } else { write!(f, "fixed:{first}") }
    }
}

impl FromStr for AllowForm {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let named = |name: &str| {
            QueueName::parse(name.trim()).map_err(|error| ValueError::Name(error.to_string()))
        };
        match text {
            "all" => Ok(Self(RedriveAllow::All)),
            "none" => Ok(Self(RedriveAllow::None)),
            list => {
                let queues: Vec<_> = list.split(',').map(named).collect::<Result<_, _>>()?;
                let (count, count_max) = (queues.len(), limits::REDRIVE_SOURCES_MAX);
                if count > count_max {
                    return Err(ValueError::TooManyQueues { count, count_max });
                }
                Ok(Self(RedriveAllow::Queues(queues)))
            }
        }
    }
}

impl fmt::Display for AllowForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            RedriveAllow::All => f.write_str("all"),
            RedriveAllow::None => f.write_str("none"),
            RedriveAllow::Queues(queues) => {
                let names: Vec<&str> = queues.iter().map(QueueName::as_str).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl From<Scope> for DeduplicationScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Queue => Self::Queue,
            Scope::MessageGroup => Self::MessageGroup,
        }
    }
}

impl From<Throughput> for ThroughputLimit {
    fn from(limit: Throughput) -> Self {
        match limit {
            Throughput::PerQueue => Self::PerQueue,
            Throughput::PerMessageGroup => Self::PerMessageGroup,
        }
    }
}

/// A scope as programs read it.
pub(super) fn scope_word(scope: DeduplicationScope) -> &'static str {
    match scope {
        DeduplicationScope::Queue => "queue",
        DeduplicationScope::MessageGroup => "message_group",
    }
}

/// A throughput limit as programs read it.
pub(super) fn throughput_word(limit: ThroughputLimit) -> &'static str {
    match limit {
        ThroughputLimit::PerQueue => "per_queue",
        ThroughputLimit::PerMessageGroup => "per_message_group",
    }
}

/// A state as programs read it.
pub(super) fn state_word(state: MessageState) -> &'static str {
    match state {
        MessageState::Ready => "ready",
        MessageState::Delayed { .. } => "delayed",
        MessageState::InFlight { .. } => "in_flight",
    }
}

/// A message group on the command line.
pub(super) fn parse_group(text: &str) -> Result<GroupId, String> {
    GroupId::parse("group", text).map_err(|error| match error {
        Rejection::Malformed { problem, .. } => problem,
        error => error.to_string(),
    })
}

/// The states that were named; all of them if none was.
pub(super) fn states(words: &[StateWord]) -> StateFilter {
    if words.is_empty() {
        return StateFilter::ALL;
    }
    let has = |word| words.contains(&word);
    StateFilter {
        ready: has(StateWord::Ready),
        delayed: has(StateWord::Delayed),
        in_flight: has(StateWord::InFlight),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Millis;

    #[test]
    fn instants_are_in_utc() {
        let read = |text: &str| text.parse().map(|At(at)| at.as_millis());
        assert_eq!(read("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000));
        assert_eq!(read("2023-11-14T22:13:20.123Z"), Ok(1_700_000_000_123));
        for text in ["", "tomorrow", "2023-11-14", "2023-13-14T22:13:20Z", "1969-01-01T00:00:00Z"] {
            assert_eq!(read(text), Err(ValueError::At(text.into())));
        }
    }

    #[test]
    fn a_backoff_is_printed_as_it_is_written() {
        let (second, minutes) = (Millis::from_secs(1), Millis::from_secs(300));
        let fixed = Backoff { first: second, doubles: false, max: second };
        let doubling = Backoff { first: second, doubles: true, max: minutes };
        for (text, backoff) in [("fixed:1s", fixed), ("exponential:1s..5m", doubling)] {
            assert_eq!(text.parse(), Ok(BackoffForm(backoff)));
            assert_eq!(BackoffForm(backoff).to_string(), text);
        }
        assert_eq!("1s".parse(), Ok(BackoffForm(fixed)));
        for text in ["", "soon", "fixed:", "exponential:1s", "exponential:..5m", "linear:1s..5m"] {
            assert_eq!(text.parse::<BackoffForm>(), Err(ValueError::Backoff(text.into())));
        }
    }

    #[test]
    fn whose_dead_letters_are_taken_is_printed_as_it_is_written() {
        for text in ["all", "none", "a", "a,b.fifo"] {
            let form: AllowForm = text.parse().expect("a form");
            assert_eq!(form.to_string(), text);
        }
        assert!(matches!("a,,b".parse::<AllowForm>(), Err(ValueError::Name(_))));
        let eleven = ["q"; 11].join(",");
        let refused = eleven.parse::<AllowForm>().expect_err("too many");
        assert_eq!(refused.to_string(), "at most 10 queues can be named, these are 11");
    }

    #[test]
    fn a_tag_may_have_no_value_but_has_a_key() {
        let tag = |key: &str, value: &str| Tag { key: key.into(), value: value.into() };
        assert_eq!("team=a=b".parse(), Ok(tag("team", "a=b")));
        assert_eq!("team=".parse(), Ok(tag("team", "")));
        assert_eq!("team".parse::<Tag>(), Err(ValueError::Tag));
        assert_eq!("=x".parse::<Tag>(), Err(ValueError::NoKey));
    }
}
