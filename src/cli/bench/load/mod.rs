//! Load: callers that do what a plan says until its time is over, and what came of it.

mod calls;
mod pace;
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

use self::pace::Pace;
use super::plan::{Plan, Shape};
use crate::{
    clock::Stopwatch,
    proto::v1::{self, message_service_client::MessageServiceClient},
    types::limits,
};

type Messages = MessageServiceClient<Channel>;

/// Significant digits of a latency.
const DIGITS: u8 = 3;
/// How long a load is made before it counts.
const WARM_UP: Duration = Duration::from_millis(500);
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
    pace: Option<Pace>,
    /// Which queue is next.
    turn: usize,
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
/// the time is over. What sends has sent for a moment before, which does not count: connections are
/// made then, and the programs on both sides are in the processors' caches.
pub async fn drive(plan: &Plan, channels: &[Channel]) -> Result<Figures, Status> {
    if !plan.shape.needs_backlog() {
        make(&Plan { time: plan.time.min(WARM_UP), ..plan.clone() }, channels).await?;
    }
    make(plan, channels).await
}

async fn make(plan: &Plan, channels: &[Channel]) -> Result<Figures, Status> {
    let (plan, watch) = (Arc::new(plan.clone()), Arc::new(Stopwatch::start()));
    let mut callers = JoinSet::new();
    for (number, channel) in channels.iter().cycle().take(plan.callers).enumerate() {
        let caller = Caller::new(plan.clone(), number, channel.clone(), watch.clone());
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

/// Sends so many messages before the load begins, as many to each queue.
pub async fn fill(plan: &Plan, channels: &[Channel], count: u64) -> Result<(), Status> {
    let batch = (1 << 20) / plan.size.max(1);
    let share = usize::try_from(count).unwrap_or(usize::MAX).div_ceil(plan.queues).max(1);
    let batch = batch.clamp(1, limits::ENTRIES_MAX).min(share);
    let plan = Plan { batch, ..plan.clone() };
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
                let number = usize::try_from(before / batch).unwrap_or(0);
                let (queue, entries) = (plan.queue(number), plan.entries(count));
                calls::send(&mut client, v1::SendRequest { queue, entries }).await?;
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

pub(super) fn histogram() -> Histogram<u64> {
    Histogram::new(DIGITS).expect("so many digits can be kept")
}

pub(super) fn micros(took: Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}

/// Counts a latency, which the histogram grows for.
pub(super) fn record(latency_us: &mut Histogram<u64>, took: Duration) {
    latency_us.record(micros(took)).expect("a histogram that grows takes any number");
}

impl Caller {
    fn new(plan: Arc<Plan>, number: usize, channel: Channel, watch: Arc<Stopwatch>) -> Self {
        Self {
            pace: Pace::new(&plan, number),
            plan,
            client: client(channel),
            watch,
            turn: number,
            messages: 0,
            latency_us: histogram(),
            ended: Duration::ZERO,
        }
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

    /// Waits until the next call is to begin; when that was, or `None` if the time is over. A call
    /// that is late since the one before it took long began when it was due.
    async fn begin(&mut self) -> Option<Duration> {
        let Some(pace) = &mut self.pace else {
            return self.goes_on().then(|| self.watch.elapsed());
        };
        let (due, now) = (pace.take(), self.watch.elapsed());
        if due.max(now) >= self.plan.time {
            return None;
        }
        let Some(early) = due.checked_sub(now) else { return Some(due) };
        tokio::time::sleep(early).await;
        Some(self.watch.elapsed())
    }

    /// The queue of the next call.
    fn next_queue(&mut self) -> String {
        let queue = self.plan.queue(self.turn);
        self.turn += self.plan.callers;
        queue
    }

    /// Something with so many messages is done, which began then.
    fn done(&mut self, messages: u64, began: Duration) {
        self.messages += messages;
        self.ended = self.watch.elapsed();
        record(&mut self.latency_us, self.ended.saturating_sub(began));
    }
}

impl Plan {
    fn entries(&self, count: usize) -> Vec<v1::SendEntry> {
        let body = vec![b'x'; self.size].into();
        vec![v1::SendEntry { body, ..v1::SendEntry::default() }; count]
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
