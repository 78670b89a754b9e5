//! Standard queues as the documentation has them, for one queue: a list of messages, gone through
//! from the beginning each time.

use std::collections::BTreeMap;

use ledgerq::types::{DeleteOutcome, Millis, Timestamp};

const VISIBILITY_MAX: Millis = Millis::from_secs(43_200);
const PURGE_INTERVAL: Millis = Millis::from_secs(60);

/// Names a message by the order of its send.
pub(super) type Number = usize;
/// Names a receive of one message.
pub(super) type Receipt = usize;

struct Message {
    sent_at: Timestamp,
    /// Before this it cannot be received: it is delayed or leased.
    hidden_until: Timestamp,
    receive_count: u32,
    last_receipt: Option<Receipt>,
    last_received_at: Timestamp,
}

/// What became of a visibility change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Done,
    NotInFlight,
    Stale,
    Gone,
    TooLong,
}

/// What a queue should show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) ready: u64,
    pub(super) delayed: u64,
    pub(super) in_flight: u64,
}

/// One queue.
pub(super) struct Model {
    pub(super) now: Timestamp,
    retention: Millis,
    in_flight_max: u64,
    messages: BTreeMap<Number, Message>,
    receipts: BTreeMap<Receipt, Number>,
    next_number: Number,
    purged_at: Option<Timestamp>,
}

impl Model {
    pub(super) fn new(now: Timestamp, retention: Millis, in_flight_max: u64) -> Self {
        Self {
            now,
            retention,
            in_flight_max,
            messages: BTreeMap::new(),
            receipts: BTreeMap::new(),
            next_number: 1,
            purged_at: None,
        }
    }

    pub(super) fn advance(&mut self, by: Millis) {
        self.now = self.now.after(by);
    }

    pub(super) fn set_retention(&mut self, retention: Millis) {
        self.expire();
        self.retention = retention;
        self.expire();
    }

    /// Messages that were kept for long enough are gone before anything else happens.
    fn expire(&mut self) {
        let (now, retention) = (self.now, self.retention);
        self.messages.retain(|_, message| message.sent_at.after(retention) > now);
    }

    pub(super) fn send(&mut self, delay: Millis) -> Number {
        self.expire();
        let number = self.next_number;
        self.next_number += 1;
        let message = Message {
            sent_at: self.now,
            hidden_until: self.now.after(delay),
            receive_count: 0,
            last_receipt: None,
            last_received_at: self.now,
        };
        self.messages.insert(number, message);
        number
    }

    /// How many messages a receive of at most `count_max` brings; `None` if it is refused.
    pub(super) fn receive_count(&mut self, count_max: u64) -> Option<u64> {
        let counts = self.counts();
        let free = self.in_flight_max.saturating_sub(counts.in_flight);
        if free == 0 && counts.ready > 0 {
            return None;
        }
        Some(counts.ready.min(count_max).min(free))
    }

    /// The broker gave out this message: the receive count it should tell. `None` if it must not.
    pub(super) fn received(
        &mut self,
        number: Number,
        receipt: Receipt,
        timeout: Millis,
    ) -> Option<u32> {
        let now = self.now;
        let message = self.messages.get_mut(&number)?;
        if message.hidden_until > now {
            return None;
        }
        message.hidden_until = now.after(timeout);
        message.receive_count += 1;
        message.last_receipt = Some(receipt);
        message.last_received_at = now;
        self.receipts.insert(receipt, number);
        Some(message.receive_count)
    }

    pub(super) fn delete(&mut self, receipt: Receipt, is_lenient: bool) -> DeleteOutcome {
        self.expire();
        let number = self.receipts[&receipt];
        match self.messages.get(&number) {
            None => DeleteOutcome::AlreadyDeleted,
            Some(message) if is_lenient || message.last_receipt == Some(receipt) => {
                self.messages.remove(&number);
                DeleteOutcome::Deleted
            }
            Some(_) => DeleteOutcome::StaleLease,
        }
    }

    pub(super) fn change(&mut self, receipt: Receipt, timeout: Millis) -> Changed {
        self.expire();
        let now = self.now;
        let Some(message) = self.messages.get_mut(&self.receipts[&receipt]) else {
            return Changed::Gone;
        };
        if message.last_receipt != Some(receipt) {
            return Changed::Stale;
        }
        if message.hidden_until <= now {
            return Changed::NotInFlight;
        }
        if now.after(timeout).since(message.last_received_at) > VISIBILITY_MAX {
            return Changed::TooLong;
        }
        message.hidden_until = now.after(timeout);
        Changed::Done
    }

    /// Whether it was done.
    pub(super) fn purge(&mut self) -> bool {
        if self.purged_at.is_some_and(|at| at.after(PURGE_INTERVAL) > self.now) {
            return false;
        }
        self.purged_at = Some(self.now);
        self.messages.clear();
        true
    }

    pub(super) fn counts(&mut self) -> Counts {
        self.expire();
        let mut counts = Counts { ready: 0, delayed: 0, in_flight: 0 };
        for message in self.messages.values() {
            match message {
                _ if message.hidden_until <= self.now => counts.ready += 1,
                Message { last_receipt: None, .. } => counts.delayed += 1,
                Message { .. } => counts.in_flight += 1,
            }
        }
        counts
    }
}
