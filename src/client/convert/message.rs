//! Messages: sent, received, looked at.

use std::collections::BTreeMap;

use super::{
    super::{Message, MessageState, Outgoing, Peeked, Unavailable, UnavailableReason},
    Error, duration, given, instant, timestamp,
};
use crate::{
    proto::v1,
    types::{Attribute, AttributeValue, Delay, GroupId, MoveFilter, StateFilter},
};

pub(in crate::client) fn send_entry(message: Outgoing) -> v1::SendEntry {
    let (delay, deliver_at) = match message.delay {
        None => (None, None),
        Some(Delay::For(delay)) => (Some(duration(delay)), None),
        Some(Delay::Until(at)) => (None, Some(instant(at))),
    };
    v1::SendEntry {
        body: message.body,
        attributes: message.attributes.into_iter().map(attribute_value).collect(),
        delay,
        deliver_at,
        time_to_live: message.time_to_live.map(duration),
        priority: message.priority.map(u32::from),
        group_id: message.group.map_or_else(String::new, |group| group.to_string()),
        deduplication_id: message.deduplication_id.unwrap_or_default(),
        trace_header: message.trace_header.unwrap_or_default(),
    }
}

fn attribute_value(attribute: Attribute) -> (String, v1::AttributeValue) {
    let value = Some(match attribute.value {
        AttributeValue::Text(text) => v1::attribute_value::Value::Text(text),
        AttributeValue::Binary(bytes) => v1::attribute_value::Value::Binary(bytes),
    });
    (attribute.name, v1::AttributeValue { data_type: attribute.data_type, value })
}

pub(super) fn attribute(name: String, value: v1::AttributeValue) -> Result<Attribute, Error> {
    let data_type = value.data_type;
    let value = match value.value {
        Some(v1::attribute_value::Value::Text(text)) => AttributeValue::Text(text),
        Some(v1::attribute_value::Value::Binary(bytes)) => AttributeValue::Binary(bytes),
        None => return Err(Error::Answer("an attribute's value")),
    };
    Ok(Attribute { name, data_type, value })
}

fn attributes(given: BTreeMap<String, v1::AttributeValue>) -> Result<Vec<Attribute>, Error> {
    given.into_iter().map(|(name, value)| attribute(name, value)).collect()
}

pub(super) fn group(id: &str) -> Result<Option<GroupId>, Error> {
    let parsed = (!id.is_empty()).then(|| GroupId::parse("group_id", id)).transpose();
    parsed.map_err(|_| Error::Answer("a group id"))
}

pub(in crate::client) fn message(message: v1::Message) -> Result<Message, Error> {
    Ok(Message {
        group: group(&message.group_id)?,
        attributes: attributes(message.attributes)?,
        sent_at: timestamp(message.sent_at, "a time of sending")?,
        first_received_at: timestamp(message.first_received_at, "a time of receiving")?,
        lease_expires_at: timestamp(message.lease_expires_at, "a lease's end")?,
        message_id: message.message_id,
        receipt_handle: message.receipt_handle,
        body: message.body,
        receive_count: message.receive_count,
        deduplication_id: given(message.deduplication_id),
        sequence_number: message.sequence_number,
        priority: message.priority,
        trace_header: given(message.trace_header),
        dead_letter_source: given(message.dead_letter_source),
    })
}

/// A message that was looked at, with its body if that was asked for.
pub(in crate::client) fn peeked(
    message: v1::PeekedMessage,
    with_body: bool,
) -> Result<Peeked, Error> {
    let until = || timestamp(message.ready_at, "when a message is ready");
    let state = match message.state() {
        v1::MessageState::Ready => MessageState::Ready,
        v1::MessageState::Delayed => MessageState::Delayed { until: until()? },
        v1::MessageState::InFlight => MessageState::InFlight { until: until()? },
        v1::MessageState::Unspecified => return Err(Error::Answer("a message's state")),
    };
    let first_received_at = message
        .first_received_at
        .map(|at| timestamp(Some(at), "a time of receiving"))
        .transpose()?;
    Ok(Peeked {
        state,
        first_received_at,
        group: group(&message.group_id)?,
        attributes: attributes(message.attributes)?,
        sent_at: timestamp(message.sent_at, "a time of sending")?,
        message_id: message.message_id,
        body: with_body.then_some(message.body),
        body_bytes: message.body_bytes,
        receive_count: message.receive_count,
        deduplication_id: given(message.deduplication_id),
        sequence_number: message.sequence_number,
        priority: message.priority,
        trace_header: given(message.trace_header),
        dead_letter_source: given(message.dead_letter_source),
    })
}

pub(in crate::client) fn unavailable(message: v1::UnavailableMessage) -> Unavailable {
    let reason = match message.reason() {
        v1::UnavailableReason::ReadFailed => UnavailableReason::ReadFailed,
        v1::UnavailableReason::Damaged => UnavailableReason::Damaged,
        v1::UnavailableReason::Undecodable => UnavailableReason::Undecodable,
        v1::UnavailableReason::Unspecified => UnavailableReason::Other,
    };
    Unavailable {
        reason,
        message_id: message.message_id,
        receipt_handle: message.receipt_handle,
        description: message.description,
    }
}

/// `None` if it lets every message through.
pub(in crate::client) fn filter(filter: &MoveFilter) -> Option<v1::MessageFilter> {
    if *filter == MoveFilter::default() {
        return None;
    }
    let attribute = filter.attribute.clone().map(|attribute| {
        let (name, value) = attribute_value(attribute);
        v1::AttributeFilter { name, value: Some(value) }
    });
    let group_id = filter.group.as_ref().map_or_else(String::new, GroupId::to_string);
    Some(v1::MessageFilter { group_id, min_age: filter.age_min.map(duration), attribute })
}

/// No states are all of them.
pub(in crate::client) fn state_words(states: StateFilter) -> Vec<i32> {
    if states == StateFilter::ALL {
        return Vec::new();
    }
    let words = [
        (states.ready, v1::MessageState::Ready),
        (states.delayed, v1::MessageState::Delayed),
        (states.in_flight, v1::MessageState::InFlight),
    ];
    words.into_iter().filter(|(is_in, _)| *is_in).map(|(_, word)| word.into()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Millis, Timestamp};

    #[test]
    fn an_instant_of_delivery_is_sent_as_one() {
        let delay = Some(Delay::Until(Timestamp::from_millis(1_700_000_000_123)));
        let entry = send_entry(Outgoing { delay, ..Outgoing::new("x") });
        let at = prost_types::Timestamp { seconds: 1_700_000_000, nanos: 123_000_000 };
        assert_eq!((entry.delay, entry.deliver_at), (None, Some(at)));
        let delay = Some(Delay::For(Millis::new(1500)));
        let entry = send_entry(Outgoing { delay, ..Outgoing::new("x") });
        let wait = prost_types::Duration { seconds: 1, nanos: 500_000_000 };
        assert_eq!((entry.delay, entry.deliver_at), (Some(wait), None));
    }

    #[test]
    fn a_filter_that_filters_nothing_is_not_sent() {
        assert_eq!(filter(&MoveFilter::default()), None);
        assert!(state_words(StateFilter::ALL).is_empty());
        let ready = StateFilter { delayed: false, in_flight: false, ..StateFilter::ALL };
        assert_eq!(state_words(ready), [i32::from(v1::MessageState::Ready)]);
    }

    #[test]
    fn a_state_without_its_time_is_no_answer() {
        let message = |state: v1::MessageState| v1::PeekedMessage {
            state: state.into(),
            sent_at: Some(prost_types::Timestamp::default()),
            ..v1::PeekedMessage::default()
        };
        assert!(peeked(message(v1::MessageState::Ready), false).is_ok());
        for state in [v1::MessageState::Delayed, v1::MessageState::Unspecified] {
            assert!(peeked(message(state), false).is_err());
        }
    }
}
