//! What all clients of a drill share: the queues, the history, what they are to do at the moment.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{
        AtomicI64, AtomicU64,
        Ordering::{Relaxed, SeqCst},
    },
};

use tokio::sync::watch;

use super::history::{History, QueueNo, Tally};
use crate::{
    client::{Client, Error},
    clock::{Clock as _, SystemClock},
    types::{Millis, QueueName, SettingsPatch, Timestamp},
};

/// Messages that may be there at once; producers pause beyond, unless they are to fill the disk.
pub(super) const MESSAGES_MAX: i64 = 1500;
/// How long messages of the delayed queue wait at least.
pub(super) const DELAY: Millis = Millis::new(300);

/// The queues by their numbers.
pub(super) const STANDARD: QueueNo = 0;
pub(super) const FIFO: QueueNo = 1;
pub(super) const DELAYED: QueueNo = 2;
/// From here transacts take messages.
pub(super) const WORK: QueueNo = 3;
/// There they send one for each.
pub(super) const DONE: QueueNo = 4;

/// What clients do at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// Send, receive, delete.
    Everything,
    /// Send large messages until there is no space, and nothing else.
    Filling,
    /// Nothing.
    Pausing,
    /// They end.
    Ending,
}

/// How far the load has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// Requests that were answered.
    pub(super) answers: u64,
    /// Sends that were accepted.
    pub(super) accepted: u64,
    /// Sends that were refused for lack of space.
    pub(super) disk_full: u64,
}

/// What all clients share.
pub(super) struct Load {
    pub(super) queues: [QueueName; 5],
    history: Mutex<History>,
    next_number: AtomicU64,
    /// Accepted and not yet deleted.
    messages: AtomicI64,
    done: watch::Sender<Done>,
    doing: watch::Sender<Doing>,
    /// A refusal that no fault explains.
    strange: Mutex<Option<String>>,
}

impl Load {
    /// Of queues whose names begin with this.
    pub(super) fn new(prefix: &str) -> Self {
        let name = |rest: &str| QueueName::parse(&format!("{prefix}-{rest}"));
        let name = |rest| name(rest).expect("a short name of letters is one");
        Self {
            queues: ["standard", "ordered.fifo", "delayed", "work", "done"].map(name),
            history: Mutex::default(),
            next_number: AtomicU64::new(1),
            messages: AtomicI64::new(0),
            done: watch::Sender::default(),
            doing: watch::Sender::new(Doing::Everything),
            strange: Mutex::default(),
        }
    }

    /// Makes the queues.
    pub(super) async fn create(&self, client: &Client) -> Result<(), Error> {
        for (number, queue) in self.queues.iter().enumerate() {
            let delay = (number == DELAYED).then_some(DELAY);
            let patch = SettingsPatch { delay, ..SettingsPatch::default() };
            client.create_queue(queue, &patch).await?;
        }
        Ok(())
    }

    /// What was noted so far.
    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How much was noted so far.
    pub(super) fn tally(&self) -> Tally {
        self.history().tally()
    }

    /// Numbers for so many messages: the first of them.
    pub(super) fn numbers(&self, count: u64) -> u64 {
        self.next_number.fetch_add(count, SeqCst)
    }

    /// How far the load has come.
    pub(super) fn done(&self) -> watch::Receiver<Done> {
        self.done.subscribe()
    }

    /// Something was done.
    pub(super) fn note(&self, change: impl FnOnce(&mut Done)) {
        self.done.send_modify(change);
    }

    /// So many messages came, or went.
    pub(super) fn count(&self, change: i64) {
        self.messages.fetch_add(change, Relaxed);
    }

    /// Whether there are as many messages as there should be.
    pub(super) fn is_enough(&self) -> bool {
        self.messages.load(Relaxed) >= MESSAGES_MAX
    }

    /// What clients do at the moment.
    pub(super) fn doing(&self) -> Doing {
        *self.doing.borrow()
    }

    /// From now on, clients do this.
    pub(super) fn switch_to(&self, doing: Doing) {
        self.doing.send_replace(doing);
    }

    /// Waits until clients are to do something else.
    pub(super) async fn until_not(&self, doing: Doing) {
        let mut changes = self.doing.subscribe();
        // The sender lives as long as this value.
        let _ = changes.wait_for(|it| *it != doing).await;
    }

    /// The broker refused something without a reason that a drill knows of.
    pub(super) fn is_strange(&self, refusal: &str) {
        let mut strange = self.strange.lock().unwrap_or_else(PoisonError::into_inner);
        strange.get_or_insert_with(|| refusal.to_owned());
    }

    /// The first such refusal.
    pub(super) fn strange(&self) -> Option<String> {
        self.strange.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The clients' clock, which no wall clock moves.
pub(super) fn now() -> Timestamp {
    Timestamp::from_millis(SystemClock.elapsed().get())
}
