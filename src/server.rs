//! The listener of the gRPC API, and in [`sqs`] that of the SQS-compatible endpoint: one port each
//! from before the recovery until the drain has ended.
//!
//! The listener and the end come from outside, so that a test binds port 0 and stops when it wants.
//! Configuration, recovery and threads are not here.

use std::{sync::Arc, time::Duration};

use tokio::{net::TcpListener, sync::oneshot};
use tonic::transport::{Identity, Server, ServerTlsConfig};

use self::accept::Door;
use crate::{
    api::{Gate, grpc},
    clock::TestClock,
};

/// Calls of one connection at once. Long polls stay open for seconds, so it is far more than the
/// usual hundred.
const STREAMS_MAX: u32 = 4096;
/// Bytes that a client may send ahead in one call; a large send goes through without a pause.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
/// Bytes that a client may send ahead in all calls of one connection.
const CONNECTION_WINDOW_BYTES: u32 = 8 << 20;
/// A connection that is silent for so long is asked whether its client is still there.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);
/// How long the client may take to say so.
const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// How the API is served.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Certificate chain and key in PEM, if the API is to speak TLS.
    pub tls: Option<Identity>,
    /// Connections at once.
    pub connections_max: usize,
    /// How long calls under way may take to end once the shutdown begins.
    pub drain_max: Duration,
    /// Bytes that are kept of requests that are coming in, over all connections; at least one
    /// request is.
    pub incoming_bytes_max: u64,
    /// The broker's clock, if clients are to move it. Only for tests of programs, and only where no
    /// one else can connect.
    pub test_clock: Option<Arc<TestClock>>,
}

/// How serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// Every call was answered.
    Complete,
    /// Calls were still under way when the time for them was over.
    TimedOut,
}

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Certificate and key do not go together, or are no such things.
    #[error("the certificate or the key of the API cannot be used")]
    Tls(#[source] tonic::transport::Error),
    /// The transport cannot go on.
    #[error("the API cannot be served any longer")]
    Transport(#[source] tonic::transport::Error),
}

/// Serves the API on `listener` until `shutdown` ends, then lets calls under way end.
///
/// At the shutdown the gate closes, health says that nothing serves, and no connection is accepted
/// any more. Whoever ends `shutdown` also lets the broker drain, which answers waiting receives;
/// connections that are still open after [`Settings::drain_max`] end with the runtime.
pub async fn serve(
    listener: TcpListener,
    gate: Gate,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<Drained, ServeError> {
    let Settings { tls, connections_max, drain_max, incoming_bytes_max, test_clock } = settings;
    let (health, health_service) = grpc::health::Reporter::new().await;
    let mut server = builder();
    if let Some(identity) = tls {
        let tls = ServerTlsConfig::new().identity(identity);
        server = server.tls_config(tls).map_err(ServeError::Tls)?;
    }
    let services = grpc::routes(&gate, test_clock, incoming_bytes_max);
    let health_service = health_service.max_decoding_message_size(grpc::NAME_BYTES_MAX);
    let router = server.add_routes(services).add_service(health_service);
    let incoming = Door::new(listener, connections_max).connections(KEEPALIVE_AFTER);
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = router.serve_with_incoming_shutdown(incoming, async {
        // A supervisor that is gone is a shutdown as well.
        let _ = stopped.await;
    });
    let supervisor = async {
        let closing = async {
            shutdown.await;
            gate.drain();
        };
        tokio::join!(closing, health.follow(&gate));
        // The server may have ended by itself.
        let _ = stop.send(());
        tokio::time::sleep(drain_max).await;
    };
    tokio::select! {
        ended = serving => ended.map(|()| Drained::Complete).map_err(ServeError::Transport),
        () = supervisor => Ok(Drained::TimedOut),
    }
}

/// A server with the transport settings of the API, also for what the API is measured against.
pub fn builder() -> Server {
    Server::builder()
        .max_concurrent_streams(STREAMS_MAX)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_keepalive_interval(Some(KEEPALIVE_AFTER))
        .http2_keepalive_timeout(Some(KEEPALIVE_TIMEOUT))
}

mod accept;
mod alarm;
pub mod sqs;

#[cfg(test)]
mod tests;
