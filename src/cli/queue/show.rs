//! Queues as people read them.

use super::super::{
    Session,
    output::{counted, printable, rfc3339},
    values::{AllowForm, BackoffForm, scope_word, throughput_word},
};
use crate::{
    client::Queue,
    config::Size,
    types::{Millis, QueueSettings, RedriveAllow},
};

/// What stands for nothing that is paused.
const NOT_PAUSED: &str = "-";

/// A table of queues, with a column of what is paused if anything is.
pub(super) fn table(to: &mut Session, rows: Vec<[String; 6]>) -> std::io::Result<()> {
    let header = ["QUEUE", "READY", "DELAYED", "IN FLIGHT", "OLDEST", "PAUSED"];
    if rows.iter().any(|[.., paused]| paused != NOT_PAUSED) {
        return to.out.table(header, rows);
    }
    let rows = rows.into_iter().map(without_last);
    to.out.table(without_last(header), rows)
}

fn without_last<T>([name, ready, delayed, in_flight, oldest, _]: [T; 6]) -> [T; 5] {
    [name, ready, delayed, in_flight, oldest]
}

pub(super) fn row(queue: &Queue) -> [String; 6] {
    let counts = &queue.counts;
    [
        queue.name.to_string(),
        counts.ready.to_string(),
        counts.delayed.to_string(),
        counts.in_flight.to_string(),
        age(counts.oldest_age),
        paused(queue).to_owned(),
    ]
}

pub(super) fn show(to: &mut Session, queue: &Queue) -> std::io::Result<()> {
    if to.out.is_json() {
        return to.out.object(&super::QueueObject::new(queue));
    }
    let counts = &queue.counts;
    let mut rows = vec![
        ("kind", if queue.name.is_fifo() { "FIFO" } else { "standard" }.to_owned()),
        ("ready", counts.ready.to_string()),
        ("delayed", counts.delayed.to_string()),
        ("in flight", counts.in_flight.to_string()),
        ("oldest", age(counts.oldest_age)),
        ("paused", paused(queue).to_owned()),
    ];
    rows.extend(settings(queue));
    rows.push(("created", rfc3339(queue.created_at)));
    rows.push(("modified", rfc3339(queue.modified_at)));
    let rows = rows.into_iter().map(|(name, value)| [name.to_owned(), value]);
    to.out.table(["queue", queue.name.as_str()], rows)
}

fn settings(queue: &Queue) -> Vec<(&'static str, String)> {
    let settings = &queue.settings;
    let mut rows = vec![
        ("visibility timeout", settings.visibility_timeout.to_string()),
        ("delay", settings.delay.to_string()),
        ("retention", settings.retention.to_string()),
        ("max message size", Size(settings.message_bytes_max).to_string()),
        ("receive wait", settings.receive_wait.to_string()),
        ("dead-letter queue", dead_letters(settings)),
    ];
    if settings.redrive_allow != RedriveAllow::All {
        let allow = AllowForm(settings.redrive_allow.clone());
        rows.push(("allow dead letters of", allow.to_string()));
    }
    let backoff = settings.backoff.map(|backoff| BackoffForm(backoff).to_string());
    rows.push(("retry backoff", backoff.unwrap_or_else(|| "-".into())));
    if queue.name.is_fifo() {
        let spaced = |word: &str| word.replace('_', "-");
        let content = if settings.content_deduplication { "yes" } else { "no" };
        rows.push(("content deduplication", content.to_owned()));
        rows.push(("deduplication scope", spaced(scope_word(settings.deduplication_scope))));
        rows.push(("throughput limit", spaced(throughput_word(settings.throughput_limit))));
    }
    let pair = |(key, value)| printable(&format!("{key}={value}"));
    rows.extend(settings.tags.iter().map(|tag| ("tag", pair(tag))));
    rows.extend(settings.stored.iter().map(|kept| ("stored, no effect", pair(kept))));
    rows
}

fn dead_letters(settings: &QueueSettings) -> String {
    settings.redrive.as_ref().map_or_else(
        || "-".into(),
        |redrive| {
            let receives = counted(u64::from(redrive.receives_max), "receive", "receives");
            format!("{} after {receives}", redrive.dead_letter_queue)
        },
    )
}

fn paused(queue: &Queue) -> &'static str {
    match (queue.sends_paused, queue.receives_paused) {
        (false, false) => NOT_PAUSED,
        (true, false) => "sends",
        (false, true) => "receives",
        (true, true) => "sends, receives",
    }
}

/// In whole seconds: nobody looks for the milliseconds of the oldest message.
fn age(oldest: Option<Millis>) -> String {
    oldest.map_or_else(
        || "-".into(),
        |age| {
            humantime::format_duration(std::time::Duration::from_secs(age.get() / 1000)).to_string()
        },
    )
}
