//! How much of requests is taken into memory, and for how long a client may take to send one.
//!
//! **Invariant**: the bytes of all requests that are under way are within one budget. Who comes
//! when it is used up is refused and not held back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use http::{HeaderMap, header};

use super::{
    error::{Fault, Kind},
    limits::BODY_BYTES_MAX,
};

/// The budget of all requests. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(super) struct Intake {
    used: Arc<AtomicU64>,
    bytes_max: u64,
    time_max: Duration,
}

/// A body that was taken in, and its share of the budget.
pub(super) struct Taken {
    pub(super) bytes: Bytes,
    _share: Share,
}

struct Share {
    intake: Intake,
    charged: u64,
}

impl Intake {
    /// A budget of so many bytes, or of one request if that is more; a body comes within the time.
    pub(super) fn new(bytes_max: u64, time_max: Duration) -> Self {
        let bytes_max = bytes_max.max(BODY_BYTES_MAX as u64);
        Self { used: Arc::default(), bytes_max, time_max }
    }

    /// Takes a body in.
    pub(super) async fn take(&self, headers: &HeaderMap, body: Body) -> Result<Taken, Fault> {
        let told = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
        let told = told.and_then(|length| length.parse::<u64>().ok());
        if told.is_some_and(|length| length > BODY_BYTES_MAX as u64) {
            return Err(too_large());
        }
        let read = self.read(body);
        tokio::time::timeout(self.time_max, read).await.unwrap_or_else(|_| {
            Err(Fault::new(Kind::RequestTimeout, "The body of the request did not come in time."))
        })
    }

    async fn read(&self, body: Body) -> Result<Taken, Fault> {
        let mut share = Share { intake: self.clone(), charged: 0 };
        let mut pieces = body.into_data_stream();
        let (mut first, mut more) = (Bytes::new(), BytesMut::new());
        while let Some(piece) = pieces.next().await {
            let piece = piece.map_err(|error| {
                Fault::new(Kind::Serialization, format!("The body cannot be read: {error}"))
            })?;
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

impl Share {
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

impl Drop for Share {
    fn drop(&mut self) {
        self.intake.used.fetch_sub(self.charged, Ordering::Relaxed);
    }
}

fn too_large() -> Fault {
    let message = format!("The body of a request has at most {BODY_BYTES_MAX} bytes.");
    Fault::new(Kind::RequestTooLarge, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::sqs::limits::BODY_TIME_MAX;

    #[tokio::test]
    async fn a_body_that_does_not_come_in_time_is_waited_for_no_more() {
        let intake = Intake::new(0, Duration::from_millis(10));
        let first = futures_util::stream::iter([Ok::<_, String>(Bytes::from("x"))]);
        let never = Body::from_stream(first.chain(futures_util::stream::pending()));
        let refused = intake.take(&HeaderMap::new(), never).await.err();
        assert_eq!(refused.map(|fault| fault.kind), Some(Kind::RequestTimeout));
        assert_eq!(intake.used.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn bodies_are_within_their_size_and_one_budget() {
        let intake = Intake::new(0, BODY_TIME_MAX);
        let headers = HeaderMap::new();
        let take = |bytes: usize| intake.take(&headers, vec![b'x'; bytes].into());
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
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, String>>());
        let refused = Intake::new(0, BODY_TIME_MAX).take(&headers, never).await.err();
        assert_eq!(refused.map(|fault| fault.kind), Some(Kind::RequestTooLarge));
    }
}
