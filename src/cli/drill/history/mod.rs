//! What clients saw of a broker through the faults of a drill, and whether it kept its promises.
//!
//! A client notes each request that may have been done: when it was asked, and what was answered
//! if anything was. No model of a queue is needed: each promise is a rule on what was noted about
//! one message, in [`life`], about the order of one group, in [`order`], or about the messages of
//! one request. The order of requests is that of positions, which no clock can confuse; leases are
//! judged on the broker's own time, and beside it on how much time passed for the clients.
//!
//! [`History::settle`] judges what can be judged and forgets it, so that memory follows what is
//! there and not what was. The cost of all is that of what was noted.

mod life;
mod order;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use roaring::RoaringTreemap;

use self::life::Life;
use crate::types::{DeleteOutcome, Millis, Timestamp};

/// The number of a message, which its body carries.
pub(super) type Number = u64;
/// A position in the one sequence of all questions and answers.
pub(super) type Position = u64;
/// A queue of the drill.
pub(super) type QueueNo = usize;

/// When a request was asked and when it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) asked: Position,
    /// `None` if the outcome is not known.
    pub(super) told: Option<Position>,
}

/// A message was sent; not noted if it surely was not.
#[derive(Clone, Debug)]
pub(super) struct Send {
    pub(super) number: Number,
    pub(super) queue: QueueNo,
    pub(super) group: Option<u64>,
    pub(super) span: Span,
    pub(super) delay: Millis,
    /// The broker's own number of it, if the broker accepted it.
    pub(super) sequence: Option<u64>,
}

/// A message was received.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) number: Number,
    pub(super) queue: QueueNo,
    pub(super) asked: Position,
    pub(super) told: Position,
    /// Where it stood in the answer.
    pub(super) index: usize,
    /// The clients' clock before it was asked and once the answer was there.
    pub(super) asked_at: Timestamp,
    pub(super) told_at: Timestamp,
    pub(super) sequence: u64,
    pub(super) receive_count: u32,
    /// On the broker's time.
    pub(super) sent_at: Timestamp,
    pub(super) visibility_timeout: Millis,
    /// On the broker's time.
    pub(super) until: Timestamp,
}

/// The lease of the receive with this count was given another end.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) number: Number,
    pub(super) receive_count: u32,
    pub(super) span: Span,
    /// The clients' clock when it was asked.
    pub(super) asked_at: Timestamp,
    pub(super) timeout: Millis,
    pub(super) outcome: Changed,
}

/// What a change came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    /// The lease ends then, on the broker's time.
    Until(Timestamp),
    /// Refused: the lease is over, or another receive has the message. The clients' clock then.
    Over(Timestamp),
    /// The message is gone.
    Gone,
    /// Nobody knows.
    Unknown,
}

/// The message was deleted with the handle of the receive with this count.
#[derive(Clone, Debug)]
pub(super) struct Delete {
    pub(super) number: Number,
    pub(super) receive_count: u32,
    pub(super) span: Span,
    /// The clients' clock once it was answered.
    pub(super) told_at: Timestamp,
    pub(super) outcome: Option<DeleteOutcome>,
    /// A message that the same transact sends: both were done or neither.
    pub(super) with: Option<Number>,
}

/// A promise that was broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Promise {
    Lost,
    Resurrected,
    Torn,
    Damaged,
    Invented,
    Early,
    Overlap,
    EndedEarly,
    CountWentBack,
    OutOfOrder,
}

/// A broken promise, and the message that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) promise: Promise,
    pub(super) number: Number,
}

/// How much was noted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Sends that were accepted.
    pub(super) acknowledged: u64,
    /// Sends of which nobody knows.
    pub(super) sends_unknown: u64,
    /// Messages that were deleted, as far as it was answered.
    pub(super) deleted: u64,
    /// Deletes of which nobody knows.
    pub(super) deletes_unknown: u64,
    /// Receives of a message.
    pub(super) received: u64,
    /// Those of them that were not its first.
    pub(super) redelivered: u64,
}

/// Everything that clients noted and that is not settled yet.
#[derive(Debug, Default)]
pub(super) struct History {
    lives: BTreeMap<Number, Life>,
    /// Messages that were judged, and whose delete was answered before anything that is under way.
    gone: RoaringTreemap,
    /// The messages of each request whose outcome nobody knows.
    unknown: Vec<Vec<Number>>,
    broken: Vec<Broken>,
    tally: Tally,
    /// Where requests that are not answered yet were asked.
    under_way: BTreeSet<Position>,
    position: Position,
}

impl History {
    /// A request is about to be asked: its position.
    pub(super) fn asks(&mut self) -> Position {
        self.position += 1;
        self.under_way.insert(self.position);
        self.position
    }

    /// The request of that position is over. What it came to is noted before anything else happens
    /// to this history.
    pub(super) fn ends(&mut self, asked: Position) -> Position {
        self.under_way.remove(&asked);
        self.position += 1;
        self.position
    }

    /// How much was noted so far.
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// The messages of one request were sent. Those of one whose outcome is not known are there as
    /// a whole or not at all.
    pub(super) fn sent(&mut self, sends: Vec<Send>) {
        if sends.len() > 1 && sends.iter().all(|send| send.span.told.is_none()) {
            self.unknown.push(sends.iter().map(|send| send.number).collect());
        }
        for send in sends {
            self.tally.acknowledged += u64::from(send.sequence.is_some());
            self.tally.sends_unknown += u64::from(send.span.told.is_none());
            let life = self.lives.entry(send.number).or_default();
            life.send = Some(send);
        }
    }

    /// A message was received.
    pub(super) fn leased(&mut self, lease: Lease) {
        self.tally.received += 1;
        self.tally.redelivered += u64::from(lease.receive_count > 1);
        if self.gone.contains(lease.number) {
            self.broke(Promise::Resurrected, lease.number);
        } else {
            self.lives.entry(lease.number).or_default().leases.push(lease);
        }
    }

    /// A message was received whose body is not the one that was sent, or could not be read.
    pub(super) fn damaged(&mut self, sequence: u64) {
        self.broke(Promise::Damaged, sequence);
    }

    /// A lease was changed.
    pub(super) fn changed(&mut self, change: Change) {
        if let Some(life) = self.life(change.number) {
            life.changes.push(change);
        }
    }

    /// A message was deleted.
    pub(super) fn deleted(&mut self, delete: Delete) {
        self.tally.deleted += u64::from(delete.outcome == Some(DeleteOutcome::Deleted));
        self.tally.deletes_unknown += u64::from(delete.outcome.is_none());
        if let Some(life) = self.life(delete.number) {
            life.deletes.push(delete);
        }
    }

    /// Judges and forgets every message whose end is known.
    pub(super) fn settle(&mut self) {
        let low = self.under_way.first().copied().unwrap_or(self.position + 1);
        order::check(&mut self.lives, low, &mut self.broken);
        let settled = self.lives.iter().filter(|(_, life)| life.is_settled(low));
        let settled: Vec<Number> = settled.map(|(number, _)| *number).collect();
        for number in settled {
            if let Some(life) = self.lives.remove(&number) {
                self.broken.extend(life.judge(number, false));
                self.gone.insert(number);
            }
        }
    }

    /// Judges all of it, once the queues were drained until they were empty.
    pub(super) fn finish(&mut self) -> Vec<Broken> {
        order::check(&mut self.lives, self.position + 1, &mut self.broken);
        let is_seen = |number: &Number| {
            let life = self.lives.get(number);
            self.gone.contains(*number) || life.is_some_and(|life| !life.leases.is_empty())
        };
        for request in &self.unknown {
            let seen = request.iter().filter(|number| is_seen(number)).count();
            if seen > 0 && seen < request.len() {
                self.broken.push(Broken { promise: Promise::Torn, number: request[0] });
            }
        }
        let mut transacts: Vec<(Number, Number, bool)> = Vec::new();
        for (number, life) in &self.lives {
            let with = life.deletes.iter().filter(|it| it.outcome.is_none());
            let with = with.filter_map(|delete| delete.with);
            transacts.extend(with.map(|with| (*number, with, is_seen(&with))));
        }
        for (number, with, was_done) in transacts {
            if let Some(life) = self.lives.get_mut(&number) {
                life.resolve(with, was_done);
            }
        }
        for (number, life) in std::mem::take(&mut self.lives) {
            self.broken.extend(life.judge(number, true));
        }
        std::mem::take(&mut self.broken)
    }

    /// What is known of a message that is not settled.
    fn life(&mut self, number: Number) -> Option<&mut Life> {
        (!self.gone.contains(number)).then(|| self.lives.entry(number).or_default())
    }

    fn broke(&mut self, promise: Promise, number: Number) {
        self.broken.push(Broken { promise, number });
    }
}

impl Promise {
    /// Every promise that is judged.
    pub(super) const ALL: [Self; 10] = [
        Self::Lost,
        Self::Resurrected,
        Self::Torn,
        Self::Damaged,
        Self::Invented,
        Self::Early,
        Self::Overlap,
        Self::EndedEarly,
        Self::CountWentBack,
        Self::OutOfOrder,
    ];

    /// Its name in JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Resurrected => "resurrected",
            Self::Torn => "torn",
            Self::Damaged => "damaged",
            Self::Invented => "invented",
            Self::Early => "early",
            Self::Overlap => "overlapping",
            Self::EndedEarly => "ended_early",
            Self::CountWentBack => "counted_back",
            Self::OutOfOrder => "out_of_order",
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number;
        match self.promise {
            Promise::Lost => {
                write!(f, "message {number} was accepted, nobody deleted it, and it is not there")
            }
            Promise::Resurrected => write!(f, "message {number} was deleted and came back"),
            Promise::Torn => write!(f, "the request that sent message {number} is there in part"),
            Promise::Damaged => {
                write!(f, "the message of sequence number {number} has another body, or none")
            }
            Promise::Invented => {
                write!(f, "message {number} was never sent so, or to another queue")
            }
            Promise::Early => write!(f, "message {number} was received before its delay was over"),
            Promise::Overlap => write!(f, "message {number} had two valid leases at a time"),
            Promise::EndedEarly => {
                write!(f, "a lease of message {number} was over before its time")
            }
            Promise::CountWentBack => {
                write!(f, "the receive count of message {number} did not rise")
            }
            Promise::OutOfOrder => {
                write!(f, "message {number} was received before an earlier one of its group")
            }
        }
    }
}
