//! What a client is told that asked for something it cannot have: the closed list of errors, and
//! each one's name in the JSON protocol, its code in the query protocol and its HTTP status.

use std::borrow::Cow;

use http::StatusCode;

use super::limits::QUOTED_CHARS_MAX;

/// A refusal as the protocols tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) message: String,
}

/// The errors of Amazon SQS that this endpoint gives, and those of every AWS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    QueueDoesNotExist,
    QueueNameExists,
    QueueDeletedRecently,
    TooManyEntriesInBatchRequest,
    EmptyBatchRequest,
    BatchEntryIdsNotDistinct,
    InvalidBatchEntryId,
    BatchRequestTooLong,
    UnsupportedOperation,
    PurgeQueueInProgress,
    InvalidParameterValue,
    MissingParameter,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidMessageContents,
    ReceiptHandleIsInvalid,
    OverLimit,
    MessageNotInflight,
    ResourceNotFound,
    RequestThrottled,
    /// The request is not what its protocol says: no JSON, or a member of another type.
    Serialization,
    /// The same of the query protocol.
    MalformedQuery,
    RequestTooLarge,
    RequestTimeout,
    UnknownOperation,
    MissingAction,
    ServiceUnavailable,
    MissingAuthentication,
    IncompleteSignature,
    InvalidClientTokenId,
    SignatureDoesNotMatch,
}

/// The namespace of the shapes of Amazon SQS.
const SQS: &str = "com.amazonaws.sqs";
/// What most codes begin with.
const QUERY: &str = "AWS.SimpleQueueService";
/// The namespace of errors that every service has.
const CORAL: &str = "com.amazon.coral.service";

/// What a text quotes of what a client sent.
pub(super) fn quoted(value: &str) -> String {
    value.chars().take(QUOTED_CHARS_MAX).collect()
}

impl Fault {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A parameter that is needed is not there.
    pub(super) fn missing(parameter: &str) -> Self {
        let message = format!("The request must contain the parameter {parameter}.");
        Self::new(Kind::MissingParameter, message)
    }

    /// A parameter's value is wrong, with the reason.
    pub(super) fn invalid(parameter: &str, value: impl std::fmt::Display, reason: &str) -> Self {
        let message =
            format!("Value {value} for parameter {parameter} is invalid. Reason: {reason}");
        Self::new(Kind::InvalidParameterValue, message)
    }

    /// One or more parameters are wrong together.
    pub(super) fn parameters(reason: &str) -> Self {
        let message = format!("One or more parameters are invalid. Reason: {reason}");
        Self::new(Kind::InvalidParameterValue, message)
    }
}

impl Kind {
    /// Whether the client is at fault.
    pub(super) fn is_senders(self) -> bool {
        !self.status().is_server_error()
    }

    /// The shape with its namespace, as `__type` has it.
    pub(super) fn json_type(self) -> String {
        format!("{}#{}", if self.is_of_sqs() { SQS } else { CORAL }, self.shape())
    }

    /// Whether the error is one of the service's own.
    fn is_of_sqs(self) -> bool {
        match self {
            Self::QueueDoesNotExist
            | Self::QueueNameExists
            | Self::QueueDeletedRecently
            | Self::TooManyEntriesInBatchRequest
            | Self::EmptyBatchRequest
            | Self::BatchEntryIdsNotDistinct
            | Self::InvalidBatchEntryId
            | Self::BatchRequestTooLong
            | Self::UnsupportedOperation
            | Self::PurgeQueueInProgress
            | Self::InvalidParameterValue
            | Self::MissingParameter
            | Self::InvalidAttributeName
            | Self::InvalidAttributeValue
            | Self::InvalidMessageContents
            | Self::ReceiptHandleIsInvalid
            | Self::OverLimit
            | Self::MessageNotInflight
            | Self::ResourceNotFound
            | Self::RequestThrottled => true,
            Self::Serialization
            | Self::MalformedQuery
            | Self::RequestTooLarge
            | Self::RequestTimeout
            | Self::UnknownOperation
            | Self::MissingAction
            | Self::ServiceUnavailable
            | Self::MissingAuthentication
            | Self::IncompleteSignature
            | Self::InvalidClientTokenId
            | Self::SignatureDoesNotMatch => false,
        }
    }

    /// The code in XML and in the header that JSON clients take theirs from.
    pub(super) fn code(self) -> Cow<'static, str> {
        match self {
            Self::QueueDoesNotExist => format!("{QUERY}.NonExistentQueue").into(),
            Self::QueueDeletedRecently
            | Self::TooManyEntriesInBatchRequest
            | Self::EmptyBatchRequest
            | Self::BatchEntryIdsNotDistinct
            | Self::InvalidBatchEntryId
            | Self::BatchRequestTooLong
            | Self::UnsupportedOperation
            | Self::PurgeQueueInProgress
            | Self::MessageNotInflight => format!("{QUERY}.{}", self.shape()).into(),
            Self::QueueNameExists => "QueueAlreadyExists".into(),
            Self::InvalidParameterValue => "InvalidParameterValue".into(),
            Self::MissingParameter => "MissingParameter".into(),
            Self::UnknownOperation => "InvalidAction".into(),
            Self::InvalidClientTokenId => "InvalidClientTokenId".into(),
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch".into(),
            Self::RequestTooLarge
            | Self::RequestTimeout
            | Self::MissingAction
            | Self::ServiceUnavailable
            | Self::MissingAuthentication
            | Self::IncompleteSignature => self.shape().trim_end_matches("Exception").into(),
            Self::InvalidAttributeName
            | Self::InvalidAttributeValue
            | Self::InvalidMessageContents
            | Self::ReceiptHandleIsInvalid
            | Self::OverLimit
            | Self::ResourceNotFound
            | Self::RequestThrottled
            | Self::Serialization
            | Self::MalformedQuery => self.shape().into(),
        }
    }

    /// The HTTP status.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::PurgeQueueInProgress
            | Self::RequestThrottled
            | Self::MissingAuthentication
            | Self::InvalidClientTokenId
            | Self::SignatureDoesNotMatch => StatusCode::FORBIDDEN,
            Self::ResourceNotFound => StatusCode::NOT_FOUND,
            Self::RequestTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::QueueDoesNotExist
            | Self::QueueNameExists
            | Self::QueueDeletedRecently
            | Self::TooManyEntriesInBatchRequest
            | Self::EmptyBatchRequest
            | Self::BatchEntryIdsNotDistinct
            | Self::InvalidBatchEntryId
            | Self::BatchRequestTooLong
            | Self::UnsupportedOperation
            | Self::InvalidParameterValue
            | Self::MissingParameter
            | Self::InvalidAttributeName
            | Self::InvalidAttributeValue
            | Self::InvalidMessageContents
            | Self::ReceiptHandleIsInvalid
            | Self::OverLimit
            | Self::MessageNotInflight
            | Self::Serialization
            | Self::MalformedQuery
            | Self::UnknownOperation
            | Self::MissingAction
            | Self::IncompleteSignature => StatusCode::BAD_REQUEST,
        }
    }

    /// The shape's name in JSON, behind its namespace.
    fn shape(self) -> &'static str {
        match self {
            Self::QueueDoesNotExist => "QueueDoesNotExist",
            Self::QueueNameExists => "QueueNameExists",
            Self::QueueDeletedRecently => "QueueDeletedRecently",
            Self::TooManyEntriesInBatchRequest => "TooManyEntriesInBatchRequest",
            Self::EmptyBatchRequest => "EmptyBatchRequest",
            Self::BatchEntryIdsNotDistinct => "BatchEntryIdsNotDistinct",
            Self::InvalidBatchEntryId => "InvalidBatchEntryId",
            Self::BatchRequestTooLong => "BatchRequestTooLong",
            Self::UnsupportedOperation => "UnsupportedOperation",
            Self::PurgeQueueInProgress => "PurgeQueueInProgress",
            Self::InvalidParameterValue => "InvalidParameterValueException",
            Self::MissingParameter => "MissingRequiredParameterException",
            Self::InvalidAttributeName => "InvalidAttributeName",
            Self::InvalidAttributeValue => "InvalidAttributeValue",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::ReceiptHandleIsInvalid => "ReceiptHandleIsInvalid",
            Self::OverLimit => "OverLimit",
            Self::MessageNotInflight => "MessageNotInflight",
            Self::ResourceNotFound => "ResourceNotFoundException",
            Self::RequestThrottled => "RequestThrottled",
            Self::Serialization => "SerializationException",
            Self::MalformedQuery => "MalformedQueryString",
            Self::RequestTooLarge => "RequestEntityTooLargeException",
            Self::RequestTimeout => "RequestTimeoutException",
            Self::UnknownOperation => "UnknownOperationException",
            Self::MissingAction => "MissingActionException",
            Self::ServiceUnavailable => "ServiceUnavailableException",
            Self::MissingAuthentication => "MissingAuthenticationTokenException",
            Self::IncompleteSignature => "IncompleteSignatureException",
            Self::InvalidClientTokenId => "UnrecognizedClientException",
            Self::SignatureDoesNotMatch => "InvalidSignatureException",
        }
    }
}
