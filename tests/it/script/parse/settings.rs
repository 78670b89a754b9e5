//! The settings of a queue, in the words of a script.

use std::collections::BTreeMap;

use ledgerq::types::{
    Backoff, DeduplicationScope, QueueName, RedriveAllow, RedrivePolicy, SettingsPatch,
    ThroughputLimit,
};

use super::words::{Words, duration, repeated};

pub(super) fn settings(words: &mut Words<'_>) -> SettingsPatch {
    SettingsPatch {
        delay: words.duration("delay"),
        message_bytes_max: words.number("max_bytes"),
        retention: words.duration("retention"),
        receive_wait: words.duration("wait"),
        visibility_timeout: words.duration("visibility"),
        redrive: words.option("dlq").map(|text| redrive(&text)),
        redrive_allow: words.option("allow").map(|text| allow(&text)),
        content_deduplication: words.option("content-dedup").map(|text| is_on(&text)),
        deduplication_scope: words.option("scope").map(|text| match text.as_str() {
            "queue" => DeduplicationScope::Queue,
            "group" => DeduplicationScope::MessageGroup,
            _ => panic!("a scope is queue or group, not {text}"),
        }),
        throughput_limit: words.option("throughput").map(|text| match text.as_str() {
            "queue" => ThroughputLimit::PerQueue,
            "group" => ThroughputLimit::PerMessageGroup,
            _ => panic!("a throughput limit is queue or group, not {text}"),
        }),
        backoff: words.option("backoff").map(|text| backoff(&text)),
        tags: words.option("tags").map(|text| pairs(&text)),
        stored: words.option("stored").map(|text| pairs(&text)).unwrap_or_default(),
    }
}

/// `NAME:RECEIVES` or `none`.
fn redrive(text: &str) -> Option<RedrivePolicy> {
    let (queue, receives_max) = text.rsplit_once(':')?;
    let receives_max = receives_max.parse().expect("a number of receives");
    Some(RedrivePolicy { dead_letter_queue: queue_name(queue), receives_max })
}

/// `all`, `none` or names with commas between them.
fn allow(text: &str) -> RedriveAllow {
    match text {
        "all" => RedriveAllow::All,
        "none" => RedriveAllow::None,
        names => RedriveAllow::Queues(names.split(',').map(queue_name).collect()),
    }
}

/// `FIRST`, or `FIRST..MAX` if it doubles, or `none`.
fn backoff(text: &str) -> Option<Backoff> {
    if text == "none" {
        return None;
    }
    Some(match text.split_once("..") {
        Some((first, max)) => Backoff { first: duration(first), doubles: true, max: duration(max) },
        None => Backoff { first: duration(text), doubles: false, max: duration(text) },
    })
}

/// `KEY:VALUE` with commas between them, or `none`; the word `50x` stands for fifty of them.
fn pairs(text: &str) -> BTreeMap<String, String> {
    if text == "none" {
        return BTreeMap::new();
    }
    let pair = |pair: &str| {
        let (key, value) = pair.split_once(':').expect("a pair is KEY:VALUE");
        (repeated(key), repeated(value))
    };
    let many = |word: &str| -> Vec<(String, String)> {
        match word.split_once('x').and_then(|(count, _)| count.parse::<u32>().ok()) {
            Some(count) => {
                (1..=count).map(|number| (number.to_string(), number.to_string())).collect()
            }
            None => vec![pair(word)],
        }
    };
    text.split(',').flat_map(many).collect()
}

fn is_on(text: &str) -> bool {
    text.parse().expect("true or false")
}

fn queue_name(text: &str) -> QueueName {
    QueueName::parse(text).expect("a good name")
}
