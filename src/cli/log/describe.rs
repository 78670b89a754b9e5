//! What each record says: its name and its fields, those that are as usual left out.

use super::{
    super::{
        attribute::AttributeArg,
        values::{AllowForm, BackoffForm, scope_word, throughput_word},
    },
    record::{Described, Field, Value},
};
use crate::types::{
    DeduplicationScope, Digest, MoveFilter, MoveOutcome, Nonce, QueueId, QueueSettings, Record,
    RedriveAllow, Sending, Seq, TaskId, ThroughputLimit, limits::PRIORITY_DEFAULT,
};

/// What a record says.
pub(super) fn describe(record: &Record) -> Described {
    let (name, fields) = match record {
        Record::Tick => ("Tick", Vec::new()),
        Record::RetentionHeld => ("RetentionHeld", Vec::new()),
        Record::RetentionReleased => ("RetentionReleased", Vec::new()),
        Record::QueueCreated { queue, name, settings } => {
            let fields = vec![queue_id(*queue), ("queue", Value::Text(name.to_string()))];
            ("QueueCreated", with(fields, settings_fields(settings)))
        }
        Record::QueueUpdated { queue, settings } => {
            ("QueueUpdated", with(vec![queue_id(*queue)], settings_fields(settings)))
        }
        Record::QueueDeleted { queue } => ("QueueDeleted", vec![queue_id(*queue)]),
        Record::QueuePurged { queue, seq_bound } => {
            let bound = ("seq_bound", Value::Number(seq_bound.get()));
            ("QueuePurged", vec![queue_id(*queue), bound])
        }
        Record::QueuePaused { queue, sends, receives } => {
            let paused = [("sends", Value::Flag(*sends)), ("receives", Value::Flag(*receives))];
            ("QueuePaused", with(vec![queue_id(*queue)], paused))
        }
        Record::MessageSent(sending) => ("MessageSent", sending_fields(sending)),
        Record::MessageLeased { queue, seq, nonce, until } => {
            let lease = [nonce_of(*nonce), ("until", Value::At(*until))];
            ("MessageLeased", with(message_of(*queue, *seq), lease))
        }
        Record::VisibilityChanged { queue, seq, until } => {
            ("VisibilityChanged", with(message_of(*queue, *seq), [("until", Value::At(*until))]))
        }
        Record::LeaseReturned { queue, seq } => ("LeaseReturned", message_of(*queue, *seq)),
        Record::MessageDeleted { queue, seq } => ("MessageDeleted", message_of(*queue, *seq)),
        Record::MessageMoved { queue, seq, target } => {
            let target = ("target_queue_id", Value::Number(target.get()));
            ("MessageMoved", with(message_of(*queue, *seq), [target]))
        }
        Record::AttemptMade { queue, attempt, nonce, seqs } => {
            let seqs: Vec<String> = seqs.iter().map(Seq::to_string).collect();
            let made = [nonce_of(*nonce), ("seqs", Value::Text(seqs.join(",")))];
            ("AttemptMade", with(vec![queue_id(*queue), attempt_of(*attempt)], made))
        }
        Record::AttemptRepeated { queue, attempt, until } => {
            let until = ("until", Value::At(*until));
            ("AttemptRepeated", vec![queue_id(*queue), attempt_of(*attempt), until])
        }
        Record::Transacted { records } => return transacted(records),
        Record::MoveStarted { task, source, target, rate_max, filter } => {
            let mut fields = vec![task_of(*task), ("source_queue_id", Value::Number(source.get()))];
            fields.extend(target.map(|to| ("target_queue_id", Value::Number(to.get()))));
            fields.extend(rate_max.map(|rate| ("rate_max", Value::Number(u64::from(rate)))));
            ("MoveStarted", with(fields, filter_fields(filter)))
        }
        Record::MessageRedriven { task, seq, sending } => {
            let from = vec![task_of(*task), ("from_seq", Value::Number(seq.get()))];
            ("MessageRedriven", with(from, sending_fields(sending)))
        }
        Record::MoveCancelling { task } => ("MoveCancelling", vec![task_of(*task)]),
        Record::MoveEnded { task, outcome } => {
            ("MoveEnded", with(vec![task_of(*task)], outcome_fields(outcome)))
        }
        Record::Compacted { output, length, .. } => (
            "Compacted",
            vec![("output", Value::Number(output.get())), ("bytes", Value::Number(*length))],
        ),
    };
    Described { name, fields, within: Vec::new() }
}

fn transacted(records: &[Record]) -> Described {
    Described {
        name: "Transacted",
        fields: Vec::new(),
        within: records.iter().map(describe).collect(),
    }
}

fn with(mut fields: Vec<Field>, more: impl IntoIterator<Item = Field>) -> Vec<Field> {
    fields.extend(more);
    fields
}

fn queue_id(queue: QueueId) -> Field {
    ("queue_id", Value::Number(queue.get()))
}

fn message_of(queue: QueueId, seq: Seq) -> Vec<Field> {
    vec![queue_id(queue), ("seq", Value::Number(seq.get()))]
}

fn task_of(task: TaskId) -> Field {
    ("task", Value::Number(task.get()))
}

/// As text: programs that read numbers as floats would round it.
fn nonce_of(nonce: Nonce) -> Field {
    ("nonce", Value::Text(format!("{:016x}", nonce.get())))
}

fn attempt_of(Digest(digest): Digest) -> Field {
    ("attempt", Value::Text(format!("{digest:032x}")))
}

fn sending_fields(sending: &Sending) -> Vec<Field> {
    let mut fields = message_of(sending.queue, sending.seq);
    fields.push(("size", Value::Bytes(u64::from(sending.size))));
    fields.push(("ready_at", Value::At(sending.ready_at)));
    fields.extend(sending.expires_at.map(|at| ("expires_at", Value::At(at))));
    if sending.priority != PRIORITY_DEFAULT {
        fields.push(("priority", Value::Number(u64::from(sending.priority))));
    }
    fields.extend(sending.group.iter().map(|id| ("group", Value::Text(id.to_string()))));
    let digest = |Digest(digest)| ("deduplication", Value::Text(format!("{digest:032x}")));
    fields.extend(sending.deduplication.map(digest));
    fields
}

fn settings_fields(settings: &QueueSettings) -> Vec<Field> {
    let mut fields = vec![
        ("visibility_timeout", Value::Lasts(settings.visibility_timeout)),
        ("delay", Value::Lasts(settings.delay)),
        ("retention", Value::Lasts(settings.retention)),
        ("receive_wait", Value::Lasts(settings.receive_wait)),
        ("max_message", Value::Bytes(settings.message_bytes_max)),
    ];
    if let Some(redrive) = &settings.redrive {
        let receives = u64::from(redrive.receives_max);
        fields.push(("dead_letter_queue", Value::Text(redrive.dead_letter_queue.to_string())));
        fields.push(("max_receives", Value::Number(receives)));
    }
    if settings.redrive_allow != RedriveAllow::All {
        let allow = AllowForm(settings.redrive_allow.clone()).to_string();
        fields.push(("allow_dead_letters_of", Value::Text(allow)));
    }
    if settings.content_deduplication {
        fields.push(("content_deduplication", Value::Flag(true)));
    }
    if settings.deduplication_scope != DeduplicationScope::Queue {
        let word = scope_word(settings.deduplication_scope);
        fields.push(("deduplication_scope", Value::Text(word.to_owned())));
    }
    if settings.throughput_limit != ThroughputLimit::PerQueue {
        let word = throughput_word(settings.throughput_limit);
        fields.push(("throughput_limit", Value::Text(word.to_owned())));
    }
    if let Some(backoff) = settings.backoff {
        fields.push(("retry_backoff", Value::Text(BackoffForm(backoff).to_string())));
    }
    if !settings.tags.is_empty() {
        fields.push(("tags", Value::Words(settings.tags.clone())));
    }
    if !settings.stored.is_empty() {
        fields.push(("stored", Value::Words(settings.stored.clone())));
    }
    fields
}

fn filter_fields(filter: &MoveFilter) -> Vec<Field> {
    let mut fields = Vec::new();
    fields.extend(filter.group.iter().map(|id| ("group", Value::Text(id.to_string()))));
    fields.extend(filter.age_min.map(|age| ("age_min", Value::Lasts(age))));
    let attribute = filter.attribute.clone().map(AttributeArg);
    fields.extend(attribute.map(|form| ("attribute", Value::Text(form.to_string()))));
    fields
}

fn outcome_fields(outcome: &MoveOutcome) -> Vec<Field> {
    let (word, reason) = match outcome {
        MoveOutcome::Completed => ("completed", None),
        MoveOutcome::Cancelled => ("cancelled", None),
        MoveOutcome::Failed { reason } => ("failed", Some(reason.clone())),
    };
    let reason = reason.map(|reason| ("reason", Value::Text(reason)));
    with(vec![("outcome", Value::Text(word.to_owned()))], reason)
}
