//! Connections as they come: as many at once as there may be.
//!
//! Who comes beyond that waits in the system's queue until one ends. So does everybody once files
//! have run out; the listener is then left alone for a moment and not asked over and over.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, stream};
use rustix::net::{
    RecvFlags, recv,
    sockopt::{set_socket_keepalive, set_tcp_keepidle},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tonic::transport::server::{Connected, TcpConnectInfo};

use crate::api::sqs::Attention;

/// How long to wait after a connection could not be accepted, as when files run out.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Bytes in some pieces that are copied together: to send several costs more than so short a copy.
const GATHERED_MAX: usize = 1024;

/// A listener and the connections that it may have.
pub(super) struct Door {
    listener: TcpListener,
    free: Arc<Semaphore>,
}

/// A connection and its place among those that there may be.
pub(super) struct Placed {
    stream: TcpStream,
    attention: Option<Attention>,
    _place: OwnedSemaphorePermit,
}

impl Door {
    pub(super) fn new(listener: TcpListener, connections_max: usize) -> Self {
        let free = Semaphore::new(connections_max.min(Semaphore::MAX_PERMITS));
        Self { listener, free: Arc::new(free) }
    }

    /// The next connection. Dropping the future loses none.
    pub(super) async fn accept(&self) -> Placed {
        let place = self.free.clone().acquire_owned().await;
        let place = place.expect("nobody closes the semaphore");
        let mut is_told = false;
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    // An answer is one piece: nothing is gained by holding it back.
                    let _ = stream.set_nodelay(true);
                    return Placed { stream, attention: None, _place: place };
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    if !std::mem::replace(&mut is_told, true) {
                        tracing::warn!(%error, "a connection cannot be accepted");
                    }
                    tokio::time::sleep(ACCEPT_RETRY).await;
                }
            }
        }
    }

    /// All connections. The system asks one that is silent for `keepalive` whether its client is
    /// still there.
    pub(super) fn connections(self, keepalive: Duration) -> impl Stream<Item = io::Result<Placed>> {
        stream::unfold(self, move |door| async move {
            let placed = door.accept().await;
            // A connection that takes no options has ended already.
            let _ = set_socket_keepalive(&placed.stream, true);
            let _ = set_tcp_keepidle(&placed.stream, keepalive);
            Some((Ok(placed), door))
        })
    }
}

/// The pieces behind one another, if all of them are there and fit.
fn gather<'a>(pieces: &[IoSlice<'_>], into: &'a mut [u8]) -> Option<&'a [u8]> {
    let mut length = 0;
    for piece in pieces {
        into.get_mut(length..length + piece.len())?.copy_from_slice(piece);
        length += piece.len();
    }
    Some(&into[..length])
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset)
}

impl Placed {
    /// The same, and while `attention` is due, whoever reads is told at once that the client has
    /// closed it, and not only when the runtime hears of that: what was read before an answer is
    /// taken says who has its leases.
    pub(super) fn attentive(self, attention: Attention) -> Self {
        Self { attention: Some(attention), ..self }
    }

    /// Whether everything was read that the client will ever send.
    fn is_at_end(&self) -> bool {
        let mut byte = [0];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        matches!(recv(&self.stream, &mut byte[..], flags), Ok((0, _)))
    }

    /// The connection itself, for options.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Connected for Placed {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Placed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let is_due = self.attention.as_ref().is_some_and(Attention::is_due);
        let is_over = read.is_pending() && is_due && self.is_at_end();
        // Nothing was read into the buffer: that is the end.
        if is_over { Poll::Ready(Ok(())) } else { read }
    }
}

impl AsyncWrite for Placed {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut gathered = [0; GATHERED_MAX];
        match gather(pieces, &mut gathered) {
            Some(bytes) => Pin::new(&mut self.stream).poll_write(context, bytes),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_pieces_are_sent_as_one_and_long_ones_as_they_are() {
        let mut into = [0; 8];
        let mut gathered = |pieces: &[&[u8]]| {
            let pieces: Vec<_> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            gather(&pieces, &mut into).map(<[u8]>::to_vec)
        };
        assert_eq!(gathered(&[]).as_deref(), Some(&b""[..]));
        assert_eq!(gathered(&[b"abc", b"", b"defgh"]).as_deref(), Some(&b"abcdefgh"[..]));
        assert_eq!(gathered(&[b"abc", b"defghi"]), None);
        assert_eq!(gathered(&[b"123456789"]), None);
    }
}
