//! A stream of batches.

use std::collections::VecDeque;

use super::Ends;
use crate::{
    client::{Error, Outcomes, Outgoing, Refusal, Sent, convert},
    proto::v1::{self, send_stream_response::Response as Told},
};

/// Batches of messages on their way to one queue, in order, many of them under way at once.
///
/// [`SendStream::send`] does not wait: who calls it looks first whether there is
/// [room](SendStream::has_room), and takes [outcomes](SendStream::next) if there is none.
pub struct SendStream {
    ends: Ends<v1::SendStreamRequest, v1::SendStreamResponse>,
    window_bytes: u64,
    window_batches: usize,
    /// Entries and bytes of batches without an outcome, in order.
    under_way: VecDeque<(usize, u64)>,
    under_way_bytes: u64,
}

/// What became of a batch: an outcome for each message, or why nothing of it was done.
pub type BatchOutcome = Result<Outcomes<Sent>, Refusal>;

impl SendStream {
    pub(super) async fn opened(
        mut ends: Ends<v1::SendStreamRequest, v1::SendStreamResponse>,
    ) -> Result<Self, Error> {
        let first = ends.next().await?.and_then(|first| first.response);
        let Some(Told::Opened(opened)) = first else {
            return Err(Error::Answer("the window of a stream"));
        };
        Ok(Self {
            ends,
            window_bytes: opened.window_bytes,
            window_batches: opened.window_batches as usize,
            under_way: VecDeque::new(),
            under_way_bytes: 0,
        })
    }

    /// Whether the server reads another batch at once.
    pub fn has_room(&self) -> bool {
        self.under_way_bytes < self.window_bytes && self.under_way.len() < self.window_batches
    }

    /// Batches without an outcome.
    pub fn under_way_count(&self) -> usize {
        self.under_way.len()
    }

    /// Sends a batch within the limits of [`Client::send`](crate::client::Client::send). If the
    /// stream has broken, [`SendStream::next`] tells.
    pub fn send(&mut self, messages: Vec<Outgoing>) {
        let bytes = messages.iter().map(Outgoing::size).sum();
        self.under_way.push_back((messages.len(), bytes));
        self.under_way_bytes += bytes;
        let entries = messages.into_iter().map(convert::send_entry).collect();
        self.ends.send(v1::SendStreamRequest { queue: String::new(), entries });
    }

    /// What became of the first batch that has no outcome, once that is durable; `None` if there is
    /// no such batch. Dropping the future loses nothing.
    ///
    /// After an error the stream is of no use. Unless the error says otherwise
    /// ([`Error::is_outcome_unknown`]), batches without an outcome were not accepted.
    pub async fn next(&mut self) -> Result<Option<BatchOutcome>, Error> {
        let Some((count, bytes)) = self.under_way.front().copied() else { return Ok(None) };
        let answer = self.ends.next().await?.ok_or_else(|| self.ends.ended())?;
        let Some(Told::Result(result)) = answer.response else {
            return Err(Error::Answer("what became of a batch"));
        };
        self.under_way.pop_front();
        self.under_way_bytes -= bytes;
        Ok(Some(match result.error {
            Some(error) => Err(Refusal::of_entry(error)),
            None => Ok(convert::outcomes(result.results, count, convert::sent)?),
        }))
    }
}
