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

#[cfg(test)]
mod tests {
    use super::*;

    /// Errors whose code is their shape with this before it.
    const LONG: &str = "AWS.SimpleQueueService.";

    fn told(kind: Kind) -> (String, String, u16) {
        (kind.json_type(), kind.code().into_owned(), kind.status().as_u16())
    }

    #[test]
    fn each_error_of_the_service_has_its_shape_its_code_and_its_status() {
        let expected = |shape: &str, code: String, status| {
            (format!("com.amazonaws.sqs#{shape}"), code, status)
        };
        let long = [
            (Kind::QueueDeletedRecently, "QueueDeletedRecently", 400),
            (Kind::TooManyEntriesInBatchRequest, "TooManyEntriesInBatchRequest", 400),
            (Kind::EmptyBatchRequest, "EmptyBatchRequest", 400),
            (Kind::BatchEntryIdsNotDistinct, "BatchEntryIdsNotDistinct", 400),
            (Kind::InvalidBatchEntryId, "InvalidBatchEntryId", 400),
            (Kind::BatchRequestTooLong, "BatchRequestTooLong", 400),
            (Kind::UnsupportedOperation, "UnsupportedOperation", 400),
            (Kind::MessageNotInflight, "MessageNotInflight", 400),
            (Kind::PurgeQueueInProgress, "PurgeQueueInProgress", 403),
        ];
        for (kind, shape, status) in long {
            assert_eq!(told(kind), expected(shape, format!("{LONG}{shape}"), status));
        }
        let own = [
            (
                Kind::QueueDoesNotExist,
                "QueueDoesNotExist",
                "AWS.SimpleQueueService.NonExistentQueue",
            ),
            (Kind::QueueNameExists, "QueueNameExists", "QueueAlreadyExists"),
            (
                Kind::InvalidParameterValue,
                "InvalidParameterValueException",
                "InvalidParameterValue",
            ),
            (Kind::MissingParameter, "MissingRequiredParameterException", "MissingParameter"),
        ];
        for (kind, shape, code) in own {
            assert_eq!(told(kind), expected(shape, code.into(), 400));
        }
        let same = [
            (Kind::InvalidAttributeName, "InvalidAttributeName", 400),
            (Kind::InvalidAttributeValue, "InvalidAttributeValue", 400),
            (Kind::InvalidMessageContents, "InvalidMessageContents", 400),
            (Kind::ReceiptHandleIsInvalid, "ReceiptHandleIsInvalid", 400),
            (Kind::OverLimit, "OverLimit", 400),
            (Kind::ResourceNotFound, "ResourceNotFoundException", 404),
            (Kind::RequestThrottled, "RequestThrottled", 403),
        ];
        for (kind, shape, status) in same {
            assert_eq!(told(kind), expected(shape, shape.into(), status));
        }
    }

    #[test]
    fn each_error_of_every_service_has_its_shape_its_code_and_its_status() {
        let cases = [
            (Kind::Serialization, "SerializationException", "SerializationException", 400),
            (Kind::MalformedQuery, "MalformedQueryString", "MalformedQueryString", 400),
            (Kind::RequestTooLarge, "RequestEntityTooLargeException", "RequestEntityTooLarge", 413),
            (Kind::RequestTimeout, "RequestTimeoutException", "RequestTimeout", 408),
            (Kind::UnknownOperation, "UnknownOperationException", "InvalidAction", 400),
            (Kind::MissingAction, "MissingActionException", "MissingAction", 400),
            (Kind::ServiceUnavailable, "ServiceUnavailableException", "ServiceUnavailable", 503),
            (
                Kind::MissingAuthentication,
                "MissingAuthenticationTokenException",
                "MissingAuthenticationToken",
                403,
            ),
            (Kind::IncompleteSignature, "IncompleteSignatureException", "IncompleteSignature", 400),
            (
                Kind::InvalidClientTokenId,
                "UnrecognizedClientException",
                "InvalidClientTokenId",
                403,
            ),
            (
                Kind::SignatureDoesNotMatch,
                "InvalidSignatureException",
                "SignatureDoesNotMatch",
                403,
            ),
        ];
        for (kind, shape, code, status) in cases {
            let shape = format!("com.amazon.coral.service#{shape}");
            assert_eq!(told(kind), (shape, code.to_owned(), status));
            assert_eq!(kind.is_senders(), status < 500);
        }
    }
}
