//! What receives and looks bring: messages whose bytes are read behind the answer.

use bytes::Bytes;

use super::mailbox::{Room, Unclaimed};
use crate::{
    store::{BodyError, BodyRef},
    types::{Browsed, Envelope, Leased, Seq},
};

/// What a receive brought. Unless it is claimed, dropping it returns the leases.
#[must_use]
pub struct Delivery {
    /// The messages; none if there were none.
    pub messages: Vec<Received>,
    pub(super) unclaimed: Unclaimed,
    pub(super) room: Room,
}

/// One received message.
pub struct Received {
    /// The lease and what goes with it.
    pub leased: Leased,
    pub(super) body: BodyRef,
}

/// A page of messages that were looked at.
pub struct BrowsePage {
    /// The messages, in ascending order of seq.
    pub messages: Vec<Looked>,
    /// Behind which message the next page begins; `None` if there is none.
    pub next: Option<Seq>,
    /// To be kept until the answer is sent.
    pub room: Room,
}

/// One message that was looked at.
pub struct Looked {
    /// Where it is in its life.
    pub browsed: Browsed,
    pub(super) body: BodyRef,
}

impl Delivery {
    /// The reply is on its way to the client: the leases stay. The room is to be kept until the
    /// reply is sent.
    #[must_use]
    pub fn claim(self) -> Room {
        self.unclaimed.claim();
        self.room
    }

    /// Gives back all but the first `count` messages, as if they had not been received: in a FIFO
    /// queue, what stands behind a message that may be read later ([`BodyError::may_pass`]).
    /// Whoever got it might be done with it before that message comes.
    pub fn keep_first(&mut self, count: usize) {
        self.messages.truncate(count);
        self.unclaimed.keep_first(count);
    }
}

impl Received {
    /// Like [`Received::content`], if there is nothing to wait for.
    pub fn content_now(&self) -> Option<Result<(Envelope, Bytes), BodyError>> {
        self.body.read_cached()
    }

    /// What goes with the message, and its body, checked against its checksum. Waits for the
    /// device, if it must, on a thread that may wait.
    pub async fn content(&self) -> Result<(Envelope, Bytes), BodyError> {
        content(&self.body).await
    }
}

impl Looked {
    /// What goes with the message, and its body, like [`Received::content`].
    pub async fn content(&self) -> Result<(Envelope, Bytes), BodyError> {
        content(&self.body).await
    }
}

async fn content(body: &BodyRef) -> Result<(Envelope, Bytes), BodyError> {
    if let Some(content) = body.read_cached() {
        return content;
    }
    let body = body.clone();
    let read = tokio::task::spawn_blocking(move || body.read()).await;
    read.unwrap_or_else(|failed| Err(BodyError::Abandoned(failed.to_string())))
}
