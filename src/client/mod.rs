//! The Rust client of the native API.
//!
//! ```no_run
//! use ledgerq::{client::{Client, Outgoing, ReceiveOptions}, types::{QueueName, SettingsPatch}};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect("http://127.0.0.1:7420").await?;
//! let jobs = QueueName::parse("jobs")?;
//! client.create_queue(&jobs, &SettingsPatch::default()).await?;
//! client.send(&jobs, vec![Outgoing::new("hello")]).await?;
//!
//! let options = ReceiveOptions { count_max: 10, ..ReceiveOptions::default() };
//! let received = client.receive(&jobs, options).await?;
//! let handles = received.messages.into_iter().map(|message| message.receipt_handle).collect();
//! client.delete(&jobs, handles).await?;
//! # Ok(())
//! # }
//! ```
//!
//! [`Client::send_stream`] and [`Client::receive_stream`] have many batches and messages under way
//! on one call:
//!
//! ```no_run
//! # use ledgerq::{client::{Client, StreamOptions}, types::QueueName};
//! # async fn example(client: Client, jobs: QueueName) -> Result<(), ledgerq::client::Error> {
//! let options = StreamOptions { credits: 100, extend_leases: true, ..StreamOptions::default() };
//! let mut stream = client.receive_stream(&jobs, options).await?;
//! loop {
//!     let streamed = stream.next().await?;
//!     let done = streamed.messages.into_iter().map(|message| message.receipt_handle).collect();
//!     stream.ack(done);
//! }
//! # }
//! ```
//!
//! A request that the broker refused for the moment and that surely was not done is sent again,
//! after the time that the broker asks for. Nothing else is: a send whose outcome is not known is
//! the caller's to repeat, since only he knows whether twice is better than never. With a
//! deduplication id twice is like once.

mod admin;
mod convert;
mod error;
mod looks;
mod messages;
mod moves;
mod queues;
mod steps;
mod streams;
#[cfg(test)]
mod tests;

use std::{future::Future, time::Duration};

use tonic::{
    Request, Response, Status,
    transport::{Certificate, Channel, ClientTlsConfig, Endpoint},
};

pub use admin::{Backup, MAINTENANCE_TIMEOUT};
pub use error::{Error, Refusal};
pub use looks::{MessageState, PeekOptions, PeekPage, Peeked};
pub use messages::{
    Delivery, Message, Outcomes, Outgoing, ReceiveOptions, Sent, Unavailable, UnavailableReason,
};
pub use moves::MoveStarted;
pub use queues::{Queue, QueuePage, Traffic};
pub use steps::{Step, StepOutcome};
pub use streams::{BatchOutcome, ByHandle, ReceiveStream, SendStream, StreamOptions, Streamed};

use crate::{
    proto::v1::{
        admin_service_client::AdminServiceClient, message_service_client::MessageServiceClient,
        queue_service_client::QueueServiceClient, redrive_service_client::RedriveServiceClient,
        test_clock_service_client::TestClockServiceClient,
    },
    types::Millis,
};

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long an answer may take, the wait of a receive not counted.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection on which nothing comes for so long is asked whether the server is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// How often a request is sent at most.
const ATTEMPTS_MAX: u32 = 5;
/// The shortest pause before a second attempt; it doubles with each.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest pause between two attempts: if the broker asks for more, the caller is told.
const PAUSE_MAX: Duration = Duration::from_secs(2);
/// An answer of at most 4 MiB of messages, and what goes with them.
const ANSWER_BYTES_MAX: usize = 16 * 1_048_576;

/// A connection to a broker; cheap to clone, and its clones share the connection.
#[derive(Clone, Debug)]
pub struct Client {
    server: String,
    services: Services,
}

/// The generated clients.
#[derive(Clone, Debug)]
struct Services {
    queues: QueueServiceClient<Channel>,
    messages: MessageServiceClient<Channel>,
    redrive: RedriveServiceClient<Channel>,
    admin: AdminServiceClient<Channel>,
    clock: TestClockServiceClient<Channel>,
}

/// Whether a request can be sent again when it may have been done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    /// Doing it twice is like doing it once.
    Harmless,
    /// Doing it twice is not the same: again only if it surely was not done.
    IfNotDone,
}

impl Client {
    /// Connects to `server`, such as `http://127.0.0.1:7420`.
    pub async fn connect(server: &str) -> Result<Self, Error> {
        Self::open(server, None).await
    }

    /// Connects to `server`, such as `https://broker.example:7420`, and trusts the authorities
    /// whose certificates, in PEM, are in `authorities`. A server at `http://` needs none.
    pub async fn connect_tls(server: &str, authorities: &[u8]) -> Result<Self, Error> {
        Self::open(server, Some(authorities)).await
    }

    /// Connects, trusting these authorities if there are any.
    pub(crate) async fn open(server: &str, authorities: Option<&[u8]>) -> Result<Self, Error> {
        Ok(Self::over(Self::channel(server, authorities).await?, server))
    }

    /// A connection to `server`, for whoever speaks the protocol himself.
    pub(crate) async fn channel(
        server: &str,
        authorities: Option<&[u8]>,
    ) -> Result<Channel, Error> {
        let bad = |problem: String| Error::Address { server: server.to_owned(), problem };
        if !server.starts_with("http://") && !server.starts_with("https://") {
            return Err(bad("it begins with neither http:// nor https://".into()));
        }
        let tls = server.starts_with("https://");
        if tls && authorities.is_none() {
            return Err(Error::NoAuthority { server: server.to_owned() });
        }
        let endpoint = Endpoint::from_shared(server.to_owned())
            .map_err(|error| bad(error.to_string()))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEPALIVE_AFTER)
            .tcp_nodelay(true);
        let endpoint = match authorities.filter(|_| tls) {
            None => endpoint,
            Some(pem) => {
                let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
                endpoint.tls_config(tls).map_err(|error| bad(error.to_string()))?
            }
        };
        endpoint.connect().await.map_err(|error| error::unreachable(server, &error))
    }

    /// A client over a channel that the caller made.
    fn over(channel: Channel, server: &str) -> Self {
        let queues = QueueServiceClient::new(channel.clone());
        let redrive = RedriveServiceClient::new(channel.clone());
        let admin = AdminServiceClient::new(channel.clone());
        let clock = TestClockServiceClient::new(channel.clone());
        let messages =
            MessageServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        let services = Services { queues, messages, redrive, admin, clock };
        Self { server: server.to_owned(), services }
    }

    /// Sends a request, again if that is safe and the broker says that it can help.
    async fn ask<Q, A, Call>(
        &self,
        repeat: Repeat,
        timeout: Duration,
        question: Q,
        call: impl Fn(Services, Request<Q>) -> Call,
    ) -> Result<A, Error>
    where
        Q: Clone,
        Call: Future<Output = Result<Response<A>, Status>>,
    {
        let mut pause = PAUSE_MIN;
        for attempt in 1.. {
            let mut request = Request::new(question.clone());
            request.set_timeout(timeout);
            let status = match call(self.services.clone(), request).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            let error = Error::from_status(&status, &self.server);
            match pause_before_next(&error, repeat, attempt, pause) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(error),
            }
            pause *= 2;
        }
        unreachable!("the last attempt returns")
    }
}

/// How long to wait before the next attempt; `None` if there should be none.
fn pause_before_next(
    error: &Error,
    repeat: Repeat,
    attempt: u32,
    pause: Duration,
) -> Option<Duration> {
    let Error::Refused(refusal) = error else { return None };
    let asked = refusal.retry_delay(repeat == Repeat::Harmless)?;
    let wait = pause.max(Duration::from_millis(asked.get()));
    (attempt < ATTEMPTS_MAX && wait <= PAUSE_MAX).then_some(wait)
}

/// A timeout for a receive that may wait so long.
fn with_wait(wait: Millis) -> Duration {
    ANSWER_TIMEOUT + Duration::from_millis(wait.get())
}
