//! `Receive`.
//!
//! The leases are claimed once the answer is complete: a client that goes away before takes no
//! message with it, since the broker takes back what nobody claims.

use futures_util::{StreamExt, stream};

use crate::{
    api::grpc::{convert, parse, refusal::Refusal},
    broker::{BodyError, Handle, Received},
    proto::v1,
    types::{Millis, QueueName, ReceiveOptions, Rejection, Unit, in_range, limits},
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
    let options = ReceiveOptions { count_max, visibility_timeout, attempt: None };
    let received = broker.receive(queue, options, wait).await;
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
        Ok((envelope, body)) => Ok(v1::Message {
            message_id,
            receipt_handle,
            body,
            attributes: envelope.attributes.into_iter().map(convert::attribute).collect(),
            sent_at: Some(convert::timestamp(leased.sent_at)),
            first_received_at: Some(convert::timestamp(leased.first_received_at)),
            receive_count: leased.receive_count,
            lease_expires_at: Some(convert::timestamp(leased.until)),
            ..v1::Message::default()
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

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};
    use prost_types::Duration;

    use super::*;

    fn request() -> v1::ReceiveRequest {
        v1::ReceiveRequest { queue: "jobs".into(), ..Default::default() }
    }

    fn refused_field(request: &v1::ReceiveRequest) -> Option<String> {
        parse(request).err().and_then(|refusal| refusal.field())
    }

    #[test]
    fn what_is_not_set_is_left_to_the_queue() {
        let wanted = parse(&request()).expect("it is good");
        assert_eq!(wanted.count_max, 1);
        assert_eq!((wanted.visibility_timeout, wanted.wait), (None, None));
    }

    #[test]
    fn a_receive_asks_for_one_to_a_thousand_messages() {
        let with = |count| v1::ReceiveRequest { max_messages: Some(count), ..request() };
        for count in [1, 1000] {
            assert_eq!(refused_field(&with(count)), None, "{count}");
        }
        for count in [0, 1001, u32::MAX] {
            assert_eq!(refused_field(&with(count)).as_deref(), Some("max_messages"), "{count}");
        }
    }

    #[test]
    fn times_are_held_to_their_limits() {
        let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
        let timeout = |given| v1::ReceiveRequest { visibility_timeout: given, ..request() };
        let wait = |given| v1::ReceiveRequest { wait_time: given, ..request() };
        for given in [0, 43_200].map(seconds) {
            assert_eq!(refused_field(&timeout(given)), None, "{given:?}");
        }
        for given in [-1, 43_201, i64::MAX].map(seconds) {
            assert_eq!(refused_field(&timeout(given)).as_deref(), Some("visibility_timeout"));
        }
        for given in [0, 20].map(seconds) {
            assert_eq!(refused_field(&wait(given)), None, "{given:?}");
        }
        for given in [-1, 21, i64::MAX].map(seconds) {
            assert_eq!(refused_field(&wait(given)).as_deref(), Some("wait_time"));
        }
    }

    fn any_duration() -> impl Strategy<Value = Option<Duration>> {
        let parts = option::of(any::<(i64, i32)>());
        parts.prop_map(|parts| parts.map(|(seconds, nanos)| Duration { seconds, nanos }))
    }

    proptest! {
        #[test]
        fn any_receive_is_parsed_or_refused(
            queue: String,
            max_messages: Option<u32>,
            visibility_timeout in any_duration(),
            wait_time in any_duration(),
        ) {
            for queue in [queue, "jobs".into()] {
                let request =
                    v1::ReceiveRequest { queue, max_messages, visibility_timeout, wait_time };
                let _ = parse(&request);
            }
        }
    }
}
