//! The threads that do what the owner hands out: the log writer, one for work in the background,
//! one for upkeep. Each takes from one channel and ends when the owner has let go of it.

use std::{
    io,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use tracing::warn;

use super::{Event, Held, MoveRead, Request, mailbox::Caller, start::timed};
use crate::{
    disk::Disk,
    log::{PrepareJob, SealJob, WriteJob},
    store::{CheckpointTask, CompactionTask, ReserveTask, ScrubTask, Unlink},
};

/// A sync that takes longer is worth a warning.
const SLOW_SYNC: Duration = Duration::from_secs(1);

/// Work that nobody waits for.
pub(super) enum Background {
    Prepare(PrepareJob),
    Seal(SealJob),
    ReadForMove(MoveRead),
}

/// Work that may take long, and must not delay the other.
pub(super) enum Maintenance {
    Checkpoint(CheckpointTask),
    Compact(CompactionTask),
    Scrub(ScrubTask),
    Unlink(Unlink),
    Reserve(ReserveTask),
}

/// What the owner hands its work to.
pub(super) struct Workers {
    writes: mpsc::Sender<(WriteJob, Vec<Held<Caller>>)>,
    background: mpsc::Sender<Background>,
    maintenance: mpsc::Sender<Maintenance>,
}

impl Workers {
    /// Has the log writer do it.
    pub(super) fn write(&self, job: WriteJob, held: Vec<Held<Caller>>) {
        hand_to(&self.writes, (job, held));
    }

    /// Has it done in the background.
    pub(super) fn background(&self, work: Background) {
        hand_to(&self.background, work);
    }

    /// Has it done beside everything else.
    pub(super) fn maintenance(&self, work: Maintenance) {
        hand_to(&self.maintenance, work);
    }
}

fn hand_to<T>(thread: &mpsc::Sender<T>, job: T) {
    thread.send(job).expect("the threads of a broker live as long as its owner");
}

/// Starts them; what they have done they tell `owner`.
pub(super) fn spawn_all(
    disk: &Arc<dyn Disk>,
    owner: &mpsc::Sender<Event<Caller>>,
) -> io::Result<(Workers, [JoinHandle<()>; 3])> {
    let (writes, writes_out) = mpsc::channel();
    let to_owner = owner.clone();
    let log_writer = spawn("log-writer", move || write_log(&writes_out, &to_owner))?;
    let (background, background_out) = mpsc::channel();
    let (on, to_owner) = (disk.clone(), owner.clone());
    let worker = spawn("background", move || work(&*on, &background_out, &to_owner))?;
    let (maintenance, maintenance_out) = mpsc::channel();
    let (on, to_owner) = (disk.clone(), owner.clone());
    let maintainer = spawn("maintenance", move || maintain(&*on, &maintenance_out, &to_owner))?;
    Ok((Workers { writes, background, maintenance }, [log_writer, worker, maintainer]))
}

/// A thread of the broker.
pub(super) fn spawn(
    name: &str,
    body: impl FnOnce() + Send + 'static,
) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}

/// Answers what waited for its records.
pub(super) fn release(held: Vec<Held<Caller>>) {
    for Held { waiter, answer } in held {
        waiter.tell(answer);
    }
}

/// Writes and syncs; returns how long it took.
pub(super) fn run_write(job: &WriteJob) -> std::io::Result<Duration> {
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
