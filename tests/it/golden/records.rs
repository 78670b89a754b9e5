//! One of each kind of record, and of each with its options.

use ledgerq::types::{
    Attribute, AttributeValue, Backoff, DeduplicationScope, Digest, Millis, MoveFilter,
    MoveOutcome, Nonce, OutputId, QueueId, QueueSettings, Record, RedriveAllow, RedrivePolicy,
    Sending, Seq, TaskId, ThroughputLimit, Timestamp,
};

use crate::commands::{group, queue};

pub(super) const QUEUE: QueueId = QueueId::new(0x0102);
pub(super) const SEQ: Seq = Seq::new(0x0304_0506);
pub(super) const UNTIL: Timestamp = Timestamp::from_millis(1_700_000_030_000);
pub(super) const NONCE: Nonce = Nonce::new(0x1122_3344_5566_7788);
pub(super) const TASK: TaskId = TaskId::new(0x0708);
pub(super) const DIGEST: Digest = Digest(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

/// Those of the first version, in the order of its file.
pub(super) fn first_records() -> Vec<(&'static str, Record)> {
    vec![
        ("tick", Record::Tick),
        ("retention-held", Record::RetentionHeld),
        ("retention-released", Record::RetentionReleased),
        (
            "queue-created",
            Record::QueueCreated { queue: QUEUE, name: queue("Jobs_2-b"), settings: first() },
        ),
        ("queue-updated", Record::QueueUpdated { queue: QUEUE, settings: first() }),
        ("queue-deleted", Record::QueueDeleted { queue: QUEUE }),
        ("queue-purged", Record::QueuePurged { queue: QUEUE, seq_bound: SEQ }),
        ("message-sent", Record::MessageSent(Sending::plain(QUEUE, SEQ, UNTIL, 0x000a_0b0c))),
        (
            "message-leased",
            Record::MessageLeased { queue: QUEUE, seq: SEQ, nonce: NONCE, until: UNTIL },
        ),
        ("visibility-changed", Record::VisibilityChanged { queue: QUEUE, seq: SEQ, until: UNTIL }),
        ("lease-returned", Record::LeaseReturned { queue: QUEUE, seq: SEQ }),
        ("message-deleted", Record::MessageDeleted { queue: QUEUE, seq: SEQ }),
    ]
}

/// The settings of the first version.
fn first() -> QueueSettings {
    QueueSettings {
        delay: Millis::new(1),
        message_bytes_max: 2048,
        retention: Millis::from_secs(3600),
        receive_wait: Millis::from_secs(20),
        visibility_timeout: Millis::new(30_500),
        ..QueueSettings::default()
    }
}

pub(super) fn settings() -> QueueSettings {
    let words = |key: &str, value: &str| [(key.to_owned(), value.to_owned())].into();
    QueueSettings {
        redrive: Some(RedrivePolicy { dead_letter_queue: queue("dead"), receives_max: 3 }),
        redrive_allow: RedriveAllow::Queues(vec![queue("a"), queue("b")]),
        content_deduplication: true,
        deduplication_scope: DeduplicationScope::MessageGroup,
        throughput_limit: ThroughputLimit::PerMessageGroup,
        backoff: Some(Backoff { first: Millis::new(5), doubles: true, max: Millis::new(50) }),
        tags: words("team", "a b"),
        stored: words("Policy", "{}"),
        ..first()
    }
}

pub(super) fn sending() -> Sending {
    Sending {
        expires_at: Some(UNTIL),
        priority: 9,
        group: Some(group("orders")),
        deduplication: Some(DIGEST),
        ..Sending::plain(QUEUE, SEQ, UNTIL, 0x000a_0b0c)
    }
}

pub(super) fn filter() -> MoveFilter {
    let value = AttributeValue::Text("en".to_owned());
    MoveFilter {
        group: Some(group("orders")),
        age_min: Some(Millis::new(250)),
        attribute: Some(Attribute {
            name: "language".to_owned(),
            data_type: "String".to_owned(),
            value,
        }),
    }
}

/// The record after this one in the file, so that every kind has one: a new kind of record breaks
/// the build here until it has its place.
fn next(before: Option<&Record>) -> Option<(&'static str, Record)> {
    let (queue, seq) = (QUEUE, SEQ);
    let Some(before) = before else { return Some(("tick", Record::Tick)) };
    Some(match before {
        Record::Tick => ("retention-held", Record::RetentionHeld),
        Record::RetentionHeld => ("retention-released", Record::RetentionReleased),
        Record::RetentionReleased => {
            let name = crate::commands::queue("Jobs.fifo");
            ("queue-created", Record::QueueCreated { queue, name, settings: settings() })
        }
        Record::QueueCreated { .. } => {
            ("queue-updated", Record::QueueUpdated { queue, settings: settings() })
        }
        Record::QueueUpdated { .. } => ("queue-deleted", Record::QueueDeleted { queue }),
        Record::QueueDeleted { .. } => {
            ("queue-purged", Record::QueuePurged { queue, seq_bound: seq })
        }
        Record::QueuePurged { .. } => {
            ("queue-paused", Record::QueuePaused { queue, sends: true, receives: false })
        }
        Record::QueuePaused { .. } => ("message-sent", Record::MessageSent(sending())),
        Record::MessageSent(_) => {
            ("message-leased", Record::MessageLeased { queue, seq, nonce: NONCE, until: UNTIL })
        }
        Record::MessageLeased { .. } => {
            ("visibility-changed", Record::VisibilityChanged { queue, seq, until: UNTIL })
        }
        Record::VisibilityChanged { .. } => {
            ("lease-returned", Record::LeaseReturned { queue, seq })
        }
        Record::LeaseReturned { .. } => ("message-deleted", Record::MessageDeleted { queue, seq }),
        Record::MessageDeleted { .. } => {
            ("message-moved", Record::MessageMoved { queue, seq, target: QueueId::new(7) })
        }
        _ => return next_of_many(before),
    })
}

fn next_of_many(before: &Record) -> Option<(&'static str, Record)> {
    let (queue, seq) = (QUEUE, SEQ);
    Some(match before {
        Record::MessageMoved { .. } => {
            let seqs = vec![seq, seq.next()];
            ("attempt-made", Record::AttemptMade { queue, attempt: DIGEST, nonce: NONCE, seqs })
        }
        Record::AttemptMade { .. } => {
            ("attempt-repeated", Record::AttemptRepeated { queue, attempt: DIGEST, until: UNTIL })
        }
        Record::AttemptRepeated { .. } => {
            let records = vec![
                Record::MessageDeleted { queue, seq },
                Record::MessageSent(sending()),
                Record::VisibilityChanged { queue, seq, until: UNTIL },
            ];
            ("transacted", Record::Transacted { records })
        }
        Record::Transacted { .. } => {
            let (target, rate_max) = (Some(QueueId::new(7)), Some(500));
            let filter = filter();
            (
                "move-started",
                Record::MoveStarted { task: TASK, source: queue, target, rate_max, filter },
            )
        }
        Record::MoveStarted { .. } => {
            ("message-redriven", Record::MessageRedriven { task: TASK, seq, sending: sending() })
        }
        Record::MessageRedriven { .. } => {
            ("move-cancelling", Record::MoveCancelling { task: TASK })
        }
        Record::MoveCancelling { .. } => {
            let outcome = MoveOutcome::Failed { reason: "a reason".to_owned() };
            ("move-ended", Record::MoveEnded { task: TASK, outcome })
        }
        Record::MoveEnded { .. } => {
            let (output, salt, length, footer_crc) = (OutputId::new(3), 0x0102_0304, 1 << 20, 77);
            ("compacted", Record::Compacted { output, salt, length, footer_crc })
        }
        Record::Compacted { .. } => return None,
        _ => unreachable!("the first half of the list"),
    })
}

/// One of each kind, and then those whose options are left out.
pub(super) fn records() -> Vec<(&'static str, Record)> {
    let mut records: Vec<(&'static str, Record)> = Vec::new();
    while let Some(named) = next(records.last().map(|(_, record)| record)) {
        records.push(named);
    }
    let (queue, source) = (QUEUE, QUEUE);
    let ended = |outcome| Record::MoveEnded { task: TASK, outcome };
    let denied = QueueSettings { redrive_allow: RedriveAllow::None, ..first() };
    let (target, rate_max, filter) = (None, None, MoveFilter::default());
    records.extend([
        ("queue-updated-plain", Record::QueueUpdated { queue, settings: denied }),
        ("message-sent-plain", Record::MessageSent(Sending::plain(QUEUE, SEQ, UNTIL, 1))),
        (
            "message-sent-in-group",
            Record::MessageSent(Sending { expires_at: None, deduplication: None, ..sending() }),
        ),
        (
            "move-started-plain",
            Record::MoveStarted { task: TASK, source, target, rate_max, filter },
        ),
        ("move-completed", ended(MoveOutcome::Completed)),
        ("move-cancelled", ended(MoveOutcome::Cancelled)),
    ]);
    records
}
