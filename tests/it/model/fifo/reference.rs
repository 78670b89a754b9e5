//! FIFO queues as the documentation has them: a list of messages, gone through from the beginning
//! each time. Only the rotation of groups is kept, since the order in which groups became free is
//! in nothing else.

use std::collections::BTreeMap;

use ledgerq::types::{DeleteOutcome, Millis, Seq, Timestamp};

const VISIBILITY_MAX: Millis = Millis::from_secs(43_200);
const WINDOW: Millis = Millis::from_secs(300);

pub(super) type Receipt = usize;

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It waits for the queue's delay, from its send.
    Upcoming,
    Ready,
    InFlight(Timestamp),
    /// It came back and waits.
    Waits(Timestamp),
}

#[derive(Clone, Debug)]
struct Message {
    group: u8,
    sent_at: Timestamp,
    retained_from: Timestamp,
    expires_at: Option<Timestamp>,
    phase: Phase,
    receive_count: u32,
    received_elsewhere: u32,
    receipt: Option<Receipt>,
    leased_at: Timestamp,
    is_changed: bool,
}

/// What a queue is set to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    pub(super) delay: Millis,
    pub(super) retention: Millis,
    /// The wait of a message that came back.
    pub(super) backoff: Option<Millis>,
    /// Receives before a message is a dead letter.
    pub(super) receives_max: Option<u32>,
}

/// One queue.
pub(super) struct Queue {
    pub(super) settings: Settings,
    messages: BTreeMap<Seq, Message>,
    /// Groups whose first message can be delivered, in turn.
    rotation: Vec<u8>,
    /// Deduplication ids: the message, and when it stops counting.
    window: BTreeMap<u8, (Seq, Timestamp)>,
    attempts: BTreeMap<u8, (Vec<(Seq, Receipt)>, Timestamp)>,
    purged_at: Option<Timestamp>,
}

/// A receive as it should be told: each message with its receipt and count.
pub(super) type Received = Vec<(Seq, Receipt, u32)>;

/// What became of a visibility change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Changed {
    Done,
    NotInFlight,
    Stale,
    Gone,
    TooLong,
}

/// The queue, its dead-letter queue, and the time.
pub(super) struct Model {
    pub(super) now: Timestamp,
    pub(super) jobs: Queue,
    pub(super) dead: Queue,
    next_seq: Seq,
    next_receipt: Receipt,
}

impl Queue {
    fn new(settings: Settings) -> Self {
        Self {
            settings,
            messages: BTreeMap::new(),
            rotation: Vec::new(),
            window: BTreeMap::new(),
            attempts: BTreeMap::new(),
            purged_at: None,
        }
    }

    /// Messages of a group that can be delivered: the longest prefix with none in flight.
    fn deliverable(&self, group: u8) -> Vec<Seq> {
        let of_group = self.messages.iter().filter(|(_, message)| message.group == group);
        let arrived = of_group.filter(|(_, message)| message.phase != Phase::Upcoming);
        arrived.take_while(|(_, m)| m.phase == Phase::Ready).map(|(seq, _)| *seq).collect()
    }

    /// Puts the group into the rotation or takes it out.
    fn refresh(&mut self, group: u8) {
        let is_in = self.rotation.contains(&group);
        match (is_in, self.deliverable(group).is_empty()) {
            (false, false) => self.rotation.push(group),
            (true, true) => self.rotation.retain(|other| *other != group),
            _ => {}
        }
    }

    fn set_phase(&mut self, seq: Seq, phase: Phase) {
        let message = self.messages.get_mut(&seq).expect("it is there");
        message.phase = phase;
        let group = message.group;
        self.refresh(group);
    }

    fn remove(&mut self, seq: Seq) -> Option<Message> {
        let message = self.messages.remove(&seq)?;
        self.refresh(message.group);
        Some(message)
    }

    /// A lease has ended without a delete.
    fn comes_back(&mut self, seq: Seq, at: Timestamp) {
        let phase = match self.settings.backoff {
            Some(wait) => Phase::Waits(at.after(wait)),
            None => Phase::Ready,
        };
        self.set_phase(seq, phase);
    }

    /// The first instant at which something happens by itself, and what: leases and waits, then
    /// lifetimes, then delays, then retention; of each the oldest message first.
    fn next_event(&self) -> Option<(Timestamp, u8, Seq)> {
        let Settings { delay, retention, .. } = self.settings;
        let events = self.messages.iter().flat_map(|(seq, message)| {
            let phase_ends = match message.phase {
                Phase::InFlight(until) | Phase::Waits(until) => Some((until, 0)),
                Phase::Upcoming => Some((message.sent_at.after(delay), 2)),
                Phase::Ready => None,
            };
            let life_ends = message.expires_at.map(|at| (at, 1));
            let kept_until = Some((message.retained_from.after(retention), 3));
            let events = [phase_ends, life_ends, kept_until].into_iter().flatten();
            events.map(|(at, kind)| (at, kind, *seq))
        });
        events.min()
    }

    fn advance(&mut self, now: Timestamp) {
        while let Some((at, kind, seq)) = self.next_event().filter(|(at, _, _)| *at <= now) {
            match (kind, self.messages[&seq].phase) {
                (0, Phase::InFlight(_)) => self.comes_back(seq, at),
                (0 | 2, _) => self.set_phase(seq, Phase::Ready),
                _ => drop(self.remove(seq)),
            }
        }
        self.window.retain(|_, (_, until)| *until > now);
        self.attempts.retain(|_, (_, until)| *until > now);
    }

    /// The attempt's messages, if all of it holds.
    fn repeated(&self, attempt: u8) -> Option<Vec<(Seq, Receipt)>> {
        let (leases, _) = self.attempts.get(&attempt)?;
        let holds = |(seq, receipt): &(Seq, Receipt)| {
            self.messages.get(seq).is_some_and(|message| {
                let is_leased = matches!(message.phase, Phase::InFlight(_));
                is_leased && message.receipt == Some(*receipt) && !message.is_changed
            })
        };
        leases.iter().all(holds).then(|| leases.clone())
    }

    /// Ready, delayed and in flight.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        let mut counts = (0, 0, 0);
        for message in self.messages.values() {
            match message.phase {
                Phase::Ready => counts.0 += 1,
                Phase::Upcoming | Phase::Waits(_) => counts.1 += 1,
                Phase::InFlight(_) => counts.2 += 1,
            }
        }
        counts
    }

    /// Each message with its phase and count, in the order of the sends.
    pub(super) fn looked_at(&self) -> Vec<(Seq, Phase, u32)> {
        let shown = |(seq, m): (&Seq, &Message)| (*seq, m.phase, m.receive_count);
        self.messages.iter().map(shown).collect()
    }

    /// When a message that waits for the queue's delay can be received.
    pub(super) fn arrives_at(&self, seq: Seq) -> Timestamp {
        self.messages[&seq].sent_at.after(self.settings.delay)
    }
}

impl Model {
    pub(super) fn new(now: Timestamp, jobs: Settings, dead: Settings) -> Self {
        let (jobs, dead) = (Queue::new(jobs), Queue::new(dead));
        Self { now, jobs, dead, next_seq: Seq::new(1), next_receipt: 0 }
    }

    pub(super) fn queue(&mut self, is_dead: bool) -> &mut Queue {
        if is_dead { &mut self.dead } else { &mut self.jobs }
    }

    pub(super) fn advance(&mut self, by: Millis) {
        self.now = self.now.after(by);
        self.pass_time();
    }

    fn pass_time(&mut self) {
        self.jobs.advance(self.now);
        self.dead.advance(self.now);
    }

    /// The message that it is, and whether it is a duplicate.
    pub(super) fn send(
        &mut self,
        is_dead: bool,
        group: u8,
        id: u8,
        time_to_live: Option<Millis>,
    ) -> (Seq, bool) {
        self.pass_time();
        let (now, seq) = (self.now, self.next_seq);
        let queue = self.queue(is_dead);
        if let Some((first, _)) = queue.window.get(&id) {
            return (*first, true);
        }
        queue.window.insert(id, (seq, now.after(WINDOW)));
        let is_delayed = !queue.settings.delay.is_zero();
        let message = Message {
            group,
            sent_at: now,
            retained_from: now,
            expires_at: time_to_live.map(|time| now.after(time)),
            phase: if is_delayed { Phase::Upcoming } else { Phase::Ready },
            receive_count: 0,
            received_elsewhere: 0,
            receipt: None,
            leased_at: now,
            is_changed: false,
        };
        queue.messages.insert(seq, message);
        queue.refresh(group);
        self.next_seq = seq.next();
        (seq, false)
    }

    pub(super) fn receive(
        &mut self,
        is_dead: bool,
        count_max: usize,
        timeout: Millis,
        attempt: Option<u8>,
    ) -> Received {
        self.pass_time();
        let (now, until) = (self.now, self.now.after(timeout));
        let queue = self.queue(is_dead);
        if let Some(leases) = attempt.and_then(|attempt| queue.repeated(attempt)) {
            for (seq, _) in &leases {
                queue.set_phase(*seq, Phase::InFlight(until));
            }
            let count = |seq: &Seq| queue.messages[seq].receive_count;
            return leases.iter().map(|(seq, receipt)| (*seq, *receipt, count(seq))).collect();
        }
        let mut received = Vec::new();
        let mut last = None;
        while received.len() < count_max
            && let Some(seq) = self.choose(is_dead, last)
        {
            if self.is_dead_letter(is_dead, seq) {
                self.move_dead_letter(seq);
                continue;
            }
            let receipt = self.next_receipt;
            self.next_receipt += 1;
            let queue = self.queue(is_dead);
            let message = queue.messages.get_mut(&seq).expect("it was chosen");
            message.receive_count += 1;
            (message.receipt, message.leased_at, message.is_changed) = (Some(receipt), now, false);
            received.push((seq, receipt, message.receive_count));
            queue.set_phase(seq, Phase::InFlight(until));
            last = Some(seq);
        }
        if let Some(attempt) = attempt.filter(|_| !received.is_empty()) {
            let leases = received.iter().map(|(seq, receipt, _)| (*seq, *receipt)).collect();
            self.queue(is_dead).attempts.insert(attempt, (leases, now.after(WINDOW)));
        }
        received
    }

    /// The next of the group that was taken from last, else the first of the group whose turn it
    /// is.
    fn choose(&mut self, is_dead: bool, last: Option<Seq>) -> Option<Seq> {
        let queue = self.queue(is_dead);
        if let Some(last) = last {
            let group = queue.messages[&last].group;
            let behind = queue.messages.range(last.next()..);
            let mut arrived =
                behind.filter(|(_, m)| m.group == group && m.phase != Phase::Upcoming);
            if let Some((seq, _)) = arrived.next().filter(|(_, m)| m.phase == Phase::Ready) {
                return Some(*seq);
            }
        }
        let group = *queue.rotation.first()?;
        queue.deliverable(group).first().copied()
    }

    fn is_dead_letter(&mut self, is_dead: bool, seq: Seq) -> bool {
        let queue = self.queue(is_dead);
        let message = &queue.messages[&seq];
        let received_here = message.receive_count - message.received_elsewhere;
        queue.settings.receives_max.is_some_and(|max| received_here >= max)
    }

    fn move_dead_letter(&mut self, seq: Seq) {
        let mut message = self.jobs.remove(seq).expect("it was chosen");
        (message.retained_from, message.phase) = (self.now, Phase::Ready);
        (message.receipt, message.received_elsewhere) = (None, message.receive_count);
        let group = message.group;
        self.dead.messages.insert(seq, message);
        self.dead.refresh(group);
    }

    pub(super) fn delete(&mut self, is_dead: bool, seq: Seq, receipt: Receipt) -> DeleteOutcome {
        self.pass_time();
        let queue = self.queue(is_dead);
        match queue.messages.get(&seq) {
            None => DeleteOutcome::AlreadyDeleted,
            Some(message) if message.receipt == Some(receipt) => {
                queue.remove(seq);
                DeleteOutcome::Deleted
            }
            Some(_) => DeleteOutcome::StaleLease,
        }
    }

    pub(super) fn change(
        &mut self,
        is_dead: bool,
        seq: Seq,
        receipt: Receipt,
        timeout: Millis,
    ) -> Changed {
        self.pass_time();
        let now = self.now;
        let queue = self.queue(is_dead);
        let Some(message) = queue.messages.get_mut(&seq) else { return Changed::Gone };
        if message.receipt != Some(receipt) {
            return Changed::Stale;
        }
        if !matches!(message.phase, Phase::InFlight(_)) {
            return Changed::NotInFlight;
        }
        if now.after(timeout).since(message.leased_at) > VISIBILITY_MAX {
            return Changed::TooLong;
        }
        message.is_changed = true;
        if timeout.is_zero() {
            queue.comes_back(seq, now);
        } else {
            queue.set_phase(seq, Phase::InFlight(now.after(timeout)));
        }
        Changed::Done
    }

    /// Whether a message that waits for its time was deleted.
    pub(super) fn cancel(&mut self, is_dead: bool, seq: Seq) -> bool {
        self.pass_time();
        let queue = self.queue(is_dead);
        let waits = |m: &Message| m.receive_count == 0 && m.phase == Phase::Upcoming;
        queue.messages.get(&seq).is_some_and(waits) && queue.remove(seq).is_some()
    }

    /// The delay of the queue is another, for what was never received too.
    pub(super) fn set_delay(&mut self, delay: Millis) {
        self.pass_time();
        let now = self.now;
        let queue = &mut self.jobs;
        queue.settings.delay = delay;
        let untouched = |(_, m): &(&Seq, &Message)| m.receipt.is_none() && m.receive_count == 0;
        let waiting: Vec<Seq> =
            queue.messages.iter().filter(untouched).map(|(seq, _)| *seq).collect();
        for seq in waiting {
            let is_ready = queue.messages[&seq].phase == Phase::Ready;
            let has_waited = queue.arrives_at(seq) <= now;
            match (is_ready, has_waited) {
                (true, false) => queue.set_phase(seq, Phase::Upcoming),
                (false, true) => queue.set_phase(seq, Phase::Ready),
                _ => {}
            }
        }
    }

    pub(super) fn set_retention(&mut self, is_dead: bool, retention: Millis) {
        self.pass_time();
        self.queue(is_dead).settings.retention = retention;
        self.pass_time();
    }

    /// Whether it was done.
    pub(super) fn purge(&mut self, is_dead: bool) -> bool {
        self.pass_time();
        let now = self.now;
        let queue = self.queue(is_dead);
        if queue.purged_at.is_some_and(|at| at.after(Millis::from_secs(60)) > now) {
            return false;
        }
        let settings = queue.settings;
        *queue = Queue { purged_at: Some(now), ..Queue::new(settings) };
        true
    }
}
