//! Load: callers that do what a plan says until its time is over, and what came of it.

mod calls;
mod streams;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use hdrhistogram::Histogram;
use tokio::task::JoinSet;
use tonic::{Code, Status, transport::Channel};

use super::plan::{Plan, Shape};
use crate::{
    clock::Stopwatch,
    proto::v1::{self, message_service_client::MessageServiceClient},
    types::limits,
};

type Messages = MessageServiceClient<Channel>;

/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// Callers that fill a queue.
const FILLERS: usize = 8;
/// Bytes that an answer may have.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// What came of a load.
#[derive(Debug)]
pub struct Figures {
    /// Messages that were sent, or received and deleted.
    pub messages: u64,
    /// How long that took.
    pub took: Duration,
    /// What one call took, or one batch of a stream; receives with their deletes.
    pub latency_us: Histogram<u64>,
}

/// One caller: what it counts, by one watch of the whole load.
struct Caller {
    plan: Arc<Plan>,
    client: Messages,
    watch: Arc<Stopwatch>,
    messages: u64,
    latency_us: Histogram<u64>,
    /// When its last messages were done.
    ended: Duration,
}

/// A number a second.
#[expect(clippy::cast_precision_loss, reason = "a rate is shown to three digits")]
pub fn rate(count: u64, took: Duration) -> f64 {
    if took.is_zero() { 0.0 } else { count as f64 / took.as_secs_f64() }
}

/// Makes the load of a plan over these connections. If a queue runs empty, receivers end before
/// the time is over.
pub async fn drive(plan: &Plan, channels: &[Channel]) -> Result<Figures, Status> {
    let (plan, watch) = (Arc::new(plan.clone()), Arc::new(Stopwatch::start()));
    let mut callers = JoinSet::new();
    for channel in channels.iter().cycle().take(plan.callers) {
        let caller = Caller::new(plan.clone(), channel.clone(), watch.clone());
        callers.spawn(caller.run());
    }
    let (mut messages, mut took, mut latency_us) = (0, Duration::ZERO, histogram());
    while let Some(ended) = callers.join_next().await {
        let caller = ended.map_err(|failed| Status::internal(failed.to_string()))??;
        messages += caller.messages;
        took = took.max(caller.ended);
        latency_us += &caller.latency_us;
    }
    Ok(Figures { messages, took, latency_us })
}

/// Sends so many messages before the load begins.
pub async fn fill(plan: &Plan, channels: &[Channel], count: u64) -> Result<(), Status> {
    let batch = (1 << 20) / plan.size.max(1);
    let plan = Plan { batch: batch.clamp(1, limits::ENTRIES_MAX), ..plan.clone() };
    let (plan, left) = (Arc::new(plan), Arc::new(AtomicU64::new(count)));
    let mut fillers = JoinSet::new();
    for channel in channels.iter().cycle().take(FILLERS) {
        let (plan, left, mut client) = (plan.clone(), left.clone(), client(channel.clone()));
        fillers.spawn(async move {
            let batch = plan.batch as u64;
            let take = |left: u64| (left > 0).then(|| left.saturating_sub(batch));
            let order = Ordering::Relaxed;
            while let Ok(before) = left.fetch_update(order, order, take) {
                let count = usize::try_from(before.min(batch)).unwrap_or(plan.batch);
                calls::send(&mut client, plan.request(count)).await?;
            }
            Ok::<_, Status>(())
        });
    }
    while let Some(ended) = fillers.join_next().await {
        ended.map_err(|failed| Status::internal(failed.to_string()))??;
    }
    Ok(())
}

fn client(channel: Channel) -> Messages {
    MessageServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX)
}

fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("so many digits can be kept")
}

/// Counts a latency, which the histogram grows for.
fn record(latency_us: &mut Histogram<u64>, took: Duration) {
    let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    latency_us.record(micros).expect("a histogram that grows takes any number");
}

impl Caller {
    fn new(plan: Arc<Plan>, channel: Channel, watch: Arc<Stopwatch>) -> Self {
        let (client, latency_us) = (client(channel), histogram());
        Self { plan, client, watch, messages: 0, latency_us, ended: Duration::ZERO }
    }

    async fn run(mut self) -> Result<Self, Status> {
        match self.plan.shape {
            Shape::Unary | Shape::Batch => calls::sends(&mut self).await?,
            Shape::Receive => calls::receives(&mut self).await?,
            Shape::Mixed => calls::mixed(&mut self).await?,
            Shape::SendStream => streams::sends(&mut self).await?,
            Shape::ReceiveStream => streams::receives(&mut self).await?,
        }
        Ok(self)
    }

    /// Whether the time is not over. However short it is, everybody does something.
    fn goes_on(&self) -> bool {
        self.messages == 0 || self.watch.elapsed() < self.plan.time
    }

    /// Something with so many messages is done.
    fn done(&mut self, messages: u64, began: &Stopwatch) {
        self.messages += messages;
        record(&mut self.latency_us, began.elapsed());
        self.ended = self.watch.elapsed();
    }
}

impl Plan {
    fn entries(&self, count: usize) -> Vec<v1::SendEntry> {
        let body = vec![b'x'; self.size].into();
        vec![v1::SendEntry { body, ..v1::SendEntry::default() }; count]
    }

    fn request(&self, count: usize) -> v1::SendRequest {
        v1::SendRequest { queue: self.queue.clone(), entries: self.entries(count) }
    }
}

/// The first message that was refused.
fn accepted(results: &[v1::SendResult]) -> Result<(), Status> {
    let refused = results.iter().find_map(|result| match &result.result {
        Some(v1::send_result::Result::Sent(_)) => None,
        Some(v1::send_result::Result::Error(error)) => Some(of_entry(error)),
        None => Some(Status::internal("a result says nothing")),
    });
    refused.map_or(Ok(()), Err)
}

fn of_entry(error: &v1::EntryError) -> Status {
    Status::new(Code::from_i32(error.code), error.message.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_of_any_length_are_kept() {
        let (mut all, mut some) = (histogram(), histogram());
        for took in [Duration::from_micros(250), Duration::from_millis(3), Duration::from_mins(2)] {
            record(&mut some, took);
        }
        all += &some;
        let is_near = |told: u64, us: u64| told >= us && told <= us + us / 500;
        assert!(is_near(all.value_at_quantile(0.5), 3000), "{}", all.value_at_quantile(0.5));
        assert!(is_near(all.max(), 120_000_000), "{}", all.max());
    }
}
