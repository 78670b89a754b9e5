//! Calls about messages.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ledgerq::{
    proto::v1::{self, message_service_client::MessageServiceClient},
    types::{
        CancelOutcome, Delay, DeleteMode, DeleteOutcome, MessageState, Nonce, StateFilter,
        Timestamp,
    },
};
use tonic::transport::Channel;

use super::{attribute_of, duration_of, filter_of, from_attribute, timestamp, told, without_path};
use crate::script::driver::{
    Accepted, Call, Content, Entry, Look, Looked, Message, Outcome, Receive, Step, StepTold,
};

type Messages = MessageServiceClient<Channel>;

pub(super) async fn ask(mut messages: Messages, call: Call) -> Outcome {
    match call {
        Call::Send { queue, entries } => {
            let entries = entries.into_iter().map(entry_of).collect();
            let request = v1::SendRequest { queue, entries };
            told(messages.send(request).await, |answer| {
                Outcome::Sent(answer.results.into_iter().map(sent_of).collect())
            })
        }
        Call::Receive(given) => receive(&mut messages, given).await,
        Call::Delete { queue, handles, mode } => {
            let mode = match mode {
                DeleteMode::Fenced => v1::DeleteMode::Fenced,
                DeleteMode::Lenient => v1::DeleteMode::Lenient,
            };
            let receipt_handles = handles;
            let request = v1::DeleteRequest { queue, receipt_handles, mode: mode.into() };
            told(messages.delete(request).await, |answer| {
                Outcome::Deleted(answer.results.into_iter().map(deleted_of).collect())
            })
        }
        Call::Change { queue, entries } => {
            let change = |(receipt_handle, timeout)| v1::ChangeVisibilityEntry {
                receipt_handle,
                visibility_timeout: Some(duration_of(timeout)),
            };
            let entries = entries.into_iter().map(change).collect();
            let request = v1::ChangeVisibilityRequest { queue, entries };
            told(messages.change_visibility(request).await, |answer| {
                Outcome::Changed(answer.results.into_iter().map(changed_of).collect())
            })
        }
        Call::Cancel { queue, ids } => {
            let request = v1::CancelScheduledRequest { queue, message_ids: ids };
            told(messages.cancel_scheduled(request).await, |answer| {
                Outcome::Cancelled(answer.results.into_iter().map(cancelled_of).collect())
            })
        }
        Call::Transact { steps } => {
            let steps = steps.into_iter().map(step_of).collect();
            told(messages.transact(v1::TransactRequest { steps }).await, |answer| {
                Outcome::Transacted(answer.results.into_iter().map(step_told).collect())
            })
        }
        Call::Browse(look) => told(messages.peek(peek_of(look)).await, |answer| {
            assert!(answer.unavailable.is_empty(), "every body can be read");
            let more = !answer.next_page_token.is_empty();
            let messages = answer.messages.into_iter().map(looked_of).collect();
            Outcome::Browsed { messages, more }
        }),
        other => unreachable!("{other:?} is not about messages"),
    }
}

pub(super) async fn receive(messages: &mut Messages, given: Receive) -> Outcome {
    let request = v1::ReceiveRequest {
        queue: given.queue,
        max_messages: Some(u32::try_from(given.count_max).expect("counts are small")),
        visibility_timeout: given.visibility_timeout.map(duration_of),
        wait_time: given.wait.map(duration_of),
        attempt_id: given.attempt.unwrap_or_default(),
    };
    told(messages.receive(request).await, |answer| {
        let unavailable = answer.unavailable;
        assert!(unavailable.is_empty(), "every body can be read: {unavailable:?}");
        Outcome::Received(answer.messages.into_iter().map(message_of).collect())
    })
}

fn entry_of(entry: Entry) -> v1::SendEntry {
    let (delay, deliver_at) = match entry.delay {
        None => (None, None),
        Some(Delay::For(delay)) => (Some(duration_of(delay)), None),
        Some(Delay::Until(at)) => (None, Some(timestamp_of(at))),
    };
    v1::SendEntry {
        body: entry.body,
        attributes: entry.attributes.into_iter().map(attribute_of).collect(),
        delay,
        deliver_at,
        time_to_live: entry.time_to_live.map(duration_of),
        priority: entry.priority.map(u32::from),
        group_id: entry.group.unwrap_or_default(),
        deduplication_id: entry.deduplication_id.unwrap_or_default(),
        trace_header: String::new(),
    }
}

fn step_of(step: Step) -> v1::TransactStep {
    use v1::transact_step::Step as Asked;
    let step = match step {
        Step::Send { queue, entry } => {
            Asked::Send(v1::SendStep { queue, message: Some(entry_of(entry)) })
        }
        Step::Delete { queue, handle } => {
            Asked::Delete(v1::DeleteStep { queue, receipt_handle: handle })
        }
        Step::Change { queue, handle, timeout } => {
            Asked::ChangeVisibility(v1::ChangeVisibilityStep {
                queue,
                receipt_handle: handle,
                visibility_timeout: Some(duration_of(timeout)),
            })
        }
    };
    v1::TransactStep { step: Some(step) }
}

fn step_told(result: v1::TransactResult) -> StepTold {
    match result.result.expect("every step has its outcome") {
        v1::transact_result::Result::Sent(sent) => StepTold::Sent(accepted_of(sent)),
        v1::transact_result::Result::Deleted(_) => StepTold::Deleted,
        v1::transact_result::Result::LeaseExpiresAt(_) => StepTold::Changed,
    }
}

fn peek_of(look: Look) -> v1::PeekRequest {
    let Look { queue, states, group, age_min, after, count_max } = look;
    let StateFilter { ready, delayed, in_flight } = states;
    let wanted = [
        (v1::MessageState::Ready, ready),
        (v1::MessageState::Delayed, delayed),
        (v1::MessageState::InFlight, in_flight),
    ];
    let states = wanted.into_iter().filter(|(_, is_wanted)| *is_wanted);
    v1::PeekRequest {
        queue,
        states: states.map(|(state, _)| state.into()).collect(),
        filter: Some(filter_of(group, age_min, None)),
        include_bodies: true,
        page_size: u32::try_from(count_max).expect("pages are small"),
        page_token: after.map(|id| token_of(&id)).unwrap_or_default(),
    }
}

/// The token of a page that ends with this message, whose sequence number its id holds.
fn token_of(id: &str) -> String {
    let raw = u128::from_str_radix(&id.replace('-', ""), 16).expect("an id is a UUID");
    let seq = (raw >> 80) << 16 | (raw >> 64 & 0xfff) << 4 | raw >> 58 & 0xf;
    let seq = u64::try_from(seq).expect("a sequence number has 64 bits");
    BASE64_URL_SAFE_NO_PAD.encode(seq.to_be_bytes())
}

fn message_of(message: v1::Message) -> Message {
    let v1::Message { attributes, group_id, deduplication_id, body, .. } = message;
    Message {
        id: message.message_id,
        handle: message.receipt_handle,
        content: Content {
            attributes: attributes.into_iter().map(from_attribute).collect(),
            group: set(group_id),
            deduplication_id: set(deduplication_id),
            body,
        },
        sent_at: timestamp(message.sent_at),
        first_received_at: timestamp(message.first_received_at),
        receive_count: message.receive_count,
        source: set(message.dead_letter_source),
    }
}

fn looked_of(message: v1::PeekedMessage) -> Looked {
    let state = match message.state() {
        v1::MessageState::Ready => MessageState::Ready,
        v1::MessageState::Delayed => MessageState::Delayed { until: timestamp(message.ready_at) },
        v1::MessageState::InFlight => {
            let until = timestamp(message.ready_at);
            MessageState::InFlight { until, nonce: Nonce::default() }
        }
        v1::MessageState::Unspecified => panic!("every message has a state"),
    };
    assert_eq!(message.body_bytes, message.body.len() as u64, "bodies were asked for");
    Looked {
        id: message.message_id,
        content: Content {
            attributes: message.attributes.into_iter().map(from_attribute).collect(),
            group: set(message.group_id),
            deduplication_id: set(message.deduplication_id),
            body: message.body,
        },
        state,
        receive_count: message.receive_count,
        priority: u8::try_from(message.priority).expect("priorities are small"),
        source: set(message.dead_letter_source),
    }
}

/// A text that is empty is not set.
fn set(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn sent_of(result: v1::SendResult) -> Result<Accepted, String> {
    match result.result.expect("every entry has its outcome") {
        v1::send_result::Result::Sent(sent) => Ok(accepted_of(sent)),
        v1::send_result::Result::Error(error) => Err(text_of(&error)),
    }
}

fn accepted_of(sent: v1::SentMessage) -> Accepted {
    Accepted { id: sent.message_id, is_duplicate: sent.duplicate }
}

fn deleted_of(result: v1::DeleteResult) -> Result<DeleteOutcome, String> {
    let outcome = match result.result.expect("every entry has its outcome") {
        v1::delete_result::Result::Outcome(outcome) => outcome,
        v1::delete_result::Result::Error(error) => return Err(text_of(&error)),
    };
    Ok(match v1::DeleteOutcome::try_from(outcome).expect("it is one of them") {
        v1::DeleteOutcome::Deleted => DeleteOutcome::Deleted,
        v1::DeleteOutcome::AlreadyDeleted => DeleteOutcome::AlreadyDeleted,
        v1::DeleteOutcome::StaleLease => DeleteOutcome::StaleLease,
        v1::DeleteOutcome::Unspecified => panic!("an outcome is one of the three"),
    })
}

fn changed_of(result: v1::ChangeVisibilityResult) -> Result<(), String> {
    match result.result.expect("every entry has its outcome") {
        v1::change_visibility_result::Result::LeaseExpiresAt(_) => Ok(()),
        v1::change_visibility_result::Result::Error(error) => Err(text_of(&error)),
    }
}

fn cancelled_of(result: v1::CancelResult) -> Result<CancelOutcome, String> {
    let outcome = match result.result.expect("every entry has its outcome") {
        v1::cancel_result::Result::Outcome(outcome) => outcome,
        v1::cancel_result::Result::Error(error) => return Err(text_of(&error)),
    };
    Ok(match v1::CancelOutcome::try_from(outcome).expect("it is one of them") {
        v1::CancelOutcome::Cancelled => CancelOutcome::Cancelled,
        v1::CancelOutcome::TooLate => CancelOutcome::TooLate,
        v1::CancelOutcome::NotFound => CancelOutcome::NotFound,
        v1::CancelOutcome::Unspecified => panic!("an outcome is one of the three"),
    })
}

fn text_of(error: &v1::EntryError) -> String {
    without_path(&error.message)
}

fn timestamp_of(at: Timestamp) -> prost_types::Timestamp {
    let nanos = i32::try_from(at.as_millis() % 1000 * 1_000_000).expect("less than a second");
    let seconds = i64::try_from(at.as_millis() / 1000).expect("times are in this age");
    prost_types::Timestamp { seconds, nanos }
}
