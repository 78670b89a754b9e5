//! The threads of a broker that serves: the owner, the log writer, and one for work in the
//! background. Each takes from one channel; the owner alone decides.

use std::{
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use tokio::sync::watch;
use tracing::{debug, error, warn};

use super::{
    Answer, Effect, Event, Handle, Held, Looker, MoveRead, Owner, Receipts, Request,
    mailbox::{Caller, Limits, Mailbox},
    start::{Started, timed},
};
use crate::{
    clock::{BrokerClock, Stopwatch},
    disk::Disk,
    log::{Damage, LogError, PrepareJob, SealJob, WriteJob},
    store::{CheckpointTask, CompactionTask, Directory, ReserveTask, ScrubTask, Unlink},
    types::Rejection,
};

/// How many events the owner takes in before it looks what is to be done.
const EVENTS_PER_FLUSH: usize = 1024;
/// How long the owner looks for another event before it lets itself be put to sleep: about what a
/// caller on this machine takes from one answer to its next request. Waking a thread costs as much.
const SPIN: Duration = Duration::from_micros(80);
/// A sync that takes longer is worth a warning.
const SLOW_SYNC: Duration = Duration::from_secs(1);

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

/// Work that nobody waits for.
enum Background {
    Prepare(PrepareJob),
    Seal(SealJob),
    ReadForMove(MoveRead),
}

/// Work that may take long, and must not delay the other.
enum Maintenance {
    Checkpoint(CheckpointTask),
    Compact(CompactionTask),
    Scrub(ScrubTask),
    Unlink(Unlink),
    Reserve(ReserveTask),
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

        let (writes, writes_out) = mpsc::channel();
        let (background, background_out) = mpsc::channel();
        let (disk, to_owner) = (directory.disk().clone(), events.clone());
        spawn("log-writer", move || write_log(&writes_out, &to_owner))?;
        let to_owner = events.clone();
        spawn("background", move || work(&*disk, &background_out, &to_owner))?;
        let (maintenance, maintenance_out) = mpsc::channel();
        let (disk, to_owner) = (directory.disk().clone(), events.clone());
        spawn("maintenance", move || maintain(&*disk, &maintenance_out, &to_owner))?;
        let (fate, fate_out) = watch::channel(Fate::Serving);
        let owner = OwnerThread { owner, clock, writes, background, maintenance, fate, directory };
        spawn("owner", move || owner.run(&events_out))?;
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

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body).map(drop)
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
    writes: mpsc::Sender<(WriteJob, Vec<Held<Caller>>)>,
    background: mpsc::Sender<Background>,
    maintenance: mpsc::Sender<Maintenance>,
    fate: watch::Sender<Fate>,
    /// Keeps the lock.
    directory: Directory,
}

impl OwnerThread {
    fn run(mut self, events: &mpsc::Receiver<Event<Caller>>) {
        let mut effects = Vec::new();
        loop {
            self.owner.flush(self.clock.now(), &mut effects);
            let mut early = Early::Unknown;
            for effect in effects.drain(..) {
                if let Effect::Write(job, held) = effect {
                    early = self.write(job, held, events);
                } else if let Some(fate) = self.carry_out(effect) {
                    refuse_rest(events);
                    // The lock goes before the fate is told: who hears it may start another.
                    drop(self.directory);
                    self.fate.send_replace(fate);
                    return;
                }
            }
            let event = match early {
                Early::Arrived(event) => event,
                Early::WroteHere(outcome) => Event::Written(outcome),
                Early::Unknown => match self.next(events) {
                    Some(event) => event,
                    None => return,
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
            self.hand_to(&self.writes, (job, held));
            return Early::Arrived(event);
        }
        let outcome = run_write(&job);
        if outcome.is_ok() {
            release(held);
        }
        Early::WroteHere(outcome)
    }

    fn next(&self, events: &mpsc::Receiver<Event<Caller>>) -> Option<Event<Caller>> {
        if let Some(event) = spin(events) {
            return Some(event);
        }
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
            Effect::Prepare(job) => self.hand_to(&self.background, Background::Prepare(job)),
            Effect::Seal(job) => self.hand_to(&self.background, Background::Seal(job)),
            Effect::ReadForMove(read) => {
                self.hand_to(&self.background, Background::ReadForMove(read));
            }
            Effect::Checkpoint(task) => {
                self.hand_to(&self.maintenance, Maintenance::Checkpoint(task));
            }
            Effect::Scrub(task) => self.hand_to(&self.maintenance, Maintenance::Scrub(task)),
            Effect::Compact(task) => self.hand_to(&self.maintenance, Maintenance::Compact(task)),
            Effect::Unlink(unlink) => self.hand_to(&self.maintenance, Maintenance::Unlink(unlink)),
            Effect::Reserve(task) => self.hand_to(&self.maintenance, Maintenance::Reserve(task)),
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

    #[expect(clippy::unused_self, reason = "reads as one of the owner's verbs")]
    fn hand_to<T>(&self, thread: &mpsc::Sender<T>, job: T) {
        thread.send(job).expect("the threads of a broker live as long as its owner");
    }
}

/// The next event, if it comes within moments. Whoever else has work on this core goes first.
fn spin(events: &mpsc::Receiver<Event<Caller>>) -> Option<Event<Caller>> {
    let watch = Stopwatch::start();
    while watch.elapsed() < SPIN {
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

fn release(held: Vec<Held<Caller>>) {
    for Held { waiter, answer } in held {
        waiter.tell(answer);
    }
}

fn run_write(job: &WriteJob) -> std::io::Result<Duration> {
    let outcome = timed(|| job.run());
    if let Ok(took) = &outcome
        && *took > SLOW_SYNC
    {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        warn!(took_ms, "the disk was slow to sync");
    }
    outcome
}

fn write_log(
    jobs: &mpsc::Receiver<(WriteJob, Vec<Held<Caller>>)>,
    owner: &mpsc::Sender<Event<Caller>>,
) {
    for (job, held) in jobs {
        let outcome = run_write(&job);
        let is_durable = outcome.is_ok();
        // The owner can hand out the next write while the answers of this one are released.
        if owner.send(Event::Written(outcome)).is_err() {
            return;
        }
        if is_durable {
            release(held);
        }
    }
}

fn work(disk: &dyn Disk, jobs: &mpsc::Receiver<Background>, owner: &mpsc::Sender<Event<Caller>>) {
    for job in jobs {
        let event = match job {
            Background::Prepare(job) => Event::Prepared(job.run(disk)),
            Background::Seal(job) => {
                let bytes = job.footer_bytes();
                Event::Sealed(job.run().map(|()| bytes))
            }
            Background::ReadForMove(read) => {
                Event::Request(Request { command: read.run(), waiter: None })
            }
        };
        if owner.send(event).is_err() {
            return;
        }
    }
}

fn maintain(
    disk: &dyn Disk,
    tasks: &mpsc::Receiver<Maintenance>,
    owner: &mpsc::Sender<Event<Caller>>,
) {
    for task in tasks {
        let event = match task {
            Maintenance::Checkpoint(task) => Event::Checkpointed(task.run(disk)),
            Maintenance::Scrub(task) => Event::Scrubbed(task.run(disk)),
            Maintenance::Compact(task) => Event::Compacted(task.run(disk)),
            Maintenance::Reserve(task) => Event::Reserved(task.run(disk)),
            Maintenance::Unlink(unlink) => {
                unlink.run(disk);
                continue;
            }
        };
        if owner.send(event).is_err() {
            return;
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
        disk::SimDisk,
        entropy::SeededEntropy,
        state,
        types::{
            DeleteMode, DeleteOutcome, Envelope, Millis, QueueName, ReceiveOptions, SendEntry,
            SettingsPatch,
        },
    };

    fn broker(disk: &SimDisk) -> Broker {
        let settings = Settings {
            segment_bytes: 1 << 20,
            tail_cache_bytes: 1 << 20,
            state: state::Settings { in_flight_max: 100, deduplication_ids_max: 100 },
            pool_count_max: 2,
            owner: owner::Settings {
                idle_sync_after: Millis::new(20),
                upkeep: upkeep::Settings::default(),
                scrub: scrub::Settings::OFF,
            },
            accept_clock: false,
        };
        let (clock, entropy) = (Arc::new(SystemClock), Box::new(SeededEntropy::new(1)));
        let started = start(settings, Arc::new(disk.clone()), clock, entropy, &mut |_| {});
        let limits = Limits { requests_max: 100, polls_max: 100, bytes_max: 1 << 20 };
        Broker::run(started.expect("the disk is whole"), limits).expect("threads can be made")
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
        received.claim();
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
