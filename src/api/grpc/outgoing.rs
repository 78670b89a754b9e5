//! What stands between the services and the transport: how much of answers is in memory.
//!
//! A client decides how fast it reads, and may not read at all. The broker gives room to messages
//! before they are read from the log ([`Room`]); here it is kept until the transport has sent their
//! bytes, or has dropped them.
//!
//! A service puts [`Rooms`] into the extensions of its response, with the room of its answer in it.
//! A stream adds to it with each of its answers.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{FutureExt, future::Map};
use http_body::{Frame, SizeHint};
use tonic::{Response, Status, body::Body, server::NamedService};
use tower_service::Service;

use crate::broker::Room;

/// The room of answers that the transport will take next. Clones are one.
#[derive(Clone, Default)]
pub(super) struct Rooms {
    rooms: Arc<Mutex<Vec<Room>>>,
}

/// A service whose answers keep their room until they are sent.
#[derive(Clone)]
pub(super) struct Roomy<S> {
    inner: S,
}

/// The bytes of answers with their rooms.
struct Outgoing {
    inner: Body,
    rooms: Rooms,
}

/// Bytes that the transport has, and the room that they take.
struct Sending {
    bytes: Bytes,
    _rooms: Vec<Room>,
}

impl Rooms {
    /// An answer that takes this room until it is sent.
    pub(super) fn response<A>(answer: A, room: Room) -> Response<A> {
        let rooms = Self::default();
        rooms.add(room);
        rooms.put_into(answer)
    }

    /// An answer whose room, or the rooms of whose parts, are here.
    pub(super) fn put_into<A>(self, answer: A) -> Response<A> {
        let mut response = Response::new(answer);
        response.extensions_mut().insert(self);
        response
    }

    /// The next bytes of the answer take this room.
    pub(super) fn add(&self, room: Room) {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).push(room);
    }

    /// The bytes, with the room of everything that is in them.
    fn go_with(&self, bytes: Bytes) -> Bytes {
        let rooms = std::mem::take(&mut *self.rooms.lock().unwrap_or_else(PoisonError::into_inner));
        if rooms.is_empty() { bytes } else { Bytes::from_owner(Sending { bytes, _rooms: rooms }) }
    }
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl<S> Roomy<S> {
    pub(super) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: NamedService> NamedService for Roomy<S> {
    const NAME: &'static str = S::NAME;
}

impl<S, E> Service<http::Request<Body>> for Roomy<S>
where
    S: Service<http::Request<Body>, Response = http::Response<Body>, Error = E>,
    S::Future: Future<Output = Result<http::Response<Body>, E>>,
{
    type Response = http::Response<Body>;
    type Error = E;
    type Future = Map<S::Future, fn(Answered<E>) -> Answered<E>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), E>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        self.inner.call(request).map(outgoing)
    }
}

/// What a service has answered.
type Answered<E> = Result<http::Response<Body>, E>;

fn outgoing<E>(answered: Answered<E>) -> Answered<E> {
    let mut response = answered?;
    let Some(rooms) = response.extensions_mut().remove::<Rooms>() else { return Ok(response) };
    Ok(response.map(|inner| Body::new(Outgoing { inner, rooms })))
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        Poll::Ready(frame.map(|frame| frame.map(|f| f.map_data(|bytes| self.rooms.go_with(bytes)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
