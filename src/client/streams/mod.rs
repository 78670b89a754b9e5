//! Streams: many batches under way on one call, and messages as they come.

mod receive;
mod send;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Response, Streaming};

use super::{ANSWER_TIMEOUT, Client, Error, Repeat, convert};
use crate::{proto::v1, types::QueueName};

pub use receive::{ByHandle, ReceiveStream, StreamOptions, Streamed};
pub use send::{BatchOutcome, SendStream};

/// The two ends of a stream. Who sends bounds what is in it: a send stream by its window, a receive
/// stream by the messages that it has.
struct Ends<Q, A> {
    requests: UnboundedSender<Q>,
    answers: Streaming<A>,
    /// The server, as errors name it.
    server: String,
}

/// A sender of requests, and the requests as the transport takes them.
fn channel<Q>(first: Q) -> (UnboundedSender<Q>, UnboundedReceiverStream<Q>) {
    let (sender, receiver) = unbounded_channel();
    // The receiver is there.
    let _ = sender.send(first);
    (sender, UnboundedReceiverStream::new(receiver))
}

impl<Q, A> Ends<Q, A> {
    /// Sends a request. If the stream has ended, the next answer tells.
    fn send(&self, request: Q) {
        let _ = self.requests.send(request);
    }

    /// The next answer; `None` at the end. Dropping the future loses nothing.
    async fn next(&mut self) -> Result<Option<A>, Error> {
        let answer = self.answers.message().await;
        answer.map_err(|status| Error::from_status(&status, &self.server))
    }

    /// That the stream ended, though something was to come.
    fn ended(&self) -> Error {
        Error::Lost { problem: format!("{} ended the stream", self.server) }
    }
}

impl Client {
    /// Opens a stream of batches to a queue. Tries again while the broker is not ready.
    pub async fn send_stream(&self, queue: &QueueName) -> Result<SendStream, Error> {
        let first = v1::SendStreamRequest { queue: queue.to_string(), entries: Vec::new() };
        let opened =
            self.ask(Repeat::Harmless, ANSWER_TIMEOUT, first, |mut to, request| async move {
                let (requests, incoming) = channel(request.into_inner());
                let answers = to.messages.send_stream(incoming).await?.into_inner();
                Ok(Response::new((requests, answers)))
            });
        let (requests, answers) = opened.await?;
        let ends = Ends { requests, answers, server: self.server.clone() };
        SendStream::opened(ends).await
    }

    /// Opens a stream of a queue's messages. Tries again while the broker is not ready.
    pub async fn receive_stream(
        &self,
        queue: &QueueName,
        options: StreamOptions,
    ) -> Result<ReceiveStream, Error> {
        let first = v1::ReceiveStreamRequest {
            queue: queue.to_string(),
            visibility_timeout: options.visibility_timeout.map(convert::duration),
            extend_leases: options.extend_leases,
            credits: options.credits,
            ..v1::ReceiveStreamRequest::default()
        };
        let opened =
            self.ask(Repeat::Harmless, ANSWER_TIMEOUT, first, |mut to, request| async move {
                let (requests, incoming) = channel(request.into_inner());
                let answers = to.messages.receive_stream(incoming).await?.into_inner();
                Ok(Response::new((requests, answers)))
            });
        let (requests, answers) = opened.await?;
        Ok(ReceiveStream::opened(Ends { requests, answers, server: self.server.clone() }))
    }
}
