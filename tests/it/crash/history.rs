//! What clients asked and were told, and whether a broker that keeps its promises can have said it.
//!
//! The checker knows nothing of the broker: it reads the history from the beginning and follows
//! each message. A message is known by its number, which its body says.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use ledgerq::types::{Millis, Nonce, Timestamp};

/// Names one message.
pub(super) type Number = u64;
/// Names one request.
pub(super) type AskId = usize;
/// Names one queue.
pub(super) type QueueNo = usize;

/// One thing that happened, at the border between clients and broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// A client asked.
    Asked { id: AskId, at: Timestamp, ask: Ask },
    /// A client was told. What is not told before the process ends is never told.
    Told { id: AskId, at: Timestamp, told: Told },
    /// The process ended, and another began.
    Ended,
    /// Everything that could be received since the process began has been received.
    Emptied,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Create { queue: QueueNo },
    Send { queue: QueueNo, numbers: Vec<Number> },
    Receive { queue: QueueNo },
    Delete { leases: Vec<(Number, Nonce)> },
    Change { leases: Vec<(Number, Nonce)>, timeout: Millis },
    Purge { queue: QueueNo },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    Done,
    Refused(String),
    Sent,
    /// Each message; `None` for a number whose body is not the one that was sent.
    Received(Vec<Lease>),
    Deleted(Vec<Deleted>),
    /// When each lease ends now; `None` if the change was refused.
    Changed(Vec<Option<Timestamp>>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lease {
    pub(super) number: Number,
    pub(super) nonce: Nonce,
    pub(super) count: u32,
    pub(super) until: Timestamp,
    /// Whether the body is, byte by byte, the one that was sent.
    pub(super) is_whole: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deleted {
    Gone,
    Stale,
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Violation {
    /// A message that was acknowledged and never deleted is not there.
    Lost(Number),
    /// A message that was deleted is back.
    Resurrected(Number),
    /// A message that nobody sent, or not so.
    Invented(Number),
    /// Of the messages of one request, some are there and some are not.
    Torn(AskId),
    /// A receive count did not rise by what was received.
    Count { number: Number, before: u32, after: u32 },
    /// A message was leased to two at once.
    Overlap(Number),
    /// A queue that was made is not there.
    QueueLost(QueueNo),
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(number) => write!(f, "message {number} was acknowledged and is lost"),
            Self::Resurrected(number) => write!(f, "message {number} was deleted and is back"),
            Self::Invented(number) => write!(f, "message {number} was never sent so"),
            Self::Torn(id) => write!(f, "request {id} is there in part"),
            Self::Count { number, before, after } => {
                write!(f, "message {number} had been received {before} times, then {after} times")
            }
            Self::Overlap(number) => write!(f, "message {number} has two valid leases"),
            Self::QueueLost(queue) => write!(f, "queue {queue} was made and is lost"),
        }
    }
}

/// Reads a history from the beginning; the first broken promise, if there is one.
pub(super) fn check(history: &[Event]) -> Result<(), Violation> {
    let mut checker = Checker::default();
    history.iter().try_for_each(|event| checker.read(event))
}

/// What is known of one message.
struct Fate {
    queue: QueueNo,
    asked_by: AskId,
    /// The broker said that it has the message, or showed it.
    is_accepted: bool,
    deletion: Deletion,
    /// A purge that was asked for and not answered.
    purge_asked: Option<AskId>,
    count: u32,
    /// The end of the last lease that a client was told of.
    until: Timestamp,
    /// That, or earlier, if a change was asked for and not answered.
    until_at_least: Timestamp,
    seen: bool,
}

/// Whether a message is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deletion {
    No,
    Asked,
    Yes,
}

#[derive(Default)]
struct Checker {
    fates: BTreeMap<Number, Fate>,
    /// What was asked and not told yet.
    open: BTreeMap<AskId, Ask>,
    created: BTreeSet<QueueNo>,
    /// Receives of each queue that nobody was told of: each may have counted.
    untold_receives: BTreeMap<QueueNo, u32>,
    /// Sends that nobody was told of.
    untold_sends: BTreeMap<AskId, Vec<Number>>,
}

impl Checker {
    fn read(&mut self, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Asked { id, at, ask } => self.asked(*id, *at, ask),
            Event::Told { id, at, told } => return self.told(*id, *at, told),
            Event::Ended => self.ended(),
            Event::Emptied => return self.emptied(),
        }
        Ok(())
    }

    fn asked(&mut self, id: AskId, at: Timestamp, ask: &Ask) {
        match ask {
            Ask::Create { .. } | Ask::Receive { .. } => {}
            Ask::Send { queue, numbers } => {
                for number in numbers {
                    self.fates.insert(*number, Fate::new(*queue, id));
                }
            }
            Ask::Delete { leases } => {
                for (number, _) in leases {
                    let fate = self.fate(*number);
                    if fate.deletion == Deletion::No {
                        fate.deletion = Deletion::Asked;
                    }
                }
            }
            Ask::Change { leases, timeout } => {
                for (number, _) in leases {
                    let fate = self.fate(*number);
                    fate.until_at_least = fate.until_at_least.min(at.after(*timeout));
                }
            }
            Ask::Purge { queue } => {
                for fate in self.fates.values_mut().filter(|fate| fate.queue == *queue) {
                    fate.purge_asked.get_or_insert(id);
                }
            }
        }
        self.open.insert(id, ask.clone());
    }

    fn told(&mut self, id: AskId, at: Timestamp, told: &Told) -> Result<(), Violation> {
        let ask = self.open.remove(&id).expect("only what was asked is told");
        match (ask, told) {
            (Ask::Receive { queue }, Told::Refused(_)) if self.created.contains(&queue) => {
                return Err(Violation::QueueLost(queue));
            }
            (Ask::Send { numbers, .. }, Told::Refused(_)) => {
                for number in numbers {
                    self.fate(number).deletion = Deletion::Yes;
                }
            }
            (Ask::Purge { .. }, Told::Refused(_)) => self.purge_was_not(id),
            (Ask::Create { queue }, Told::Done) => drop(self.created.insert(queue)),
            (Ask::Send { numbers, .. }, Told::Sent) => {
                for number in numbers {
                    self.fate(number).is_accepted = true;
                }
            }
            (Ask::Receive { .. }, Told::Received(leases)) => {
                return leases.iter().try_for_each(|lease| self.received(at, lease));
            }
            (Ask::Delete { leases }, Told::Deleted(outcomes)) => {
                for ((number, _), outcome) in leases.into_iter().zip(outcomes) {
                    self.fate(number).deletion = match outcome {
                        Deleted::Gone => Deletion::Yes,
                        Deleted::Stale => Deletion::No,
                    };
                }
            }
            (Ask::Change { leases, .. }, Told::Changed(ends)) => {
                for ((number, _), until) in leases.into_iter().zip(ends) {
                    let fate = self.fate(number);
                    fate.until = until.unwrap_or(fate.until);
                    fate.until_at_least = fate.until;
                }
            }
            (Ask::Purge { queue }, Told::Done) => {
                let reached = |fate: &&mut Fate| fate.queue == queue && fate.asked_by < id;
                for fate in self.fates.values_mut().filter(reached) {
                    fate.deletion = Deletion::Yes;
                }
            }
            (_, Told::Refused(_)) => {}
            (ask, told) => panic!("{ask:?} was answered with {told:?}"),
        }
        Ok(())
    }

    fn received(&mut self, at: Timestamp, lease: &Lease) -> Result<(), Violation> {
        let Lease { number, count, until, is_whole, .. } = *lease;
        let Some(fate) = self.fates.get_mut(&number).filter(|_| is_whole) else {
            return Err(Violation::Invented(number));
        };
        if fate.deletion == Deletion::Yes {
            return Err(Violation::Resurrected(number));
        }
        if fate.until_at_least > at {
            return Err(Violation::Overlap(number));
        }
        let untold = self.untold_receives.get(&fate.queue).copied().unwrap_or(0);
        if count <= fate.count || count > fate.count + 1 + untold {
            return Err(Violation::Count { number, before: fate.count, after: count });
        }
        (fate.is_accepted, fate.deletion) = (true, Deletion::No);
        (fate.count, fate.seen) = (count, true);
        (fate.until, fate.until_at_least) = (until, until);
        if let Some(id) = fate.purge_asked
            && !self.open.contains_key(&id)
        {
            // One message shows that the purge was not done: then the others are there too.
            self.purge_was_not(id);
        }
        Ok(())
    }

    fn ended(&mut self) {
        for (id, ask) in std::mem::take(&mut self.open) {
            match ask {
                Ask::Receive { queue } => *self.untold_receives.entry(queue).or_default() += 1,
                Ask::Send { numbers, .. } => drop(self.untold_sends.insert(id, numbers)),
                Ask::Create { .. }
                | Ask::Delete { .. }
                | Ask::Change { .. }
                | Ask::Purge { .. } => {}
            }
        }
        for fate in self.fates.values_mut() {
            fate.seen = false;
        }
    }

    fn emptied(&mut self) -> Result<(), Violation> {
        for (number, fate) in &self.fates {
            if fate.is_accepted && fate.must_be_there() && !fate.seen {
                return Err(Violation::Lost(*number));
            }
        }
        for (id, numbers) in &self.untold_sends {
            let known = numbers.iter().map(|number| &self.fates[number]);
            let untouched = known.filter(|fate| fate.must_be_there());
            let (seen, unseen): (Vec<&Fate>, Vec<&Fate>) = untouched.partition(|fate| fate.seen);
            if !seen.is_empty() && !unseen.is_empty() {
                return Err(Violation::Torn(*id));
            }
        }
        // What is not there now must not come later.
        for fate in self.fates.values_mut().filter(|fate| !fate.seen) {
            fate.deletion = Deletion::Yes;
        }
        Ok(())
    }

    fn purge_was_not(&mut self, id: AskId) {
        for fate in self.fates.values_mut() {
            if fate.purge_asked == Some(id) {
                fate.purge_asked = None;
            }
        }
    }

    fn fate(&mut self, number: Number) -> &mut Fate {
        self.fates.get_mut(&number).expect("only what was sent is asked about")
    }
}

impl Fate {
    fn new(queue: QueueNo, asked_by: AskId) -> Self {
        let beginning = Timestamp::ZERO;
        Self {
            queue,
            asked_by,
            is_accepted: false,
            deletion: Deletion::No,
            purge_asked: None,
            count: 0,
            until: beginning,
            until_at_least: beginning,
            seen: false,
        }
    }

    /// Nobody asked for its deletion.
    fn must_be_there(&self) -> bool {
        self.deletion == Deletion::No && self.purge_asked.is_none()
    }
}
