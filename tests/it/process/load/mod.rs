//! Load: more clients, connections, polls and bytes than there is room for.
//!
//! Each test gives the broker small limits and more than they allow, and holds what it takes from
//! the system against what docs/OPERATING.md says that these settings let it take. What is refused
//! must be refused with a reason and a time to try again; what was acknowledged must be there; and
//! the broker must do plain things for a plain client all the while.
//!
//! `LOAD_WHOLE=1` is the long run: 10,000 connections, 100,000 polls. `LEDGERQ_BINARY` says which
//! program is loaded, such as an optimized one.

/// Connections: as many as there are files for, and more.
mod connections;
/// Largest messages, from everybody at once.
mod largest;
/// More requests than the mailbox takes.
mod mailbox;
/// Long polls that wait for nothing.
mod polls;
/// Clients that do not read what they asked for.
mod slow;
/// The same through the SQS-compatible endpoint.
mod sqs;
/// Clients that go away in the middle of something.
mod vanished;

use std::{collections::BTreeMap, time::Duration};

use ledgerq::{
    client::{Client, Error, Message, Outgoing, ReceiveOptions},
    clock::Stopwatch,
    proto::v1::message_service_client::MessageServiceClient,
    types::{Millis, QueueName, SettingsPatch},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tonic::{Code, Status, transport::Channel};
use tonic_types::StatusExt;

use super::server::Server;

/// How long one thing may take under load on a machine that is busy otherwise too.
const PATIENCE: Duration = Duration::from_mins(5);
const MIB: u64 = 1 << 20;

/// What a broker may take from the system, by its settings and by what its clients do.
#[derive(Clone, Copy, Default)]
struct Bound {
    requests_bytes_max: u64,
    connections: u64,
    polls: u64,
}

impl Bound {
    /// The program, its threads, the state and the log's own buffers.
    const FIXED: u64 = 128 * MIB;
    /// A connection that says nothing.
    const CONNECTION: u64 = 64 << 10;
    /// A call that waits.
    const POLL: u64 = 16 << 10;
    /// Shares of `requests_bytes_max`: coming in, under way, on their way to the clients. Each may
    /// be there twice for a moment, as it came and as it is kept.
    const SHARES: u64 = 6;
    /// A request of 5 MiB while it is decoded, on each of the server's threads.
    const DECODED: u64 = 30 * MIB;

    fn bytes(self) -> u64 {
        let threads = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        Self::FIXED
            + Self::SHARES * self.requests_bytes_max
            + Self::DECODED * threads
            + Self::CONNECTION * self.connections
            + Self::POLL * self.polls
    }

    /// Holds the most memory that the broker ever had against the bound.
    #[track_caller]
    fn check(self, what: &str, server: &Server) {
        let (peak, bound) = (server.peak_bytes(), self.bytes());
        eprintln!("{what}: at most {} MiB of {} that it may take", peak / MIB, bound / MIB);
        assert!(peak <= bound, "{what}: {peak} bytes of memory, {bound} by the settings");
    }
}

/// So many in the run that `cargo test` does, or in the whole one.
fn many(slice: usize, whole: usize) -> usize {
    if std::env::var_os("LOAD_WHOLE").is_some_and(|set| set == "1") { whole } else { slice }
}

/// So many connections, or as many as this process may have with some files to spare.
fn connections_at_most(wanted: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
    let files = if raised.is_ok() { limit.maximum } else { limit.current };
    let allowed = files.map_or(usize::MAX, |files| usize::try_from(files).unwrap_or(usize::MAX));
    let count = wanted.min(allowed.saturating_sub(256));
    if count < wanted {
        eprintln!("SCALED DOWN to {count} of {wanted} connections: see `ulimit -Hn`");
    }
    count
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    Runtime::new().expect("a runtime can be made").block_on(future)
}

fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("it is a name")
}

/// A client, and a queue of this name with leases of this length.
async fn client_with(server: &Server, name: &str, lease: Millis) -> Client {
    let client = Client::connect(&server.url()).await.expect("it serves");
    let settings = SettingsPatch { visibility_timeout: Some(lease), ..SettingsPatch::default() };
    client.create_queue(&queue(name), &settings).await.expect("it is new, or as it was");
    client
}

/// A connection that a client uses without the patience of [`Client`].
async fn channel(server: &Server) -> Channel {
    let channel = Channel::from_shared(server.url()).expect("it is an address");
    // So that what nobody reads stays with the broker.
    let channel = channel.initial_stream_window_size(64 << 10);
    channel.initial_connection_window_size(64 << 10).connect().await.expect("it serves")
}

async fn raw(server: &Server) -> MessageServiceClient<Channel> {
    MessageServiceClient::new(channel(server).await).max_decoding_message_size(16 << 20)
}

/// What was done; nothing if it was refused for the moment, with a reason and a time to try again.
#[track_caller]
fn done<T>(outcome: Result<T, Error>) -> Option<T> {
    match outcome {
        Ok(done) => Some(done),
        Err(Error::Refused(refusal)) => {
            assert_eq!(refusal.code, Code::ResourceExhausted, "{refusal:?}");
            assert_eq!(refusal.reason, "OVERLOADED", "{refusal:?}");
            assert!(refusal.retry_after.is_some_and(|after| !after.is_zero()), "{refusal:?}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// The same of a client that speaks the protocol itself; how long it is asked to wait.
#[track_caller]
fn hint(status: &Status) -> Duration {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.clone());
    let after = details.retry_info().and_then(|info| info.retry_delay);
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(reason.as_deref(), Some("OVERLOADED"), "{status:?}");
    after.filter(|after| !after.is_zero()).unwrap_or_else(|| panic!("no hint in {status:?}"))
}

/// Does something until it is not refused any more.
async fn at_last<T, F: Future<Output = Result<T, Error>>>(ask: impl Fn() -> F) -> T {
    let watch = Stopwatch::start();
    loop {
        if let Some(done) = done(ask().await) {
            return done;
        }
        assert!(watch.elapsed() < PATIENCE, "it is refused for good");
    }
}

/// Sends, receives and deletes a message on a queue of its own.
async fn plain_things_work(client: &Client) {
    let plain = queue("plain");
    let settings = SettingsPatch::default();
    at_last(|| client.create_queue(&plain, &settings)).await;
    at_last(|| client.send(&plain, vec![Outgoing::new("hello")])).await;
    let delivery = at_last(|| client.receive(&plain, at_once(1, Millis::from_secs(600)))).await;
    let handles: Vec<_> = delivery.messages.iter().map(|one| one.receipt_handle.clone()).collect();
    assert_eq!(handles.len(), 1, "what was sent is received");
    let deleted = at_last(|| client.delete(&plain, handles.clone())).await;
    assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
}

/// A receive that does not wait.
fn at_once(count_max: u32, lease: Millis) -> ReceiveOptions {
    let (visibility_timeout, wait) = (Some(lease), Some(Millis::ZERO));
    ReceiveOptions { count_max, visibility_timeout, wait, ..ReceiveOptions::default() }
}

/// Receives and deletes until so many messages have come; how often each body was received before.
async fn take(client: &Client, from: &QueueName, count: usize) -> BTreeMap<Vec<u8>, u32> {
    let watch = Stopwatch::start();
    let mut came = BTreeMap::new();
    while came.len() < count {
        assert!(watch.elapsed() < PATIENCE, "only {} of {count} come", came.len());
        let options = at_once(100, Millis::from_secs(600));
        let delivery = at_last(|| client.receive(from, options.clone())).await;
        assert!(delivery.unavailable.is_empty(), "{:?}", delivery.unavailable);
        let handles: Vec<_> =
            delivery.messages.iter().map(|one| one.receipt_handle.clone()).collect();
        if handles.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        }
        let deleted = at_last(|| client.delete(from, handles.clone())).await;
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        for Message { body, receive_count, .. } in delivery.messages {
            let before = came.insert(body.to_vec(), receive_count - 1);
            assert_eq!(before, None, "nothing comes twice");
        }
    }
    came
}

/// Nothing is left in the queue, in whatever state.
async fn is_empty(client: &Client, name: &QueueName) -> bool {
    let counts = client.get_queue(name).await.expect("it is there").counts;
    counts.ready + counts.delayed + counts.in_flight == 0
}

/// A body that tells which message it is.
fn body(number: usize, bytes: usize) -> Vec<u8> {
    let mut body = format!("{number:08}").into_bytes();
    body.resize(bytes.max(8), b'x');
    body
}
