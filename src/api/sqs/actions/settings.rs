//! Attributes of a queue as requests give them: each is a text, and becomes a setting. Those that
//! have no effect here are stored as they are.

use std::collections::BTreeMap;

use serde_json::Value;

use super::permissions::POLICY;
use crate::{
    api::sqs::{
        error::{Fault, Kind, quoted},
        limits::DELAY_S_MAX,
        refusal::{self, parameter},
        urls,
    },
    types::{
        DeduplicationScope, Millis, QueueName, RedriveAllow, RedrivePolicy, Rejection,
        SettingsPatch, ThroughputLimit, limits,
    },
};

/// What the attributes of a request are.
type Attributes = BTreeMap<String, String>;

pub(super) const FIFO: &str = "FifoQueue";
pub(super) const REDRIVE: &str = "RedrivePolicy";
pub(super) const REDRIVE_ALLOW: &str = "RedriveAllowPolicy";
pub(super) const KMS_KEY: &str = "KmsMasterKeyId";
pub(super) const KMS_REUSE: &str = "KmsDataKeyReusePeriodSeconds";
pub(super) const SSE: &str = "SqsManagedSseEnabled";

const NAME_RULE: &str =
    "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
const FIFO_NAME_RULE: &str = "The name of a FIFO queue can only include alphanumeric characters, \
                              hyphens, or underscores, must end with .fifo suffix and be 1 to 80 \
                              in length.";

/// The name of a queue that is to be made, which says of what kind it is.
pub(super) fn new_queue(name: &str, attributes: &Attributes) -> Result<QueueName, Fault> {
    let refused = |message| Err(Fault::new(Kind::InvalidParameterValue, message));
    let is_fifo = match attributes.get(FIFO).map(String::as_str) {
        None => false,
        Some("true") => true,
        // Standard queues do not know the attribute.
        Some("false") => return Err(unknown(FIFO)),
        Some(_) => return Err(invalid(FIFO)),
    };
    match QueueName::parse(name) {
        Ok(queue) if queue.is_fifo() == is_fifo => Ok(queue),
        Ok(_) | Err(_) if is_fifo => refused(FIFO_NAME_RULE),
        Ok(_) | Err(_) => refused(NAME_RULE),
    }
}

/// The settings that attributes give. The ranges are the broker's to check, but for those that are
/// narrower here.
pub(super) fn patch(queue: &QueueName, attributes: &Attributes) -> Result<SettingsPatch, Fault> {
    let mut patch = SettingsPatch::default();
    let has_key = attributes.get(KMS_KEY).is_some_and(|key| !key.is_empty());
    let has_sse = attributes.get(SSE).is_some_and(|value| value == "true");
    if has_key && has_sse {
        let message = "You can use one type of server-side encryption (SSE) at one time. You can \
                       either enable KMS SSE or SQS SSE.";
        return Err(Fault::new(Kind::InvalidAttributeName, message));
    }
    for (name, value) in attributes {
        one(&mut patch, queue, name, value)?;
    }
    // The one kind of encryption takes the place of the other.
    if has_key {
        patch.stored.insert(SSE.to_owned(), "false".to_owned());
    } else if has_sse {
        patch.stored.insert(KMS_KEY.to_owned(), String::new());
    }
    Ok(patch)
}

fn one(patch: &mut SettingsPatch, queue: &QueueName, name: &str, value: &str) -> Result<(), Fault> {
    match name {
        "DelaySeconds" => {
            let delay = seconds(name, value)?;
            if delay > Millis::from_secs(DELAY_S_MAX.unsigned_abs()) {
                return Err(invalid(name));
            }
            patch.delay = Some(delay);
        }
        "MaximumMessageSize" => patch.message_bytes_max = Some(number(name, value)?),
        "MessageRetentionPeriod" => patch.retention = Some(seconds(name, value)?),
        "ReceiveMessageWaitTimeSeconds" => patch.receive_wait = Some(seconds(name, value)?),
        "VisibilityTimeout" => patch.visibility_timeout = Some(seconds(name, value)?),
        REDRIVE => patch.redrive = Some(redrive(value)?),
        REDRIVE_ALLOW => patch.redrive_allow = Some(redrive_allow(value)?),
        FIFO if queue.is_fifo() && value == "true" => {}
        FIFO if queue.is_fifo() => {
            let message = "Invalid value for the parameter FifoQueue. Reason: Modifying queue type \
                           is not supported.";
            return Err(Fault::new(Kind::InvalidAttributeValue, message));
        }
        "ContentBasedDeduplication" if queue.is_fifo() => {
            patch.content_deduplication = Some(flag(name, value)?);
        }
        "DeduplicationScope" if queue.is_fifo() => {
            patch.deduplication_scope = Some(match value {
                "queue" => DeduplicationScope::Queue,
                "messageGroup" => DeduplicationScope::MessageGroup,
                _ => return Err(invalid(name)),
            });
        }
        "FifoThroughputLimit" if queue.is_fifo() => {
            patch.throughput_limit = Some(match value {
                "perQueue" => ThroughputLimit::PerQueue,
                "perMessageGroupId" => ThroughputLimit::PerMessageGroup,
                _ => return Err(invalid(name)),
            });
        }
        POLICY | KMS_KEY | KMS_REUSE | SSE => {
            patch.stored.insert(name.to_owned(), stored(name, value)?);
        }
        _ => return Err(unknown(name)),
    }
    Ok(())
}

/// The value of an attribute that is stored, checked as far as it has a form.
fn stored(name: &str, value: &str) -> Result<String, Fault> {
    let is_good = value.is_empty()
        || match name {
            POLICY => matches!(serde_json::from_str(value), Ok(Value::Object(_))),
            KMS_REUSE => value.parse().is_ok_and(|period: u32| (60..=86_400).contains(&period)),
            SSE => matches!(value, "true" | "false"),
            _ => true,
        };
    let fits = value.len() <= limits::STORED_VALUE_BYTES_MAX;
    if is_good && fits { Ok(value.to_owned()) } else { Err(invalid(name)) }
}

/// `{"deadLetterTargetArn": ..., "maxReceiveCount": ...}`; nothing takes the policy away.
fn redrive(text: &str) -> Result<Option<RedrivePolicy>, Fault> {
    let invalid = |reason: &str| Fault::invalid(REDRIVE, quoted(text), reason);
    if text.is_empty() {
        return Ok(None);
    }
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Err(invalid("Redrive policy is not a valid JSON map."));
    };
    let missing = |name: &str| {
        invalid(&format!("Redrive policy does not contain mandatory attribute: {name}."))
    };
    let target =
        members.get("deadLetterTargetArn").ok_or_else(|| missing("deadLetterTargetArn"))?;
    let count = members.get("maxReceiveCount").ok_or_else(|| missing("maxReceiveCount"))?;
    let dead_letter_queue = target.as_str().and_then(urls::queue_of_arn);
    let dead_letter_queue =
        dead_letter_queue.ok_or_else(|| invalid("Invalid value for deadLetterTargetArn."))?;
    // Both a number and its text are taken.
    let given = count.as_u64().or_else(|| count.as_str()?.parse().ok());
    let receives_max = given.and_then(|count| u32::try_from(count).ok());
    let receives_max = receives_max.filter(|count| (1..=limits::RECEIVES_MAX_MAX).contains(count));
    let receives_max = receives_max.ok_or_else(|| {
        let max = limits::RECEIVES_MAX_MAX;
        let count = quoted(&count.to_string());
        invalid(&format!(
            "Invalid value for maxReceiveCount: {count}, valid values are from 1 to {max} both \
             inclusive."
        ))
    })?;
    Ok(Some(RedrivePolicy { dead_letter_queue, receives_max }))
}

/// `{"redrivePermission": ..., "sourceQueueArns": [...]}`; nothing allows all.
fn redrive_allow(text: &str) -> Result<RedriveAllow, Fault> {
    let invalid = |reason: &str| Fault::invalid(REDRIVE_ALLOW, quoted(text), reason);
    if text.is_empty() {
        return Ok(RedriveAllow::All);
    }
    let Ok(Value::Object(members)) = serde_json::from_str(text) else {
        return Err(invalid("Redrive allow policy is not a valid JSON map."));
    };
    let arns = members.get("sourceQueueArns").and_then(Value::as_array);
    let permission = members.get("redrivePermission").and_then(Value::as_str);
    match (permission, arns) {
        (Some("allowAll"), None) => Ok(RedriveAllow::All),
        (Some("denyAll"), None) => Ok(RedriveAllow::None),
        (Some("byQueue"), Some(arns)) if arns.len() <= limits::REDRIVE_SOURCES_MAX => {
            let names = arns.iter().map(|arn| arn.as_str().and_then(urls::queue_of_arn));
            let names: Option<Vec<_>> = names.collect();
            let names = names.filter(|names| !names.is_empty());
            names
                .map(RedriveAllow::Queues)
                .ok_or_else(|| invalid("Invalid value for sourceQueueArns."))
        }
        (Some("byQueue"), _) => {
            invalid_result(&invalid, "sourceQueueArns needs 1 to 10 ARNs of source queues.")
        }
        (Some("allowAll" | "denyAll"), Some(_)) => {
            invalid_result(&invalid, "sourceQueueArns goes with the permission byQueue alone.")
        }
        (Some(_) | None, _) => invalid_result(
            &invalid,
            "redrivePermission must be one of allowAll, denyAll and byQueue.",
        ),
    }
}

fn invalid_result<T>(invalid: &dyn Fn(&str) -> Fault, reason: &str) -> Result<T, Fault> {
    Err(invalid(reason))
}

/// A refusal by the broker of settings that were given so.
pub(super) fn refused(rejection: Rejection, attributes: &Attributes) -> Fault {
    let redrive = || quoted(attributes.get(REDRIVE).map_or("", String::as_str));
    match rejection {
        Rejection::DeadLetterQueue { problem, .. } => {
            let is_missing = problem.starts_with("there is no such queue");
            let reason = if is_missing { "Dead letter target does not exist." } else { problem };
            Fault::invalid(REDRIVE, redrive(), reason)
        }
        Rejection::OutOfRange { field, .. } | Rejection::Malformed { field, .. } => {
            match parameter(field) {
                REDRIVE => {
                    let reason = "Dead-letter queue must be same type of queue as the source.";
                    Fault::invalid(REDRIVE, redrive(), reason)
                }
                "Tags" => refusal::fault(rejection),
                name => invalid(name),
            }
        }
        other => refusal::fault(other),
    }
}

fn number(name: &str, value: &str) -> Result<u64, Fault> {
    value.parse().map_err(|_| invalid(name))
}

fn seconds(name: &str, value: &str) -> Result<Millis, Fault> {
    number(name, value).map(Millis::from_secs)
}

fn flag(name: &str, value: &str) -> Result<bool, Fault> {
    value.parse().map_err(|_| invalid(name))
}

fn invalid(name: &str) -> Fault {
    let message = format!("Invalid value for the parameter {name}.");
    Fault::new(Kind::InvalidAttributeValue, message)
}

/// There is no such attribute, or not of this kind of queue, or it cannot be set.
pub(super) fn unknown(name: &str) -> Fault {
    let message = format!("Unknown Attribute {}.", quoted(name));
    Fault::new(Kind::InvalidAttributeName, message)
}
