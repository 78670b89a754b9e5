//! ledgerq over its streams. Callers share a few of them: what is asked while an earlier request is
//! on its way goes in one request together, and each caller waits for the answer to what he asked.

use std::{collections::VecDeque, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};
use tonic::{Streaming, transport::Channel};

use super::{
    Driver,
    ledgerq::{
        Ledgerq,
        v1::{self, message_service_client::MessageServiceClient},
    },
};
use crate::workload::Caller;

/// Streams that callers share, each on a connection of its own.
const STREAMS: usize = 2;
/// Messages that may be on their way to a stream's callers, or in their hands.
const CREDITS: u32 = 2000;
/// What is asked in one request, at most.
const ASKS_MAX: usize = 100;
/// A queue from which nothing comes for so long is empty.
const EMPTY_AFTER: Duration = Duration::from_millis(500);

pub(super) struct Streams(Ledgerq);

/// Messages to be sent.
struct Send {
    bodies: Vec<Bytes>,
    done: oneshot::Sender<Result<()>>,
}

/// What is asked of a receive stream.
enum Ask {
    /// The handles of up to so many messages.
    Take {
        count_max: usize,
        given: oneshot::Sender<Vec<String>>,
    },
    Ack {
        handles: Vec<String>,
        done: oneshot::Sender<Result<()>>,
    },
}

struct One {
    sends: mpsc::UnboundedSender<Send>,
    asks: mpsc::UnboundedSender<Ask>,
}

impl Streams {
    pub(super) async fn connect(port: u16) -> Result<Self> {
        Ok(Self(Ledgerq::connect(port).await?))
    }
}

#[async_trait]
impl Driver for Streams {
    async fn create(&self, queue: &str) -> Result<()> {
        self.0.create(queue).await
    }

    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>> {
        let share = |channel: &Channel| {
            let (sends, sends_out) = mpsc::unbounded_channel();
            let (asks, asks_out) = mpsc::unbounded_channel();
            let client = MessageServiceClient::new(channel.clone());
            // Their callers see it if one ends before its time.
            tokio::spawn(send(client.clone(), queue.to_owned(), sends_out));
            tokio::spawn(receive(client, queue.to_owned(), asks_out));
            (sends, asks)
        };
        let streams: Vec<_> = self.0.channels().iter().take(STREAMS).map(share).collect();
        let one = |(sends, asks): &(mpsc::UnboundedSender<Send>, mpsc::UnboundedSender<Ask>)| {
            Box::new(One { sends: sends.clone(), asks: asks.clone() }) as Box<dyn Caller>
        };
        Ok(streams.iter().cycle().take(count).map(one).collect())
    }

    async fn remove(&self, queue: &str) -> Result<()> {
        self.0.remove(queue).await
    }
}

#[async_trait]
impl Caller for One {
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()> {
        let (done, is_done) = oneshot::channel();
        self.sends.send(Send { bodies: bodies.to_vec(), done }).ok().context("the stream ended")?;
        is_done.await.context("the stream ended")?
    }

    async fn take(&mut self, count_max: usize) -> Result<usize> {
        let (given, taken) = oneshot::channel();
        self.asks.send(Ask::Take { count_max, given }).ok().context("the stream ended")?;
        let Ok(handles) = timeout(EMPTY_AFTER, taken).await else { return Ok(0) };
        let handles = handles.context("the stream ended")?;
        let count = handles.len();
        let (done, is_done) = oneshot::channel();
        self.asks.send(Ask::Ack { handles, done }).ok().context("the stream ended")?;
        is_done.await.context("the stream ended")??;
        Ok(count)
    }
}

/// A stream of requests, and where they come from.
fn requests<T>() -> (mpsc::UnboundedSender<T>, impl futures_util::Stream<Item = T>) {
    let (requests, mut out) = mpsc::unbounded_channel();
    (requests, stream::poll_fn(move |context| out.poll_recv(context)))
}

/// The next answer of a stream that has not ended.
async fn next<T>(answers: &mut Streaming<T>) -> Result<T> {
    answers.message().await?.context("the broker ended the stream")
}

async fn send(
    mut client: MessageServiceClient<Channel>,
    queue: String,
    mut sends: mpsc::UnboundedReceiver<Send>,
) -> Result<()> {
    let (requests, stream) = requests();
    requests.send(v1::SendStreamRequest { queue, entries: Vec::new() })?;
    let mut answers = client.send_stream(stream).await?.into_inner();
    let mut under_way: VecDeque<Vec<(usize, oneshot::Sender<Result<()>>)>> = VecDeque::new();
    let mut asked = Vec::new();
    loop {
        tokio::select! {
            count = sends.recv_many(&mut asked, ASKS_MAX) => {
                if count == 0 {
                    return Ok(());
                }
                let (mut entries, mut waiters) = (Vec::new(), Vec::new());
                for Send { bodies, done } in asked.drain(..) {
                    waiters.push((bodies.len(), done));
                    let entry = |body| v1::SendEntry { body, ..Default::default() };
                    entries.extend(bodies.into_iter().map(entry));
                }
                under_way.push_back(waiters);
                requests.send(v1::SendStreamRequest { queue: String::new(), entries })?;
            }
            answer = next(&mut answers) => {
                let Some(v1::send_stream_response::Response::Result(result)) = answer?.response
                else {
                    continue;
                };
                let mut results = result.results.into_iter();
                for (count, done) in under_way.pop_front().context("nobody asked")? {
                    let is_sent = |it: &v1::SendResult| {
                        matches!(it.result, Some(v1::send_result::Result::Sent(_)))
                    };
                    let sent = results.by_ref().take(count).filter(is_sent);
                    let outcome = if sent.count() == count {
                        Ok(())
                    } else {
                        Err(anyhow!("a message was refused: {:?}", result.error))
                    };
                    // A caller that is gone does not want to know.
                    let _ = done.send(outcome);
                }
            }
        }
    }
}

/// What a receive stream has, and who waits for it.
#[derive(Default)]
struct Hands {
    handles: VecDeque<String>,
    takers: VecDeque<(usize, oneshot::Sender<Vec<String>>)>,
    ackers: VecDeque<(usize, oneshot::Sender<Result<()>>)>,
}

impl Hands {
    fn give(&mut self) {
        while !self.handles.is_empty() {
            let Some((count_max, given)) = self.takers.pop_front() else { return };
            let count = count_max.min(self.handles.len());
            let handles: Vec<_> = self.handles.drain(..count).collect();
            if let Err(handles) = given.send(handles) {
                self.handles.extend(handles);
            }
        }
    }

    fn answered(&mut self, results: Vec<v1::DeleteResult>) -> Result<()> {
        let mut results = results.into_iter();
        while results.len() > 0 {
            let (count, done) = self.ackers.pop_front().context("nobody asked")?;
            if results.len() < count {
                bail!("the results of one request came apart");
            }
            for result in results.by_ref().take(count) {
                let Some(v1::delete_result::Result::Outcome(_)) = result.result else {
                    bail!("a delete was refused: {result:?}");
                };
            }
            let _ = done.send(Ok(()));
        }
        Ok(())
    }
}

async fn receive(
    mut client: MessageServiceClient<Channel>,
    queue: String,
    mut asks: mpsc::UnboundedReceiver<Ask>,
) -> Result<()> {
    let (requests, stream) = requests();
    // It begins with the first ask, so that it does not take part in the sends.
    let mut asked = Vec::new();
    if asks.recv_many(&mut asked, 1).await == 0 {
        return Ok(());
    }
    requests.send(v1::ReceiveStreamRequest { queue, credits: CREDITS, ..Default::default() })?;
    let mut answers = client.receive_stream(stream).await?.into_inner();
    let mut hands = Hands::default();
    loop {
        let mut acks = Vec::new();
        for ask in asked.drain(..) {
            match ask {
                Ask::Take { count_max, given } => hands.takers.push_back((count_max, given)),
                Ask::Ack { handles, done } => {
                    hands.ackers.push_back((handles.len(), done));
                    acks.extend(handles);
                }
            }
        }
        if !acks.is_empty() {
            let credits = u32::try_from(acks.len())?;
            requests.send(v1::ReceiveStreamRequest { acks, credits, ..Default::default() })?;
        }
        hands.give();
        tokio::select! {
            count = asks.recv_many(&mut asked, ASKS_MAX) => {
                if count == 0 {
                    return Ok(());
                }
            }
            answer = next(&mut answers) => {
                let answer = answer?;
                hands.handles.extend(answer.messages.into_iter().map(|it| it.receipt_handle));
                hands.answered(answer.ack_results)?;
            }
        }
    }
}
