//! Callers that have one stream each.

use std::{collections::VecDeque, time::Duration};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::{Status, Streaming};

use super::{Caller, accepted, of_entry};
use crate::proto::v1::{self, send_stream_response::Response as Told};

/// How long a stream waits for its first messages, however short the load is.
const FIRST_WAIT: Duration = Duration::from_secs(10);

/// A stream that is open: where requests go, and where answers come from.
type Opened<Q, A> = (UnboundedSender<Q>, Streaming<A>);

pub(super) async fn sends(caller: &mut Caller) -> Result<(), Status> {
    let first = v1::SendStreamRequest { queue: caller.next_queue(), entries: Vec::new() };
    let (sender, receiver) = unbounded_channel();
    // The receiver is there.
    let _ = sender.send(first);
    let answers = caller.client.send_stream(UnboundedReceiverStream::new(receiver)).await?;
    let (requests, mut answers): Opened<_, _> = (sender, answers.into_inner());
    let opened = answers.message().await?.and_then(|answer| answer.response);
    let Some(Told::Opened(opened)) = opened else {
        return Err(Status::internal("the stream does not say that it is open"));
    };
    let batch_bytes = (caller.plan.size * caller.plan.batch) as u64;
    let batches = opened.window_bytes.div_ceil(batch_bytes).min(opened.window_batches.into());
    let entries = caller.plan.entries(caller.plan.batch);
    let mut under_way = VecDeque::new();
    loop {
        while under_way.len() < usize::try_from(batches).unwrap_or(1) && caller.goes_on() {
            let request = v1::SendStreamRequest { queue: String::new(), entries: entries.clone() };
            under_way.push_back(caller.watch.elapsed());
            // A stream that has broken tells when it is read.
            let _ = requests.send(request);
        }
        let Some(began) = under_way.pop_front() else { return Ok(()) };
        let answer = answers.message().await?.and_then(|answer| answer.response);
        let Some(Told::Result(result)) = answer else {
            return Err(Status::internal("the stream does not answer a batch"));
        };
        if let Some(error) = &result.error {
            return Err(of_entry(error));
        }
        accepted(&result.results)?;
        caller.done(result.results.len() as u64, began);
    }
}

pub(super) async fn receives(caller: &mut Caller) -> Result<(), Status> {
    let first = v1::ReceiveStreamRequest {
        queue: caller.next_queue(),
        credits: u32::try_from(caller.plan.batch).unwrap_or(u32::MAX),
        ..v1::ReceiveStreamRequest::default()
    };
    let (sender, receiver) = unbounded_channel();
    // The receiver is there.
    let _ = sender.send(first);
    let answers = caller.client.receive_stream(UnboundedReceiverStream::new(receiver)).await?;
    let (requests, mut answers): Opened<_, _> = (sender, answers.into_inner());
    // How many acks each request had, and when it was sent.
    let mut under_way: VecDeque<(usize, Duration)> = VecDeque::new();
    let mut answered = 0;
    loop {
        if !caller.goes_on() && under_way.is_empty() {
            return Ok(());
        }
        let left = caller.plan.time.saturating_sub(caller.watch.elapsed());
        let left = if caller.messages == 0 { left.max(FIRST_WAIT) } else { left };
        // Acks that are under way are waited for; a queue that is empty is not.
        let answer = if under_way.is_empty() {
            let Ok(answer) = tokio::time::timeout(left, answers.message()).await else {
                return Ok(());
            };
            answer?
        } else {
            answers.message().await?
        };
        let answer = answer.ok_or_else(|| Status::internal("the stream has ended"))?;
        answered += answer.ack_results.len();
        while let Some((count, _)) = under_way.front()
            && answered >= *count
            && let Some((count, began)) = under_way.pop_front()
        {
            answered -= count;
            caller.done(count as u64, began);
        }
        if answer.messages.is_empty() || !caller.goes_on() {
            continue;
        }
        let acks: Vec<_> =
            answer.messages.into_iter().map(|message| message.receipt_handle).collect();
        under_way.push_back((acks.len(), caller.watch.elapsed()));
        let credits = u32::try_from(acks.len()).unwrap_or(u32::MAX);
        // A stream that has broken tells when it is read.
        let _ = requests.send(v1::ReceiveStreamRequest { acks, credits, ..Default::default() });
    }
}
