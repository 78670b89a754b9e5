//! Attributes of a queue as answers tell them: every value is a text.

use std::collections::BTreeMap;

use serde_json::json;

use super::{
    permissions::POLICY,
    settings::{FIFO, KMS_KEY, KMS_REUSE, REDRIVE, REDRIVE_ALLOW, SSE, unknown},
};
use crate::{
    api::sqs::{error::Fault, urls::Place},
    types::{DeduplicationScope, Millis, QueueView, RedriveAllow, ThroughputLimit},
};

/// What asks for all of them.
const ALL: &str = "All";

/// The attributes that there are; each has a value or none.
const NAMES: [&str; 21] = [
    POLICY,
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    REDRIVE,
    FIFO,
    "ContentBasedDeduplication",
    KMS_KEY,
    KMS_REUSE,
    "DeduplicationScope",
    "FifoThroughputLimit",
    REDRIVE_ALLOW,
    SSE,
];

/// The attributes that were asked for and have a value.
pub(super) fn attributes(
    place: &Place,
    view: &QueueView,
    wanted: &[String],
) -> Result<BTreeMap<String, String>, Fault> {
    let is_known = |name: &&String| *name == ALL || NAMES.contains(&name.as_str());
    if let Some(name) = wanted.iter().find(|name| !is_known(name)) {
        return Err(unknown(name));
    }
    let is_wanted = |name: &str| wanted.iter().any(|wanted| wanted == ALL || wanted == name);
    let named = NAMES.into_iter().filter(|name| is_wanted(name));
    Ok(named.filter_map(|name| Some((name.to_owned(), value(place, view, name)?))).collect())
}

fn value(place: &Place, view: &QueueView, name: &str) -> Option<String> {
    let (settings, counts) = (&view.settings, &view.counts);
    let fifo = |value: &str| view.name.is_fifo().then(|| value.to_owned());
    match name {
        "VisibilityTimeout" => Some(seconds(settings.visibility_timeout)),
        "MaximumMessageSize" => Some(settings.message_bytes_max.to_string()),
        "MessageRetentionPeriod" => Some(seconds(settings.retention)),
        "ApproximateNumberOfMessages" => Some(counts.ready.to_string()),
        "ApproximateNumberOfMessagesNotVisible" => Some(counts.in_flight.to_string()),
        "ApproximateNumberOfMessagesDelayed" => Some(counts.delayed.to_string()),
        "CreatedTimestamp" => Some((view.created_at.as_millis() / 1000).to_string()),
        "LastModifiedTimestamp" => Some((view.modified_at.as_millis() / 1000).to_string()),
        "QueueArn" => Some(place.arn(&view.name)),
        "DelaySeconds" => Some(seconds(settings.delay)),
        "ReceiveMessageWaitTimeSeconds" => Some(seconds(settings.receive_wait)),
        REDRIVE => redrive(place, view),
        REDRIVE_ALLOW => redrive_allow(place, view),
        FIFO => fifo("true"),
        "ContentBasedDeduplication" => fifo(&settings.content_deduplication.to_string()),
        "DeduplicationScope" => fifo(match settings.deduplication_scope {
            DeduplicationScope::Queue => "queue",
            DeduplicationScope::MessageGroup => "messageGroup",
        }),
        "FifoThroughputLimit" => fifo(match settings.throughput_limit {
            ThroughputLimit::PerQueue => "perQueue",
            ThroughputLimit::PerMessageGroup => "perMessageGroupId",
        }),
        SSE => Some(settings.stored.get(SSE).map_or("false", String::as_str).to_owned()),
        stored => settings.stored.get(stored).cloned(),
    }
}

fn redrive(place: &Place, view: &QueueView) -> Option<String> {
    let policy = view.settings.redrive.as_ref()?;
    let arn = place.arn(&policy.dead_letter_queue);
    let policy = json!({"deadLetterTargetArn": arn, "maxReceiveCount": policy.receives_max});
    Some(policy.to_string())
}

fn redrive_allow(place: &Place, view: &QueueView) -> Option<String> {
    let policy = match &view.settings.redrive_allow {
        // The default is not told, as it was not set.
        RedriveAllow::All => return None,
        RedriveAllow::None => json!({"redrivePermission": "denyAll"}),
        RedriveAllow::Queues(names) => {
            let arns: Vec<String> = names.iter().map(|name| place.arn(name)).collect();
            json!({"redrivePermission": "byQueue", "sourceQueueArns": arns})
        }
    };
    Some(policy.to_string())
}

/// Whole seconds; a part of one, which only the native API can set, is left out.
fn seconds(millis: Millis) -> String {
    (millis.get() / 1000).to_string()
}
