//! Messages: sent, received, deleted, their leases changed.

use bytes::Bytes;

use super::{ANSWER_TIMEOUT, Client, Error, Refusal, Repeat, convert, with_wait};
use crate::{
    proto::v1,
    types::{Attribute, Delay, DeleteOutcome, GroupId, Millis, QueueName, Timestamp, limits},
};

/// A message to send.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The body: any bytes, at least one.
    pub body: Bytes,
    /// The attributes.
    pub attributes: Vec<Attribute>,
    /// How long it waits before it can be received; the queue's delay if not given.
    pub delay: Option<Delay>,
    /// How long it is kept, if that is shorter than the queue's retention.
    pub time_to_live: Option<Millis>,
    /// Its priority, 0 to 9, of which 9 is received first; 4 if not given.
    pub priority: Option<u8>,
    /// Its group; needed on a FIFO queue, a tenant on a standard one.
    pub group: Option<GroupId>,
    /// By what duplicates of it are known for 5 minutes. With it a send can be repeated.
    pub deduplication_id: Option<String>,
    /// A trace header to go with it.
    pub trace_header: Option<String>,
}

/// A message that was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// What the broker knows the message by; of a duplicate, that of the first.
    pub message_id: String,
    /// Its number in the order of acceptance; of a duplicate, that of the first.
    pub sequence_number: u64,
    /// Whether it is a duplicate: nothing was accepted this time.
    pub is_duplicate: bool,
}

/// How to receive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiveOptions {
    /// At most so many messages.
    pub count_max: u32,
    /// How long the leases last; the queue's own timeout if not given.
    pub visibility_timeout: Option<Millis>,
    /// How long to wait for a first message; the queue's own wait if not given.
    pub wait: Option<Millis>,
    /// FIFO queues: an id of this attempt; the same again within 5 minutes gives the same messages.
    pub attempt_id: Option<String>,
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
    /// The group that it was sent with.
    pub group: Option<GroupId>,
    /// The deduplication id that it was sent with, or that was made from its body.
    pub deduplication_id: Option<String>,
    /// Its number in the order of acceptance.
    pub sequence_number: u64,
    /// Its priority, 0 to 9.
    pub priority: u32,
    /// The trace header that it was sent with.
    pub trace_header: Option<String>,
    /// The name of the queue from which it came as a dead letter.
    pub dead_letter_source: Option<String>,
}

/// A message whose bytes cannot be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    /// What the broker knows the message by.
    pub message_id: String,
    /// The right to delete it and to change its lease; empty if it was only looked at.
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

    /// The same with this body.
    #[must_use]
    pub fn with_body(self, body: Bytes) -> Self {
        Self { body, ..self }
    }

    /// Size by which limits are measured: body and attributes, in bytes.
    pub fn size(&self) -> u64 {
        self.body.len() as u64 + self.attributes.iter().map(Attribute::bytes).sum::<u64>()
    }
}

/// One message, and for the rest what the queue is set to.
impl Default for ReceiveOptions {
    fn default() -> Self {
        Self { count_max: 1, visibility_timeout: None, wait: None, attempt_id: None }
    }
}

impl Client {
    /// Sends up to [`limits::ENTRIES_MAX`] messages of [`limits::REQUEST_BYTES_MAX`] together. If
    /// each has a deduplication id, the request can be repeated when its outcome is not known.
    pub async fn send(
        &self,
        queue: &QueueName,
        messages: Vec<Outgoing>,
    ) -> Result<Outcomes<Sent>, Error> {
        let count = messages.len();
        let all_known = messages.iter().all(|message| message.deduplication_id.is_some());
        let repeat = if all_known { Repeat::Harmless } else { Repeat::IfNotDone };
        let entries = messages.into_iter().map(convert::send_entry).collect();
        let question = v1::SendRequest { queue: queue.to_string(), entries };
        let answer = self
            .ask(repeat, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.send(request).await
            })
            .await?;
        convert::outcomes(answer.results, count, convert::sent)
    }

    /// Leases messages. With an attempt id the request can be repeated when its outcome is not
    /// known.
    pub async fn receive(
        &self,
        queue: &QueueName,
        options: ReceiveOptions,
    ) -> Result<Delivery, Error> {
        let repeat = match options.attempt_id {
            Some(_) => Repeat::Harmless,
            None => Repeat::IfNotDone,
        };
        let question = v1::ReceiveRequest {
            queue: queue.to_string(),
            max_messages: Some(options.count_max),
            visibility_timeout: options.visibility_timeout.map(convert::duration),
            wait_time: options.wait.map(convert::duration),
            attempt_id: options.attempt_id.unwrap_or_default(),
        };
        let timeout = with_wait(options.wait.unwrap_or(limits::WAIT_MAX));
        let answer = self
            .ask(repeat, timeout, question, |mut to, request| async move {
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
