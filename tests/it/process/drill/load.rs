//! Producers and consumers that go on whatever happens to the broker, and note what they see.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{
        AtomicBool, AtomicI64, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

use ledgerq::{
    client::{Client, Error, Message, Outgoing, ReceiveOptions},
    clock::{Clock, SystemClock},
    entropy::{Entropy, SeededEntropy},
    types::{Delay, DeleteOutcome, Millis, QueueName, Timestamp},
};
use tokio::sync::watch;

use super::{
    body,
    history::{Change, Changed, Delete, History, Lease, Send, Span},
};

/// Messages that may be there at once; producers pause beyond.
const MESSAGES_MAX: i64 = 1500;

/// What all clients of one drill share.
pub(super) struct Load {
    queue: QueueName,
    history: Mutex<History>,
    /// The next position of a [`Span`].
    position: AtomicU64,
    next_number: AtomicU64,
    /// Accepted and not yet deleted.
    messages: AtomicI64,
    answers: watch::Sender<u64>,
    stopping: AtomicBool,
}

/// One client: it connects again whenever its connection breaks.
pub(super) struct Worker {
    load: Arc<Load>,
    server: watch::Receiver<String>,
    chance: SeededEntropy,
}

/// A lease in a consumer's hands.
struct Held {
    number: u64,
    receive_count: u32,
    handle: String,
}

impl Load {
    pub(super) fn new(queue: QueueName) -> Self {
        Self {
            queue,
            history: Mutex::default(),
            position: AtomicU64::new(1),
            next_number: AtomicU64::new(1),
            messages: AtomicI64::new(0),
            answers: watch::Sender::new(0),
            stopping: AtomicBool::new(false),
        }
    }

    /// How many requests were answered so far.
    pub(super) fn answers(&self) -> watch::Receiver<u64> {
        self.answers.subscribe()
    }

    /// Lets workers end once they have noted what is under way.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Relaxed);
    }

    /// What was noted so far.
    pub(super) fn history(&self) -> History {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, note: impl FnOnce(&mut History)) {
        note(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// The next position. It is drawn before a request is sent and after its answer is there: so
    /// positions tell of two requests whether one was answered before the other was asked.
    fn position(&self) -> u64 {
        self.position.fetch_add(1, SeqCst)
    }
}

impl Worker {
    pub(super) fn new(load: &Arc<Load>, server: &watch::Receiver<String>, seed: u64) -> Self {
        let chance = SeededEntropy::new(seed);
        Self { load: load.clone(), server: server.clone(), chance }
    }

    /// Sends until it is stopped.
    pub(super) async fn produce(mut self) {
        while let Some(client) = self.connect().await {
            while !self.load.stopping.load(Relaxed) {
                let outcome = if self.load.messages.load(Relaxed) < MESSAGES_MAX {
                    self.send(&client).await
                } else {
                    client.get_queue(&self.load.queue).await.map(|_| ())
                };
                if self.is_over(outcome) {
                    break;
                }
            }
        }
    }

    /// Receives until it is stopped.
    pub(super) async fn consume(mut self) {
        let mut kept = Vec::new();
        while let Some(client) = self.connect().await {
            while !self.load.stopping.load(Relaxed) {
                let outcome = self.consume_once(&client, &mut kept).await;
                if self.is_over(outcome) {
                    break;
                }
            }
        }
    }

    /// Receives and deletes until the queue is empty, nothing delayed and nothing in flight.
    pub(super) async fn drain(mut self) -> Result<(), Error> {
        let client = Client::connect(&self.server.borrow().clone()).await?;
        loop {
            let options = ReceiveOptions {
                count_max: 500,
                visibility_timeout: Some(Millis::from_secs(30)),
                wait: Some(Millis::from_secs(1)),
                attempt_id: None,
            };
            let held = self.receive(&client, options).await?;
            if !held.is_empty() {
                self.delete(&client, held).await?;
                continue;
            }
            let counts = client.get_queue(&self.load.queue).await?.counts;
            if counts.ready + counts.delayed + counts.in_flight == 0 {
                return Ok(());
            }
        }
    }

    /// A connection to the broker of the moment; `None` if there is nothing more to do.
    async fn connect(&mut self) -> Option<Client> {
        loop {
            if self.load.stopping.load(Relaxed) {
                return None;
            }
            let server = self.server.borrow_and_update().clone();
            match Client::connect(&server).await {
                Ok(client) => return Some(client),
                // It was killed; the next one has another port.
                Err(_) => self.server.changed().await.ok()?,
            }
        }
    }

    /// Whether to connect again. A refusal that is none of a broker that starts is a defect.
    fn is_over(&self, outcome: Result<(), Error>) -> bool {
        match outcome {
            Ok(()) => {
                self.load.answers.send_modify(|answers| *answers += 1);
                false
            }
            Err(Error::Refused(refusal)) if refusal.retry_after.is_none() => {
                assert!(refusal.reason.is_empty(), "the broker refused: {refusal}");
                true
            }
            Err(_) => true,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.chance.next() % bound
    }

    async fn send(&mut self, client: &Client) -> Result<(), Error> {
        let count = 1 + self.below(20);
        let first = self.load.next_number.fetch_add(count, Relaxed);
        let delay = Millis::new(if self.below(5) == 0 { self.below(800) } else { 0 });
        let messages = (first..first + count).map(|number| Outgoing {
            delay: Some(Delay::For(delay)),
            ..Outgoing::new(body::of(number))
        });
        let asked = self.load.position();
        let outcome = client.send(&self.load.queue, messages.collect()).await;
        let told = self.load.position();
        if matches!(&outcome, Err(error) if !error.is_outcome_unknown()) {
            return outcome.map(|_| ());
        }
        let span = Span { asked, told: outcome.is_ok().then_some(told) };
        let ids: Vec<Option<String>> = match &outcome {
            Ok(results) => results
                .iter()
                .map(|result| result.as_ref().ok().map(|sent| sent.message_id.clone()))
                .collect(),
            Err(_) => (0..count).map(|_| None).collect(),
        };
        let accepted = ids.iter().flatten().count();
        assert!(outcome.is_err() || accepted == ids.len(), "an entry was refused: {outcome:?}");
        self.load.messages.fetch_add(i64::try_from(accepted).expect("a batch is small"), Relaxed);
        self.load.note(|history| {
            let sends = (first..).zip(ids);
            let sends = sends.map(|(number, message_id)| Send { number, span, delay, message_id });
            history.sends.extend(sends);
        });
        outcome.map(|_| ())
    }

    /// Receives, and does with each message what real consumers do: most are deleted, some have
    /// their lease changed, and the rest are kept until it may be too late.
    async fn consume_once(&mut self, client: &Client, kept: &mut Vec<Held>) -> Result<(), Error> {
        let options = ReceiveOptions {
            count_max: 1 + u32::try_from(self.below(40)).expect("it is small"),
            visibility_timeout: Some(Millis::new(50 + self.below(1500))),
            wait: Some(Millis::new(self.below(300))),
            attempt_id: None,
        };
        let (mut done, mut changed) = (Vec::new(), Vec::new());
        for held in self.receive(client, options).await? {
            match self.below(10) {
                0..6 => done.push(held),
                6..8 => changed.push(held),
                _ => kept.push(held),
            }
        }
        let late = usize::try_from(self.below(4)).expect("it is small");
        done.extend(kept.drain(..late.min(kept.len())));
        if !done.is_empty() {
            self.delete(client, done).await?;
        }
        if !changed.is_empty() {
            let timeout = Millis::new([0, 100, 2000][usize::try_from(self.below(3)).unwrap_or(0)]);
            self.change(client, changed, timeout, kept).await?;
        }
        Ok(())
    }

    async fn receive(
        &mut self,
        client: &Client,
        options: ReceiveOptions,
    ) -> Result<Vec<Held>, Error> {
        let visibility_timeout = options.visibility_timeout.expect("a drill always says it");
        let asked = self.load.position();
        let delivery = client.receive(&self.load.queue, options).await?;
        let (told, told_at) = (self.load.position(), now());
        assert!(delivery.unavailable.is_empty(), "damaged: {:?}", delivery.unavailable);
        let lease = |message: &Message| {
            let body = body::number_of(&message.body);
            Lease {
                number: body.unwrap_or(0),
                asked,
                told,
                message_id: message.message_id.clone(),
                receive_count: message.receive_count,
                sent_at: message.sent_at,
                visibility_timeout,
                until: message.lease_expires_at,
                told_at,
                is_whole: body.is_some(),
            }
        };
        let leases: Vec<Lease> = delivery.messages.iter().map(lease).collect();
        let held = leases.iter().zip(delivery.messages).map(|(lease, message)| Held {
            number: lease.number,
            receive_count: lease.receive_count,
            handle: message.receipt_handle,
        });
        let held = held.collect();
        self.load.note(|history| history.leases.extend(leases));
        Ok(held)
    }

    async fn delete(&mut self, client: &Client, held: Vec<Held>) -> Result<(), Error> {
        let handles = held.iter().map(|held| held.handle.clone()).collect();
        let asked = self.load.position();
        let outcome = client.delete(&self.load.queue, handles).await;
        let (told, told_at) = (self.load.position(), now());
        if matches!(&outcome, Err(error) if !error.is_outcome_unknown()) {
            return outcome.map(|_| ());
        }
        let span = Span { asked, told: outcome.is_ok().then_some(told) };
        let outcomes: Vec<Option<DeleteOutcome>> = match &outcome {
            Ok(results) => {
                let told = |result: &Result<_, _>| result.clone().expect("the handles are right");
                results.iter().map(|result| Some(told(result))).collect()
            }
            Err(_) => held.iter().map(|_| None).collect(),
        };
        let gone = outcomes.iter().filter(|it| **it == Some(DeleteOutcome::Deleted)).count();
        self.load.messages.fetch_sub(i64::try_from(gone).expect("a batch is small"), Relaxed);
        self.load.note(|history| {
            let deletes = held.into_iter().zip(outcomes).map(|(held, outcome)| Delete {
                number: held.number,
                receive_count: held.receive_count,
                span,
                told_at,
                outcome,
            });
            history.deletes.extend(deletes);
        });
        outcome.map(|_| ())
    }

    /// Changes leases; those that last are kept.
    async fn change(
        &mut self,
        client: &Client,
        held: Vec<Held>,
        timeout: Millis,
        kept: &mut Vec<Held>,
    ) -> Result<(), Error> {
        let entries = held.iter().map(|held| (held.handle.clone(), timeout)).collect();
        let (asked, asked_at) = (self.load.position(), now());
        let outcome = client.change_visibility(&self.load.queue, entries).await;
        let (told, told_at) = (self.load.position(), now());
        if matches!(&outcome, Err(error) if !error.is_outcome_unknown()) {
            return outcome.map(|_| ());
        }
        let span = Span { asked, told: outcome.is_ok().then_some(told) };
        let outcomes: Vec<Changed> = match &outcome {
            Ok(results) => results.iter().map(|result| changed(result, told_at)).collect(),
            Err(_) => held.iter().map(|_| Changed::Unknown).collect(),
        };
        self.load.note(|history| {
            let changes = held.iter().zip(outcomes).map(|(held, outcome)| Change {
                number: held.number,
                receive_count: held.receive_count,
                span,
                asked_at,
                timeout,
                outcome,
            });
            history.changes.extend(changes);
        });
        kept.extend(held);
        outcome.map(|_| ())
    }
}

fn changed(result: &Result<Timestamp, ledgerq::client::Refusal>, told_at: Timestamp) -> Changed {
    match result {
        Ok(until) => Changed::Until(*until),
        Err(refusal) => match refusal.reason.as_str() {
            "LEASE_STALE" | "MESSAGE_NOT_IN_FLIGHT" => Changed::Over(told_at),
            "MESSAGE_NOT_FOUND" => Changed::Gone,
            _ => panic!("a change was refused: {refusal}"),
        },
    }
}

fn now() -> Timestamp {
    SystemClock.wall()
}
