//! The one place where a [`Rejection`] becomes what a gRPC client sees.
//!
//! A refusal of a whole request is a status with google.rpc details; one of a single entry is an
//! `EntryError` that says the same. Codes and reasons are part of the API: docs/API.md lists them,
//! and they stay as they are.

use std::time::Duration;

use crate::types::{Millis, Rejection};

/// A rejection, and the part of the request that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) place: Place,
    pub(super) rejection: Rejection,
}

/// A part of a request, as a path from the request down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Place {
    /// The request itself: its fields have no prefix.
    #[default]
    Request,
    /// A message within it, whose fields follow after a dot.
    Message(String),
    /// A field that is no message, such as one of a list of strings.
    Field(String),
}

/// What the kind of a rejection says, whatever the protocol's form for it.
#[derive(Debug)]
pub(super) struct Kind {
    pub(super) code: tonic::Code,
    /// Upper case with underscores, as google.rpc.ErrorInfo wants it.
    pub(super) reason: &'static str,
    /// The field that is wrong, from its message.
    pub(super) field: Option<&'static str>,
    /// The limit that was reached, if it is one of all requests together.
    pub(super) quota: Option<&'static str>,
    /// How long to wait before the next try, if one can succeed.
    pub(super) retry_after: Option<Millis>,
}

/// Requests that are under way end within milliseconds.
const OVERLOADED_RETRY: Millis = Millis::new(100);
/// Leases end or messages are deleted all the time.
const IN_FLIGHT_RETRY: Millis = Millis::from_secs(1);
/// Space is freed by clients or by an operator.
const DISK_FULL_RETRY: Millis = Millis::from_secs(5);
/// A backup takes as long as its files take to be linked or copied.
const BACKUPS_RETRY: Millis = Millis::from_secs(60);
/// A restart or another broker is near, if at all.
pub(super) const CLOSED_RETRY: Millis = Millis::from_secs(1);

impl Refusal {
    /// Of the request itself.
    pub(super) fn of_request(rejection: Rejection) -> Self {
        Self { place: Place::Request, rejection }
    }

    /// Of a message within the request.
    pub(super) fn within(place: impl Into<String>, rejection: Rejection) -> Self {
        Self { place: Place::Message(place.into()), rejection }
    }

    /// What kind it is.
    pub(super) fn kind(&self) -> Kind {
        kind(&self.rejection)
    }

    /// The path of the field that is wrong; `None` if it is not a field's fault.
    pub(super) fn field(&self) -> Option<String> {
        let is_step = matches!(self.rejection, Rejection::Step { .. });
        match (self.kind().field, &self.place) {
            (Some(leaf), Place::Request) => Some(leaf.to_owned()),
            (Some(leaf), Place::Message(path)) => Some(format!("{path}.{leaf}")),
            (Some(_), Place::Field(path)) => Some(path.clone()),
            // Which step it was is told however it is refused.
            (None, Place::Message(path)) if is_step => Some(path.clone()),
            (None, _) => None,
        }
    }

    /// Whether it is the fault of a field.
    pub(super) fn has_field(&self) -> bool {
        self.kind().field.is_some()
    }

    /// The sentence for people; names the field by its whole path.
    pub(super) fn message(&self) -> String {
        let (rejection, is_step) = match &self.rejection {
            Rejection::Step { source, .. } => (&**source, true),
            rejection => (rejection, false),
        };
        match &self.place {
            Place::Message(path) if names_field(rejection) => format!("{path}.{rejection}"),
            Place::Message(path) if is_step => format!("{path}: {rejection}"),
            _ => self.rejection.to_string(),
        }
    }
}

/// Whether the rejection's sentence begins with the field.
fn names_field(rejection: &Rejection) -> bool {
    matches!(
        rejection,
        Rejection::QueueName { .. }
            | Rejection::OutOfRange { .. }
            | Rejection::Malformed { .. }
            | Rejection::Missing { .. }
            | Rejection::NotForThisKind { .. }
    )
}

impl Kind {
    fn of(code: tonic::Code, reason: &'static str) -> Self {
        Self { code, reason, field: None, quota: None, retry_after: None }
    }

    fn of_field(code: tonic::Code, reason: &'static str, field: &'static str) -> Self {
        Self { field: Some(field), ..Self::of(code, reason) }
    }

    fn invalid(reason: &'static str, field: &'static str) -> Self {
        Self::of_field(tonic::Code::InvalidArgument, reason, field)
    }

    fn exhausted(reason: &'static str, quota: &'static str, retry_after: Millis) -> Self {
        Self {
            quota: Some(quota),
            retry_after: Some(retry_after),
            ..Self::of(tonic::Code::ResourceExhausted, reason)
        }
    }

    fn retry_after(self, retry_after: Millis) -> Self {
        Self { retry_after: Some(retry_after), ..self }
    }
}

fn kind(rejection: &Rejection) -> Kind {
    use tonic::Code::{AlreadyExists, FailedPrecondition, NotFound, Unavailable, Unknown};
    match rejection {
        Rejection::QueueName { field, .. } => Kind::invalid("QUEUE_NAME_INVALID", field),
        Rejection::OutOfRange { field, .. } => Kind::invalid("VALUE_OUT_OF_RANGE", field),
        Rejection::Malformed { field, .. } => Kind::invalid("VALUE_MALFORMED", field),
        Rejection::Missing { field, .. } => Kind::invalid("FIELD_MISSING", field),
        Rejection::QueueNotFound { .. } => Kind::of(NotFound, "QUEUE_NOT_FOUND"),
        Rejection::QueueAlreadyExists { .. } => Kind::of(AlreadyExists, "QUEUE_ALREADY_EXISTS"),
        Rejection::SettingsChanged { .. } => Kind::of(tonic::Code::Aborted, "SETTINGS_CHANGED"),
        Rejection::QueueDeletedRecently { retry_after, .. } => {
            Kind::of(FailedPrecondition, "QUEUE_DELETED_RECENTLY").retry_after(*retry_after)
        }
        Rejection::MessageTooLarge { .. } => Kind::invalid("MESSAGE_TOO_LARGE", "body"),
        Rejection::TooManyInFlight { .. } => {
            Kind::exhausted("TOO_MANY_IN_FLIGHT", "messages in flight", IN_FLIGHT_RETRY)
        }
        Rejection::ReceiptHandleInvalid { .. } => {
            Kind::invalid("RECEIPT_HANDLE_INVALID", "receipt_handle")
        }
        Rejection::ReceiptHandleOfAnotherQueue { .. } => {
            Kind::invalid("RECEIPT_HANDLE_OF_ANOTHER_QUEUE", "receipt_handle")
        }
        Rejection::MessageNotInFlight => Kind::of(FailedPrecondition, "MESSAGE_NOT_IN_FLIGHT"),
        Rejection::LeaseStale => Kind::of(FailedPrecondition, "LEASE_STALE"),
        Rejection::MessageNotFound => Kind::of(NotFound, "MESSAGE_NOT_FOUND"),
        Rejection::LeaseTooLong { .. } => Kind::invalid("LEASE_TOO_LONG", "visibility_timeout"),
        Rejection::PurgeInProgress { retry_after, .. } => {
            Kind::of(FailedPrecondition, "PURGE_IN_PROGRESS").retry_after(*retry_after)
        }
        Rejection::ReceiptHandleExpired => {
            Kind::of_field(FailedPrecondition, "RECEIPT_HANDLE_EXPIRED", "receipt_handle")
        }
        Rejection::QueuePaused { .. } => Kind::of(FailedPrecondition, "QUEUE_PAUSED"),
        Rejection::NotForThisKind { field, .. } => Kind::invalid("NOT_FOR_THIS_KIND", field),
        Rejection::DeduplicationIdMissing { .. } => {
            Kind::invalid("DEDUPLICATION_ID_MISSING", "deduplication_id")
        }
        Rejection::TooManyDeduplicationIds { retry_after, .. } => {
            Kind::exhausted("TOO_MANY_DEDUPLICATION_IDS", "deduplication ids", *retry_after)
        }
        Rejection::DeadLetterQueue { .. } => Kind::of_field(
            FailedPrecondition,
            "DEAD_LETTER_QUEUE_REFUSED",
            "redrive_policy.dead_letter_queue",
        ),
        Rejection::Step { source, .. } => kind(source),
        Rejection::SameMessage { .. } => Kind::invalid("SAME_MESSAGE", "receipt_handle"),
        Rejection::NotADeadLetterQueue { .. } => {
            Kind::invalid("NOT_A_DEAD_LETTER_QUEUE", "source_queue")
        }
        Rejection::MoveTaskRunning { .. } => Kind::of(FailedPrecondition, "MOVE_TASK_RUNNING"),
        Rejection::MoveTaskNotFound { .. } => Kind::of(NotFound, "MOVE_TASK_NOT_FOUND"),
        Rejection::RequestTooLarge { .. } => {
            Kind::of(tonic::Code::InvalidArgument, "REQUEST_TOO_LARGE")
        }
        Rejection::Overloaded { .. } => {
            Kind::exhausted("OVERLOADED", "requests under way", OVERLOADED_RETRY)
        }
        Rejection::DiskFull => Kind::exhausted("DISK_FULL", "disk", DISK_FULL_RETRY),
        Rejection::MaintenanceFailed { .. } => Kind::of(Unavailable, "MAINTENANCE_FAILED"),
        Rejection::TooManyBackups { .. } => {
            Kind::exhausted("TOO_MANY_BACKUPS", "backups under way", BACKUPS_RETRY)
        }
        Rejection::BackupNotFound => Kind::of(NotFound, "BACKUP_NOT_FOUND"),
        Rejection::ReadOnly => Kind::of(FailedPrecondition, "READ_ONLY"),
        Rejection::ShuttingDown => Kind::of(Unavailable, "SHUTTING_DOWN").retry_after(CLOSED_RETRY),
        Rejection::Unknown => Kind::of(Unknown, "OUTCOME_UNKNOWN"),
    }
}

/// Broker time as the standard types have it.
pub(super) fn std_duration(millis: Millis) -> Duration {
    Duration::from_millis(millis.get())
}
