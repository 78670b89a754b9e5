//! `Receive`.
//!
//! The leases are claimed once the answer is complete: a client that goes away before takes no
//! message with it, since the broker takes back what nobody claims.

use futures_util::{StreamExt, stream};

use super::content::{self, Content, READS_MAX};
use crate::{
    api::grpc::{convert, parse, refusal::Refusal},
    broker::{BodyError, Delivery, Handle, Received, Room, digest},
    proto::v1,
    types::{
        Digest, Leased, Millis, QueueName, ReceiveOptions, Rejection, Unit, check_id, in_range,
        limits,
    },
};

/// Messages that a receive asks for if it does not say.
const COUNT_DEFAULT: u32 = 1;

/// A request that is within its limits.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    queue: QueueName,
    options: ReceiveOptions,
    wait: Option<Millis>,
}

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ReceiveRequest,
) -> Result<(v1::ReceiveResponse, Room), Refusal> {
    let Wanted { queue, options, wait } = parse(&request)?;
    let is_fifo = queue.is_fifo();
    let received = broker.receive(queue, options, wait).await;
    let mut delivery = received.map_err(Refusal::of_request)?;
    let response = read_all(broker, &mut delivery, is_fifo).await;
    Ok((response, delivery.claim()))
}

/// Reads the messages of a delivery, and in a FIFO queue gives back what stands behind one that
/// may be read later. The leases of what it tells are not claimed yet.
pub(super) async fn read_all(
    broker: &Handle,
    delivery: &mut Delivery,
    is_fifo: bool,
) -> v1::ReceiveResponse {
    let received = std::mem::take(&mut delivery.messages);
    let response = read_each(broker, received, is_fifo).await;
    delivery.keep_first(count(&response));
    response
}

/// How many messages an answer tells of.
pub(super) fn count(response: &v1::ReceiveResponse) -> usize {
    response.messages.len() + response.unavailable.len()
}

async fn read_each(broker: &Handle, received: Vec<Received>, is_fifo: bool) -> v1::ReceiveResponse {
    let mut received = received.into_iter();
    let mut response = v1::ReceiveResponse::default();
    // Whether what stands behind it is told too.
    let mut tell = |told: Result<v1::Message, v1::UnavailableMessage>| match told {
        Ok(message) => {
            response.messages.push(message);
            true
        }
        Err(unavailable) => {
            let may_come = unavailable.reason() == v1::UnavailableReason::ReadFailed;
            response.unavailable.push(unavailable);
            !(is_fifo && may_come)
        }
    };
    // As long as nothing waits for the device, there is nothing to do at the same time.
    let mut first_to_wait = None;
    for one in received.by_ref() {
        let Some(content) = one.content_now() else {
            first_to_wait = Some(one);
            break;
        };
        if !tell(told(broker, &one, content, is_fifo)) {
            return response;
        }
    }
    let waiting = first_to_wait.into_iter().chain(received);
    let reads = waiting.map(|one| async move {
        let content = one.content().await;
        told(broker, &one, content, is_fifo)
    });
    let mut contents = stream::iter(reads).buffered(READS_MAX);
    while let Some(content) = contents.next().await {
        if !tell(content) {
            break;
        }
    }
    drop(contents);
    response
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
    let attempt = attempt(&request.attempt_id)?;
    let options = ReceiveOptions { count_max: count as usize, visibility_timeout, attempt };
    Ok(Wanted { queue, options, wait })
}

fn attempt(id: &str) -> Result<Option<Digest>, Rejection> {
    if id.is_empty() {
        return Ok(None);
    }
    check_id("attempt_id", id)?;
    Ok(Some(digest::attempt(id)))
}

/// What a client is told of one message.
fn told(
    broker: &Handle,
    received: &Received,
    content: Result<Content, BodyError>,
    is_fifo: bool,
) -> Result<v1::Message, v1::UnavailableMessage> {
    let leased = &received.leased;
    let message_id = broker.message_id(leased.seq).to_string();
    let receipt_handle = broker.receipt_handle(leased);
    match content {
        Ok(content) => Ok(message(message_id, receipt_handle, leased, content, is_fifo)),
        Err(error) => Err(content::unavailable(message_id, receipt_handle, &error)),
    }
}

fn message(
    message_id: String,
    receipt_handle: String,
    leased: &Leased,
    (envelope, body): Content,
    is_fifo: bool,
) -> v1::Message {
    let is_fifo_dead_letter = is_fifo && leased.dead_letter_source.is_some();
    let source = leased.dead_letter_source_name.as_ref();
    v1::Message {
        receipt_handle,
        body,
        group_id: content::group_id(&envelope),
        deduplication_id: content::deduplication_id(
            &message_id,
            is_fifo_dead_letter,
            envelope.deduplication_id,
        ),
        message_id,
        attributes: envelope.attributes.into_iter().map(convert::attribute).collect(),
        sent_at: Some(convert::timestamp(leased.sent_at)),
        first_received_at: Some(convert::timestamp(leased.first_received_at)),
        receive_count: leased.receive_count,
        lease_expires_at: Some(convert::timestamp(leased.until)),
        sequence_number: leased.seq.get(),
        priority: leased.priority.into(),
        trace_header: envelope.trace_header.unwrap_or_default(),
        dead_letter_source: source.map(QueueName::to_string).unwrap_or_default(),
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
        assert_eq!((wanted.options, wanted.wait), (ReceiveOptions::new(1), None));
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

    #[test]
    fn an_attempt_has_an_id_of_at_most_128_characters() {
        let with = |id: &str| v1::ReceiveRequest { attempt_id: id.into(), ..request() };
        for id in ["a", &"x".repeat(128)] {
            let wanted = parse(&with(id)).expect("it is good");
            assert_eq!(wanted.options.attempt, Some(digest::attempt(id)));
        }
        for id in ["a b", "\u{e4}", &"x".repeat(129), &"x".repeat(1 << 20)] {
            assert_eq!(refused_field(&with(id)).as_deref(), Some("attempt_id"));
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
            attempt_id: String,
        ) {
            for queue in [queue, "jobs.fifo".into()] {
                let attempt_id = attempt_id.clone();
                let times = v1::ReceiveRequest { visibility_timeout, wait_time, ..request() };
                let _ = parse(&v1::ReceiveRequest { queue, max_messages, attempt_id, ..times });
            }
        }
    }
}
