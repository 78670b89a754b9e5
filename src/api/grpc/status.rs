//! A [`Refusal`] as a gRPC status with google.rpc details, and as an `EntryError`.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{
    convert,
    refusal::{CLOSED_RETRY, Refusal, std_duration},
};
use crate::{api::Closed, proto::v1, types::Rejection};

/// The domain of every google.rpc.ErrorInfo.
const DOMAIN: &str = "ledgerq";
/// The types of resources in a google.rpc.ResourceInfo.
const QUEUE: &str = "ledgerq.v1.Queue";
const MOVE_TASK: &str = "ledgerq.v1.MoveTask";

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        let kind = refusal.kind();
        let message = refusal.message();
        let mut details = ErrorDetails::new();
        details.set_error_info(kind.reason, DOMAIN, metadata(&refusal.rejection));
        if let Some(field) = refusal.field() {
            details.add_bad_request_violation(field, &message);
        }
        if let Some(quota) = kind.quota {
            details.add_quota_failure_violation(quota, &message);
        }
        if let Some((kind, name)) = resource(&refusal.rejection) {
            details.set_resource_info(kind, name, "", &message);
        }
        if let Some(retry_after) = kind.retry_after {
            details.set_retry_info(Some(std_duration(retry_after)));
        }
        Self::with_error_details(kind.code, message, details)
    }
}

impl From<Closed> for Status {
    fn from(closed: Closed) -> Self {
        let reason = match &closed {
            Closed::Recovering { .. } => "RECOVERING",
            Closed::Draining => "SHUTTING_DOWN",
            Closed::Stopped => "STOPPED",
        };
        let mut details = ErrorDetails::new();
        details.set_error_info(reason, DOMAIN, HashMap::new());
        details.set_retry_info(Some(std_duration(CLOSED_RETRY)));
        Self::with_error_details(Code::Unavailable, closed.to_string(), details)
    }
}

impl From<&Refusal> for v1::EntryError {
    fn from(refusal: &Refusal) -> Self {
        let kind = refusal.kind();
        Self {
            code: kind.code.into(),
            reason: kind.reason.to_owned(),
            message: refusal.message(),
            field: refusal.field().unwrap_or_default(),
            retry_delay: kind.retry_after.map(convert::duration),
        }
    }
}

/// The numbers and names of a rejection's sentence, for programs.
fn metadata(rejection: &Rejection) -> HashMap<String, String> {
    let pairs: Vec<(&str, String)> = match rejection {
        Rejection::OutOfRange { value, min, max, .. } => {
            vec![("value", value.to_string()), ("min", min.to_string()), ("max", max.to_string())]
        }
        Rejection::QueueAlreadyExists { setting, .. } => vec![("setting", (*setting).to_owned())],
        Rejection::MessageTooLarge { bytes, bytes_max, .. }
        | Rejection::RequestTooLarge { bytes, bytes_max } => {
            vec![("bytes", bytes.to_string()), ("bytes_max", bytes_max.to_string())]
        }
        Rejection::TooManyInFlight { in_flight_max, .. } => {
            vec![("in_flight_max", in_flight_max.to_string())]
        }
        Rejection::TooManyDeduplicationIds { ids_max, .. } => {
            vec![("ids_max", ids_max.to_string())]
        }
        Rejection::Step { index, source } => {
            let mut pairs = metadata(source);
            pairs.insert("step".to_owned(), index.to_string());
            return pairs;
        }
        Rejection::MoveTaskNotFound { task } => vec![("task", task.to_string())],
        Rejection::QueuePaused { what, .. } => vec![("paused", (*what).to_owned())],
        Rejection::DeadLetterQueue { dead_letter_queue, .. } => {
            vec![("dead_letter_queue", dead_letter_queue.to_string())]
        }
        Rejection::TooManyBackups { backups_max } => {
            vec![("backups_max", backups_max.to_string())]
        }
        Rejection::SameMessage { other } => vec![("other_step", other.to_string())],
        Rejection::ReceiptHandleExpired
        | Rejection::NotForThisKind { .. }
        | Rejection::DeduplicationIdMissing { .. }
        | Rejection::NotADeadLetterQueue { .. }
        | Rejection::MoveTaskRunning { .. }
        | Rejection::QueueName { .. }
        | Rejection::Malformed { .. }
        | Rejection::Missing { .. }
        | Rejection::QueueNotFound { .. }
        | Rejection::ReceiptHandleInvalid { .. }
        | Rejection::ReceiptHandleOfAnotherQueue { .. }
        | Rejection::MessageNotInFlight
        | Rejection::LeaseStale
        | Rejection::MessageNotFound
        | Rejection::LeaseTooLong { .. }
        | Rejection::PurgeInProgress { .. }
        | Rejection::QueueDeletedRecently { .. }
        | Rejection::SettingsChanged { .. }
        | Rejection::Overloaded { .. }
        | Rejection::DiskFull
        | Rejection::BackupNotFound
        | Rejection::MaintenanceFailed { .. }
        | Rejection::ReadOnly
        | Rejection::ShuttingDown
        | Rejection::Unknown => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The type and the name of what a rejection is about.
fn resource(rejection: &Rejection) -> Option<(&'static str, String)> {
    match rejection {
        Rejection::QueueNotFound { queue }
        | Rejection::QueueAlreadyExists { queue, .. }
        | Rejection::SettingsChanged { queue }
        | Rejection::QueueDeletedRecently { queue, .. }
        | Rejection::MessageTooLarge { queue, .. }
        | Rejection::TooManyInFlight { queue, .. }
        | Rejection::ReceiptHandleOfAnotherQueue { queue }
        | Rejection::PurgeInProgress { queue, .. }
        | Rejection::QueuePaused { queue, .. }
        | Rejection::NotForThisKind { queue, .. }
        | Rejection::DeduplicationIdMissing { queue }
        | Rejection::TooManyDeduplicationIds { queue, .. }
        | Rejection::DeadLetterQueue { queue, .. }
        | Rejection::NotADeadLetterQueue { queue }
        | Rejection::MoveTaskRunning { queue } => Some((QUEUE, queue.to_string())),
        Rejection::MoveTaskNotFound { task } => Some((MOVE_TASK, task.to_string())),
        Rejection::Step { source, .. } => resource(source),
        Rejection::ReceiptHandleExpired
        | Rejection::SameMessage { .. }
        | Rejection::QueueName { .. }
        | Rejection::OutOfRange { .. }
        | Rejection::Malformed { .. }
        | Rejection::Missing { .. }
        | Rejection::ReceiptHandleInvalid { .. }
        | Rejection::MessageNotInFlight
        | Rejection::LeaseStale
        | Rejection::MessageNotFound
        | Rejection::LeaseTooLong { .. }
        | Rejection::RequestTooLarge { .. }
        | Rejection::Overloaded { .. }
        | Rejection::DiskFull
        | Rejection::TooManyBackups { .. }
        | Rejection::BackupNotFound
        | Rejection::MaintenanceFailed { .. }
        | Rejection::ReadOnly
        | Rejection::ShuttingDown
        | Rejection::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use expect_test::expect;

    use super::*;
    use crate::{
        api::grpc::refusal::Place,
        types::{Millis, NameError, QueueName, TaskId, Unit},
    };

    /// One of each kind.
    fn rejections() -> Vec<Rejection> {
        let queue = QueueName::parse("jobs").expect("it is a name");
        let (field, unit) = ("delay", Unit::Millis);
        let source = NameError::Empty;
        vec![
            Rejection::QueueName { field: "queue", value: String::new(), source },
            Rejection::OutOfRange { field, value: 2000, min: 0, max: 1000, unit },
            Rejection::malformed("mode", "7", "it can be 1 or 2"),
            Rejection::Missing { field: "value", needed: "it has 1 byte at least" },
            Rejection::QueueNotFound { queue: queue.clone() },
            Rejection::QueueAlreadyExists { queue: queue.clone(), setting: "retention" },
            Rejection::SettingsChanged { queue: queue.clone() },
            Rejection::QueueDeletedRecently {
                queue: queue.clone(),
                retry_after: Millis::from_secs(60),
            },
            Rejection::MessageTooLarge { queue: queue.clone(), bytes: 2000, bytes_max: 1024 },
            Rejection::TooManyInFlight { queue: queue.clone(), in_flight_max: 120_000 },
            Rejection::ReceiptHandleInvalid { value: "garbage".into() },
            Rejection::ReceiptHandleOfAnotherQueue { queue: queue.clone() },
            Rejection::MessageNotInFlight,
            Rejection::LeaseStale,
            Rejection::MessageNotFound,
            Rejection::LeaseTooLong { value: Millis::new(2000), max: Millis::new(1000) },
            Rejection::PurgeInProgress { queue: queue.clone(), retry_after: Millis::new(1500) },
            Rejection::ReceiptHandleExpired,
            Rejection::QueuePaused { queue: queue.clone(), what: "sends" },
            Rejection::NotForThisKind { queue: queue.clone(), field, problem: "it is standard" },
            Rejection::DeduplicationIdMissing { queue: queue.clone() },
            Rejection::TooManyDeduplicationIds {
                queue: queue.clone(),
                ids_max: 10,
                retry_after: Millis::from_secs(60),
            },
            Rejection::DeadLetterQueue {
                queue: queue.clone(),
                dead_letter_queue: QueueName::parse("dead").expect("it is a name"),
                problem: "there is no such queue",
            },
            Rejection::Step { index: 3, source: Box::new(Rejection::LeaseStale) },
            Rejection::SameMessage { other: 1 },
            Rejection::NotADeadLetterQueue { queue: queue.clone() },
            Rejection::MoveTaskRunning { queue },
            Rejection::MoveTaskNotFound { task: TaskId::new(7) },
            Rejection::Overloaded { what: "10 requests".into() },
            Rejection::RequestTooLarge { bytes: 2000, bytes_max: 1024 },
            Rejection::DiskFull,
            Rejection::MaintenanceFailed { what: "checkpoint", reason: "no space".into() },
            Rejection::ReadOnly,
            Rejection::ShuttingDown,
            Rejection::Unknown,
        ]
    }

    #[test]
    fn codes_and_reasons_stay_as_they_are() {
        let mut table = String::new();
        for rejection in rejections() {
            let refusal = Refusal { place: Place::Message("e".into()), rejection };
            let error = v1::EntryError::from(&refusal);
            let retry = error.retry_delay.map_or("never".into(), |delay| delay.to_string());
            let code = Code::from_i32(error.code);
            let v1::EntryError { reason, field, .. } = error;
            writeln!(table, "{code:?} {reason} {field:?} {retry}").expect("text takes all");
        }
        expect![[r#"
            InvalidArgument QUEUE_NAME_INVALID "e.queue" never
            InvalidArgument VALUE_OUT_OF_RANGE "e.delay" never
            InvalidArgument VALUE_MALFORMED "e.mode" never
            InvalidArgument FIELD_MISSING "e.value" never
            NotFound QUEUE_NOT_FOUND "" never
            AlreadyExists QUEUE_ALREADY_EXISTS "" never
            Aborted SETTINGS_CHANGED "" never
            FailedPrecondition QUEUE_DELETED_RECENTLY "" 60s
            InvalidArgument MESSAGE_TOO_LARGE "e.body" never
            ResourceExhausted TOO_MANY_IN_FLIGHT "" 1s
            InvalidArgument RECEIPT_HANDLE_INVALID "e.receipt_handle" never
            InvalidArgument RECEIPT_HANDLE_OF_ANOTHER_QUEUE "e.receipt_handle" never
            FailedPrecondition MESSAGE_NOT_IN_FLIGHT "" never
            FailedPrecondition LEASE_STALE "" never
            NotFound MESSAGE_NOT_FOUND "" never
            InvalidArgument LEASE_TOO_LONG "e.visibility_timeout" never
            FailedPrecondition PURGE_IN_PROGRESS "" 1.500s
            FailedPrecondition RECEIPT_HANDLE_EXPIRED "e.receipt_handle" never
            FailedPrecondition QUEUE_PAUSED "" never
            InvalidArgument NOT_FOR_THIS_KIND "e.delay" never
            InvalidArgument DEDUPLICATION_ID_MISSING "e.deduplication_id" never
            ResourceExhausted TOO_MANY_DEDUPLICATION_IDS "" 60s
            FailedPrecondition DEAD_LETTER_QUEUE_REFUSED "e.redrive_policy.dead_letter_queue" never
            FailedPrecondition LEASE_STALE "e" never
            InvalidArgument SAME_MESSAGE "e.receipt_handle" never
            InvalidArgument NOT_A_DEAD_LETTER_QUEUE "e.source_queue" never
            FailedPrecondition MOVE_TASK_RUNNING "" never
            NotFound MOVE_TASK_NOT_FOUND "" never
            ResourceExhausted OVERLOADED "" 0.100s
            InvalidArgument REQUEST_TOO_LARGE "" never
            ResourceExhausted DISK_FULL "" 5s
            Unavailable MAINTENANCE_FAILED "" never
            FailedPrecondition READ_ONLY "" never
            Unavailable SHUTTING_DOWN "" 1s
            Unknown OUTCOME_UNKNOWN "" never
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_status_says_what_an_entry_error_says() {
        for rejection in rejections() {
            let refusal = Refusal::within("entries[3]", rejection);
            let error = v1::EntryError::from(&refusal);
            let status = Status::from(refusal);
            let details = status.get_error_details();
            let info = details.error_info().expect("it always has one");
            assert_eq!((info.domain.as_str(), &info.reason), (DOMAIN, &error.reason));
            assert_eq!((status.code() as i32, status.message()), (error.code, &*error.message));
            let violation = details.bad_request().map(|bad| bad.field_violations[0].field.clone());
            assert_eq!(violation.unwrap_or_default(), error.field);
            let retry_millis = details.retry_info().and_then(|retry| retry.retry_delay);
            let told = error.retry_delay.map(|delay| delay.try_into().expect("it is positive"));
            assert_eq!(retry_millis, told);
        }
    }

    #[test]
    fn a_status_fits_into_the_headers_of_clients() {
        let value: String = "\u{1f980}".repeat(1 << 20);
        let rejection = Rejection::malformed("page_token", &value, "it is not one");
        let status = Status::from(Refusal::of_request(rejection));
        assert!(status.details().len() + status.message().len() < 4096);
    }
}
