//! A [`Refusal`] as a gRPC status with google.rpc details, and as an `EntryError`.

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::{
    convert,
    refusal::{CLOSED_RETRY, Refusal, std_duration},
};
use crate::{
    api::Closed,
    proto::v1,
    types::{QueueName, Rejection},
};

/// The domain of every google.rpc.ErrorInfo.
const DOMAIN: &str = "ledgerq";
/// The type of resource in a google.rpc.ResourceInfo.
const QUEUE: &str = "ledgerq.v1.Queue";

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
        if let Some(queue) = resource(&refusal.rejection) {
            details.set_resource_info(QUEUE, queue.as_str(), "", &message);
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
        Rejection::MessageTooLarge { bytes, bytes_max, .. } => {
            vec![("bytes", bytes.to_string()), ("bytes_max", bytes_max.to_string())]
        }
        Rejection::TooManyInFlight { in_flight_max, .. } => {
            vec![("in_flight_max", in_flight_max.to_string())]
        }
        Rejection::QueueName { .. }
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
        | Rejection::Overloaded { .. }
        | Rejection::DiskFull
        | Rejection::ShuttingDown
        | Rejection::Unknown => Vec::new(),
    };
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The queue that a rejection is about.
fn resource(rejection: &Rejection) -> Option<&QueueName> {
    match rejection {
        Rejection::QueueNotFound { queue }
        | Rejection::QueueAlreadyExists { queue, .. }
        | Rejection::MessageTooLarge { queue, .. }
        | Rejection::TooManyInFlight { queue, .. }
        | Rejection::ReceiptHandleOfAnotherQueue { queue }
        | Rejection::PurgeInProgress { queue, .. } => Some(queue),
        Rejection::QueueName { .. }
        | Rejection::OutOfRange { .. }
        | Rejection::Malformed { .. }
        | Rejection::Missing { .. }
        | Rejection::ReceiptHandleInvalid { .. }
        | Rejection::MessageNotInFlight
        | Rejection::LeaseStale
        | Rejection::MessageNotFound
        | Rejection::LeaseTooLong { .. }
        | Rejection::Overloaded { .. }
        | Rejection::DiskFull
        | Rejection::ShuttingDown
        | Rejection::Unknown => None,
    }
}
