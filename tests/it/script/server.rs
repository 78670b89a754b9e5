//! A whole broker with its threads behind a real server on port 0, at a told time.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use ledgerq::{
    api::Gate,
    broker::{
        Broker, Fate,
        mailbox::Limits,
        owner,
        start::{self, start},
    },
    clock::Clock,
    disk::SimDisk,
    entropy::SeededEntropy,
    proto::v1::{
        message_service_client::MessageServiceClient, queue_service_client::QueueServiceClient,
        redrive_service_client::RedriveServiceClient,
    },
    server,
    types::{Millis, Timestamp},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};
use tonic::transport::Channel;

use super::Setup;
use crate::{
    broker::{ToldClock, small_settings},
    sqs::served::settings_of,
};

const LIMITS: Limits = Limits { requests_max: 100, polls_max: 100, bytes_max: 100 << 20 };
/// Larger than any message that the corpus sends.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// A told clock that counts how often it was read: the owner reads it for every event.
#[derive(Clone)]
pub(super) struct CountedClock {
    pub(super) told: ToldClock,
    reads: Arc<AtomicU64>,
}

impl CountedClock {
    pub(super) fn new() -> Self {
        Self { told: ToldClock::new(), reads: Arc::default() }
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::SeqCst)
    }
}

impl Clock for CountedClock {
    fn wall(&self) -> Timestamp {
        self.told.wall()
    }

    fn elapsed(&self) -> Millis {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.told.elapsed()
    }
}

/// A server and a connection to it.
pub(super) struct Served {
    pub(super) queues: QueueServiceClient<Channel>,
    pub(super) messages: MessageServiceClient<Channel>,
    pub(super) moves: RedriveServiceClient<Channel>,
    /// Where the SQS-compatible endpoint listens.
    pub(super) sqs: SocketAddr,
    sqs_end: oneshot::Sender<()>,
    broker: Broker,
    shutdown: oneshot::Sender<()>,
}

impl Served {
    /// Serves what the disk holds.
    pub(super) fn start(
        runtime: &Runtime,
        setup: Setup,
        disk: &SimDisk,
        clock: &CountedClock,
        seed: u64,
    ) -> Self {
        let settings = start::Settings {
            segment_bytes: setup.segment_bytes,
            state: setup.state(),
            // An idle broker is quiet, so that a read of the clock is an event.
            owner: owner::Settings {
                idle_sync_after: Millis::from_secs(1 << 30),
                ..small_settings().owner
            },
            ..small_settings()
        };
        let entropy = Box::new(SeededEntropy::new(seed));
        let (on, by) = (Arc::new(disk.clone()), Arc::new(clock.clone()));
        let started = start(settings, on, by, entropy, &mut |_| {});
        let started = started.expect("a healthy disk is started from");
        let broker = Broker::run(started, LIMITS).expect("threads can be had");
        let gate = Gate::new();
        gate.open(broker.handle().clone());
        runtime.block_on(Self::serve(gate, broker))
    }

    async fn serve(gate: Gate, broker: Broker) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (shutdown, stopped) = oneshot::channel();
        let drain_max = Duration::from_secs(5);
        let settings = server::Settings {
            tls: None,
            connections_max: 100,
            drain_max,
            incoming_bytes_max: 64 << 20,
            test_clock: None,
        };
        tokio::spawn(server::serve(listener, gate.clone(), settings, async {
            let _ = stopped.await;
        }));
        let (sqs, sqs_end) = Self::serve_sqs(gate.clone()).await;
        let channel = Channel::from_shared(format!("http://{address}")).expect("it is a URL");
        let channel = channel.connect().await.expect("the port is open");
        let queues = QueueServiceClient::new(channel.clone());
        let moves = RedriveServiceClient::new(channel.clone());
        let messages =
            MessageServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        Self { queues, messages, moves, sqs, sqs_end, broker, shutdown }
    }

    async fn serve_sqs(gate: Gate) -> (SocketAddr, oneshot::Sender<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("it is bound");
        let (end, ended) = oneshot::channel::<()>();
        let settings = settings_of(address);
        tokio::spawn(server::sqs::serve(listener, gate, settings, async { drop(ended.await) }));
        (address, end)
    }

    /// Ends the server and its broker.
    pub(super) async fn stop(self) {
        let mut fate = self.broker.fate();
        self.broker.drain();
        let (_, _) = (self.shutdown.send(()), self.sqs_end.send(()));
        let ended = fate.wait_for(|fate| !matches!(fate, Fate::Serving)).await;
        assert!(matches!(ended.as_deref(), Ok(Fate::Drained)), "the broker drains");
    }
}
