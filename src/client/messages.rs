//! Messages: sent, received, deleted, their leases changed.

use bytes::Bytes;

use super::{ANSWER_TIMEOUT, Client, Error, Refusal, Repeat, convert, with_wait};
use crate::{
    proto::v1,
    types::{Attribute, DeleteOutcome, Millis, QueueName, Timestamp, limits},
};

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The body: any bytes, at least one.
    pub body: Bytes,
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// How long it waits before it can be received; the queue's delay if not given.
    pub delay: Option<Millis>,
}

/// How to receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// At most so many messages.
    pub count_max: u32,
    /// How long the leases last; the queue's own timeout if not given.
    pub visibility_timeout: Option<Millis>,
    /// How long to wait for a first message; the queue's own wait if not given.
    pub wait: Option<Millis>,
}

/// What a receive brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivery {
    /// The messages; none if there were none.
    pub messages: Vec<Message>,
    /// Messages that are leased too, but that the broker's disk has lost or damaged.
    pub unavailable: Vec<Unavailable>,
}

/// A received message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What the broker knows the message by.
    pub message_id: String,
    /// The right to delete it and to change its lease.
    pub receipt_handle: String,
    /// The body.
    pub body: Bytes,
    /// The attributes, by name.
    pub attributes: Vec<Attribute>,
    /// When the broker accepted it.
    pub sent_at: Timestamp,
    /// When it was received for the first time.
    pub first_received_at: Timestamp,
    /// How often it has been received, this receive counted.
    pub receive_count: u32,
    /// When the lease ends.
    pub lease_expires_at: Timestamp,
}

/// A leased message whose bytes cannot be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// What the broker knows the message by.
    pub message_id: String,
    /// The right to delete it and to change its lease.
    pub receipt_handle: String,
    /// What is wrong.
    pub reason: UnavailableReason,
    /// The same in a sentence.
    pub description: String,
}

/// Why a message's bytes cannot be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnavailableReason {
    /// The disk did not give them; a later receive may succeed.
    ReadFailed,
    /// They are not those that were accepted.
    Damaged,
    /// This version of the broker cannot decode them.
    Undecodable,
    /// Something that this version of the client does not know.
    Other,
}

/// One outcome for each entry of a request, in order.
pub type Outcomes<T> = Vec<Result<T, Refusal>>;

impl Outgoing {
    /// A message of a body alone.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { body: body.into(), ..Self::default() }
    }

    /// Size by which limits are measured: body and attributes, in bytes.
    pub fn size(&self) -> u64 {
        self.body.len() as u64 + self.attributes.iter().map(Attribute::bytes).sum::<u64>()
    }
}

/// One message, and for the rest what the queue is set to.
impl Default for ReceiveOptions {
    fn default() -> Self {
        Self { count_max: 1, visibility_timeout: None, wait: None }
    }
}

impl Client {
    /// Sends up to [`limits::ENTRIES_MAX`] messages of [`limits::REQUEST_BYTES_MAX`] together;
    /// gives the id of each.
    pub async fn send(
        &self,
        queue: &QueueName,
        messages: Vec<Outgoing>,
    ) -> Result<Outcomes<String>, Error> {
        let count = messages.len();
        let entries = messages.into_iter().map(convert::send_entry).collect();
        let question = v1::SendRequest { queue: queue.to_string(), entries };
        let answer = self
            .ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.send(request).await
            })
            .await?;
        convert::outcomes(answer.results, count, convert::sent)
    }

    /// Leases messages.
    pub async fn receive(
        &self,
        queue: &QueueName,
        options: ReceiveOptions,
    ) -> Result<Delivery, Error> {
        let question = v1::ReceiveRequest {
            queue: queue.to_string(),
            max_messages: Some(options.count_max),
            visibility_timeout: options.visibility_timeout.map(convert::duration),
            wait_time: options.wait.map(convert::duration),
            ..v1::ReceiveRequest::default()
        };
        let timeout = with_wait(options.wait.unwrap_or(limits::WAIT_MAX));
        let answer = self
            .ask(Repeat::IfNotDone, timeout, question, |mut to, request| async move {
                to.messages.receive(request).await
            })
            .await?;
        let messages = answer.messages.into_iter().map(convert::message);
        Ok(Delivery {
            messages: messages.collect::<Result<_, _>>()?,
            unavailable: answer.unavailable.into_iter().map(convert::unavailable).collect(),
        })
    }

    /// Deletes up to [`limits::ENTRIES_MAX`] messages by their receipt handles. A message whose
    /// lease is over is left alone.
    pub async fn delete(
        &self,
        queue: &QueueName,
        receipt_handles: Vec<String>,
    ) -> Result<Outcomes<DeleteOutcome>, Error> {
        let count = receipt_handles.len();
        let mode = v1::DeleteMode::Fenced.into();
        let question = v1::DeleteRequest { queue: queue.to_string(), receipt_handles, mode };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.delete(request).await
            })
            .await?;
        convert::outcomes(answer.results, count, convert::deleted)
    }

    /// Lets leases end the given time from now, at once if it is zero; tells when each ends.
    pub async fn change_visibility(
        &self,
        queue: &QueueName,
        entries: Vec<(String, Millis)>,
    ) -> Result<Outcomes<Timestamp>, Error> {
        let count = entries.len();
        let entries = entries.into_iter().map(|(receipt_handle, timeout)| {
            let visibility_timeout = Some(convert::duration(timeout));
            v1::ChangeVisibilityEntry { receipt_handle, visibility_timeout }
        });
        let question =
            v1::ChangeVisibilityRequest { queue: queue.to_string(), entries: entries.collect() };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.change_visibility(request).await
            })
            .await?;
        convert::outcomes(answer.results, count, convert::visibility_changed)
    }
}
