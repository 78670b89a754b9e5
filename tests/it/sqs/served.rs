//! A broker on a simulated disk with this endpoint alone, at a told time.

use std::{net::SocketAddr, sync::Arc};

use ledgerq::{
    api::{self, Gate, sqs::KeyPair},
    broker::{Broker, Handle, mailbox::Limits, start::start},
    disk::SimDisk,
    entropy::SeededEntropy,
    server,
    types::Millis,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, runtime::Runtime, sync::oneshot};

use super::client::{self, Protocol, Told};
use crate::broker::{ToldClock, small_settings};

const LIMITS: Limits = Limits { requests_max: 100, polls_max: 100, bytes_max: 100 << 20 };
pub(super) const ACCOUNT: &str = "000000000000";

pub(super) struct Served {
    pub(super) address: SocketAddr,
    clock: ToldClock,
    _end: oneshot::Sender<()>,
    broker: Broker,
    runtime: Runtime,
}

impl Served {
    pub(super) fn start() -> Self {
        Self::with_keys(Vec::new())
    }

    pub(super) fn with_keys(keys: Vec<KeyPair>) -> Self {
        Self::with(SimDisk::new(), crate::broker::state_settings(), |settings| {
            settings.endpoint.keys = keys;
        })
    }

    /// One whose messages are on this disk, and nowhere else.
    pub(super) fn on(disk: &SimDisk) -> Self {
        Self::with(disk.clone(), crate::broker::state_settings(), |_| ())
    }

    /// With a disk, queues and an endpoint that are set otherwise.
    pub(super) fn with(
        disk: SimDisk,
        state: ledgerq::state::Settings,
        change: impl FnOnce(&mut server::sqs::Settings),
    ) -> Self {
        let clock = ToldClock::new();
        let (disk, entropy) = (Arc::new(disk), Box::new(SeededEntropy::new(1)));
        // A message of the largest size needs four times as much.
        let settings =
            ledgerq::broker::start::Settings { segment_bytes: 8 << 20, state, ..small_settings() };
        let started = start(settings, disk, Arc::new(clock.clone()), entropy, &mut |_| {});
        let broker = Broker::run(started.expect("a new disk"), LIMITS).expect("threads");
        let gate = Gate::new();
        gate.open(broker.handle().clone());
        let runtime = Runtime::new().expect("threads can be had");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (end, ended) = oneshot::channel::<()>();
        let ended = async { drop(ended.await) };
        let mut settings = settings_of(address);
        change(&mut settings);
        runtime.spawn(server::sqs::serve(listener, gate, settings, ended));
        Self { address, clock, _end: end, broker, runtime }
    }

    /// What the broker itself answers, as the native API asks it.
    pub(super) fn native<T>(&self, ask: impl AsyncFnOnce(&Handle) -> T) -> T {
        self.runtime.block_on(ask(self.broker.handle()))
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is written where it is asked")]
    pub(super) fn ask(&self, protocol: Protocol, action: &str, given: Value) -> Told {
        client::ask(self.address, protocol, action, &given)
    }

    /// Asks for what is not refused.
    #[track_caller]
    pub(super) fn done(&self, protocol: Protocol, action: &str, given: Value) -> Value {
        let told = self.ask(protocol, action, given);
        assert_eq!(told.status, 200, "{protocol:?} {action}: {told:?}");
        told.body
    }

    /// Asks for what is refused; status, code and text of that.
    #[track_caller]
    pub(super) fn refused(&self, protocol: Protocol, action: &str, given: Value) -> String {
        let Told { status, code, body } = self.ask(protocol, action, given);
        assert_ne!(status, 200, "{protocol:?} {action}: {body}");
        format!("{status} {code}: {}", body.as_str().expect("a text"))
    }

    /// Makes a queue and gives its URL.
    #[expect(clippy::needless_pass_by_value, reason = "it is written where it is asked")]
    pub(super) fn queue(&self, name: &str, attributes: Value) -> String {
        let given = json!({"QueueName": name, "Attributes": attributes});
        let told = self.done(Protocol::Json, "CreateQueue", given);
        told["QueueUrl"].as_str().expect("a URL").to_owned()
    }

    pub(super) fn advance(&self, seconds: u64) {
        self.clock.set(self.clock.now().after(Millis::from_secs(seconds)));
    }
}

/// How the endpoint of tests is served.
pub(crate) fn settings_of(address: SocketAddr) -> server::sqs::Settings {
    server::sqs::Settings {
        endpoint: api::sqs::Settings {
            account: ACCOUNT.into(),
            keys: Vec::new(),
            incoming_bytes_max: 64 << 20,
            body_time_max: api::sqs::BODY_TIME_MAX,
            is_tls: false,
            host: address.to_string(),
        },
        tls: None,
        times: server::sqs::Times::default(),
        connections_max: 1000,
        drain_max: std::time::Duration::from_secs(5),
    }
}

/// The ARN of a queue for a client that names no region.
pub(super) fn arn(name: &str) -> String {
    format!("arn:aws:sqs:us-east-1:{ACCOUNT}:{name}")
}
