//! The stored bytes of messages on their way out.

use bytes::Bytes;

use crate::{
    broker::BodyError,
    proto::v1,
    types::{Envelope, GroupId},
};

/// Messages of one answer whose bytes are read from the disk at the same time.
pub(super) const READS_MAX: usize = 32;

/// What goes with a message, and its body.
pub(super) type Content = (Envelope, Bytes);

/// The message's group; empty if it has none.
pub(super) fn group_id(envelope: &Envelope) -> String {
    envelope.group.as_ref().map(GroupId::to_string).unwrap_or_default()
}

/// By what the message's duplicates are known; empty if by nothing. `is_fifo_dead_letter` tells
/// that it came to a FIFO queue as a dead letter: then it is its own id.
pub(super) fn deduplication_id(
    message_id: &str,
    is_fifo_dead_letter: bool,
    given: Option<String>,
) -> String {
    if is_fifo_dead_letter { message_id.to_owned() } else { given.unwrap_or_default() }
}

/// A message whose bytes cannot be given; the operator is told as well.
pub(super) fn unavailable(
    message_id: String,
    receipt_handle: String,
    error: &BodyError,
) -> v1::UnavailableMessage {
    let cause = std::error::Error::source(error);
    tracing::error!(message_id, %error, cause, "a message's bytes cannot be given");
    let reason = reason(error).into();
    let description = error.to_string();
    v1::UnavailableMessage { message_id, receipt_handle, reason, description }
}

fn reason(error: &BodyError) -> v1::UnavailableReason {
    match error {
        BodyError::Io { .. } | BodyError::Abandoned(_) => v1::UnavailableReason::ReadFailed,
        BodyError::Damaged { .. } => v1::UnavailableReason::Damaged,
        BodyError::Decode(_) => v1::UnavailableReason::Undecodable,
    }
}
