//! Messages that were looked at, in the words of the proto files.

use super::content::{self, Content};
use crate::{
    api::grpc::convert,
    broker::{BodyError, Handle},
    proto::v1,
    types::{Browsed, MessageState, QueueName, Timestamp},
};

/// A message, with its body if it is wanted.
pub(super) fn message(
    broker: &Handle,
    queue: &QueueName,
    browsed: &Browsed,
    (envelope, body): Content,
    with_body: bool,
) -> v1::PeekedMessage {
    let message_id = broker.message_id(browsed.seq).to_string();
    let is_fifo_dead_letter = queue.is_fifo() && browsed.is_dead_letter;
    let (state, ready_at) = state(browsed.state);
    let was_received = browsed.first_received_at != Timestamp::ZERO;
    let source = browsed.dead_letter_source.as_ref();
    v1::PeekedMessage {
        state: state.into(),
        ready_at: ready_at.map(convert::timestamp),
        body_bytes: body.len() as u64,
        body: if with_body { body } else { bytes::Bytes::new() },
        group_id: content::group_id(&envelope),
        deduplication_id: content::deduplication_id(
            &message_id,
            is_fifo_dead_letter,
            envelope.deduplication_id,
        ),
        message_id,
        attributes: envelope.attributes.into_iter().map(convert::attribute).collect(),
        sent_at: Some(convert::timestamp(browsed.sent_at)),
        first_received_at: was_received.then(|| convert::timestamp(browsed.first_received_at)),
        receive_count: browsed.receive_count,
        sequence_number: browsed.seq.get(),
        priority: browsed.priority.into(),
        trace_header: envelope.trace_header.unwrap_or_default(),
        dead_letter_source: source.map(QueueName::to_string).unwrap_or_default(),
    }
}

/// A message whose bytes cannot be given. Nobody has a lease of it here.
pub(super) fn unavailable(
    broker: &Handle,
    browsed: &Browsed,
    error: &BodyError,
) -> v1::UnavailableMessage {
    let message_id = broker.message_id(browsed.seq).to_string();
    content::unavailable(message_id, String::new(), error)
}

fn state(state: MessageState) -> (v1::MessageState, Option<Timestamp>) {
    match state {
        MessageState::Ready => (v1::MessageState::Ready, None),
        MessageState::Delayed { until } => (v1::MessageState::Delayed, Some(until)),
        MessageState::InFlight { until, .. } => (v1::MessageState::InFlight, Some(until)),
    }
}
