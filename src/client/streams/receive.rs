//! A stream of messages.

use std::collections::VecDeque;

use super::Ends;
use crate::{
    client::{Error, Message, Outcomes, Refusal, Unavailable, convert},
    proto::v1,
    types::{DeleteOutcome, Millis, Timestamp, limits},
};

/// Messages of one queue as they come, and the way back: acks, nacks and extensions.
///
/// The stream has the messages' leases. When it is dropped, or breaks, those that were neither
/// acked nor nacked are given back at once.
pub struct ReceiveStream {
    ends: Ends<v1::ReceiveStreamRequest, v1::ReceiveStreamResponse>,
    /// Receipt handles without an answer, in order.
    acks: VecDeque<String>,
    nacks: VecDeque<String>,
    extensions: VecDeque<String>,
}

/// How to receive from a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamOptions {
    /// How long the leases last; the queue's own timeout if not given.
    pub visibility_timeout: Option<Millis>,
    /// Whether the broker extends the leases as long as the stream has them.
    pub extend_leases: bool,
    /// How many messages may come before [`ReceiveStream::grant`] allows more.
    pub credits: u32,
}

/// What a stream brought. Answers are in the order in which they were asked for, each with its
/// receipt handle.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Streamed {
    /// Messages.
    pub messages: Vec<Message>,
    /// Messages that are leased too, but that the broker's disk has lost or damaged.
    pub unavailable: Vec<Unavailable>,
    /// What became of acks.
    pub acked: ByHandle<DeleteOutcome>,
    /// What became of nacks: when the messages can be received again.
    pub nacked: ByHandle<Timestamp>,
    /// What became of extensions: when the leases end.
    pub extended: ByHandle<Timestamp>,
}

/// Receipt handles with what became of them, in the order in which they were sent.
pub type ByHandle<T> = Vec<(String, Result<T, Refusal>)>;

impl ReceiveStream {
    pub(super) fn opened(ends: Ends<v1::ReceiveStreamRequest, v1::ReceiveStreamResponse>) -> Self {
        let (acks, nacks, extensions) = Default::default();
        Self { ends, acks, nacks, extensions }
    }

    /// Allows so many messages more.
    pub fn grant(&self, credits: u32) {
        self.ends.send(v1::ReceiveStreamRequest { credits, ..Default::default() });
    }

    /// Deletes messages by their receipt handles, and allows as many more.
    pub fn ack(&mut self, receipt_handles: Vec<String>) {
        for acks in receipt_handles.chunks(limits::ENTRIES_MAX) {
            let credits = u32::try_from(acks.len()).unwrap_or(u32::MAX);
            let acks = acks.to_vec();
            self.ends.send(v1::ReceiveStreamRequest { acks, credits, ..Default::default() });
        }
        self.acks.extend(receipt_handles);
    }

    /// Gives messages back, each after a time in which it cannot be received, and allows as many
    /// more.
    pub fn nack(&mut self, entries: Vec<(String, Millis)>) {
        for entries in entries.chunks(limits::ENTRIES_MAX) {
            let credits = u32::try_from(entries.len()).unwrap_or(u32::MAX);
            let nacks = entries.iter().map(changed).collect();
            self.ends.send(v1::ReceiveStreamRequest { nacks, credits, ..Default::default() });
        }
        self.nacks.extend(entries.into_iter().map(|(handle, _)| handle));
    }

    /// Lets leases end the given time from now.
    pub fn extend(&mut self, entries: Vec<(String, Millis)>) {
        for entries in entries.chunks(limits::ENTRIES_MAX) {
            let extensions = entries.iter().map(changed).collect();
            self.ends.send(v1::ReceiveStreamRequest { extensions, ..Default::default() });
        }
        self.extensions.extend(entries.into_iter().map(|(handle, _)| handle));
    }

    /// What comes next; waits as long as it takes. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Streamed, Error> {
        loop {
            let answer = self.ends.next().await?.ok_or_else(|| self.ends.ended())?;
            let streamed = self.streamed(answer)?;
            // The first answer only says that the stream is open.
            if streamed != Streamed::default() {
                return Ok(streamed);
            }
        }
    }

    fn streamed(&mut self, answer: v1::ReceiveStreamResponse) -> Result<Streamed, Error> {
        let messages = answer.messages.into_iter().map(convert::message);
        let unavailable = answer.unavailable.into_iter().map(convert::unavailable);
        Ok(Streamed {
            messages: messages.collect::<Result<_, _>>()?,
            unavailable: unavailable.collect(),
            acked: told(&mut self.acks, answer.ack_results, convert::deleted)?,
            nacked: told(&mut self.nacks, answer.nack_results, convert::visibility_changed)?,
            extended: told(
                &mut self.extensions,
                answer.extension_results,
                convert::visibility_changed,
            )?,
        })
    }
}

fn changed((receipt_handle, timeout): &(String, Millis)) -> v1::ChangeVisibilityEntry {
    let visibility_timeout = Some(convert::duration(*timeout));
    v1::ChangeVisibilityEntry { receipt_handle: receipt_handle.clone(), visibility_timeout }
}

/// Results of the handles that were sent first.
fn told<R, T>(
    sent: &mut VecDeque<String>,
    results: Vec<R>,
    read: impl Fn(R) -> Result<Result<T, Refusal>, Error>,
) -> Result<ByHandle<T>, Error> {
    let count = results.len();
    if count > sent.len() {
        return Err(Error::Answer("results of what was asked"));
    }
    let outcomes: Outcomes<T> = convert::outcomes(results, count, read)?;
    Ok(sent.drain(..count).zip(outcomes).collect())
}
