//! An answer's bytes on their way to the transport. The leases in it are claimed when the transport
//! takes them, and go back to their queue if it never does.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::broker::Delivery;

/// A body of one piece.
pub(super) struct Outgoing {
    bytes: Bytes,
    delivery: Option<Delivery>,
}

impl Outgoing {
    pub(super) fn new(bytes: Vec<u8>, delivery: Option<Delivery>) -> Self {
        Self { bytes: bytes.into(), delivery }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(delivery) = self.delivery.take() {
            delivery.claim();
        }
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
