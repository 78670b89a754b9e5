//! An answer's bytes on their way to the transport. The leases in it are claimed when the transport
//! takes them, and go back to their queue if it never does. The room that its messages take is
//! given back when they are sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::attention::Attended;
use crate::broker::{Delivery, Room};

/// A body of one piece.
pub struct Outgoing {
    bytes: Bytes,
    handover: Option<Handover>,
}

/// Leases on their way to a client, which is looked out for until they are claimed.
pub(super) struct Handover {
    delivery: Delivery,
    _attended: Attended,
}

/// Bytes that the transport has, and the room that they take.
struct Sending {
    bytes: Bytes,
    _room: Room,
}

impl AsRef<[u8]> for Sending {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Handover {
    pub(super) fn new(delivery: Delivery, attended: Attended) -> Self {
        Self { delivery, _attended: attended }
    }
}

impl Outgoing {
    pub(super) fn new(bytes: Vec<u8>, handover: Option<Handover>) -> Self {
        Self { bytes: bytes.into(), handover }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let mut bytes = std::mem::take(&mut self.bytes);
        if let Some(handover) = self.handover.take() {
            bytes = Bytes::from_owner(Sending { bytes, _room: handover.delivery.claim() });
        }
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
