//! What stands between the transport and the services: how much of requests is taken into memory.
//!
//! A client decides how long a list is before anybody has looked at it, and a list of empty entries
//! takes a hundred times its bytes once it is decoded. So values of lists are counted as the bytes
//! come in, and a request that has too many is not taken in at all: its bytes are dropped while
//! they are counted to the end, so that the refusal says how many there were.
//!
//! **Invariant**: the bytes of all requests that were not decoded yet are within one budget. Who
//! comes when it is used up is refused and not held back: requests that wait with a part of them
//! taken in would wait for each other. A request of a stream counts until the stream asks for the
//! bytes behind it.

mod lists;
mod scan;

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::Frame;
use tonic::{Status, body::Body, server::NamedService};
use tower_service::Service;

use self::{
    lists::Lists,
    scan::{Excess, Scan},
};
use super::{ENCODED_BYTES_MAX, refusal::Refusal};
use crate::types::{Rejection, Unit, in_range};

/// What stands before the bytes of each message of gRPC, in bytes.
const PREFIX_BYTES: u64 = 5;

/// The budget of all requests that are coming in. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Intake {
    used: Arc<AtomicU64>,
    bytes_max: u64,
}

/// A service whose requests come through an intake.
#[derive(Clone)]
pub(super) struct Taken<S> {
    inner: S,
    intake: Intake,
}

/// The bytes of one request, as they come in.
struct Incoming {
    inner: Body,
    intake: Intake,
    scan: Scan,
    /// Bytes of the budget that it has.
    charged: u64,
}

impl Intake {
    /// A budget of so many bytes, or of one request if that is more.
    pub(super) fn new(bytes_max: u64) -> Self {
        let one = ENCODED_BYTES_MAX as u64 + PREFIX_BYTES;
        Self { used: Arc::default(), bytes_max: bytes_max.max(one) }
    }

    /// Puts it in front of a service.
    pub(super) fn before<S>(&self, inner: S) -> Taken<S> {
        Taken { inner, intake: self.clone() }
    }

    fn charge(&self, bytes: u64) -> Result<(), Status> {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes <= self.bytes_max {
            return Ok(());
        }
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        let what = format!("{} bytes of requests that are coming in", self.bytes_max);
        Err(Refusal::of_request(Rejection::Overloaded { what }).into())
    }
}

impl<S: NamedService> NamedService for Taken<S> {
    const NAME: &'static str = S::NAME;
}

impl<S: Service<http::Request<Body>>> Service<http::Request<Body>> for Taken<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let scan = Scan::new(Lists::of_build(), request.uri().path());
        let intake = self.intake.clone();
        self.inner
            .call(request.map(|inner| Body::new(Incoming { inner, intake, scan, charged: 0 })))
    }
}

impl Incoming {
    /// Takes note of bytes that came; whether they are to be passed on.
    fn take(&mut self, bytes: &[u8]) -> Result<bool, Status> {
        self.scan.take(bytes);
        match self.scan.excess() {
            None => {
                self.intake.charge(bytes.len() as u64)?;
                self.charged += bytes.len() as u64;
                Ok(true)
            }
            Some(excess) if self.scan.is_over() => Err(refused(excess)),
            Some(_) => Ok(false),
        }
    }

    /// Whoever asks for more bytes has decoded every request that they were enough for.
    fn give_back_decoded(&mut self) {
        let unfinished = self.scan.unfinished_bytes().unwrap_or(self.charged);
        let decoded = self.charged.saturating_sub(unfinished);
        self.intake.used.fetch_sub(decoded, Ordering::Relaxed);
        self.charged -= decoded;
    }
}

/// As the request is refused that has too many values of a list, and is looked at.
fn refused(excess: Excess) -> Status {
    let Excess { field, count, min, max } = excess;
    let rejection = in_range(field, count, min, max, Unit::Count);
    let rejection = rejection.expect_err("an excess is beyond the limit");
    Refusal::of_request(rejection).into()
}

impl http_body::Body for Incoming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.give_back_decoded();
        loop {
            let Some(frame) = ready!(Pin::new(&mut self.inner).poll_frame(context)) else {
                // A client that broke off within too many values gets no other answer.
                return Poll::Ready(self.scan.excess().map(|excess| Err(refused(excess))));
            };
            let frame = frame?;
            let Some(bytes) = frame.data_ref() else { return Poll::Ready(Some(Ok(frame))) };
            match self.take(bytes) {
                Ok(true) => return Poll::Ready(Some(Ok(frame))),
                Ok(false) => {}
                Err(refused) => return Poll::Ready(Some(Err(refused))),
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.intake.used.fetch_sub(self.charged, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
