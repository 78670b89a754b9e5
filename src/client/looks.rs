//! Messages that are looked at, without a lease and without any effect.

use bytes::Bytes;

use super::{ANSWER_TIMEOUT, Client, Error, Outcomes, Repeat, Unavailable, convert};
use crate::{
    proto::v1,
    types::{Attribute, CancelOutcome, GroupId, MoveFilter, QueueName, StateFilter, Timestamp},
};

/// Which messages to look at, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeekOptions {
    /// Only messages in one of these states.
    pub states: StateFilter,
    /// Only messages to which this applies.
    pub filter: MoveFilter,
    /// Whether to get the bodies.
    pub with_bodies: bool,
    /// At most so many messages on a page; 0 is 100.
    /// [`PAGE_MAX`](crate::types::limits::PAGE_MAX) is the most.
    pub page_size: u32,
}

/// Some messages, in the order of their sequence numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeekPage {
    /// The messages; there can be none though there are more pages.
    pub messages: Vec<Peeked>,
    /// Messages that would be here, but that the broker's disk has lost or damaged.
    pub unavailable: Vec<Unavailable>,
    /// What asks for the page after this one; `None` on the last.
    pub next: Option<String>,
}

/// A message that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    /// What the broker knows the message by.
    pub message_id: String,
    /// Where it is in its life.
    pub state: MessageState,
    /// The body, if it was asked for.
    pub body: Option<Bytes>,
    /// The body's length.
    pub body_bytes: u64,
    /// The attributes, by name.
    pub attributes: Vec<Attribute>,
    /// When the broker accepted it.
    pub sent_at: Timestamp,
    /// When it was received for the first time, if it was.
    pub first_received_at: Option<Timestamp>,
    /// How often it has been received.
    pub receive_count: u32,
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

/// Where a message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It can be received, or could if its group were free.
    Ready,
    /// It waits.
    Delayed {
        /// Until then.
        until: Timestamp,
    },
    /// It is leased.
    InFlight {
        /// Until then.
        until: Timestamp,
    },
}

/// All messages with their bodies.
impl Default for PeekOptions {
    fn default() -> Self {
        let (states, filter) = (StateFilter::ALL, MoveFilter::default());
        Self { states, filter, with_bodies: true, page_size: 0 }
    }
}

impl Client {
    /// Looks at messages; `page` is the [`PeekPage::next`] of the page before, `None` for the
    /// first.
    pub async fn peek(
        &self,
        queue: &QueueName,
        options: &PeekOptions,
        page: Option<String>,
    ) -> Result<PeekPage, Error> {
        let question = v1::PeekRequest {
            queue: queue.to_string(),
            states: convert::state_words(options.states),
            filter: convert::filter(&options.filter),
            include_bodies: options.with_bodies,
            page_size: options.page_size,
            page_token: page.unwrap_or_default(),
        };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.peek(request).await
            })
            .await?;
        let messages = answer.messages.into_iter();
        let messages = messages.map(|message| convert::peeked(message, options.with_bodies));
        Ok(PeekPage {
            messages: messages.collect::<Result<_, _>>()?,
            unavailable: answer.unavailable.into_iter().map(convert::unavailable).collect(),
            next: Some(answer.next_page_token).filter(|token| !token.is_empty()),
        })
    }

    /// Looks at one message, with its body; the inner error tells that its bytes cannot be given.
    pub async fn get_message(
        &self,
        queue: &QueueName,
        message_id: &str,
    ) -> Result<Result<Peeked, Unavailable>, Error> {
        use v1::get_message_response::Result as Found;
        let (queue, message_id) = (queue.to_string(), message_id.to_owned());
        let question = v1::GetMessageRequest { queue, message_id, include_body: true };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.get_message(request).await
            })
            .await?;
        match answer.result {
            Some(Found::Message(message)) => convert::peeked(message, true).map(Ok),
            Some(Found::Unavailable(message)) => Ok(Err(convert::unavailable(message))),
            None => Err(Error::Answer("the message")),
        }
    }

    /// Deletes messages that wait for their delay, by their ids; up to
    /// [`ENTRIES_MAX`](crate::types::limits::ENTRIES_MAX) of them.
    pub async fn cancel(
        &self,
        queue: &QueueName,
        message_ids: Vec<String>,
    ) -> Result<Outcomes<CancelOutcome>, Error> {
        let count = message_ids.len();
        let question = v1::CancelScheduledRequest { queue: queue.to_string(), message_ids };
        let answer = self
            .ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.cancel_scheduled(request).await
            })
            .await?;
        convert::outcomes(answer.results, count, convert::cancelled)
    }
}
