//! `Receive`.
//!
//! The leases are claimed once the answer is complete: a client that goes away before takes no
//! message with it, since the broker takes back what nobody claims.

use futures_util::{StreamExt, stream};

use crate::{
    api::grpc::{convert, parse, refusal::Refusal},
    broker::{BodyError, Handle, Received},
    proto::v1,
    types::{Millis, QueueName, Rejection, Unit, in_range, limits},
};

/// Messages of one receive whose bytes are read from the disk at the same time.
const READS_MAX: usize = 32;
/// Messages that a receive asks for if it does not say.
const COUNT_DEFAULT: u32 = 1;

/// A request that is within its limits.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    queue: QueueName,
    count_max: usize,
    visibility_timeout: Option<Millis>,
    wait: Option<Millis>,
}

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ReceiveRequest,
) -> Result<v1::ReceiveResponse, Refusal> {
    let Wanted { queue, count_max, visibility_timeout, wait } = parse(&request)?;
    let received = broker.receive(queue, count_max, visibility_timeout, wait).await;
    let mut delivery = received.map_err(Refusal::of_request)?;
    let received = std::mem::take(&mut delivery.messages);
    let mut response = v1::ReceiveResponse::default();
    let mut contents = stream::iter(received).map(|one| read(broker, one)).buffered(READS_MAX);
    while let Some(content) = contents.next().await {
        match content {
            Ok(message) => response.messages.push(message),
            Err(unavailable) => response.unavailable.push(unavailable),
        }
    }
    drop(contents);
    delivery.claim();
    Ok(response)
}

fn parse(request: &v1::ReceiveRequest) -> Result<Wanted, Refusal> {
    let queue = parse::queue(&request.queue)?;
    wanted(queue, request).map_err(Refusal::of_request)
}

fn wanted(queue: QueueName, request: &v1::ReceiveRequest) -> Result<Wanted, Rejection> {
    let count = request.max_messages.unwrap_or(COUNT_DEFAULT);
    in_range("max_messages", count.into(), 1, limits::RECEIVE_MAX as u64, Unit::Count)?;
    let visibility_timeout = parse::duration_up_to(
        "visibility_timeout",
        request.visibility_timeout,
        limits::VISIBILITY_MAX,
    )?;
    let wait = parse::duration_up_to("wait_time", request.wait_time, limits::WAIT_MAX)?;
    Ok(Wanted { queue, count_max: count as usize, visibility_timeout, wait })
}

async fn read(broker: &Handle, received: Received) -> Result<v1::Message, v1::UnavailableMessage> {
    let leased = &received.leased;
    let message_id = broker.message_id(leased.seq).to_string();
    let receipt_handle = broker.receipt_handle(leased);
    match received.content().await {
        Ok((attributes, body)) => Ok(v1::Message {
            message_id,
            receipt_handle,
            body,
            attributes: attributes.into_iter().map(convert::attribute).collect(),
            sent_at: Some(convert::timestamp(leased.sent_at)),
            first_received_at: Some(convert::timestamp(leased.first_received_at)),
            receive_count: leased.receive_count,
            lease_expires_at: Some(convert::timestamp(leased.until)),
        }),
        Err(error) => {
            let cause = std::error::Error::source(&error);
            tracing::error!(message_id, %error, cause, "a message's bytes cannot be given");
            let reason = reason(&error).into();
            let description = error.to_string();
            Err(v1::UnavailableMessage { message_id, receipt_handle, reason, description })
        }
    }
}

fn reason(error: &BodyError) -> v1::UnavailableReason {
    match error {
        BodyError::Io { .. } | BodyError::Abandoned(_) => v1::UnavailableReason::ReadFailed,
        BodyError::Damaged { .. } => v1::UnavailableReason::Damaged,
        BodyError::Decode(_) => v1::UnavailableReason::Undecodable,
    }
}
