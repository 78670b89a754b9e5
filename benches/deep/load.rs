//! Sends, and receives with deletes, ten a call, as fast as they are answered.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use ledgerq::{
    client::{Client, Outgoing, ReceiveOptions},
    clock::Stopwatch,
    types::{Millis, QueueName, SettingsPatch},
};
use tokio::task::JoinSet;

use crate::support::{self, BODY_BYTES, CALLERS, float};

/// Messages of one call.
const BATCH: u64 = 10;

/// A server's queue, and the connections to it.
pub(crate) struct Target {
    pub(crate) clients: Vec<Client>,
    pub(crate) queue: QueueName,
}

/// How much was done, and how fast.
#[derive(Clone, Copy, Default)]
pub(crate) struct Done {
    pub(crate) count: u64,
    seconds: f64,
}

/// When to end.
#[derive(Clone, Copy)]
enum Until {
    /// So many messages are done, or a call more of each caller.
    Count(u64),
    /// So much time is over.
    Elapsed(Duration),
}

/// What callers of one measurement share.
struct Progress {
    until: Until,
    count: AtomicU64,
    watch: Stopwatch,
}

impl Done {
    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { count: self.count + other.count, seconds: self.seconds + other.seconds }
    }

    /// Messages a second.
    pub(crate) fn rate(self) -> f64 {
        float(self.count) / self.seconds.max(0.001)
    }
}

impl Progress {
    fn new(until: Until) -> Arc<Self> {
        Arc::new(Self { until, count: AtomicU64::new(0), watch: Stopwatch::start() })
    }

    /// How many messages the next call is to have, which count as done from now; 0 at the end.
    fn next(&self) -> u64 {
        let before = self.count.fetch_add(BATCH, Relaxed);
        let next = match self.until {
            Until::Count(all) => all.saturating_sub(before).min(BATCH),
            Until::Elapsed(time) if self.watch.elapsed() < time => BATCH,
            Until::Elapsed(_) => 0,
        };
        self.count.fetch_sub(BATCH - next, Relaxed);
        next
    }

    fn done(&self) -> Done {
        let count = self.count.load(Relaxed);
        Done { count, seconds: self.watch.elapsed().as_secs_f64() }
    }
}

impl Target {
    /// A new queue of a server.
    pub(crate) async fn create(url: &str, name: &str) -> Self {
        let clients = support::connect(url).await;
        let queue = support::create(&clients[0], name, &SettingsPatch::default()).await;
        Self { clients, queue }
    }

    /// A queue that is there.
    pub(crate) async fn of(url: &str, queue: &QueueName) -> Self {
        Self { clients: support::connect(url).await, queue: queue.clone() }
    }

    /// Sends so many messages.
    pub(crate) async fn send(&self, count: u64) -> Done {
        self.sends(Until::Count(count)).await
    }

    /// Sends for so long.
    pub(crate) async fn send_for(&self, time: Duration) -> Done {
        self.sends(Until::Elapsed(time)).await
    }

    async fn sends(&self, until: Until) -> Done {
        let progress = Progress::new(until);
        let mut callers = JoinSet::new();
        for client in self.clients.iter().cycle().take(CALLERS) {
            let (client, queue, progress) = (client.clone(), self.queue.clone(), progress.clone());
            callers.spawn(async move {
                loop {
                    let count = progress.next();
                    if count == 0 {
                        break;
                    }
                    // A buffer of its own for each body, as most programs have it.
                    let messages = (0..count).map(|_| Outgoing::new(vec![b'x'; BODY_BYTES]));
                    let sent = client.send(&queue, messages.collect()).await.expect("it answers");
                    assert!(sent.iter().all(Result::is_ok), "every message is taken");
                }
            });
        }
        callers.join_all().await;
        progress.done()
    }

    /// Receives and deletes so many messages, which are there.
    pub(crate) async fn take(&self, count: u64) -> Done {
        let progress = Progress::new(Until::Count(count));
        let mut callers = JoinSet::new();
        for client in self.clients.iter().cycle().take(CALLERS) {
            let (client, queue, progress) = (client.clone(), self.queue.clone(), progress.clone());
            callers.spawn(async move {
                loop {
                    let mut left = progress.next();
                    if left == 0 {
                        break;
                    }
                    while left > 0 {
                        left = left.saturating_sub(take(&client, &queue, left).await);
                    }
                }
            });
        }
        callers.join_all().await;
        progress.done()
    }
}

/// Receives and deletes up to so many messages; how many there were.
async fn take(client: &Client, queue: &QueueName, count: u64) -> u64 {
    let count_max = u32::try_from(count).expect("a batch is small");
    let wait = Some(Millis::from_secs(1));
    let options = ReceiveOptions { count_max, wait, ..ReceiveOptions::default() };
    let delivery = client.receive(queue, options).await.expect("it answers");
    assert!(delivery.unavailable.is_empty(), "every message can be read");
    let messages = delivery.messages.into_iter();
    let handles: Vec<String> = messages.map(|message| message.receipt_handle).collect();
    let count = handles.len() as u64;
    if count > 0 {
        client.delete(queue, handles).await.expect("it answers");
    }
    count
}
