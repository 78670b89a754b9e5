//! A real server on port 0, real clients, and a thread in the owner's place that answers as told.

mod admin;
mod delivery;
mod life;
mod looks;
mod refusals;
mod streams;
mod time;

use std::{sync::mpsc, thread, time::Duration};

use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::transport::Channel;

use super::{Drained, Settings};
use crate::{
    api::Gate,
    broker::{
        Answer, Event, Handle, Receipts, Request,
        mailbox::{Caller, Limits, Mailbox},
    },
    proto::v1::{
        message_service_client::MessageServiceClient, queue_service_client::QueueServiceClient,
    },
    types::{
        Command, LeaseRef, Leased, Lineage, Nonce, QueueCounts, QueueId, QueueName, QueueSettings,
        QueueView, Rejection, Reply, Seq, Timestamp,
    },
};

const KEY: [u8; 32] = [7; 32];
const LINEAGE: Lineage = Lineage([7; 16]);
const INCOMING_BYTES_MAX: u64 = 64 << 20;

/// A server that is under test.
struct Served {
    url: String,
    channel: Channel,
    gate: Gate,
    shutdown: oneshot::Sender<()>,
    ended: JoinHandle<Drained>,
}

/// Serves with the gate closed.
async fn serve_closed(drain_max: Duration) -> Served {
    serve_as(Settings {
        tls: None,
        connections_max: 100,
        drain_max,
        incoming_bytes_max: INCOMING_BYTES_MAX,
        test_clock: None,
    })
    .await
}

/// Serves as it is set, with the gate closed.
async fn serve_as(settings: Settings) -> Served {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let gate = Gate::new();
    let (shutdown, stopped) = oneshot::channel();
    let serving = super::serve(listener, gate.clone(), settings, async {
        let _ = stopped.await;
    });
    let ended = tokio::spawn(async { serving.await.expect("the transport is sound") });
    let url = format!("http://{address}");
    let channel = Channel::from_shared(url.clone()).expect("it is a URL");
    let channel = channel.connect().await.expect("the port is open");
    Served { url, channel, gate, shutdown, ended }
}

/// Serves, and answers each command with what `owner` makes of it; tells the test what was asked.
async fn serve(
    mut owner: impl FnMut(&Command) -> Answer + Send + 'static,
) -> (Served, mpsc::Receiver<Command>) {
    let (asked, heard) = mpsc::channel();
    let served = serve_with_owner(move |command, caller| {
        if let Some(caller) = caller {
            caller.tell(owner(&command));
        }
        let _ = asked.send(command);
    });
    (served.await, heard)
}

/// Serves before an owner that has the callers to itself.
async fn serve_with_owner(
    mut owner: impl FnMut(Command, Option<Caller>) + Send + 'static,
) -> Served {
    let served = serve_closed(Duration::from_secs(5)).await;
    let (mailbox, events) = Mailbox::new(LIMITS);
    thread::spawn(move || {
        for event in events {
            if let Event::Request(Request { command, waiter }) = event {
                owner(command, waiter);
            }
        }
    });
    served.gate.open(Handle::new(mailbox, Receipts::new(&KEY), LINEAGE));
    served
}

const LIMITS: Limits = Limits { requests_max: 100, polls_max: 100, bytes_max: 100 << 20 };

impl Served {
    fn queues(&self) -> QueueServiceClient<Channel> {
        QueueServiceClient::new(self.channel.clone())
    }

    fn messages(&self) -> MessageServiceClient<Channel> {
        MessageServiceClient::new(self.channel.clone())
    }
}

fn jobs() -> QueueName {
    QueueName::parse("jobs").expect("it is a name")
}

fn view() -> QueueView {
    QueueView {
        name: jobs(),
        id: QueueId::new(1),
        settings: QueueSettings::default(),
        counts: QueueCounts { ready: 1, delayed: 2, in_flight: 3, oldest_age: None },
        created_at: Timestamp::from_millis(1500),
        modified_at: Timestamp::from_millis(2000),
        sends_paused: false,
        receives_paused: true,
    }
}

fn leased(seq: u64) -> Leased {
    Leased {
        queue: QueueId::new(1),
        seq: Seq::new(seq),
        nonce: Nonce::new(seq),
        until: Timestamp::from_millis(30_000),
        sent_at: Timestamp::from_millis(1000),
        first_received_at: Timestamp::from_millis(2000),
        receive_count: 1,
        dead_letter_source: None,
        dead_letter_source_name: None,
        priority: 4,
    }
}

fn handle_of(seq: u64) -> String {
    let lease: LeaseRef = leased(seq).lease();
    Receipts::new(&KEY).seal(&lease)
}

fn refuse(rejection: Rejection) -> Answer {
    Answer::new(Err(rejection))
}

fn reply(reply: Reply) -> Answer {
    Answer::new(Ok(reply))
}

fn duration(millis: i32) -> prost_types::Duration {
    let (seconds, rest) = (i64::from(millis / 1000), millis % 1000);
    prost_types::Duration { seconds, nanos: rest * 1_000_000 }
}
