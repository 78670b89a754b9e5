//! Queues in the words of the proto files.

use crate::{
    api::grpc::convert::{duration, timestamp},
    proto::v1,
    types::{
        Backoff, DeduplicationScope, QueueName, QueueSettings, QueueView, RedriveAllow,
        RedrivePolicy, ThroughputLimit,
    },
};

/// A queue.
pub(super) fn queue(view: &QueueView) -> v1::Queue {
    let counts = &view.counts;
    let kind = if view.name.is_fifo() { v1::QueueKind::Fifo } else { v1::QueueKind::Standard };
    v1::Queue {
        name: view.name.as_str().to_owned(),
        settings: Some(settings(&view.settings)),
        counts: Some(v1::QueueCounts {
            ready: counts.ready,
            delayed: counts.delayed,
            in_flight: counts.in_flight,
        }),
        oldest_message_age: counts.oldest_age.map(duration),
        created_at: Some(timestamp(view.created_at)),
        modified_at: Some(timestamp(view.modified_at)),
        kind: kind.into(),
        sends_paused: view.sends_paused,
        receives_paused: view.receives_paused,
    }
}

fn settings(settings: &QueueSettings) -> v1::QueueSettings {
    let scope = match settings.deduplication_scope {
        DeduplicationScope::Queue => v1::DeduplicationScope::Queue,
        DeduplicationScope::MessageGroup => v1::DeduplicationScope::MessageGroup,
    };
    let limit = match settings.throughput_limit {
        ThroughputLimit::PerQueue => v1::ThroughputLimit::PerQueue,
        ThroughputLimit::PerMessageGroup => v1::ThroughputLimit::PerMessageGroup,
    };
    v1::QueueSettings {
        delay: Some(duration(settings.delay)),
        max_message_bytes: Some(settings.message_bytes_max),
        retention: Some(duration(settings.retention)),
        receive_wait: Some(duration(settings.receive_wait)),
        visibility_timeout: Some(duration(settings.visibility_timeout)),
        redrive_policy: settings.redrive.as_ref().map(redrive),
        redrive_allow_policy: Some(redrive_allow(&settings.redrive_allow)),
        content_deduplication: Some(settings.content_deduplication),
        deduplication_scope: scope.into(),
        throughput_limit: limit.into(),
        retry_backoff: settings.backoff.as_ref().map(backoff),
        tags: settings.tags.clone(),
        stored: settings.stored.clone(),
    }
}

fn redrive(policy: &RedrivePolicy) -> v1::RedrivePolicy {
    v1::RedrivePolicy {
        dead_letter_queue: policy.dead_letter_queue.to_string(),
        max_receives: policy.receives_max,
    }
}

fn redrive_allow(policy: &RedriveAllow) -> v1::RedriveAllowPolicy {
    let (mode, sources) = match policy {
        RedriveAllow::All => (v1::RedriveAllowMode::All, &[][..]),
        RedriveAllow::None => (v1::RedriveAllowMode::None, &[][..]),
        RedriveAllow::Queues(sources) => (v1::RedriveAllowMode::Queues, &sources[..]),
    };
    let source_queues = sources.iter().map(QueueName::to_string).collect();
    v1::RedriveAllowPolicy { mode: mode.into(), source_queues }
}

fn backoff(backoff: &Backoff) -> v1::RetryBackoff {
    v1::RetryBackoff {
        first: Some(duration(backoff.first)),
        doubles: backoff.doubles,
        max: Some(duration(backoff.max)),
    }
}
