//! `SendStream`: batches that go to the owner as they come, and their results in the same order.
//!
//! The stream of answers does all of the work when the transport asks for the next one: it has no
//! task of its own, and a client that reads no results comes to a stop. While one batch is synced
//! those behind it are parsed and handed over, so that a frame has as many as fit.
//!
//! **Invariant**: batches reach the owner in the order of the stream, and what is read of the
//! stream is handed over or refused before more is read.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tonic::{Status, Streaming};

use super::{Answers, send};
use crate::{
    api::{
        OpenStream,
        grpc::{batch::Batch, parse, refusal::Refusal},
    },
    broker::{Begun, Handle, Outcomes},
    proto::v1::{self, send_stream_response::Response as Told},
    types::{QueueName, Rejection, SendEntry, Sent, limits},
};

/// How long a batch waits for room in the broker before it is offered again. It is offered at once
/// when a batch before it is answered.
const ROOM_RETRY: Duration = Duration::from_millis(5);

/// A send stream that is open.
struct SendStream {
    broker: Arc<Handle>,
    open: OpenStream,
    requests: Streaming<v1::SendStreamRequest>,
    queue: QueueName,
    /// Whether the client was told that the stream is open.
    is_told: bool,
    batch_count: u64,
    /// Batches without a result, in order.
    under_way: VecDeque<UnderWay>,
    under_way_bytes: u64,
    /// Good entries of the last batch that the broker has no room for.
    held_back: Vec<SendEntry>,
    phase: Phase,
}

/// Whether requests are read.
enum Phase {
    Reading,
    /// No more, and once all is answered the stream ends like this.
    Ending(Option<Status>),
}

/// A batch that was read.
struct UnderWay {
    number: u64,
    bytes: u64,
    parsed: Result<Batch<SendEntry>, Refusal>,
    /// None as long as nobody was asked.
    sending: Option<Result<Begun<Outcomes<Sent>>, Rejection>>,
}

/// Opens the stream with its first request.
pub(super) async fn open(
    broker: Arc<Handle>,
    mut open: OpenStream,
    mut requests: Streaming<v1::SendStreamRequest>,
) -> Result<Answers<v1::SendStreamResponse>, Status> {
    let first = tokio::select! {
        first = requests.message() => first?.unwrap_or_default(),
        closed = open.closed() => return Err(closed.into()),
    };
    let queue = parse::queue(&first.queue)?;
    broker.get_queue(queue.clone()).await.map_err(Refusal::of_request)?;
    let mut opened = SendStream {
        broker,
        open,
        requests,
        queue,
        is_told: false,
        batch_count: 0,
        under_way: VecDeque::new(),
        under_way_bytes: 0,
        held_back: Vec::new(),
        phase: Phase::Reading,
    };
    if !first.entries.is_empty() {
        opened.take(first.entries);
    }
    let answers = stream::unfold(opened, |mut opened| async {
        opened.next().await.map(|answer| (answer, opened))
    });
    Ok(answers.boxed())
}

impl SendStream {
    async fn next(&mut self) -> Option<Result<v1::SendStreamResponse, Status>> {
        if !std::mem::replace(&mut self.is_told, true) {
            return Some(Ok(opened()));
        }
        loop {
            self.offer_again();
            let is_reading = matches!(self.phase, Phase::Reading);
            let has_room = self.held_back.is_empty()
                && self.under_way_bytes < limits::SEND_WINDOW_BYTES
                && self.under_way.len() < limits::SEND_WINDOW_BATCHES as usize;
            tokio::select! {
                biased;
                outcomes = first_answered(&mut self.under_way), if !self.under_way.is_empty() => {
                    return self.settle(outcomes);
                }
                request = self.requests.message(), if is_reading && has_room => {
                    self.read(request);
                }
                closed = self.open.closed(), if is_reading => {
                    self.phase = Phase::Ending(Some(closed.into()));
                }
                () = tokio::time::sleep(ROOM_RETRY), if !self.held_back.is_empty() => {}
                else => {
                    let Phase::Ending(end) = &mut self.phase else { return None };
                    return end.take().map(Err);
                }
            }
        }
    }

    fn read(&mut self, request: Result<Option<v1::SendStreamRequest>, Status>) {
        match request {
            Ok(Some(request))
                if request.queue.is_empty() || request.queue == self.queue.as_str() =>
            {
                self.take(request.entries);
            }
            Ok(Some(request)) => {
                let problem = format!("the stream is to {}, which it named first", self.queue);
                let rejection = Rejection::malformed("queue", &request.queue, problem);
                self.phase = Phase::Ending(Some(Refusal::of_request(rejection).into()));
            }
            Ok(None) => self.phase = Phase::Ending(None),
            Err(status) => self.phase = Phase::Ending(Some(status)),
        }
    }

    /// Takes a batch.
    fn take(&mut self, entries: Vec<v1::SendEntry>) {
        self.batch_count += 1;
        let bytes = send::bytes(&entries);
        let mut parsed = send::parse_entries(&self.queue, entries, bytes);
        if let Ok(batch) = &mut parsed {
            self.held_back = batch.take_good();
        }
        // A batch that is refused takes no room.
        let bytes = if parsed.is_ok() { bytes } else { 0 };
        self.under_way_bytes += bytes;
        self.under_way.push_back(UnderWay {
            number: self.batch_count,
            bytes,
            parsed,
            sending: None,
        });
        self.offer_again();
    }

    /// Hands the last batch to the owner, if it is not there and there is room.
    fn offer_again(&mut self) {
        if self.held_back.is_empty() {
            return;
        }
        let Some(last) = self.under_way.back_mut() else { return };
        match self.broker.begin_send(&self.queue, &mut self.held_back) {
            Err(Rejection::Overloaded { .. }) => {}
            sending => {
                self.held_back.clear();
                last.sending = Some(sending);
            }
        }
    }

    /// The answer about the first batch.
    fn settle(
        &mut self,
        outcomes: Result<Outcomes<Sent>, Rejection>,
    ) -> Option<Result<v1::SendStreamResponse, Status>> {
        let UnderWay { number, bytes, parsed, .. } = self.under_way.pop_front()?;
        self.under_way_bytes -= bytes;
        let settled = match (parsed, outcomes) {
            (Ok(batch), Ok(outcomes)) => Ok(send::results(&self.broker, batch, outcomes)),
            // The batches behind it have no other fate.
            (Ok(_), Err(rejection @ (Rejection::ShuttingDown | Rejection::Unknown))) => {
                self.under_way.clear();
                self.held_back.clear();
                self.phase = Phase::Ending(None);
                return Some(Err(Refusal::of_request(rejection).into()));
            }
            (Ok(_), Err(rejection)) => Err(Refusal::of_request(rejection)),
            (Err(refusal), _) => Err(refusal),
        };
        let (results, error) = match settled {
            Ok(results) => (results, None),
            Err(refusal) => (Vec::new(), Some(v1::EntryError::from(&refusal))),
        };
        let result = v1::SendStreamResult { batch: number, results, error };
        Some(Ok(v1::SendStreamResponse { response: Some(Told::Result(result)) }))
    }
}

/// What the broker says of the first batch, once it is durable. Dropping the future loses nothing.
async fn first_answered(under_way: &mut VecDeque<UnderWay>) -> Result<Outcomes<Sent>, Rejection> {
    let is_alone = under_way.len() == 1;
    let Some(first) = under_way.front_mut() else { return std::future::pending().await };
    let asks = first.parsed.as_ref().is_ok_and(|batch| batch.good_count() > 0);
    match &mut first.sending {
        Some(Ok(sending)) => sending.answer().await,
        Some(Err(rejection)) => Err(rejection.clone()),
        None if asks => {
            debug_assert!(is_alone, "only the last batch is held back");
            std::future::pending().await
        }
        None => Ok(Vec::new()),
    }
}

fn opened() -> v1::SendStreamResponse {
    let opened = v1::SendStreamOpened {
        window_bytes: limits::SEND_WINDOW_BYTES,
        window_batches: limits::SEND_WINDOW_BATCHES,
    };
    v1::SendStreamResponse { response: Some(Told::Opened(opened)) }
}
