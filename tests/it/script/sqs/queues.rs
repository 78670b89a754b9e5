//! Calls about queues.

use ledgerq::types::{
    DeduplicationScope, Millis, RedriveAllow, RedrivePolicy, SettingsPatch, ThroughputLimit,
};
use serde_json::{Map, Value, json};

use super::{Wire, messages::is_fifo};
use crate::script::driver::{Call, Outcome, Queue};

/// What the endpoint tells; the outer `None` if it has no words for the call, the inner if it
/// refuses.
#[expect(clippy::option_option, reason = "to have no words is not to refuse")]
pub(super) fn ask(wire: Wire, call: &Call) -> Option<Option<Outcome>> {
    let done = |action: &str, given: Value| {
        (wire.ask(action, &given).status == 200).then_some(Outcome::Done)
    };
    let url = |queue: &str| json!({"QueueUrl": wire.url(queue)});
    Some(match call {
        Call::Create { queue, settings } => {
            let mut attributes = attributes(queue, settings)?;
            if is_fifo(queue) {
                attributes.insert("FifoQueue".into(), "true".into());
            }
            let tags = settings.tags.clone().unwrap_or_default();
            let given = json!({"QueueName": queue, "Attributes": attributes, "tags": tags});
            done("CreateQueue", given)
        }
        Call::Update { queue, settings } if settings.tags.is_none() => {
            let given =
                json!({"QueueUrl": wire.url(queue), "Attributes": attributes(queue, settings)?});
            done("SetQueueAttributes", given)
        }
        Call::List { prefix, after: None, count_max } if (1..=1000).contains(count_max) => {
            let given = json!({"QueueNamePrefix": prefix, "MaxResults": count_max});
            Some(listed(&wire.ask("ListQueues", &given).body, "QueueUrls"))
        }
        Call::Sources { queue, after: None, count_max } if (1..=1000).contains(count_max) => {
            let given = json!({"QueueUrl": wire.url(queue), "MaxResults": count_max});
            let told = wire.ask("ListDeadLetterSourceQueues", &given);
            (told.status == 200).then(|| listed(&told.body, "queueUrls"))
        }
        Call::Purge { queue } => done("PurgeQueue", url(queue)),
        Call::Drop { queue } => done("DeleteQueue", url(queue)),
        _ => return None,
    })
}

fn listed(told: &Value, list: &str) -> Outcome {
    let urls = told[list].as_array().cloned().unwrap_or_default();
    let name = |url: &Value| url.as_str()?.rsplit('/').next().map(str::to_owned);
    let names = urls.iter().filter_map(name).collect();
    Outcome::Queues { names, more: told["NextToken"].is_string() }
}

/// The settings as attributes; `None` if the endpoint has no words for one.
fn attributes(queue: &str, settings: &SettingsPatch) -> Option<Map<String, Value>> {
    let SettingsPatch { backoff, stored, .. } = settings;
    let is_known = |name: &String| ["Policy", "KmsMasterKeyId"].contains(&name.as_str());
    if backoff.is_some() || !stored.keys().all(is_known) || stored.contains_key("Policy") {
        return None;
    }
    // Standard queues there do not know these at all, not even off.
    let is_of_fifo = settings.content_deduplication.is_some()
        || settings.deduplication_scope.is_some()
        || settings.throughput_limit.is_some();
    if is_of_fifo && !is_fifo(queue) {
        return None;
    }
    let times = [
        ("DelaySeconds", settings.delay),
        ("MessageRetentionPeriod", settings.retention),
        ("ReceiveMessageWaitTimeSeconds", settings.receive_wait),
        ("VisibilityTimeout", settings.visibility_timeout),
    ];
    let is_whole = |time: Millis| time.get().is_multiple_of(1000);
    let is_long = settings.delay.is_some_and(|delay| delay > Millis::from_secs(900));
    if is_long || !times.iter().all(|(_, time)| time.is_none_or(is_whole)) {
        return None;
    }
    let mut given = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        given.extend(value.map(|value| (name.to_owned(), Value::from(value))));
    };
    for (name, time) in times {
        put(name, time.map(|time| (time.get() / 1000).to_string()));
    }
    put("MaximumMessageSize", settings.message_bytes_max.map(|bytes| bytes.to_string()));
    put("RedrivePolicy", settings.redrive.as_ref().map(|policy| redrive(policy.as_ref())));
    put("RedriveAllowPolicy", settings.redrive_allow.as_ref().map(redrive_allow));
    put("ContentBasedDeduplication", settings.content_deduplication.map(|on| on.to_string()));
    put(
        "DeduplicationScope",
        settings.deduplication_scope.map(|scope| match scope {
            DeduplicationScope::Queue => "queue".to_owned(),
            DeduplicationScope::MessageGroup => "messageGroup".to_owned(),
        }),
    );
    put(
        "FifoThroughputLimit",
        settings.throughput_limit.map(|limit| match limit {
            ThroughputLimit::PerQueue => "perQueue".to_owned(),
            ThroughputLimit::PerMessageGroup => "perMessageGroupId".to_owned(),
        }),
    );
    for (name, value) in stored {
        put(name, Some(value.clone()));
    }
    Some(given)
}

fn redrive(policy: Option<&RedrivePolicy>) -> String {
    policy.map_or_else(String::new, |policy| {
        let target = arn(policy.dead_letter_queue.as_str());
        let count = policy.receives_max;
        json!({"deadLetterTargetArn": target, "maxReceiveCount": count}).to_string()
    })
}

fn redrive_allow(allow: &RedriveAllow) -> String {
    let policy = match allow {
        RedriveAllow::All => json!({"redrivePermission": "allowAll"}),
        RedriveAllow::None => json!({"redrivePermission": "denyAll"}),
        RedriveAllow::Queues(names) => {
            let arns: Vec<String> = names.iter().map(|name| arn(name.as_str())).collect();
            json!({"redrivePermission": "byQueue", "sourceQueueArns": arns})
        }
    };
    policy.to_string()
}

fn arn(queue: &str) -> String {
    format!("arn:aws:sqs:us-east-1:000000000000:{queue}")
}

/// Holds what the endpoint tells of a queue to what gRPC told.
pub(super) fn check(wire: Wire, queue: &str, told: &Queue) {
    let given = json!({"QueueUrl": wire.url(queue), "AttributeNames": ["All"]});
    let attributes = wire.ask("GetQueueAttributes", &given).body["Attributes"].clone();
    let number = |name: &str| {
        let text = attributes[name].as_str().expect("a text");
        text.parse::<u64>().expect("a number")
    };
    let (counts, settings) = (&told.counts, &told.settings);
    assert_eq!(number("ApproximateNumberOfMessages"), counts.ready);
    assert_eq!(number("ApproximateNumberOfMessagesNotVisible"), counts.in_flight);
    assert_eq!(number("ApproximateNumberOfMessagesDelayed"), counts.delayed);
    assert_eq!(number("MaximumMessageSize"), settings.message_bytes_max);
    assert_eq!(number("MessageRetentionPeriod"), settings.retention.get() / 1000);
    assert_eq!(number("VisibilityTimeout"), settings.visibility_timeout.get() / 1000);
}
