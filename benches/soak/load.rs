//! Callers that send, receive and delete as fast as they are answered.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use ledgerq::{
    client::{Client, Error, Message, Outgoing, ReceiveOptions},
    clock::Stopwatch,
    entropy::{Entropy as _, SeededEntropy},
    types::{DeleteOutcome, Millis, QueueName},
};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use super::history::History;
use crate::support::CALLERS;

/// Messages that a caller takes at once: more than it sends, so that what came back from a lease
/// that nobody used any more does not pile up.
const TAKEN_AT_ONCE: u32 = 2;
/// Messages that are taken at once where there are many.
const DRAINED_AT_ONCE: u32 = 100;
/// Between two tries of a caller whose request failed.
const PAUSE: Duration = Duration::from_millis(20);
/// How long the queues may take to be emptied at the end.
const DRAIN_MAX: Duration = Duration::from_mins(30);

/// What all callers share.
pub(crate) struct Load {
    /// Queue of messages that are deleted at once.
    pub(crate) short: QueueName,
    /// Queue of messages that stay.
    pub(crate) long: QueueName,
    /// How many of a million messages stay.
    pub(crate) long_of_million: u64,
    /// How long they stay; zero: until the end.
    pub(crate) long_age: Millis,
    /// What clients were told.
    pub(crate) history: History,
    /// Messages that were accepted, and deleted, as far as it was acknowledged.
    pub(crate) sent_count: AtomicU64,
    pub(crate) deleted_count: AtomicU64,
    /// Requests that failed or were refused.
    pub(crate) failed_count: AtomicU64,
    /// What the sends took that ended since somebody looked, in microseconds.
    took_us: Mutex<Vec<u64>>,
    stopping: AtomicBool,
}

/// The connections to the server of the moment.
pub(crate) type Clients = watch::Receiver<Arc<Vec<Client>>>;

/// One of many callers.
struct Caller {
    load: Arc<Load>,
    clients: Clients,
    index: usize,
    chance: SeededEntropy,
}

impl Load {
    /// A load of these two queues.
    pub(crate) fn new(
        (short, long): (QueueName, QueueName),
        long_of_million: u64,
        long_age: Millis,
    ) -> Self {
        Self {
            short,
            long,
            long_of_million,
            long_age,
            history: History::new(),
            sent_count: AtomicU64::new(0),
            deleted_count: AtomicU64::new(0),
            failed_count: AtomicU64::new(0),
            took_us: Mutex::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Starts the callers, and one that takes what has stayed long enough.
    pub(crate) fn start(self: &Arc<Self>, clients: &Clients) -> JoinSet<()> {
        let mut callers = JoinSet::new();
        for index in 0..CALLERS {
            let caller = Caller::new(self, clients, index);
            callers.spawn(caller.call());
        }
        if !self.long_age.is_zero() {
            callers.spawn(Caller::new(self, clients, 0).take_old());
        }
        callers
    }

    /// Lets the callers end.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// What the sends took that ended since the last look, in microseconds.
    pub(crate) fn take_latencies(&self) -> Vec<u64> {
        std::mem::take(&mut *self.took_us.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Receives and deletes until nothing is there any more; false if that takes too long.
    pub(crate) async fn drain(self: &Arc<Self>, clients: &Clients) -> bool {
        let mut drains = JoinSet::new();
        for index in 0..CALLERS {
            drains.spawn(Caller::new(self, clients, index).drain());
        }
        tokio::time::timeout(DRAIN_MAX, drains.join_all()).await.is_ok()
    }
}

impl Caller {
    fn new(load: &Arc<Load>, clients: &Clients, index: usize) -> Self {
        let chance = SeededEntropy::new(index as u64 + 1);
        Self { load: load.clone(), clients: clients.clone(), index, chance }
    }

    fn client(&self) -> Client {
        let clients = self.clients.borrow();
        clients[self.index % clients.len()].clone()
    }

    async fn call(mut self) {
        let load = self.load.clone();
        while !load.stopping.load(Relaxed) {
            let client = self.client();
            let stays = self.chance.next() % 1_000_000 < load.long_of_million;
            let done = if stays {
                self.send(&client, &load.long).await
            } else {
                match self.send(&client, &load.short).await {
                    Ok(()) => self.consume(&client, &load.short, TAKEN_AT_ONCE).await.map(|_| ()),
                    failed => failed,
                }
            };
            self.after(done).await;
        }
    }

    /// Takes messages of the long queue that are old enough.
    async fn take_old(self) {
        let load = self.load.clone();
        while !load.stopping.load(Relaxed) {
            let client = self.client();
            let done = match client.get_queue(&load.long).await.map(|queue| queue.counts) {
                Ok(counts) if counts.oldest_age.is_some_and(|age| age >= load.long_age) => {
                    self.consume(&client, &load.long, DRAINED_AT_ONCE).await.map(|_| ())
                }
                Ok(_) => {
                    sleep(PAUSE).await;
                    Ok(())
                }
                Err(error) => Err(error),
            };
            self.after(done).await;
        }
    }

    /// Empties both queues; waits for leases of which nobody knows to end.
    async fn drain(self) {
        let load = self.load.clone();
        for queue in [&load.short, &load.long] {
            loop {
                let client = self.client();
                let done = self.consume(&client, queue, DRAINED_AT_ONCE).await;
                if matches!(done, Ok(0)) {
                    let counts = client.get_queue(queue).await.map(|queue| queue.counts);
                    if counts.is_ok_and(|it| it.ready + it.delayed + it.in_flight == 0) {
                        break;
                    }
                    sleep(PAUSE * 10).await;
                }
                self.after(done.map(|_| ())).await;
            }
        }
    }

    async fn after(&self, done: Result<(), Error>) {
        if done.is_err() {
            self.load.failed_count.fetch_add(1, Relaxed);
            sleep(PAUSE).await;
        }
    }

    async fn send(&self, client: &Client, queue: &QueueName) -> Result<(), Error> {
        let (number, body) = self.load.history.begin();
        let watch = Stopwatch::start();
        let outcome = client.send(queue, vec![Outgoing::new(body)]).await;
        match &outcome {
            Ok(results) => {
                let is_accepted = results.iter().all(Result::is_ok);
                self.load.history.sent(number, is_accepted);
                let took_us = u64::try_from(watch.elapsed().as_micros()).unwrap_or(u64::MAX);
                let mut all = self.load.took_us.lock().unwrap_or_else(PoisonError::into_inner);
                all.push(took_us);
                let count =
                    if is_accepted { &self.load.sent_count } else { &self.load.failed_count };
                count.fetch_add(1, Relaxed);
            }
            Err(error) if !error.is_outcome_unknown() => self.load.history.sent(number, false),
            Err(_) => {}
        }
        outcome.map(|_| ())
    }

    /// Receives and deletes; how many it received.
    async fn consume(
        &self,
        client: &Client,
        queue: &QueueName,
        count_max: u32,
    ) -> Result<usize, Error> {
        let asked = self.load.history.now();
        let wait = Some(Millis::ZERO);
        let options = ReceiveOptions { count_max, wait, ..ReceiveOptions::default() };
        let delivery = client.receive(queue, options).await?;
        self.load.history.unavailable(delivery.unavailable.len());
        let number = |message: &Message| self.load.history.received(&message.body, asked);
        let (numbers, handles): (Vec<_>, Vec<_>) = delivery
            .messages
            .into_iter()
            .filter_map(|message| Some((number(&message)?, message.receipt_handle)))
            .unzip();
        if handles.is_empty() {
            return Ok(0);
        }
        self.load.history.deleting(&numbers);
        let outcomes = client.delete(queue, handles).await?;
        for (number, outcome) in numbers.iter().zip(outcomes) {
            let is_gone = match outcome {
                Ok(DeleteOutcome::Deleted | DeleteOutcome::AlreadyDeleted) => true,
                Ok(DeleteOutcome::StaleLease) | Err(_) => false,
            };
            self.load.history.deleted(*number, is_gone);
            self.load.deleted_count.fetch_add(u64::from(is_gone), Relaxed);
        }
        Ok(numbers.len())
    }
}
