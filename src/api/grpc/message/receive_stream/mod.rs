//! `ReceiveStream`: messages as they come, and what is to become of them.
//!
//! Read in this order: this file opens a stream; `driver` is its task, which does one thing after
//! the other; `receiver` gets messages for the credits that there are, `line` hands acks, nacks and
//! extensions to the broker, `outbox` has the answers that the client has not taken; `held` has the
//! stream's leases.
//!
//! The task goes on while the client does not read, so that leases are extended all the time. What
//! it does then is bounded: it receives no further messages, and soon reads no further requests.

mod driver;
mod held;
mod line;
mod outbox;
mod receiver;

use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;
use tonic::{Response, Status, Streaming};

use self::{driver::Driver, held::Held};
use super::Answers;
use crate::{
    api::{
        OpenStream,
        grpc::{outgoing::Rooms, parse, refusal::Refusal},
    },
    broker::Handle,
    proto::v1,
    types::{Millis, QueueName, Rejection, Unit, in_range, limits},
};

/// Answers that wait for the transport, which takes one after the other.
const ANSWERS_MAX: usize = 2;

/// How leases of a stream last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Leasing {
    timeout: Millis,
    /// Whether the stream extends them.
    is_kept: bool,
}

/// Opens the stream with its first request.
pub(super) async fn open(
    broker: Arc<Handle>,
    mut open: OpenStream,
    mut requests: Streaming<v1::ReceiveStreamRequest>,
) -> Result<Response<Answers<v1::ReceiveStreamResponse>>, Status> {
    let first = tokio::select! {
        first = requests.message() => first?.unwrap_or_default(),
        closed = open.closed() => return Err(closed.into()),
    };
    let queue = parse::queue(&first.queue)?;
    let view = broker.get_queue(queue.clone()).await.map_err(Refusal::of_request)?;
    let leasing = leasing(&first, view.settings.visibility_timeout).map_err(Refusal::of_request)?;
    let held = Arc::new(Held::new(broker.clone(), queue.clone()));
    let (out, answers) = mpsc::channel(ANSWERS_MAX);
    let mut driver = Driver::new(broker, open, requests, queue, leasing, held.clone());
    driver.take_wishes(&first)?;
    tokio::spawn(driver.run(out));
    let rooms = Rooms::default();
    let handed =
        stream::unfold((answers, held, rooms.clone()), |(mut answers, held, rooms)| async {
            let answer: outbox::Answer = answers.recv().await?;
            Some((answer.hand_over(&held, &rooms), (answers, held, rooms)))
        });
    Ok(rooms.put_into(handed.boxed()))
}

/// How leases are to last, of a queue with this timeout.
fn leasing(first: &v1::ReceiveStreamRequest, default: Millis) -> Result<Leasing, Rejection> {
    let field = "visibility_timeout";
    let given = parse::duration_up_to(field, first.visibility_timeout, limits::VISIBILITY_MAX)?;
    let (timeout, is_kept) = (given.unwrap_or(default), first.extend_leases);
    let min = if is_kept { limits::EXTENDED_LEASE_MIN } else { Millis::ZERO };
    in_range(field, timeout.get(), min.get(), limits::VISIBILITY_MAX.get(), Unit::Millis)?;
    Ok(Leasing { timeout, is_kept })
}

/// Refuses what only the first request of a stream has.
fn only_at_first(request: &v1::ReceiveStreamRequest, queue: &QueueName) -> Result<(), Rejection> {
    let given = [
        ("queue", !request.queue.is_empty()),
        ("visibility_timeout", request.visibility_timeout.is_some()),
        ("extend_leases", request.extend_leases),
    ];
    let found = given.into_iter().find(|(_, is_given)| *is_given);
    found.map_or(Ok(()), |(field, _)| {
        let problem = format!("it is for the first request of a stream, which was about {queue}");
        Err(Rejection::malformed(field, "", problem))
    })
}

#[cfg(test)]
mod tests {
    use prost_types::Duration;

    use super::*;

    fn request(seconds: Option<i64>, extend_leases: bool) -> v1::ReceiveStreamRequest {
        let visibility_timeout = seconds.map(|seconds| Duration { seconds, nanos: 0 });
        v1::ReceiveStreamRequest { visibility_timeout, extend_leases, ..Default::default() }
    }

    #[test]
    fn leases_last_as_asked_or_as_the_queue_says() {
        let default = Millis::from_secs(30);
        let lasting = |seconds, is_kept| {
            leasing(&request(seconds, is_kept), default).map(|leasing| leasing.timeout).ok()
        };
        assert_eq!(lasting(None, false), Some(default));
        assert_eq!(lasting(Some(0), false), Some(Millis::ZERO));
        assert_eq!(lasting(Some(43_200), true), Some(Millis::from_secs(43_200)));
        for (seconds, is_kept) in [(-1, false), (43_201, false), (0, true)] {
            assert_eq!(lasting(Some(seconds), is_kept), None, "{seconds}");
        }
        assert!(leasing(&request(None, true), Millis::ZERO).is_err());
    }

    #[test]
    fn settings_are_for_the_first_request() {
        let queue = QueueName::parse("jobs").expect("it is a name");
        let later = v1::ReceiveStreamRequest { credits: 5, ..Default::default() };
        assert_eq!(only_at_first(&later, &queue), Ok(()));
        let named = v1::ReceiveStreamRequest { queue: "jobs".into(), ..Default::default() };
        for (wrong, field) in [
            (named, "queue"),
            (request(Some(1), false), "visibility_timeout"),
            (request(None, true), "extend_leases"),
        ] {
            let refused = only_at_first(&wrong, &queue).expect_err("it is a setting");
            assert_eq!(Refusal::of_request(refused).field().as_deref(), Some(field));
        }
    }
}
