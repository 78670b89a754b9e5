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
    Effect, Event, Handle, Held, Owner, Receipts,
    mailbox::{Caller, Limits, Mailbox},
    start::{Started, timed},
};
use crate::{
    clock::BrokerClock,
    disk::Disk,
    log::{LogError, PrepareJob, SealJob, WriteJob},
    store::Directory,
};

/// How many events the owner takes in before it looks what is to be done.
const EVENTS_PER_FLUSH: usize = 1024;
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
}

impl Broker {
    /// Starts the threads of an owner that has recovered.
    pub fn run(started: Started<Caller>, limits: Limits) -> std::io::Result<Self> {
        let Started { owner, clock, directory, .. } = started;
        let identity = directory.identity();
        let (mailbox, events_out) = Mailbox::new(limits);
        let events = mailbox.events();
        let receipts = Receipts::new(&identity.receipt_key);
        let handle = Handle::new(mailbox, receipts, identity.lineage);
        let (fate_in, fate) = watch::channel(Fate::Serving);

        let (writes, writes_out) = mpsc::channel();
        let (background, background_out) = mpsc::channel();
        let (disk, to_owner) = (directory.disk().clone(), events.clone());
        spawn("log-writer", move || write_log(&writes_out, &to_owner))?;
        let to_owner = events.clone();
        spawn("background", move || work(&*disk, &background_out, &to_owner))?;
        let owner = OwnerThread { owner, clock, writes, background, fate: fate_in, directory };
        spawn("owner", move || owner.run(&events_out))?;
        Ok(Self { handle, events, fate })
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

struct OwnerThread {
    owner: Owner<Caller>,
    clock: BrokerClock,
    writes: mpsc::Sender<(WriteJob, Vec<Held<Caller>>)>,
    background: mpsc::Sender<Background>,
    fate: watch::Sender<Fate>,
    /// Keeps the lock.
    directory: Directory,
}

impl OwnerThread {
    fn run(mut self, events: &mpsc::Receiver<Event<Caller>>) {
        let mut effects = Vec::new();
        loop {
            self.owner.flush(self.clock.now(), &mut effects);
            for effect in effects.drain(..) {
                if let Some(fate) = self.carry_out(effect) {
                    // The lock goes before the fate is told: who hears it may start another.
                    drop(self.directory);
                    self.fate.send_replace(fate);
                    return;
                }
            }
            let Some(event) = self.next(events) else { return };
            self.owner.step(self.clock.now(), event);
            for event in events.try_iter().take(EVENTS_PER_FLUSH) {
                self.owner.step(self.clock.now(), event);
            }
        }
    }

    fn next(&self, events: &mpsc::Receiver<Event<Caller>>) -> Option<Event<Caller>> {
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
            Effect::Write(job, held) => self.hand_to(&self.writes, (job, held)),
            Effect::Release(held) => release(held),
            Effect::Prepare(job) => self.hand_to(&self.background, Background::Prepare(job)),
            Effect::Seal(job) => self.hand_to(&self.background, Background::Seal(job)),
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

fn release(held: Vec<Held<Caller>>) {
    for Held { waiter, answer } in held {
        waiter.tell(answer);
    }
}

fn write_log(
    jobs: &mpsc::Receiver<(WriteJob, Vec<Held<Caller>>)>,
    owner: &mpsc::Sender<Event<Caller>>,
) {
    for (job, held) in jobs {
        let outcome = timed(|| job.run());
        let is_durable = outcome.is_ok();
        if let Ok(took) = &outcome
            && *took > SLOW_SYNC
        {
            let took_ms = took.as_millis();
            warn!(took_ms, "the disk was slow to sync");
        }
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
            Background::Seal(job) => Event::Sealed(job.run()),
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
