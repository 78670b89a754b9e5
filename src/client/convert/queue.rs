//! Queues and their settings.

use super::{super::Queue, Error, duration, millis, timestamp};
use crate::{
    proto::v1,
    types::{
        Backoff, DeduplicationScope, QueueCounts, QueueName, QueueSettings, RedriveAllow,
        RedrivePolicy, SettingsPatch, ThroughputLimit,
    },
};

/// The settings that a patch gives. What it takes away is not set: see [`update_mask`].
pub(in crate::client) fn settings(patch: &SettingsPatch) -> v1::QueueSettings {
    let scope = patch.deduplication_scope.map(|scope| match scope {
        DeduplicationScope::Queue => v1::DeduplicationScope::Queue,
        DeduplicationScope::MessageGroup => v1::DeduplicationScope::MessageGroup,
    });
    let throughput = patch.throughput_limit.map(|limit| match limit {
        ThroughputLimit::PerQueue => v1::ThroughputLimit::PerQueue,
        ThroughputLimit::PerMessageGroup => v1::ThroughputLimit::PerMessageGroup,
    });
    let redrive = patch.redrive.as_ref().and_then(Option::as_ref);
    v1::QueueSettings {
        delay: patch.delay.map(duration),
        max_message_bytes: patch.message_bytes_max,
        retention: patch.retention.map(duration),
        receive_wait: patch.receive_wait.map(duration),
        visibility_timeout: patch.visibility_timeout.map(duration),
        redrive_policy: redrive.map(|policy| v1::RedrivePolicy {
            dead_letter_queue: policy.dead_letter_queue.to_string(),
            max_receives: policy.receives_max,
        }),
        redrive_allow_policy: patch.redrive_allow.as_ref().map(allow),
        content_deduplication: patch.content_deduplication,
        deduplication_scope: scope.unwrap_or_default().into(),
        throughput_limit: throughput.unwrap_or_default().into(),
        retry_backoff: patch.backoff.flatten().map(|backoff| v1::RetryBackoff {
            first: Some(duration(backoff.first)),
            doubles: backoff.doubles,
            max: Some(duration(backoff.max)),
        }),
        tags: patch.tags.clone().unwrap_or_default(),
        stored: patch.stored.clone(),
    }
}

/// The names of the settings that a patch changes: one that it takes away is named and not set.
pub(in crate::client) fn update_mask(patch: &SettingsPatch) -> prost_types::FieldMask {
    let changed = [
        ("delay", patch.delay.is_some()),
        ("max_message_bytes", patch.message_bytes_max.is_some()),
        ("retention", patch.retention.is_some()),
        ("receive_wait", patch.receive_wait.is_some()),
        ("visibility_timeout", patch.visibility_timeout.is_some()),
        ("redrive_policy", patch.redrive.is_some()),
        ("redrive_allow_policy", patch.redrive_allow.is_some()),
        ("content_deduplication", patch.content_deduplication.is_some()),
        ("deduplication_scope", patch.deduplication_scope.is_some()),
        ("throughput_limit", patch.throughput_limit.is_some()),
        ("retry_backoff", patch.backoff.is_some()),
        ("tags", patch.tags.is_some()),
        ("stored", !patch.stored.is_empty()),
    ];
    let names = changed.into_iter().filter(|(_, is_changed)| *is_changed);
    prost_types::FieldMask { paths: names.map(|(name, _)| name.to_owned()).collect() }
}

fn allow(policy: &RedriveAllow) -> v1::RedriveAllowPolicy {
    let (mode, queues) = match policy {
        RedriveAllow::All => (v1::RedriveAllowMode::All, [].as_slice()),
        RedriveAllow::None => (v1::RedriveAllowMode::None, [].as_slice()),
        RedriveAllow::Queues(queues) => (v1::RedriveAllowMode::Queues, queues.as_slice()),
    };
    let source_queues = queues.iter().map(QueueName::to_string).collect();
    v1::RedriveAllowPolicy { mode: mode.into(), source_queues }
}

pub(in crate::client) fn queue(queue: Option<v1::Queue>) -> Result<Queue, Error> {
    let queue = queue.ok_or(Error::Answer("the queue"))?;
    let counts = queue.counts.ok_or(Error::Answer("the queue's counts"))?;
    Ok(Queue {
        name: name(&queue.name)?,
        settings: told(queue.settings.ok_or(Error::Answer("the queue's settings"))?)?,
        counts: QueueCounts {
            ready: counts.ready,
            delayed: counts.delayed,
            in_flight: counts.in_flight,
            oldest_age: queue
                .oldest_message_age
                .map(|age| millis(Some(age), "an age"))
                .transpose()?,
        },
        created_at: timestamp(queue.created_at, "a time of creation")?,
        modified_at: timestamp(queue.modified_at, "a time of change")?,
        sends_paused: queue.sends_paused,
        receives_paused: queue.receives_paused,
    })
}

pub(in crate::client) fn queues(listed: Vec<v1::Queue>) -> Result<Vec<Queue>, Error> {
    listed.into_iter().map(|one| queue(Some(one))).collect()
}

/// All settings of a queue, as the broker told them.
fn told(set: v1::QueueSettings) -> Result<QueueSettings, Error> {
    let (scope, throughput) = (set.deduplication_scope(), set.throughput_limit());
    Ok(QueueSettings {
        delay: millis(set.delay, "a delay")?,
        message_bytes_max: set.max_message_bytes.ok_or(Error::Answer("a message size"))?,
        retention: millis(set.retention, "a retention")?,
        receive_wait: millis(set.receive_wait, "a wait")?,
        visibility_timeout: millis(set.visibility_timeout, "a visibility timeout")?,
        redrive: set.redrive_policy.as_ref().map(redrive).transpose()?,
        redrive_allow: set.redrive_allow_policy.as_ref().map_or(Ok(RedriveAllow::All), allowed)?,
        content_deduplication: set.content_deduplication.unwrap_or_default(),
        deduplication_scope: match scope {
            v1::DeduplicationScope::MessageGroup => DeduplicationScope::MessageGroup,
            v1::DeduplicationScope::Queue | v1::DeduplicationScope::Unspecified => {
                DeduplicationScope::Queue
            }
        },
        throughput_limit: match throughput {
            v1::ThroughputLimit::PerMessageGroup => ThroughputLimit::PerMessageGroup,
            v1::ThroughputLimit::PerQueue | v1::ThroughputLimit::Unspecified => {
                ThroughputLimit::PerQueue
            }
        },
        backoff: set.retry_backoff.map(backoff).transpose()?,
        tags: set.tags,
        stored: set.stored,
    })
}

fn redrive(policy: &v1::RedrivePolicy) -> Result<RedrivePolicy, Error> {
    let dead_letter_queue = name(&policy.dead_letter_queue)?;
    Ok(RedrivePolicy { dead_letter_queue, receives_max: policy.max_receives })
}

fn allowed(policy: &v1::RedriveAllowPolicy) -> Result<RedriveAllow, Error> {
    Ok(match policy.mode() {
        v1::RedriveAllowMode::All => RedriveAllow::All,
        v1::RedriveAllowMode::None => RedriveAllow::None,
        v1::RedriveAllowMode::Queues => {
            let names = policy.source_queues.iter().map(|queue| name(queue));
            RedriveAllow::Queues(names.collect::<Result<_, _>>()?)
        }
        v1::RedriveAllowMode::Unspecified => {
            return Err(Error::Answer("whose dead letters the queue takes"));
        }
    })
}

fn backoff(backoff: v1::RetryBackoff) -> Result<Backoff, Error> {
    let first = millis(backoff.first, "a backoff")?;
    let max = millis(backoff.max, "a longest backoff")?;
    Ok(Backoff { first, doubles: backoff.doubles, max })
}

pub(super) fn name(text: &str) -> Result<QueueName, Error> {
    QueueName::parse(text).map_err(|_| Error::Answer("a queue's name"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::types::Millis;

    fn all_set() -> QueueSettings {
        let name = |text| QueueName::parse(text).expect("a name");
        let words = BTreeMap::from([("k".to_owned(), "v".to_owned())]);
        QueueSettings {
            delay: Millis::new(1),
            message_bytes_max: 2000,
            retention: Millis::from_secs(61),
            receive_wait: Millis::new(3),
            visibility_timeout: Millis::new(4),
            redrive: Some(RedrivePolicy { dead_letter_queue: name("dead.fifo"), receives_max: 5 }),
            redrive_allow: RedriveAllow::Queues(vec![name("a.fifo"), name("b.fifo")]),
            content_deduplication: true,
            deduplication_scope: DeduplicationScope::MessageGroup,
            throughput_limit: ThroughputLimit::PerMessageGroup,
            backoff: Some(Backoff { first: Millis::new(6), doubles: true, max: Millis::new(7) }),
            tags: words.clone(),
            stored: words,
        }
    }

    fn patch(settings: &QueueSettings) -> SettingsPatch {
        let settings = settings.clone();
        SettingsPatch {
            delay: Some(settings.delay),
            message_bytes_max: Some(settings.message_bytes_max),
            retention: Some(settings.retention),
            receive_wait: Some(settings.receive_wait),
            visibility_timeout: Some(settings.visibility_timeout),
            redrive: Some(settings.redrive),
            redrive_allow: Some(settings.redrive_allow),
            content_deduplication: Some(settings.content_deduplication),
            deduplication_scope: Some(settings.deduplication_scope),
            throughput_limit: Some(settings.throughput_limit),
            backoff: Some(settings.backoff),
            tags: Some(settings.tags),
            stored: settings.stored,
        }
    }

    #[test]
    fn settings_come_back_as_they_were_sent() {
        for settings_sent in [all_set(), QueueSettings::default()] {
            let back = told(settings(&patch(&settings_sent))).expect("all are set");
            assert_eq!(back, settings_sent);
        }
    }

    #[test]
    fn what_is_taken_away_is_named_and_not_set() {
        let patch = SettingsPatch {
            redrive: Some(None),
            backoff: Some(None),
            tags: Some(BTreeMap::new()),
            ..SettingsPatch::default()
        };
        assert_eq!(update_mask(&patch).paths, ["redrive_policy", "retry_backoff", "tags"]);
        assert_eq!(settings(&patch), v1::QueueSettings::default());
        assert!(update_mask(&SettingsPatch::default()).paths.is_empty());
    }

    #[test]
    fn the_mask_names_every_setting_of_the_protocol() {
        let names = update_mask(&patch(&all_set())).paths;
        let proto = include_str!("../../../proto/ledgerq/v1/queue.proto");
        let block = proto.split("message QueueSettings {").nth(1).expect("the message");
        let block = block.split("\n}").next().expect("its end");
        let fields = block.lines().filter(|line| !line.trim_start().starts_with("//"));
        let fields: Vec<&str> =
            fields.filter_map(|line| line.split(" = ").next()?.split(' ').next_back()).collect();
        let fields: Vec<&str> = fields.into_iter().filter(|name| !name.is_empty()).collect();
        assert_eq!(names, fields);
    }
}
