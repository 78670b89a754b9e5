//! The one place where a [`Rejection`] becomes what an SQS client sees.
//!
//! What a rejection does not know, such as the text that the client wrote, whoever asked puts in
//! beforehand: see [`of_handle`] and the settings.

use super::{
    error::{Fault, Kind, quoted},
    limits::VISIBILITY_S_MAX,
    urls,
};
use crate::{
    api::Closed,
    types::{Rejection, Unit},
};

/// Why a message's lease cannot be changed.
const NOT_AVAILABLE: &str =
    "Message does not exist or is not available for visibility timeout change.";
/// Why a parameter is refused that the other kind of queue has.
pub(super) const NOT_FOR_THIS_KIND: &str =
    "The request include parameter that is not valid for this queue type.";
const DELETED_RECENTLY: &str = "You must wait 60 seconds after deleting a queue before you can \
                                create another with the same name.";
const NO_DEDUPLICATION_ID: &str = "The queue should either have ContentBasedDeduplication enabled \
                                   or MessageDeduplicationId provided explicitly";
const MOVE_TASK_RUNNING: &str = "There is already a task running. Only one active task is allowed \
                                 for a source queue arn at a given time.";

/// A refusal of the broker.
pub(super) fn fault(rejection: Rejection) -> Fault {
    let text = rejection.to_string();
    let said = |kind| Fault::new(kind, text.clone());
    match rejection {
        Rejection::QueueName { .. } | Rejection::QueueNotFound { .. } => urls::not_there(),
        Rejection::OutOfRange { field, value, min, max, unit } => {
            let (value, min, max) = (shown(value, unit), shown(min, unit), shown(max, unit));
            Fault::invalid(parameter(field), value, &format!("Must be >= {min} and <= {max}."))
        }
        Rejection::Malformed { field, value, problem } => {
            Fault::invalid(parameter(field), value, &problem)
        }
        Rejection::Missing { field, .. } => Fault::missing(parameter(field)),
        Rejection::QueueAlreadyExists { setting, .. } => already_exists(parameter(setting)),
        Rejection::QueueDeletedRecently { .. } => {
            Fault::new(Kind::QueueDeletedRecently, DELETED_RECENTLY)
        }
        Rejection::MessageTooLarge { bytes_max, .. } => {
            Fault::parameters(&format!("Message must be shorter than {bytes_max} bytes."))
        }
        Rejection::RequestTooLarge { .. } => Fault::parameters(&text),
        Rejection::TooManyInFlight { .. } | Rejection::TooManyDeduplicationIds { .. } => {
            said(Kind::OverLimit)
        }
        Rejection::ReceiptHandleInvalid { value } => handle_invalid(&value),
        Rejection::ReceiptHandleOfAnotherQueue { .. } => said(Kind::ReceiptHandleIsInvalid),
        Rejection::MessageNotInFlight => said(Kind::MessageNotInflight),
        Rejection::LeaseStale | Rejection::MessageNotFound => {
            Fault::invalid("ReceiptHandle", "given", NOT_AVAILABLE)
        }
        Rejection::LeaseTooLong { .. } => Fault::invalid("VisibilityTimeout", "given", &too_long()),
        Rejection::ReceiptHandleExpired => {
            Fault::invalid("ReceiptHandle", "given", "The receipt handle has expired.")
        }
        Rejection::PurgeInProgress { queue, .. } => {
            let text =
                format!("Only one PurgeQueue operation on {queue} is allowed every 60 seconds.");
            Fault::new(Kind::PurgeQueueInProgress, text)
        }
        Rejection::NotForThisKind { field, .. } => {
            Fault::invalid(parameter(field), "given", NOT_FOR_THIS_KIND)
        }
        Rejection::DeduplicationIdMissing { .. } => {
            Fault::new(Kind::InvalidParameterValue, NO_DEDUPLICATION_ID)
        }
        Rejection::DeadLetterQueue { problem, .. } => {
            Fault::invalid("RedrivePolicy", "given", problem)
        }
        Rejection::NotADeadLetterQueue { .. } => not_a_dead_letter_queue(),
        Rejection::MoveTaskRunning { .. } => {
            Fault::new(Kind::InvalidParameterValue, MOVE_TASK_RUNNING)
        }
        Rejection::MoveTaskNotFound { .. } => {
            Fault::new(Kind::ResourceNotFound, "Task does not exist.")
        }
        Rejection::QueuePaused { .. } | Rejection::ReadOnly => said(Kind::UnsupportedOperation),
        Rejection::Overloaded { .. } | Rejection::SettingsChanged { .. } => {
            said(Kind::RequestThrottled)
        }
        Rejection::DiskFull
        | Rejection::MaintenanceFailed { .. }
        | Rejection::ShuttingDown
        | Rejection::Unknown => said(Kind::ServiceUnavailable),
        // No request of this protocol is a transact or a backup.
        Rejection::Step { .. }
        | Rejection::SameMessage { .. }
        | Rejection::TooManyBackups { .. }
        | Rejection::BackupNotFound => said(Kind::InvalidParameterValue),
    }
}

/// A refusal of a request about the message of a handle, which was written so.
pub(super) fn of_handle(rejection: Rejection, handle: &str) -> Fault {
    let invalid = |reason: &str| Fault::invalid("ReceiptHandle", quoted(handle), reason);
    match rejection {
        Rejection::LeaseStale | Rejection::MessageNotFound => invalid(NOT_AVAILABLE),
        Rejection::ReceiptHandleExpired => invalid("The receipt handle has expired."),
        Rejection::ReceiptHandleInvalid { .. } | Rejection::ReceiptHandleOfAnotherQueue { .. } => {
            handle_invalid(handle)
        }
        other => fault(other),
    }
}

/// A refusal of a visibility timeout of so many seconds.
pub(super) fn of_timeout(rejection: Rejection, handle: &str, seconds: i64) -> Fault {
    if let Rejection::LeaseTooLong { .. } = rejection {
        return Fault::invalid("VisibilityTimeout", seconds, &too_long());
    }
    of_handle(rejection, handle)
}

/// A queue is there with another value of an attribute.
pub(super) fn already_exists(attribute: &str) -> Fault {
    let message = format!(
        "A queue already exists with the same name and a different value for attribute {attribute}"
    );
    Fault::new(Kind::QueueNameExists, message)
}

pub(super) fn not_a_dead_letter_queue() -> Fault {
    let message = "Source queue must be configured as a Dead Letter Queue.";
    Fault::new(Kind::InvalidParameterValue, message)
}

fn handle_invalid(handle: &str) -> Fault {
    let message =
        format!("The input receipt handle \"{}\" is not a valid receipt handle.", quoted(handle));
    Fault::new(Kind::ReceiptHandleIsInvalid, message)
}

fn too_long() -> String {
    format!(
        "Total VisibilityTimeout for the message is beyond the limit [{VISIBILITY_S_MAX} seconds]"
    )
}

/// Times are whole seconds in this protocol.
fn shown(value: u64, unit: Unit) -> u64 {
    match unit {
        Unit::Millis => value / 1000,
        Unit::Bytes | Unit::Count => value,
    }
}

/// What Amazon SQS calls a field or a setting.
pub(super) fn parameter(field: &'static str) -> &'static str {
    let names = [
        ("delay", "DelaySeconds"),
        ("max_message_bytes", "MaximumMessageSize"),
        ("retention", "MessageRetentionPeriod"),
        ("receive_wait", "ReceiveMessageWaitTimeSeconds"),
        ("visibility_timeout", "VisibilityTimeout"),
        ("content_deduplication", "ContentBasedDeduplication"),
        ("deduplication_scope", "DeduplicationScope"),
        ("throughput_limit", "FifoThroughputLimit"),
        ("body", "MessageBody"),
        ("group_id", "MessageGroupId"),
        ("deduplication_id", "MessageDeduplicationId"),
        ("attempt_id", "ReceiveRequestAttemptId"),
        ("trace_header", "AWSTraceHeader"),
        ("attributes", "MessageAttributes"),
        ("tags.key", "Tags"),
        ("tags.value", "Tags"),
        ("tags", "Tags"),
        ("target_queue", "DestinationArn"),
        ("source_queue", "SourceArn"),
        ("max_per_second", "MaxNumberOfMessagesPerSecond"),
        ("prefix", "QueueNamePrefix"),
    ];
    let prefixes =
        [("redrive_allow_policy", "RedriveAllowPolicy"), ("redrive_policy", "RedrivePolicy")];
    let by_name = names.iter().find(|(name, _)| *name == field);
    let by_prefix = || prefixes.iter().find(|(prefix, _)| field.starts_with(prefix));
    by_name.or_else(by_prefix).map_or(field, |(_, parameter)| parameter)
}

/// There is no broker to ask.
impl From<Closed> for Fault {
    fn from(closed: Closed) -> Self {
        Self::new(Kind::ServiceUnavailable, closed.to_string())
    }
}
