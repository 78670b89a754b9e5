//! Producers and consumers that go on whatever happens to the broker, and note what they see.

use std::sync::Arc;

use tokio::sync::watch;
use tonic::Code;

use super::{
    history::QueueNo,
    load::{DELAY, DELAYED, DONE, Doing, FIFO, Load, STANDARD, WORK},
    requests::{Batch, Held},
};
use crate::{
    client::{Client, Error, Refusal},
    entropy::{Entropy as _, SeededEntropy},
    types::Millis,
};

/// Groups that one producer sends to, which no other does.
const GROUPS_COUNT: u64 = 4;
/// The words of a body that fills the disk, and how many of them are sent at once.
const FILLING_WORDS: u32 = 500;
const FILLING_COUNT: u64 = 8;
/// How many are received at once by whoever empties a queue.
const DRAINED_COUNT: u32 = 200;

/// One client: it connects again whenever its connection breaks.
pub(super) struct Worker {
    pub(super) load: Arc<Load>,
    server: watch::Receiver<String>,
    chance: SeededEntropy,
    index: u64,
}

impl Worker {
    pub(super) fn new(
        load: &Arc<Load>,
        server: &watch::Receiver<String>,
        seed: u64,
        index: u64,
    ) -> Self {
        let (load, server) = (load.clone(), server.clone());
        Self { load, server, chance: SeededEntropy::new(seed), index }
    }

    /// Sends until it is over.
    pub(super) async fn produce(mut self) {
        while let Some(client) = self.connect().await {
            loop {
                let outcome = match self.load.doing() {
                    Doing::Everything if self.load.is_enough() => {
                        client.get_queue(&self.load.queues[STANDARD]).await.map(|_| ())
                    }
                    Doing::Everything => self.send_some(&client).await,
                    Doing::Filling => self.fill(&client).await,
                    Doing::Pausing => {
                        self.load.until_not(Doing::Pausing).await;
                        continue;
                    }
                    Doing::Ending => break,
                };
                if self.is_over(outcome) {
                    break;
                }
            }
        }
    }

    /// Receives until it is over.
    pub(super) async fn consume(mut self) {
        let mut kept: [Vec<Held>; 5] = Default::default();
        while let Some(client) = self.connect().await {
            loop {
                let doing = self.load.doing();
                let outcome = match doing {
                    Doing::Everything => {
                        let all = [STANDARD, FIFO, DELAYED, WORK, WORK, DONE];
                        let queue = all[self.index_below(all.len())];
                        self.consume_once(&client, queue, &mut kept[queue]).await
                    }
                    Doing::Filling | Doing::Pausing => {
                        self.load.until_not(doing).await;
                        continue;
                    }
                    Doing::Ending => break,
                };
                if self.is_over(outcome) {
                    break;
                }
            }
        }
    }

    /// Receives and deletes until a queue is empty, nothing delayed and nothing in flight.
    pub(super) async fn drain(mut self, queue: QueueNo) -> Result<(), Error> {
        let server = self.server.borrow().clone();
        let client = Client::connect(&server).await?;
        loop {
            let how = (DRAINED_COUNT, Millis::from_secs(30), Millis::new(200));
            let held = self.receive(&client, queue, how).await?;
            if !held.is_empty() {
                self.delete(&client, queue, held).await?;
                continue;
            }
            let counts = client.get_queue(&self.load.queues[queue]).await?.counts;
            if counts.ready + counts.delayed + counts.in_flight == 0 {
                return Ok(());
            }
        }
    }

    /// A connection to the broker of the moment; `None` if there is nothing more to do.
    async fn connect(&mut self) -> Option<Client> {
        loop {
            if self.load.doing() == Doing::Ending {
                return None;
            }
            let server = self.server.borrow_and_update().clone();
            if let Ok(client) = Client::connect(&server).await {
                return Some(client);
            }
            // It has ended; the next one has another port.
            tokio::select! {
                changed = self.server.changed() => changed.ok()?,
                () = self.load.until_not(self.load.doing()) => {}
            }
        }
    }

    /// Whether to connect again. A refusal that is none of a broker that starts or ends is told.
    fn is_over(&self, outcome: Result<(), Error>) -> bool {
        match outcome {
            Ok(()) => {
                self.load.note(|done| done.answers += 1);
                false
            }
            Err(error) => {
                if let Error::Refused(refusal) = &error
                    && !is_expected(refusal)
                {
                    self.load.is_strange(&refusal.to_string());
                }
                true
            }
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.next() % bound
    }

    fn index_below(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).unwrap_or_default()
    }

    /// Sends some messages of one kind or another.
    async fn send_some(&mut self, client: &Client) -> Result<(), Error> {
        let queue = [STANDARD, STANDARD, FIFO, DELAYED, WORK][self.index_below(5)];
        // At most a quarter of a segment in all.
        let (words, count) = if self.below(16) == 0 {
            (self.below(500), 1 + self.below(10))
        } else {
            (self.below(40), 1 + self.below(20))
        };
        let delay = match self.below(5) {
            _ if queue == DELAYED => DELAY,
            0 if queue == STANDARD => Millis::new(self.below(800)),
            _ => Millis::ZERO,
        };
        // No other producer sends to this group: so its order is that of the requests.
        let group = (queue == FIFO).then(|| self.index * GROUPS_COUNT + self.below(GROUPS_COUNT));
        let words = u32::try_from(words).unwrap_or_default();
        let batch = Batch { queue, count, words, delay, group };
        self.send(client, batch).await
    }

    async fn fill(&mut self, client: &Client) -> Result<(), Error> {
        let (count, words) = (FILLING_COUNT, FILLING_WORDS);
        let batch = Batch { queue: STANDARD, count, words, delay: Millis::ZERO, group: None };
        self.send(client, batch).await
    }

    /// Receives, and does with each message what real consumers do: most are deleted, or turned
    /// into another one, some have their lease changed, and the rest are kept until it may be too
    /// late.
    async fn consume_once(
        &mut self,
        client: &Client,
        queue: QueueNo,
        kept: &mut Vec<Held>,
    ) -> Result<(), Error> {
        let count_max = 1 + u32::try_from(self.below(40)).unwrap_or_default();
        let (lasts, wait) = (Millis::new(50 + self.below(1500)), Millis::new(self.below(60)));
        let (mut done, mut changed) = (Vec::new(), Vec::new());
        for held in self.receive(client, queue, (count_max, lasts, wait)).await? {
            match self.below(10) {
                0..6 => done.push(held),
                6..8 => changed.push(held),
                _ => kept.push(held),
            }
        }
        let late = self.index_below(4);
        done.extend(kept.drain(..late.min(kept.len())));
        if queue == WORK {
            while !done.is_empty() {
                let count = 1 + self.index_below(3);
                let mut some: Vec<Held> = done.drain(..count.min(done.len())).collect();
                // A message of which an older lease was kept; one transact takes each once.
                some.sort_by_key(|held| held.number);
                some.dedup_by_key(|held| held.number);
                self.transact(client, some).await?;
            }
        } else if !done.is_empty() {
            self.delete(client, queue, done).await?;
        }
        if !changed.is_empty() {
            let timeout = Millis::new([0, 100, 2000][self.index_below(3)]);
            self.change(client, queue, &changed, timeout).await?;
            kept.extend(changed);
        }
        Ok(())
    }
}

/// Whether a broker that starts, ends, fails or has no space refuses like that.
fn is_expected(refusal: &Refusal) -> bool {
    matches!(
        refusal.code,
        Code::Unavailable | Code::ResourceExhausted | Code::Cancelled | Code::DeadlineExceeded
    ) || refusal.reason.is_empty()
        || refusal.reason == "OUTCOME_UNKNOWN"
}
