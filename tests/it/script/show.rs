//! How what a client is told is written down.

use std::{collections::BTreeMap, fmt::Write};

use ledgerq::types::{
    MessageState, MoveOutcome, MoveTaskView, QueueCounts, QueueSettings, RedriveAllow,
    limits::PRIORITY_DEFAULT,
};

use super::driver::Queue;
use crate::broker::BEGIN;

pub(super) fn counts(queue: &str, told: &Queue) -> String {
    let QueueCounts { ready, delayed, in_flight, oldest_age } = told.counts;
    let mut text = format!("{queue}: ready={ready} delayed={delayed} in_flight={in_flight}");
    if let Some(age) = oldest_age {
        let _ = write!(text, " oldest={age}");
    }
    match (told.sends_paused, told.receives_paused) {
        (true, true) => text.push_str(" paused"),
        (true, false) => text.push_str(" sends paused"),
        (false, true) => text.push_str(" receives paused"),
        (false, false) => {}
    }
    text
}

/// The five settings of any queue, and of the others those that are not at their default.
pub(super) fn settings(queue: &str, settings: &QueueSettings) -> String {
    let usual = QueueSettings::default();
    let QueueSettings { delay, message_bytes_max, retention, receive_wait, .. } = settings;
    let visibility = settings.visibility_timeout;
    let mut text = format!(
        "{queue}: delay={delay} max_bytes={message_bytes_max} retention={retention} \
         wait={receive_wait} visibility={visibility}"
    );
    if let Some(redrive) = &settings.redrive {
        let _ = write!(text, " dlq={}:{}", redrive.dead_letter_queue, redrive.receives_max);
    }
    match &settings.redrive_allow {
        RedriveAllow::All => {}
        RedriveAllow::None => text.push_str(" allow=none"),
        RedriveAllow::Queues(names) => {
            let names: Vec<&str> = names.iter().map(ledgerq::types::QueueName::as_str).collect();
            let _ = write!(text, " allow={}", names.join(","));
        }
    }
    if settings.content_deduplication {
        text.push_str(" content-dedup");
    }
    if settings.deduplication_scope != usual.deduplication_scope {
        text.push_str(" scope=group");
    }
    if settings.throughput_limit != usual.throughput_limit {
        text.push_str(" throughput=group");
    }
    if let Some(backoff) = &settings.backoff {
        let _ = write!(text, " backoff={}", backoff.first);
        if backoff.doubles {
            let _ = write!(text, "..{}", backoff.max);
        }
    }
    for (name, words) in [("tags", &settings.tags), ("stored", &settings.stored)] {
        if !words.is_empty() {
            let _ = write!(text, " {name}={}", pairs(words));
        }
    }
    text
}

fn pairs(words: &BTreeMap<String, String>) -> String {
    let pair = |(key, value): (&String, &String)| format!("{key}:{value}");
    words.iter().map(pair).collect::<Vec<_>>().join(",")
}

pub(super) fn source(source: Option<&str>) -> String {
    source.map(|source| format!(" from={source}")).unwrap_or_default()
}

pub(super) fn priority(priority: u8) -> String {
    let is_usual = priority == PRIORITY_DEFAULT;
    if is_usual { String::new() } else { format!(" priority={priority}") }
}

/// Times are told from the beginning of the script.
pub(super) fn state(state: MessageState) -> String {
    match state {
        MessageState::Ready => "ready".to_owned(),
        MessageState::Delayed { until } => format!("delayed until {}", until.since(BEGIN)),
        MessageState::InFlight { until, .. } => format!("in flight until {}", until.since(BEGIN)),
    }
}

pub(super) fn task(task: &MoveTaskView) -> String {
    let target = task.spec.target.as_ref().map_or("its sources", |target| target.as_str());
    let state = match &task.outcome {
        None if task.cancelling => "cancelling",
        None => "running",
        Some(MoveOutcome::Completed) => "completed",
        Some(MoveOutcome::Cancelled) => "cancelled",
        Some(MoveOutcome::Failed { .. }) => "failed",
    };
    let reason = match &task.outcome {
        Some(MoveOutcome::Failed { reason }) => format!(": {reason}"),
        _ => String::new(),
    };
    let (moved, to_move) = (task.moved_count, task.to_move_count);
    let source = &task.spec.source;
    format!("{source} to {target}: {state}, {moved} of {to_move} moved{reason}")
}
