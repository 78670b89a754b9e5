//! Settings of queues on the command line.

use std::collections::BTreeMap;

use clap::Args;

use super::super::{
    Exit, Failure,
    values::{AllowForm, BackoffForm, Scope, Tag, Throughput},
};
use crate::{
    config::{Size, Span},
    types::{QueueName, RedrivePolicy, SettingsPatch, limits},
};

const CREATE_EXAMPLES: &str = "\
Examples:
  ledgerq queue create jobs --visibility-timeout 1m --retention 7d
  ledgerq queue create jobs --dead-letter-queue jobs-dead --max-receives 3
  ledgerq queue create jobs --retry-backoff exponential:1s..5m --tag team=billing
  ledgerq queue create orders.fifo --content-deduplication";

const UPDATE_EXAMPLES: &str = "\
Examples:
  ledgerq queue update jobs --visibility-timeout 2m
  ledgerq queue update jobs --no-dead-letter-queue --retry-backoff 5s
  ledgerq queue update jobs --tag team=payments --untag owner
  ledgerq queue update orders.fifo --content-deduplication=false";

/// A queue to create.
#[derive(Debug, Args)]
#[command(after_help = CREATE_EXAMPLES)]
pub(in crate::cli) struct CreateArgs {
    /// The queue's name; one that ends in .fifo makes a FIFO queue
    #[arg(value_parser = QueueName::parse)]
    pub(super) name: QueueName,
    /// Make sure that it is a FIFO queue: refuse a name that does not end in .fifo
    #[arg(long)]
    fifo: bool,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// A queue and what to change of it.
#[derive(Debug, Args)]
#[command(after_help = UPDATE_EXAMPLES)]
pub(in crate::cli) struct UpdateArgs {
    /// The queue's name
    #[arg(value_parser = QueueName::parse)]
    pub(super) name: QueueName,
    #[command(flatten)]
    settings: SettingsArgs,
    /// Receive messages again and again, however often
    #[arg(long, conflicts_with_all = ["dead_letter_queue", "max_receives"])]
    no_dead_letter_queue: bool,
    /// Let messages that come back be ready at once
    #[arg(long, conflicts_with = "retry_backoff")]
    no_retry_backoff: bool,
    /// Take a tag away; can be given again
    #[arg(long = "untag", value_name = "KEY")]
    untag: Vec<String>,
}

/// The settings themselves.
#[derive(Debug, Args)]
struct SettingsArgs {
    /// How long a receive has a message for itself [new queue: 30s]
    #[arg(long, value_name = "DURATION")]
    visibility_timeout: Option<Span>,
    /// How long a message waits before it can be received [new queue: 0s]
    #[arg(long, value_name = "DURATION")]
    delay: Option<Span>,
    /// How long a message is kept [new queue: 4d]
    #[arg(long, value_name = "DURATION")]
    retention: Option<Span>,
    /// The largest message, body and attributes together [new queue: 1MiB]
    #[arg(long, value_name = "SIZE")]
    max_message_size: Option<Size>,
    /// How long a receive waits for a first message [new queue: 0s]
    #[arg(long, value_name = "DURATION")]
    receive_wait: Option<Span>,
    /// Where messages go that were received too often; it must exist [new queue: nowhere]
    #[arg(long, value_name = "QUEUE", value_parser = QueueName::parse, requires = "max_receives")]
    dead_letter_queue: Option<QueueName>,
    /// How often a message is received before the next receive moves it
    #[arg(
        long,
        value_name = "COUNT",
        requires = "dead_letter_queue",
        value_parser = clap::value_parser!(u32).range(1..=i64::from(limits::RECEIVES_MAX_MAX))
    )]
    max_receives: Option<u32>,
    /// Whose dead letters the queue takes: all, none, or up to 10 names like a,b [new queue: all]
    #[arg(long, value_name = "QUEUES")]
    allow_dead_letters_of: Option<AllowForm>,
    /// How long a message that came back waits: fixed:5s, or exponential:1s..5m for a wait that
    /// doubles with each receive [new queue: not at all]
    #[arg(long, value_name = "BACKOFF")]
    retry_backoff: Option<BackoffForm>,
    /// FIFO: make a deduplication id from the body where none is given [new queue: false]
    #[arg(
        long,
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true"
    )]
    content_deduplication: Option<bool>,
    /// FIFO: within what a deduplication id counts; only the first setting has an effect [new
    /// queue: queue]
    #[arg(long, value_name = "SCOPE", value_enum)]
    deduplication_scope: Option<Scope>,
    /// Stored for programs that know it from Amazon SQS; nothing is limited by it [new queue:
    /// per-queue]
    #[arg(long, value_name = "LIMIT", value_enum)]
    throughput_limit: Option<Throughput>,
    /// A word of your own about the queue; can be given up to 50 times
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    tags: Vec<Tag>,
}

impl SettingsArgs {
    /// All but the tags.
    fn patch(&self) -> SettingsPatch {
        let millis = |span: Option<Span>| span.map(|Span(millis)| millis);
        let redrive = self.dead_letter_queue.clone().zip(self.max_receives);
        SettingsPatch {
            delay: millis(self.delay),
            message_bytes_max: self.max_message_size.map(|Size(bytes)| bytes),
            retention: millis(self.retention),
            receive_wait: millis(self.receive_wait),
            visibility_timeout: millis(self.visibility_timeout),
            redrive: redrive.map(|(dead_letter_queue, receives_max)| {
                Some(RedrivePolicy { dead_letter_queue, receives_max })
            }),
            redrive_allow: self.allow_dead_letters_of.clone().map(|AllowForm(allow)| allow),
            content_deduplication: self.content_deduplication,
            deduplication_scope: self.deduplication_scope.map(Into::into),
            throughput_limit: self.throughput_limit.map(Into::into),
            backoff: self.retry_backoff.map(|BackoffForm(backoff)| Some(backoff)),
            ..SettingsPatch::default()
        }
    }

    fn tags(&self) -> impl Iterator<Item = (String, String)> {
        self.tags.iter().map(|tag| (tag.key.clone(), tag.value.clone()))
    }
}

impl CreateArgs {
    /// The settings; refused if the name is not that of the kind that was asked for.
    pub(super) fn patch(&self) -> Result<SettingsPatch, Failure> {
        if self.fifo && !self.name.is_fifo() {
            let name = &self.name;
            let line =
                format!("--fifo: the name of a FIFO queue ends in .fifo; call it {name}.fifo");
            return Err(Failure::new(Exit::Usage, line));
        }
        let tags: BTreeMap<_, _> = self.settings.tags().collect();
        let tags = Some(tags).filter(|tags| !tags.is_empty());
        Ok(SettingsPatch { tags, ..self.settings.patch() })
    }
}

impl UpdateArgs {
    /// What to change, but for the tags.
    pub(super) fn patch(&self) -> SettingsPatch {
        let mut patch = self.settings.patch();
        if self.no_dead_letter_queue {
            patch.redrive = Some(None);
        }
        if self.no_retry_backoff {
            patch.backoff = Some(None);
        }
        patch
    }

    pub(super) fn changes_tags(&self) -> bool {
        !self.settings.tags.is_empty() || !self.untag.is_empty()
    }

    /// The queue's tags with the change made.
    pub(super) fn tags(&self, mut tags: BTreeMap<String, String>) -> BTreeMap<String, String> {
        tags.retain(|key, _| !self.untag.contains(key));
        tags.extend(self.settings.tags());
        tags
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::types::{Backoff, Millis, RedriveAllow};

    #[derive(Parser)]
    struct Create {
        #[command(flatten)]
        args: CreateArgs,
    }

    #[derive(Parser)]
    struct Update {
        #[command(flatten)]
        args: UpdateArgs,
    }

    fn words(line: &str) -> impl Iterator<Item = &str> {
        std::iter::once("x").chain(line.split(' '))
    }

    fn create(line: &str) -> CreateArgs {
        Create::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{error}")).args
    }

    fn update(line: &str) -> UpdateArgs {
        Update::try_parse_from(words(line)).unwrap_or_else(|error| panic!("{error}")).args
    }

    #[test]
    fn every_setting_becomes_a_part_of_the_patch() {
        let line = "jobs.fifo --fifo --dead-letter-queue dead.fifo --max-receives 3 \
                    --allow-dead-letters-of none --retry-backoff exponential:1s..5m \
                    --content-deduplication --deduplication-scope message-group \
                    --throughput-limit per-message-group --tag a=1 --tag b=2";
        let patch = create(line).patch().expect("the name is of a FIFO queue");
        let dead_letter_queue = QueueName::parse("dead.fifo").expect("a name");
        let (first, max) = (Millis::from_secs(1), Millis::from_secs(300));
        let tags = [("a", "1"), ("b", "2")].map(|(key, value)| (key.into(), value.into()));
        let expected = SettingsPatch {
            redrive: Some(Some(RedrivePolicy { dead_letter_queue, receives_max: 3 })),
            redrive_allow: Some(RedriveAllow::None),
            backoff: Some(Some(Backoff { first, doubles: true, max })),
            content_deduplication: Some(true),
            deduplication_scope: Some(Scope::MessageGroup.into()),
            throughput_limit: Some(Throughput::PerMessageGroup.into()),
            tags: Some(tags.into()),
            ..SettingsPatch::default()
        };
        assert_eq!(patch, expected);
    }

    #[test]
    fn a_fifo_queue_has_the_name_of_one() {
        assert!(create("jobs.fifo").patch().is_ok());
        let failure = create("jobs --fifo").patch().expect_err("the name is another");
        assert_eq!(failure.exit, Exit::Usage);
        let line = "--fifo: the name of a FIFO queue ends in .fifo; call it jobs.fifo";
        assert_eq!(failure.line.as_deref(), Some(line));
    }

    #[test]
    fn policies_can_be_taken_away() {
        let patch = update("jobs --no-dead-letter-queue --no-retry-backoff").patch();
        assert_eq!((patch.redrive, patch.backoff), (Some(None), Some(None)));
        let off = update("jobs.fifo --content-deduplication=false").patch();
        assert_eq!(off.content_deduplication, Some(false));
    }

    #[test]
    fn tags_are_added_to_those_that_are_there_or_taken_from_them() {
        let tags = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect()
        };
        let args = update("jobs --tag a=2 --tag c=3 --untag b --untag unknown");
        assert!(args.changes_tags());
        let before = tags(&[("a", "1"), ("b", "1"), ("d", "1")]);
        assert_eq!(args.tags(before), tags(&[("a", "2"), ("c", "3"), ("d", "1")]));
        assert!(!update("jobs --delay 1s").changes_tags());
    }

    #[test]
    fn contradictions_and_halves_are_refused() {
        for line in [
            "jobs --dead-letter-queue dead",
            "jobs --max-receives 3",
            "jobs --dead-letter-queue dead --max-receives 0",
            "jobs --dead-letter-queue dead --max-receives 1001",
            "jobs --no-dead-letter-queue --dead-letter-queue dead --max-receives 3",
            "jobs --no-retry-backoff --retry-backoff 5s",
            "jobs --content-deduplication=maybe",
            "jobs --deduplication-scope world",
        ] {
            assert!(Update::try_parse_from(words(line)).is_err(), "{line}");
        }
    }
}
