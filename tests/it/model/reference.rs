//! Standard queues as the documentation has them, for one queue: a list of messages, gone through
//! from the beginning each time.

use std::collections::BTreeMap;

use ledgerq::types::{DeleteOutcome, Millis, Timestamp};

const VISIBILITY_MAX: Millis = Millis::from_secs(43_200);
const WINDOW: Millis = Millis::from_secs(300);
const PURGE_INTERVAL: Millis = Millis::from_secs(60);

/// Names a message by the order of its send.
pub(super) type Number = usize;
/// Names a receive of one message.
pub(super) type Receipt = usize;

struct Message {
    sent_at: Timestamp,
    expires_at: Timestamp,
    priority: u8,
    tenant: Option<u8>,
    /// Before this it cannot be received: it is delayed or leased, or came back and waits.
    hidden_until: Timestamp,
    /// When its lease ends or has ended, if it has or had one.
    leased_until: Timestamp,
    receive_count: u32,
    last_receipt: Option<Receipt>,
    last_received_at: Timestamp,
    /// The step that received it last.
    received_in: u64,
}

/// What a message is sent with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sending {
    pub(super) delay: Millis,
    pub(super) time_to_live: Option<Millis>,
    pub(super) priority: u8,
    pub(super) tenant: Option<u8>,
    pub(super) id: Option<u8>,
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
    /// How long a message that came back waits.
    backoff: Millis,
    /// Deduplication ids: the message, and when it stops counting.
    window: BTreeMap<u8, (Number, Timestamp)>,
    messages: BTreeMap<Number, Message>,
    receipts: BTreeMap<Receipt, Number>,
    next_number: Number,
    purged_at: Option<Timestamp>,
    /// Which step it is: what a receive takes is in flight until its end, however short its lease.
    step: u64,
}

impl Model {
    pub(super) fn new(
        now: Timestamp,
        retention: Millis,
        in_flight_max: u64,
        backoff: Millis,
    ) -> Self {
        Self {
            now,
            retention,
            in_flight_max,
            backoff,
            window: BTreeMap::new(),
            messages: BTreeMap::new(),
            receipts: BTreeMap::new(),
            next_number: 1,
            purged_at: None,
            step: 1,
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
        self.step += 1;
        let (now, retention) = (self.now, self.retention);
        self.messages.retain(|_, message| {
            message.sent_at.after(retention) > now && message.expires_at > now
        });
        self.window.retain(|_, (_, until)| *until > now);
    }

    /// The message that it is, and whether it is a duplicate.
    pub(super) fn send(&mut self, sending: Sending) -> (Number, bool) {
        self.expire();
        let now = self.now;
        if let Some((first, _)) = sending.id.and_then(|id| self.window.get(&id)) {
            return (*first, true);
        }
        let number = self.next_number;
        self.next_number += 1;
        self.window.extend(sending.id.map(|id| (id, (number, now.after(WINDOW)))));
        let end = Timestamp::from_millis(u64::MAX);
        let message = Message {
            sent_at: now,
            expires_at: sending.time_to_live.map_or(end, |time| now.after(time)),
            priority: sending.priority,
            tenant: sending.tenant,
            hidden_until: now.after(sending.delay),
            leased_until: Timestamp::ZERO,
            receive_count: 0,
            last_receipt: None,
            last_received_at: now,
            received_in: 0,
        };
        self.messages.insert(number, message);
        (number, false)
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
        if !self.may_be_next(number) {
            return None;
        }
        let message = self.messages.get_mut(&number)?;
        message.leased_until = now.after(timeout);
        message.hidden_until = message.leased_until.after(self.backoff);
        message.receive_count += 1;
        message.received_in = self.step;
        message.last_receipt = Some(receipt);
        message.last_received_at = now;
        self.receipts.insert(receipt, number);
        Some(message.receive_count)
    }

    /// Whether a receive may choose this message: it can be received, none has a higher priority,
    /// it is not a noisy tenant's while a quiet one waits, of noisy ones it is one with the least
    /// in flight, and of its tenant's that were never received and never waited it is the oldest.
    fn may_be_next(&self, number: Number) -> bool {
        let is_ready = |m: &&Message| m.hidden_until <= self.now && m.received_in != self.step;
        let Some(message) = self.messages.get(&number).filter(is_ready) else { return false };
        let ready = || self.messages.values().filter(is_ready);
        if ready().any(|other| other.priority > message.priority) {
            return false;
        }
        let rivals = || ready().filter(|other| other.priority == message.priority);
        let is_fair = if self.is_noisy(message.tenant) {
            let own = self.in_flight_of(message.tenant);
            rivals().all(|m| self.is_noisy(m.tenant) && self.in_flight_of(m.tenant) >= own)
        } else {
            true
        };
        let is_fresh = |m: &Message| m.last_receipt.is_none() && m.hidden_until == m.sent_at;
        let same = |m: &Message| m.tenant == message.tenant && m.priority == message.priority;
        let mut before = self.messages.range(..number).map(|(_, before)| before);
        is_fair && !(is_fresh(message) && before.any(|m| is_fresh(m) && same(m)))
    }

    fn in_flight_of(&self, tenant: Option<u8>) -> u64 {
        let own = self.messages.values().filter(|m| m.tenant == tenant && self.is_in_flight(m));
        own.count() as u64
    }

    fn is_in_flight(&self, message: &Message) -> bool {
        message.leased_until > self.now || message.received_in == self.step
    }

    fn is_noisy(&self, tenant: Option<u8>) -> bool {
        let all = self.messages.values().filter(|message| self.is_in_flight(message)).count();
        let own = self.in_flight_of(tenant);
        own >= 30 && own * 10 > all as u64
    }

    /// Whether a message that waits for its time was deleted.
    pub(super) fn cancel(&mut self, number: Number) -> bool {
        self.expire();
        let now = self.now;
        let waits = |m: &Message| m.last_receipt.is_none() && m.hidden_until > now;
        self.messages.get(&number).is_some_and(waits) && self.messages.remove(&number).is_some()
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
        if message.leased_until <= now {
            return Changed::NotInFlight;
        }
        if now.after(timeout).since(message.last_received_at) > VISIBILITY_MAX {
            return Changed::TooLong;
        }
        message.leased_until = now.after(timeout);
        message.hidden_until = message.leased_until.after(self.backoff);
        Changed::Done
    }

    /// Whether it was done.
    pub(super) fn purge(&mut self) -> bool {
        if self.purged_at.is_some_and(|at| at.after(PURGE_INTERVAL) > self.now) {
            return false;
        }
        self.purged_at = Some(self.now);
        self.messages.clear();
        self.window.clear();
        true
    }

    pub(super) fn counts(&mut self) -> Counts {
        self.expire();
        let mut counts = Counts { ready: 0, delayed: 0, in_flight: 0 };
        for message in self.messages.values() {
            match message {
                _ if message.hidden_until <= self.now => counts.ready += 1,
                _ if self.is_in_flight(message) => counts.in_flight += 1,
                _ => counts.delayed += 1,
            }
        }
        counts
    }
}
