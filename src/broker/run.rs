//! The thread of the owner of a broker that serves. It takes from one channel, decides, and hands
//! the rest to its workers.

use std::{
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::watch;
use tracing::{debug, error, warn};

use super::{
    Answer, Effect, Event, Handle, Held, Looker, Owner, Receipts, Request,
    mailbox::{Caller, Limits, Mailbox},
    patience::Patience,
    start::Started,
    workers::{self, Background, Maintenance, Workers, release, run_write, spawn},
};
use crate::{
    clock::{BrokerClock, Stopwatch},
    log::{Damage, LogError, WriteJob},
    store::Directory,
    types::Rejection,
};

/// How many events the owner takes in before it looks what is to be done.
const EVENTS_PER_FLUSH: usize = 1024;
/// A broker that serves.
pub struct Broker {
    handle: Handle,
    events: mpsc::Sender<Event<Caller>>,
    fate: watch::Receiver<Fate>,
}

/// How a broker is.
#[derive(Clone, Debug)]
pub enum Fate {
    /// It serves.
    Serving,
    /// It was asked to end and has: everything accepted is durable and answered.
    Drained,
    /// A write failed. Nothing was acknowledged since; the process must end.
    Failed(Arc<LogError>),
}

impl Broker {
    /// Starts the threads of an owner that has recovered.
    pub fn run(started: Started<Caller>, limits: Limits) -> std::io::Result<Self> {
        let Started { owner, clock, directory, .. } = started;
        let identity = directory.identity();
        let (mailbox, events_out) = Mailbox::new(limits);
        let events = mailbox.events();
        let receipts = Receipts::new(&identity.receipt_key);
        let handle = Handle::new(mailbox, receipts, identity.lineage)
            .with_data_dir(directory.disk().locate(""));

        let (workers, joins) = workers::spawn_all(directory.disk(), &events)?;
        let (fate, fate_out) = watch::channel(Fate::Serving);
        let owner = OwnerThread { owner, clock, workers, directory };
        spawn("owner", move || {
            let (ended, directory) = owner.run(&events_out);
            end(ended, directory, joins, &fate);
        })?;
        Ok(Self { handle, events, fate: fate_out })
    }

    /// Starts the thread of a broker that is only looked at. `keeps` is let go of at its end.
    pub fn look(
        looker: Looker,
        limits: Limits,
        keeps: Box<dyn Send + Sync>,
    ) -> std::io::Result<Self> {
        let (mailbox, events_out) = Mailbox::new(limits);
        let events = mailbox.events();
        let receipts = Receipts::new(&looker.identity().receipt_key);
        let handle = Handle::new(mailbox, receipts, looker.identity().lineage);
        let (fate, fate_out) = watch::channel(Fate::Serving);
        spawn("owner", move || {
            for event in &events_out {
                match event {
                    Event::Request(Request { command, waiter: Some(waiter) }) => {
                        waiter.tell(looker.answer(command));
                    }
                    Event::Drain => break,
                    Event::Request(Request { waiter: None, .. })
                    | Event::Written(_)
                    | Event::Prepared(_)
                    | Event::Sealed(_)
                    | Event::Checkpointed(_)
                    | Event::Compacted(_)
                    | Event::Scrubbed(_)
                    | Event::Reserved(_)
                    | Event::Woken => {}
                }
            }
            refuse_rest(&events_out);
            drop(keeps);
            fate.send_replace(Fate::Drained);
        })?;
        Ok(Self { handle, events, fate: fate_out })
    }

    /// What the api calls.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How the broker is, and when that changes.
    pub fn fate(&self) -> watch::Receiver<Fate> {
        self.fate.clone()
    }

    /// Takes no more requests, answers the long polls empty, makes everything durable. Its end is
    /// told by [`Broker::fate`].
    pub fn drain(&self) {
        // An owner that is gone has told its fate already.
        let _ = self.events.send(Event::Drain);
    }
}

/// Tells the fate of a broker and lets its lock go, which waits for the other threads: what they
/// have in hand is written to the directory, and is no part of the next broker's.
fn end(
    ended: Option<Fate>,
    directory: Directory,
    others: [JoinHandle<()>; 3],
    fate: &watch::Sender<Fate>,
) {
    let is_drained = match ended {
        Some(Fate::Failed(cause)) => {
            // At once: a disk that fails may hang as well.
            fate.send_replace(Fate::Failed(cause));
            false
        }
        Some(Fate::Drained) => true,
        Some(Fate::Serving) | None => false,
    };
    for other in others {
        if other.join().is_err() {
            error!("a thread of the broker panicked");
        }
    }
    drop(directory);
    if is_drained {
        fate.send_replace(Fate::Drained);
    }
}

/// What the owner's thread has in hand after it handed out a write.
#[expect(clippy::large_enum_variant, reason = "it lives for a moment, on the stack")]
enum Early {
    /// Nothing.
    Unknown,
    /// An event that came before the write began.
    Arrived(Event<Caller>),
    /// The outcome of a write that it ran itself.
    WroteHere(std::io::Result<Duration>),
}

struct OwnerThread {
    owner: Owner<Caller>,
    clock: BrokerClock,
    workers: Workers,
    /// Keeps the lock.
    directory: Directory,
}

impl OwnerThread {
    /// Runs until the broker ends; returns how, with what keeps the lock. The channels to the other
    /// threads are closed then.
    fn run(mut self, events: &mpsc::Receiver<Event<Caller>>) -> (Option<Fate>, Directory) {
        let (mut effects, mut patience) = (Vec::new(), Patience::new());
        loop {
            self.owner.flush(self.clock.now(), &mut effects);
            let mut early = Early::Unknown;
            for effect in effects.drain(..) {
                if let Effect::Write(job, held) = effect {
                    early = self.write(job, held, events);
                } else if let Some(fate) = self.carry_out(effect) {
                    refuse_rest(events);
                    return (Some(fate), self.directory);
                }
            }
            let event = match early {
                Early::Arrived(event) => event,
                Early::WroteHere(outcome) => Event::Written(outcome),
                Early::Unknown => match self.next(events, &mut patience) {
                    Some(event) => event,
                    None => return (None, self.directory),
                },
            };
            self.owner.step(self.clock.now(), event);
            for event in events.try_iter().take(EVENTS_PER_FLUSH) {
                self.owner.step(self.clock.now(), event);
            }
        }
    }

    /// Writes here if nothing else is to be done meanwhile, which saves two hand-overs between
    /// threads; else has the log writer's thread do it.
    fn write(
        &self,
        job: WriteJob,
        held: Vec<Held<Caller>>,
        events: &mpsc::Receiver<Event<Caller>>,
    ) -> Early {
        if let Ok(event) = events.try_recv() {
            self.workers.write(job, held);
            return Early::Arrived(event);
        }
        let outcome = run_write(&job);
        if outcome.is_ok() {
            release(held);
        }
        Early::WroteHere(outcome)
    }

    fn next(
        &self,
        events: &mpsc::Receiver<Event<Caller>>,
        patience: &mut Patience,
    ) -> Option<Event<Caller>> {
        let watch = Stopwatch::start();
        let event = look(events, patience.look()).or_else(|| self.sleep(events));
        patience.waited(watch.elapsed());
        event
    }

    /// The next event, or that it is time for something.
    fn sleep(&self, events: &mpsc::Receiver<Event<Caller>>) -> Option<Event<Caller>> {
        let Some(at) = self.owner.next_wake() else { return events.recv().ok() };
        let wait = Duration::from_millis(at.since(self.clock.now()).get());
        match events.recv_timeout(wait) {
            Ok(event) => Some(event),
            Err(mpsc::RecvTimeoutError::Timeout) => Some(Event::Woken),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }

    fn carry_out(&self, effect: Effect<Caller>) -> Option<Fate> {
        match effect {
            Effect::Write(..) => unreachable!("a write is carried out by itself"),
            Effect::Release(held) => release(held),
            Effect::Prepare(job) => self.workers.background(Background::Prepare(job)),
            Effect::Seal(job) => self.workers.background(Background::Seal(job)),
            Effect::ReadForMove(read) => {
                self.workers.background(Background::ReadForMove(read));
            }
            Effect::Checkpoint(task) => {
                self.workers.maintenance(Maintenance::Checkpoint(task));
            }
            Effect::Scrub(task) => self.workers.maintenance(Maintenance::Scrub(task)),
            Effect::Compact(task) => self.workers.maintenance(Maintenance::Compact(task)),
            Effect::Unlink(unlink) => self.workers.maintenance(Maintenance::Unlink(unlink)),
            Effect::Reserve(task) => self.workers.maintenance(Maintenance::Reserve(task)),
            Effect::ReserveFailed(cause) => {
                warn!(%cause, "cannot hold space back for a full disk; it is tried again later");
            }
            Effect::CheckpointFailed(cause) => {
                warn!(%cause, "cannot take a checkpoint; it is tried again later");
            }
            Effect::ScrubFound(scrubbed) => {
                let message_id = scrubbed.message_id(self.directory.identity().lineage);
                let message_id = message_id.map(|id| id.to_string());
                let Damage { path, offset, found } = scrubbed.damage;
                warn!(path, offset, found, message_id, "DAMAGE ON THE DISK, found by the scrub");
            }
            Effect::CompactionFailed(cause) => {
                warn!(cause = %chain(&cause), "cannot compact; nothing was changed");
            }
            Effect::Synced(report) => debug!(?report, "synced"),
            Effect::NoSpace(cause) => {
                warn!(%cause, "cannot prepare a segment; sends are refused until it works");
            }
            Effect::Unsealed(cause) => warn!(%cause, "cannot write the footer of a segment"),
            Effect::Failed(cause) => {
                error!(cause = %chain(&cause), "the log failed; nothing more is acknowledged");
                return Some(Fate::Failed(Arc::new(cause)));
            }
            Effect::Drained => return Some(Fate::Drained),
        }
        None
    }
}

/// The next event, if it comes within the time. Whoever else has work on this core goes first.
fn look(events: &mpsc::Receiver<Event<Caller>>, time: Duration) -> Option<Event<Caller>> {
    let watch = Stopwatch::start();
    while watch.elapsed() < time {
        if let Ok(event) = events.try_recv() {
            return Some(event);
        }
        thread::yield_now();
    }
    None
}

/// Answers requests that came after the last one that was decided: they were surely not done.
fn refuse_rest(events: &mpsc::Receiver<Event<Caller>>) {
    for event in events.try_iter() {
        if let Event::Request(Request { waiter: Some(waiter), .. }) = event {
            waiter.tell(Answer::new(Err(Rejection::ShuttingDown)));
        }
    }
}

/// An error with all that caused it, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        broker::{owner, scrub, start, start::Settings, upkeep},
        clock::SystemClock,
        disk::{Disk, SimDisk},
        entropy::SeededEntropy,
        state,
        types::{
            DeleteMode, DeleteOutcome, Envelope, Millis, QueueName, ReceiveOptions, SendEntry,
            SettingsPatch,
        },
    };

    fn started(disk: &SimDisk) -> Started<Caller> {
        let settings = Settings {
            segment_bytes: 1 << 20,
            tail_cache_bytes: 1 << 20,
            state: state::Settings {
                in_flight_max: 100,
                deduplication_ids_max: 100,
                deleted_names_held: false,
            },
            pool_count_max: 2,
            owner: owner::Settings {
                idle_sync_after: Millis::new(20),
                upkeep: upkeep::Settings::default(),
                scrub: scrub::Settings::OFF,
            },
            accept_clock: false,
        };
        let (clock, entropy) = (Arc::new(SystemClock), Box::new(SeededEntropy::new(1)));
        start(settings, Arc::new(disk.clone()), clock, entropy, &mut |_| {})
            .expect("the disk is whole")
    }

    fn broker(disk: &SimDisk) -> Broker {
        let limits = Limits { requests_max: 100, polls_max: 100, bytes_max: 1 << 20 };
        Broker::run(started(disk), limits).expect("threads can be made")
    }

    async fn drain(broker: &Broker) {
        broker.drain();
        let mut fate = broker.fate();
        let drained = fate.wait_for(|fate| matches!(fate, Fate::Drained)).await;
        assert!(drained.is_ok());
    }

    fn send(body: &'static [u8]) -> Vec<SendEntry> {
        let payload = Handle::payload(&Envelope::default(), body.into());
        vec![SendEntry { payload, ..SendEntry::default() }]
    }

    #[tokio::test]
    async fn a_message_is_there_until_it_is_deleted_over_a_restart() {
        let disk = SimDisk::new();
        let jobs = QueueName::parse("jobs").expect("a good name");
        let first = broker(&disk);
        let handle = first.handle();
        handle.create_queue(jobs.clone(), SettingsPatch::default()).await.expect("a new queue");
        for outcome in handle.send(jobs.clone(), send(b"hello")).await.expect("a queue") {
            outcome.expect("a good message");
        }
        let received =
            handle.receive(jobs.clone(), ReceiveOptions::new(1), None).await.expect("a queue");
        let lease = received.messages[0].leased.lease();
        let (_, body) = received.messages[0].content().await.expect("it is whole");
        assert_eq!(body, "hello");
        drop(received.claim());
        drain(&first).await;

        let second = broker(&disk);
        let handle = second.handle();
        let counts = handle.get_queue(jobs.clone()).await.expect("a queue").counts;
        assert_eq!((counts.ready, counts.in_flight), (0, 1));
        let deleted = handle.delete(jobs.clone(), vec![lease], DeleteMode::Fenced).await;
        assert_eq!(deleted, Ok(vec![Ok(DeleteOutcome::Deleted)]));
        drain(&second).await;

        let third = broker(&disk);
        let counts = third.handle().get_queue(jobs).await.expect("a queue").counts;
        assert_eq!((counts.ready, counts.in_flight, counts.oldest_age), (0, 0, None));
    }

    /// Who hears that a broker is drained may start another on the same directory, in which nothing
    /// may be written to any more by the first.
    #[test]
    fn a_broker_is_drained_when_its_last_thread_has_ended() {
        let disk = SimDisk::new();
        let directory = started(&disk).directory;
        let (fate, fate_out) = watch::channel(Fate::Serving);
        let (let_go, waits) = mpsc::channel::<()>();
        let (say, said) = mpsc::channel();
        let (look, on) = (fate_out.clone(), disk.clone());
        let last = spawn("last", move || {
            waits.recv().expect("the test lets it go");
            let is_told = !matches!(*look.borrow(), Fate::Serving);
            say.send((is_told, on.lock("LOCK").is_ok())).expect("the test listens");
        });
        let [first, second] = [(); 2].map(|()| spawn("done", || ()).expect("a thread"));
        let others = [first, last.expect("a thread"), second];
        let owner = thread::spawn(move || end(Some(Fate::Drained), directory, others, &fate));
        thread::sleep(Duration::from_millis(20));
        assert!(!owner.is_finished(), "a thread still has work in hand");
        let_go.send(()).expect("it waits");
        owner.join().expect("no panic");
        assert_eq!(said.recv(), Ok((false, false)), "nothing is told or given away before");
        assert!(matches!(*fate_out.borrow(), Fate::Drained));
        assert!(disk.lock("LOCK").is_ok(), "another broker can start");
    }

    #[tokio::test]
    async fn a_long_poll_gets_what_is_sent_later_and_a_dropped_one_gives_it_back() {
        let disk = SimDisk::new();
        let jobs = QueueName::parse("jobs").expect("a good name");
        let broker = broker(&disk);
        let handle = broker.handle().clone();
        handle.create_queue(jobs.clone(), SettingsPatch::default()).await.expect("a new queue");
        let poll = {
            let (handle, jobs) = (handle.clone(), jobs.clone());
            tokio::spawn(async move {
                handle.receive(jobs, ReceiveOptions::new(10), Some(Millis::from_secs(20))).await
            })
        };
        tokio::task::yield_now().await;
        handle.send(jobs.clone(), send(b"hello")).await.expect("a queue");
        let delivery = poll.await.expect("no panic").expect("a queue");
        assert_eq!(delivery.messages[0].leased.receive_count, 1);
        drop(delivery);
        let again =
            handle.receive(jobs, ReceiveOptions::new(10), Some(Millis::from_secs(20))).await;
        assert_eq!(again.expect("a queue").messages[0].leased.receive_count, 1);
    }
}
