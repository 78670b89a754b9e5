//! One queue and its messages.
//!
//! A message is either in the backlog, where it was never touched, or in `touched`, from its first
//! receive or its delay until it is gone.

use std::collections::BTreeMap;

use super::backlog::{Backlog, Waiting};
use crate::types::{Nonce, QueueId, QueueName, QueueSettings, Seq, Timestamp};

/// One queue.
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) name: QueueName,
    pub(super) settings: QueueSettings,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) purged_at: Option<Timestamp>,
    /// Ready and never received.
    pub(super) backlog: Backlog,
    /// Delayed, in flight, or ready once more.
    pub(super) touched: BTreeMap<Seq, Touched>,
    /// The touched ones that are ready, in the order in which they are given out.
    pub(super) returned: BTreeMap<Turn, Seq>,
    /// Whether the next receive looks at `returned` first: the two take turns, so that neither a
    /// deep backlog nor a message that comes back for ever starves the other.
    pub(super) prefers_returned: bool,
    pub(super) delayed_count: u64,
    pub(super) in_flight_count: u64,
    /// Where the queue's retention stands among the deadlines.
    pub(super) retention_due_at: Option<Timestamp>,
}

/// A place in the order of returned messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(i64);

/// A message that was received or delayed.
pub(super) struct Touched {
    pub(super) sent_at: Timestamp,
    /// Body and attributes, in bytes.
    pub(super) size: u32,
    pub(super) receive_count: u32,
    /// Before the first receive: zero.
    pub(super) first_received_at: Timestamp,
    /// The last receive.
    pub(super) leased_at: Timestamp,
    /// The last lease; it may be over.
    pub(super) nonce: Nonce,
    pub(super) phase: Phase,
}

/// Where a touched message is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Waits for its delay to pass.
    Delayed { until: Timestamp },
    /// Is leased.
    InFlight { until: Timestamp },
    /// Can be received.
    Ready { turn: Turn },
}

impl Queue {
    pub(super) fn new(
        id: QueueId,
        name: QueueName,
        settings: QueueSettings,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            name,
            settings,
            created_at: now,
            modified_at: now,
            purged_at: None,
            backlog: Backlog::default(),
            touched: BTreeMap::new(),
            returned: BTreeMap::new(),
            prefers_returned: false,
            delayed_count: 0,
            in_flight_count: 0,
            retention_due_at: None,
        }
    }

    pub(super) fn ready_count(&self) -> u64 {
        self.backlog.len() + self.returned.len() as u64
    }

    /// When the oldest of all messages was sent.
    pub(super) fn oldest_sent_at(&self) -> Option<Timestamp> {
        let waiting = self.backlog.front().map(|waiting| waiting.sent_at);
        let touched = self.touched.first_key_value().map(|(_, touched)| touched.sent_at);
        waiting.into_iter().chain(touched).min()
    }

    /// The messages that receives would take, in order, each with its size.
    pub(super) fn next_ready(&self) -> impl Iterator<Item = (Seq, u32)> {
        let mut returned =
            self.returned.values().map(|seq| (*seq, self.touched[seq].size)).peekable();
        let mut waiting = self.backlog.iter().map(|waiting| (waiting.seq, waiting.size)).peekable();
        let mut from_returned = self.prefers_returned;
        std::iter::from_fn(move || {
            let use_returned = match (returned.peek(), waiting.peek()) {
                (Some(_), Some(_)) => from_returned,
                (one, _) => one.is_some(),
            };
            from_returned = !use_returned;
            if use_returned { returned.next() } else { waiting.next() }
        })
    }

    /// Takes a ready message out to be leased, from wherever it is.
    pub(super) fn take_ready(&mut self, seq: Seq) -> Option<&mut Touched> {
        if self.backlog.front().is_some_and(|waiting| waiting.seq == seq) {
            let Waiting { sent_at, size, .. } = self.backlog.pop_front()?;
            self.prefers_returned = true;
            let phase = Phase::InFlight { until: sent_at };
            self.in_flight_count += 1;
            return Some(self.touched.entry(seq).or_insert(Touched::new(sent_at, size, phase)));
        }
        let touched = self.touched.get_mut(&seq)?;
        let Phase::Ready { turn } = touched.phase else { return None };
        self.returned.remove(&turn);
        self.prefers_returned = false;
        self.in_flight_count += 1;
        Some(touched)
    }

    /// Makes a touched message ready, behind all others that returned.
    pub(super) fn make_ready(&mut self, seq: Seq) {
        let turn = self.returned.last_key_value().map_or(Turn(0), |(Turn(last), _)| Turn(last + 1));
        self.put_ready(seq, turn);
    }

    /// Makes a touched message ready, in front of all others that returned.
    pub(super) fn make_ready_first(&mut self, seq: Seq) {
        let turn =
            self.returned.first_key_value().map_or(Turn(0), |(Turn(first), _)| Turn(first - 1));
        self.put_ready(seq, turn);
    }

    fn put_ready(&mut self, seq: Seq, turn: Turn) {
        let Some(touched) = self.touched.get_mut(&seq) else { return };
        match touched.phase {
            Phase::Delayed { .. } => self.delayed_count -= 1,
            Phase::InFlight { .. } => self.in_flight_count -= 1,
            Phase::Ready { turn } => drop(self.returned.remove(&turn)),
        }
        touched.phase = Phase::Ready { turn };
        self.returned.insert(turn, seq);
    }

    /// Takes a touched message out for good; when its lease or delay would have ended, if it had
    /// one.
    pub(super) fn remove_touched(&mut self, seq: Seq) -> Option<Timestamp> {
        match self.touched.remove(&seq)?.phase {
            Phase::Delayed { until } => {
                self.delayed_count -= 1;
                Some(until)
            }
            Phase::InFlight { until } => {
                self.in_flight_count -= 1;
                Some(until)
            }
            Phase::Ready { turn } => {
                self.returned.remove(&turn);
                None
            }
        }
    }
}

impl Touched {
    pub(super) fn new(sent_at: Timestamp, size: u32, phase: Phase) -> Self {
        Self {
            sent_at,
            size,
            receive_count: 0,
            first_received_at: Timestamp::ZERO,
            leased_at: Timestamp::ZERO,
            nonce: Nonce::default(),
            phase,
        }
    }
}
