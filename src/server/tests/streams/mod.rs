//! Streams over a real socket, most of them before a real broker on a simulated disk.

mod receive;
mod refusals;
mod send;

use std::sync::Arc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt;

use super::*;
use crate::{
    broker::{Broker, owner, scrub, start, upkeep},
    clock::SystemClock,
    disk::SimDisk,
    entropy::SeededEntropy,
    proto::v1,
    state,
    types::{Millis, SettingsPatch},
};

const BROKER_LIMITS: Limits = Limits { requests_max: 100, polls_max: 100, bytes_max: 64 << 20 };

/// A server before a broker, and the disk of the broker.
struct Brokered {
    served: Served,
    broker: Broker,
    disk: SimDisk,
}

/// The requests of a stream, one by one.
struct Requests<R>(UnboundedSender<R>);

impl<R> Requests<R> {
    fn send(&self, request: R) {
        assert!(self.0.send(request).is_ok(), "the stream takes requests");
    }
}

/// The end of a stream's requests that a client sends from.
fn requests<R>() -> (Requests<R>, Incoming<R>) {
    let (sender, receiver) = unbounded_channel();
    (Requests(sender), Incoming(receiver))
}

/// The requests as the client's library wants them.
struct Incoming<R>(UnboundedReceiver<R>);

impl<R> tokio_stream::Stream for Incoming<R> {
    type Item = R;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<R>> {
        self.0.poll_recv(context)
    }
}

/// A broker on this disk.
fn broker_on(disk: &SimDisk) -> Broker {
    let settings = start::Settings {
        segment_bytes: 64 << 20,
        tail_cache_bytes: 1 << 20,
        state: state::Settings {
            in_flight_max: 100_000,
            deduplication_ids_max: 100_000,
            deleted_names_held: false,
        },
        pool_count_max: 2,
        owner: owner::Settings {
            idle_sync_after: Millis::new(20),
            upkeep: upkeep::Settings::default(),
            scrub: scrub::Settings::OFF,
        },
        accept_clock: false,
    };
    let (clock, entropy) = (Arc::new(SystemClock), Box::new(SeededEntropy::new(1)));
    let disk = Arc::new(disk.clone());
    let started = start::start(settings, disk, clock, entropy, &mut |_| {});
    Broker::run(started.expect("the disk is whole"), BROKER_LIMITS).expect("threads can be made")
}

/// Serves a broker that has the queues `jobs` and `jobs.fifo`.
async fn serve_broker() -> Brokered {
    let disk = SimDisk::new();
    let served = serve_closed(Duration::from_secs(30)).await;
    let broker = broker_on(&disk);
    for name in ["jobs", "jobs.fifo"] {
        let queue = QueueName::parse(name).expect("it is a name");
        let settings = SettingsPatch {
            visibility_timeout: Some(Millis::from_secs(600)),
            ..Default::default()
        };
        broker.handle().create_queue(queue, settings).await.expect("it is new");
    }
    served.gate.open(broker.handle().clone());
    Brokered { served, broker, disk }
}

impl Brokered {
    async fn counts(&self, queue: &str) -> QueueCounts {
        let queue = QueueName::parse(queue).expect("it is a name");
        let view = self.broker.handle().get_queue(queue).await.expect("it is there");
        view.counts
    }

    /// Sends messages in a request of its own.
    async fn fill(&self, bodies: &[&str]) {
        let entries = bodies.iter().map(|body| entry(body)).collect();
        let request = v1::SendRequest { queue: "jobs".into(), entries };
        let answer = self.served.messages().send(request).await.expect("it is answered");
        assert_eq!(answer.into_inner().results.len(), bodies.len());
    }

    /// Waits until so many messages are ready and none is in flight.
    async fn until_all_ready(&self, ready: u64) {
        loop {
            let counts = self.counts("jobs").await;
            if (counts.ready, counts.in_flight) == (ready, 0) {
                return;
            }
            tokio::task::yield_now().await;
        }
    }
}

fn entry(body: &str) -> v1::SendEntry {
    v1::SendEntry { body: body.to_owned().into(), ..Default::default() }
}

fn reason(status: &Status) -> String {
    status.get_details_error_info().expect("it has a reason").reason
}

fn field(status: &Status) -> String {
    let details = status.get_details_bad_request().expect("a field is wrong");
    details.field_violations[0].field.clone()
}

/// The next answer, which there is.
async fn next<A>(answers: &mut Streaming<A>) -> A {
    answers.message().await.expect("it goes on").expect("it has not ended")
}
