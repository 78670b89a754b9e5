//! How much of requests is taken into memory, and for how long a client may take to send one.
//!
//! **Invariant**: the bytes of all requests that are under way are within one budget. Who comes
//! when it is used up is refused and not held back.

use std::{
    future::poll_fn,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    task::Poll,
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http::{HeaderMap, header};
use http_body::Body;

use super::{
    error::{Fault, Kind},
    limits::BODY_BYTES_MAX,
};

/// The budget of all requests.
pub(super) struct Intake {
    used: AtomicU64,
    bytes_max: u64,
    time_max: Duration,
}

/// A body that was taken in, and its share of the budget.
pub(super) struct Taken<'a> {
    pub(super) bytes: Bytes,
    _share: Share<'a>,
}

struct Share<'a> {
    intake: &'a Intake,
    charged: u64,
}

impl Intake {
    /// A budget of so many bytes, or of one request if that is more; a body comes within the time.
    pub(super) fn new(bytes_max: u64, time_max: Duration) -> Self {
        let bytes_max = bytes_max.max(BODY_BYTES_MAX as u64);
        Self { used: AtomicU64::default(), bytes_max, time_max }
    }

    /// Takes a body in.
    pub(super) async fn take<B>(&self, headers: &HeaderMap, body: B) -> Result<Taken<'_>, Fault>
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let told = told.and_then(|length| length.parse::<u64>().ok());
        if told.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
            return Err(too_large());
        }
        let mut read = pin!(self.read(body));
        // The transport has a short body in hand and gives it out once it was asked for it. No
        // clock is set for those.
        if let Some(taken) = read.as_mut().now_or_never() {
            return taken;
        }
        again().await;
        if let Some(taken) = read.as_mut().now_or_never() {
            return taken;
        }
        tokio::time::timeout(self.time_max, read).await.unwrap_or_else(|_| {
            Err(Fault::new(Kind::RequestTimeout, "The body of the request did not come in time."))
        })
    }

    async fn read<B>(&self, body: B) -> Result<Taken<'_>, Fault>
    where
        B: Body<Data = Bytes>,
        B::Error: std::fmt::Display,
    {
        let mut share = Share { intake: self, charged: 0 };
        let mut body = pin!(body);
        let (mut first, mut more) = (Bytes::new(), BytesMut::new());
        while !body.is_end_stream() {
            let frame = poll_fn(|context| body.as_mut().poll_frame(context)).await;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| {
                Fault::new(Kind::Serialization, format!("The body cannot be read: {error}"))
            })?;
            // Nothing is asked of a trailer.
            let Ok(piece) = frame.into_data() else { continue };
            if share.charged + piece.len() as u64 > BODY_BYTES_MAX as u64 {
                return Err(too_large());
            }
            share.charge(piece.len() as u64)?;
            if first.is_empty() {
                first = piece;
                continue;
            }
            if more.is_empty() {
                more.extend_from_slice(&first);
            }
            more.extend_from_slice(&piece);
        }
        let bytes = if more.is_empty() { first } else { more.freeze() };
        Ok(Taken { bytes, _share: share })
    }
}

impl Share<'_> {
    fn charge(&mut self, bytes: u64) -> Result<(), Fault> {
        let before = self.intake.used.fetch_add(bytes, Ordering::Relaxed);
        self.charged += bytes;
        if before + bytes <= self.intake.bytes_max {
            return Ok(());
        }
        let message =
            format!("The broker has {} bytes of requests coming in.", self.intake.bytes_max);
        Err(Fault::new(Kind::RequestThrottled, message))
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.intake.used.fetch_sub(self.charged, Ordering::Relaxed);
    }
}

/// Ends when the task is run again, which it is at once.
pub(super) async fn again() {
    let mut is_again = false;
    poll_fn(|context| {
        if std::mem::replace(&mut is_again, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn too_large() -> Fault {
    let message = format!("The body of a request has at most {BODY_BYTES_MAX} bytes.");
    Fault::new(Kind::RequestTooLarge, message)
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures_util::{StreamExt, stream};

    use super::*;
    use crate::api::sqs::limits::BODY_TIME_MAX;

    #[tokio::test]
    async fn a_body_that_does_not_come_in_time_is_waited_for_no_more() {
        let intake = Intake::new(0, Duration::from_millis(10));
        let first = stream::iter([Ok::<_, String>(Bytes::from("x"))]);
        let never = Body::from_stream(first.chain(stream::pending()));
        let refused = intake.take(&HeaderMap::new(), never).await.err();
        assert_eq!(refused.map(|fault| fault.kind), Some(Kind::RequestTimeout));
        assert_eq!(intake.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn bodies_are_within_their_size_and_one_budget() {
        let intake = Intake::new(0, BODY_TIME_MAX);
        let headers = HeaderMap::new();
        let take = |bytes: usize| intake.take(&headers, Body::from(vec![b'x'; bytes]));
        let one = take(BODY_BYTES_MAX).await.map_err(|fault| fault.kind);
        let one = one.expect("one request always fits");
        assert_eq!(one.bytes.len(), BODY_BYTES_MAX);
        assert_eq!(take(1).await.err().map(|fault| fault.kind), Some(Kind::RequestThrottled));
        drop(one);
        assert!(take(1).await.is_ok());
        let refused = take(BODY_BYTES_MAX + 1).await.err();
        assert_eq!(refused.map(|fault| fault.kind), Some(Kind::RequestTooLarge));
        assert_eq!(intake.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_that_says_it_is_too_large_is_not_read() {
        let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, 100_000_000.into())]);
        let never = Body::from_stream(stream::pending::<Result<Bytes, String>>());
        let refused = Intake::new(0, BODY_TIME_MAX).take(&headers, never).await.err();
        assert_eq!(refused.map(|fault| fault.kind), Some(Kind::RequestTooLarge));
    }
}
