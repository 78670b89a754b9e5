//! Calls about queues.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ledgerq::{
    proto::v1::{self, queue_service_client::QueueServiceClient},
    types::{
        Backoff, DeduplicationScope, QueueCounts, QueueName, QueueSettings, RedriveAllow,
        RedrivePolicy, SettingsPatch, ThroughputLimit,
    },
};
use prost_types::FieldMask;
use tonic::transport::Channel;

use super::{duration_of, millis, told};
use crate::script::driver::{Call, Outcome, Queue};

pub(super) async fn ask(mut queues: QueueServiceClient<Channel>, call: Call) -> Outcome {
    match call {
        Call::Create { queue, settings } => {
            let settings = Some(settings_of(&settings));
            let request = v1::CreateQueueRequest { queue, settings };
            told(queues.create_queue(request).await, |answer| queue_of(answer.queue))
        }
        Call::Update { queue, settings: given } => {
            let (settings, update_mask) = (Some(settings_of(&given)), mask_of(&given));
            let request = v1::UpdateQueueRequest { queue, settings, update_mask };
            told(queues.update_queue(request).await, |answer| queue_of(answer.queue))
        }
        Call::Get { queue } => {
            let request = v1::GetQueueRequest { queue };
            told(queues.get_queue(request).await, |answer| queue_of(answer.queue))
        }
        Call::List { prefix, after, count_max } => {
            let (page_size, page_token) = page(after, count_max);
            let request = v1::ListQueuesRequest { prefix, page_size, page_token };
            told(queues.list_queues(request).await, |answer| {
                names(answer.queues, &answer.next_page_token)
            })
        }
        Call::Sources { queue, after, count_max } => {
            let (page_size, page_token) = page(after, count_max);
            let request = v1::ListDeadLetterSourcesRequest { queue, page_size, page_token };
            told(queues.list_dead_letter_sources(request).await, |answer| {
                names(answer.queues, &answer.next_page_token)
            })
        }
        Call::Purge { queue } => {
            let request = v1::PurgeQueueRequest { queue };
            told(queues.purge_queue(request).await, |_| Outcome::Done)
        }
        Call::Drop { queue } => {
            let request = v1::DeleteQueueRequest { queue };
            told(queues.delete_queue(request).await, |_| Outcome::Done)
        }
        Call::Pause { queue, sends, receives } => pause(queues, queue, sends, receives).await,
        other => unreachable!("{other:?} is not about queues"),
    }
}

async fn pause(
    mut queues: QueueServiceClient<Channel>,
    queue: String,
    sends: Option<bool>,
    receives: Option<bool>,
) -> Outcome {
    let pauses = sends.or(receives).expect("one of them is meant");
    let (sends, receives) = (sends.is_some(), receives.is_some());
    if pauses {
        let request = v1::PauseQueueRequest { queue, sends, receives };
        told(queues.pause_queue(request).await, |answer| queue_of(answer.queue))
    } else {
        let request = v1::ResumeQueueRequest { queue, sends, receives };
        told(queues.resume_queue(request).await, |answer| queue_of(answer.queue))
    }
}

fn page(after: Option<String>, count_max: usize) -> (u32, String) {
    let page_size = u32::try_from(count_max).expect("pages are small");
    let after = after.map(|name| BASE64_URL_SAFE_NO_PAD.encode(name));
    (page_size, after.unwrap_or_default())
}

fn names(queues: Vec<v1::Queue>, next_page_token: &str) -> Outcome {
    let names = queues.into_iter().map(|queue| queue.name).collect();
    Outcome::Queues { names, more: !next_page_token.is_empty() }
}

/// What the settings name, if they take something away: without a mask that cannot be said.
fn mask_of(given: &SettingsPatch) -> Option<FieldMask> {
    let no_tags = given.tags.as_ref().is_some_and(std::collections::BTreeMap::is_empty);
    if given.redrive != Some(None) && given.backoff != Some(None) && !no_tags {
        return None;
    }
    let named = [
        ("delay", given.delay.is_some()),
        ("max_message_bytes", given.message_bytes_max.is_some()),
        ("retention", given.retention.is_some()),
        ("receive_wait", given.receive_wait.is_some()),
        ("visibility_timeout", given.visibility_timeout.is_some()),
        ("redrive_policy", given.redrive.is_some()),
        ("redrive_allow_policy", given.redrive_allow.is_some()),
        ("content_deduplication", given.content_deduplication.is_some()),
        ("deduplication_scope", given.deduplication_scope.is_some()),
        ("throughput_limit", given.throughput_limit.is_some()),
        ("retry_backoff", given.backoff.is_some()),
        ("tags", given.tags.is_some()),
        ("stored", !given.stored.is_empty()),
    ];
    let paths = named.into_iter().filter(|(_, is_given)| *is_given);
    Some(FieldMask { paths: paths.map(|(path, _)| path.to_owned()).collect() })
}

fn settings_of(settings: &SettingsPatch) -> v1::QueueSettings {
    v1::QueueSettings {
        delay: settings.delay.map(duration_of),
        max_message_bytes: settings.message_bytes_max,
        retention: settings.retention.map(duration_of),
        receive_wait: settings.receive_wait.map(duration_of),
        visibility_timeout: settings.visibility_timeout.map(duration_of),
        redrive_policy: settings.redrive.clone().flatten().map(|redrive| v1::RedrivePolicy {
            dead_letter_queue: redrive.dead_letter_queue.to_string(),
            max_receives: redrive.receives_max,
        }),
        redrive_allow_policy: settings.redrive_allow.as_ref().map(allow_of),
        content_deduplication: settings.content_deduplication,
        deduplication_scope: settings.deduplication_scope.map_or(0, |scope| match scope {
            DeduplicationScope::Queue => v1::DeduplicationScope::Queue.into(),
            DeduplicationScope::MessageGroup => v1::DeduplicationScope::MessageGroup.into(),
        }),
        throughput_limit: settings.throughput_limit.map_or(0, |limit| match limit {
            ThroughputLimit::PerQueue => v1::ThroughputLimit::PerQueue.into(),
            ThroughputLimit::PerMessageGroup => v1::ThroughputLimit::PerMessageGroup.into(),
        }),
        retry_backoff: settings.backoff.flatten().map(|backoff| v1::RetryBackoff {
            first: Some(duration_of(backoff.first)),
            doubles: backoff.doubles,
            max: Some(duration_of(backoff.max)),
        }),
        tags: settings.tags.clone().unwrap_or_default(),
        stored: settings.stored.clone(),
    }
}

fn allow_of(allow: &RedriveAllow) -> v1::RedriveAllowPolicy {
    let (mode, queues) = match allow {
        RedriveAllow::All => (v1::RedriveAllowMode::All, &[][..]),
        RedriveAllow::None => (v1::RedriveAllowMode::None, &[][..]),
        RedriveAllow::Queues(queues) => (v1::RedriveAllowMode::Queues, &queues[..]),
    };
    let source_queues = queues.iter().map(ToString::to_string).collect();
    v1::RedriveAllowPolicy { mode: mode.into(), source_queues }
}

fn queue_of(queue: Option<v1::Queue>) -> Outcome {
    let queue = queue.expect("the answer has the queue");
    let counts = queue.counts.expect("the queue has counts");
    Outcome::Queue(Queue {
        settings: from_settings(queue.settings.expect("the queue has settings")),
        counts: QueueCounts {
            ready: counts.ready,
            delayed: counts.delayed,
            in_flight: counts.in_flight,
            oldest_age: queue.oldest_message_age.map(|age| millis(Some(age))),
        },
        sends_paused: queue.sends_paused,
        receives_paused: queue.receives_paused,
    })
}

fn from_settings(settings: v1::QueueSettings) -> QueueSettings {
    let scope = settings.deduplication_scope();
    let limit = settings.throughput_limit();
    QueueSettings {
        delay: millis(settings.delay),
        message_bytes_max: settings.max_message_bytes.expect("every setting is told"),
        retention: millis(settings.retention),
        receive_wait: millis(settings.receive_wait),
        visibility_timeout: millis(settings.visibility_timeout),
        redrive: settings.redrive_policy.map(|redrive| RedrivePolicy {
            dead_letter_queue: name(&redrive.dead_letter_queue),
            receives_max: redrive.max_receives,
        }),
        redrive_allow: settings.redrive_allow_policy.as_ref().map_or(RedriveAllow::All, from_allow),
        content_deduplication: settings.content_deduplication.unwrap_or_default(),
        deduplication_scope: match scope {
            v1::DeduplicationScope::MessageGroup => DeduplicationScope::MessageGroup,
            _ => DeduplicationScope::Queue,
        },
        throughput_limit: match limit {
            v1::ThroughputLimit::PerMessageGroup => ThroughputLimit::PerMessageGroup,
            _ => ThroughputLimit::PerQueue,
        },
        backoff: settings.retry_backoff.map(|backoff| Backoff {
            first: millis(backoff.first),
            doubles: backoff.doubles,
            max: millis(backoff.max),
        }),
        tags: settings.tags,
        stored: settings.stored,
    }
}

fn from_allow(allow: &v1::RedriveAllowPolicy) -> RedriveAllow {
    match allow.mode() {
        v1::RedriveAllowMode::None => RedriveAllow::None,
        v1::RedriveAllowMode::Queues => {
            RedriveAllow::Queues(allow.source_queues.iter().map(|queue| name(queue)).collect())
        }
        _ => RedriveAllow::All,
    }
}

fn name(raw: &str) -> QueueName {
    QueueName::parse(raw).expect("queues are told by good names")
}
