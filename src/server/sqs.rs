//! The listener of the SQS-compatible endpoint: HTTP/1.1 connections, each with limits and times of
//! its own.
//!
//! A client that says nothing, or nothing more, is let go after a time, and the connections at once
//! have a limit: who comes beyond it waits in the system's queue until one ends.

use std::{convert::Infallible, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::{
    rt::TokioIo,
    server::graceful::{GracefulShutdown, Watcher},
};
use rustix::net::sockopt::set_tcp_user_timeout;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        self, ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    },
};

use super::{Drained, accept::Door, alarm::Alarm};
use crate::api::{
    Gate,
    sqs::{self, Attention, Endpoint},
};

/// How the endpoint is served.
#[derive(Clone)]
pub struct Settings {
    /// What the endpoint itself is told.
    pub endpoint: sqs::Settings,
    /// What the server shows of itself, if it is to speak TLS.
    pub tls: Option<Arc<ServerConfig>>,
    /// How long clients may take.
    pub times: Times,
    /// Connections at once.
    pub connections_max: usize,
    /// How long requests under way may take to end once the shutdown begins.
    pub drain_max: Duration,
}

/// How long a client may take before its connection is closed.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// To agree on TLS.
    pub handshake_max: Duration,
    /// To send the head of a request; so long a connection is kept that is not used.
    pub head_max: Duration,
    /// To take bytes of an answer, or to be within reach again.
    pub silence_max: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            handshake_max: Duration::from_secs(10),
            head_max: Duration::from_mins(1),
            silence_max: Duration::from_mins(1),
        }
    }
}

/// Why a certificate and its key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// One of them is no PEM.
    #[error("the certificate or the key is no PEM")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// They do not go together.
    #[error("the certificate and the key cannot be used")]
    Refused(#[from] rustls::Error),
}

/// What a server shows of itself: a certificate chain and its key, in PEM.
pub fn tls(cert: &[u8], key: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(cert).collect::<Result<_, _>>()?;
    let key = PrivateKeyDer::from_pem_slice(key)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(Arc::new(config))
}

/// Serves the endpoint on `listener` until `shutdown` ends, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    gate: Gate,
    settings: Settings,
    shutdown: impl Future<Output = ()> + Send,
) -> Drained {
    let Settings { endpoint, tls, times, connections_max, drain_max } = settings;
    let endpoint = Arc::new(Endpoint::new(&gate, endpoint));
    let acceptor = tls.map(TlsAcceptor::from);
    let graceful = GracefulShutdown::new();
    let door = Door::new(listener, connections_max);
    let silence_ms_max = u32::try_from(times.silence_max.as_millis()).unwrap_or(u32::MAX);
    tokio::pin!(shutdown);
    loop {
        let stream = tokio::select! {
            stream = door.accept() => stream,
            () = &mut shutdown => break,
        };
        let _ = set_tcp_user_timeout(stream.stream(), silence_ms_max);
        let attention = Attention::default();
        let stream = stream.attentive(attention.clone());
        let (acceptor, watcher) = (acceptor.clone(), graceful.watcher());
        let client = Arc::new(Client { endpoint: endpoint.clone(), attention });
        tokio::spawn(async move {
            match acceptor {
                None => connection(stream, client, times, watcher).await,
                Some(acceptor) => {
                    let agreed =
                        tokio::time::timeout(times.handshake_max, acceptor.accept(stream)).await;
                    if let Ok(Ok(stream)) = agreed {
                        connection(stream, client, times, watcher).await;
                    }
                }
            }
        });
    }
    drop(door);
    let drained = tokio::time::timeout(drain_max, graceful.shutdown()).await;
    drained.map_or(Drained::TimedOut, |()| Drained::Complete)
}

/// Whoever is at the other end of a connection.
struct Client {
    endpoint: Arc<Endpoint>,
    attention: Attention,
}

async fn connection(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    client: Arc<Client>,
    times: Times,
    watcher: Watcher,
) {
    let mut builder = http1::Builder::new();
    builder
        .timer(Alarm::new())
        .header_read_timeout(times.head_max)
        .max_headers(sqs::HEADERS_MAX)
        .max_buf_size(sqs::HEAD_BYTES_MAX);
    let service = service_fn(move |request| {
        let client = client.clone();
        async move {
            let Client { endpoint, attention } = &*client;
            Ok::<_, Infallible>(endpoint.answer(attention, request).await)
        }
    });
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(serving).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
