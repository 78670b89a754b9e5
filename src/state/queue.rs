//! One queue and its messages.
//!
//! A message waits in its lane's backlog, where it was never touched; or it is `touched`, from its
//! first receive, its delay or its move until it is gone; or, on a FIFO queue with a delay, it is
//! upcoming. It is in one of these places at any time.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    attempts::Attempts,
    backlog::Waiting,
    cow::CowMap,
    deadlines::{Deadlines, Due},
    lanes::{Groups, Lanes, Slot, Tenants},
    touched::{Phase, Touched, Turn},
    window::Window,
};
use crate::types::{
    DeduplicationScope, QueueId, QueueName, QueueSettings, Sending, Seq, Timestamp,
    limits::PRIORITY_DEFAULT,
};

/// One queue.
pub(super) struct Queue {
    pub(super) id: QueueId,
    pub(super) name: QueueName,
    pub(super) settings: QueueSettings,
    /// The scope that the queue was made with, which is the one in effect.
    pub(super) scope: DeduplicationScope,
    pub(super) created_at: Timestamp,
    pub(super) modified_at: Timestamp,
    pub(super) purged_at: Option<Timestamp>,
    /// The first message that no purge has reached.
    pub(super) purged_below: Seq,
    pub(super) sends_paused: bool,
    pub(super) receives_paused: bool,
    /// Messages that wait, and the order of all.
    pub(super) lanes: Lanes,
    pub(super) touched: CowMap<Seq, Touched>,
    /// Touched messages by the time from which their retention counts.
    pub(super) ages: BTreeSet<(Timestamp, Seq)>,
    /// Untouched messages that have a time to live.
    pub(super) mortal: BTreeMap<Seq, (Timestamp, Slot)>,
    pub(super) counts: Counts,
    pub(super) window: Window,
    pub(super) attempts: Attempts,
    /// Where the queue's retention stands among the deadlines.
    pub(super) retention_due_at: Option<Timestamp>,
    /// Where the queue's delay stands among the deadlines.
    pub(super) arrival_due_at: Option<Timestamp>,
}

/// How many messages are where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Never received and not delayed.
    pub(super) waiting: u64,
    /// Touched and ready.
    pub(super) returned: u64,
    /// Touched and delayed.
    pub(super) delayed: u64,
    pub(super) in_flight: u64,
}

impl Queue {
    pub(super) fn new(
        id: QueueId,
        name: QueueName,
        settings: QueueSettings,
        now: Timestamp,
    ) -> Self {
        let lanes = if name.is_fifo() {
            Lanes::Fifo(Groups::default())
        } else {
            Lanes::Standard(Tenants::default())
        };
        Self {
            id,
            name,
            scope: settings.deduplication_scope,
            settings,
            created_at: now,
            modified_at: now,
            purged_at: None,
            purged_below: Seq::default(),
            sends_paused: false,
            receives_paused: false,
            lanes,
            touched: CowMap::default(),
            ages: BTreeSet::new(),
            mortal: BTreeMap::new(),
            counts: Counts::default(),
            window: Window::default(),
            attempts: Attempts::default(),
            retention_due_at: None,
            arrival_due_at: None,
        }
    }

    pub(super) fn ready_count(&self) -> u64 {
        self.counts.waiting + self.counts.returned
    }

    pub(super) fn upcoming_count(&self) -> u64 {
        match &self.lanes {
            Lanes::Standard(_) => 0,
            Lanes::Fifo(groups) => groups.upcoming().len() as u64,
        }
    }

    /// Whether a receive would find a message to take, or to move to the dead-letter queue.
    pub(super) fn is_deliverable(&self) -> bool {
        match &self.lanes {
            Lanes::Standard(_) => self.ready_count() > 0,
            Lanes::Fifo(groups) => groups.is_deliverable(),
        }
    }

    /// From when the retention of the oldest of all messages counts.
    pub(super) fn oldest(&self) -> Option<Timestamp> {
        let waiting = self.lanes.oldest_waiting().map(|(waiting, _)| waiting.sent_at);
        let touched = self.ages.first().map(|(from, _)| *from);
        let upcoming = match &self.lanes {
            Lanes::Standard(_) => None,
            Lanes::Fifo(groups) => groups.upcoming().values().next().map(|(w, _)| w.sent_at),
        };
        [waiting, touched, upcoming].into_iter().flatten().min()
    }

    /// A message was accepted now.
    pub(super) fn accept(&mut self, sending: &Sending, now: Timestamp, deadlines: &mut Deadlines) {
        let Sending { seq, ready_at, size, .. } = *sending;
        let slot = self.lanes.enter(sending.group.as_ref(), sending.priority);
        let waiting = Waiting { seq, sent_at: now, size };
        let is_later = match &mut self.lanes {
            Lanes::Standard(_) => ready_at > now,
            Lanes::Fifo(groups) => {
                let is_later = !self.settings.delay.is_zero();
                if is_later {
                    groups.push_upcoming(slot.lane, waiting);
                }
                is_later
            }
        };
        let is_fifo = self.name.is_fifo();
        if is_later && !is_fifo {
            let phase = Phase::Delayed { until: ready_at };
            let mut touched = Touched::new(slot, sending.group.clone(), now, size, phase);
            touched.expires_at = sending.expires_at;
            self.counts.delayed += 1;
            self.ages.insert((now, seq));
            self.touched.insert(seq, touched);
            deadlines.insert(ready_at, Due::Message(self.id, seq));
        } else {
            if let Some(expires_at) = sending.expires_at {
                self.mortal.insert(seq, (expires_at, slot));
            }
            if !is_later {
                self.push_waiting(slot, waiting);
            }
        }
        if let Some(expires_at) = sending.expires_at {
            deadlines.insert(expires_at, Due::Expiry(self.id, seq));
        }
    }

    fn push_waiting(&mut self, slot: Slot, waiting: Waiting) {
        self.counts.waiting += 1;
        match &mut self.lanes {
            Lanes::Standard(tenants) => tenants.push_waiting(slot, waiting),
            Lanes::Fifo(groups) => {
                groups.push_waiting(slot.lane, waiting);
                groups.refresh(slot.lane, &self.touched);
            }
        }
    }

    /// Takes a message that can be received out of its order, to be leased until then.
    pub(super) fn lease(&mut self, seq: Seq, until: Timestamp) -> Option<&mut Touched> {
        let phase = Phase::InFlight { until };
        let slot = if let Some(touched) = self.touched.get_mut(&seq) {
            let (slot, before) = (touched.slot, touched.phase);
            touched.phase = phase;
            self.left_phase(slot, before);
            slot
        } else {
            let slot = self.lanes.front_slot(seq)?;
            let waiting = self.lanes.remove_waiting(slot, seq)?;
            self.counts.waiting -= 1;
            let group = self.lanes.group(slot.lane).cloned();
            let mut touched = Touched::new(slot, group, waiting.sent_at, waiting.size, phase);
            touched.expires_at = self.mortal.remove(&seq).map(|(at, _)| at);
            self.ages.insert((touched.retained_from, seq));
            self.touched.insert(seq, touched);
            if let Lanes::Fifo(groups) = &mut self.lanes {
                groups.touch(slot.lane, seq);
            }
            slot
        };
        self.counts.in_flight += 1;
        match &mut self.lanes {
            Lanes::Standard(tenants) => tenants.leased(slot),
            Lanes::Fifo(groups) => groups.refresh(slot.lane, &self.touched),
        }
        self.touched.get_mut(&seq)
    }

    /// Makes a touched message ready, behind all others that returned or in front of them.
    pub(super) fn make_ready(&mut self, seq: Seq, first: bool) {
        let Some(touched) = self.touched.get_mut(&seq) else { return };
        let (slot, before) = (touched.slot, touched.phase);
        self.left_phase(slot, before);
        let turn = match &mut self.lanes {
            Lanes::Standard(tenants) => tenants.put_returned(slot, seq, first),
            Lanes::Fifo(_) => Turn::default(),
        };
        self.counts.returned += 1;
        self.enter_phase(seq, slot, Phase::Ready { turn });
    }

    /// Lets a touched message wait for a time.
    pub(super) fn make_delayed(&mut self, seq: Seq, until: Timestamp, deadlines: &mut Deadlines) {
        let Some(touched) = self.touched.get_mut(&seq) else { return };
        let (slot, before) = (touched.slot, touched.phase);
        self.left_phase(slot, before);
        self.counts.delayed += 1;
        deadlines.insert(until, Due::Message(self.id, seq));
        self.enter_phase(seq, slot, Phase::Delayed { until });
    }

    fn enter_phase(&mut self, seq: Seq, slot: Slot, phase: Phase) {
        if let Some(touched) = self.touched.get_mut(&seq) {
            touched.phase = phase;
        }
        if let Lanes::Fifo(groups) = &mut self.lanes {
            groups.refresh(slot.lane, &self.touched);
        }
    }

    /// A touched message comes in from another queue, ready.
    pub(super) fn insert_moved(&mut self, seq: Seq, mut touched: Touched, slot: Slot) {
        touched.slot = slot;
        // What it was before does not count here: it is put into its phase below.
        touched.phase = Phase::Delayed { until: touched.retained_from };
        self.counts.delayed += 1;
        self.ages.insert((touched.retained_from, seq));
        self.touched.insert(seq, touched);
        if let Lanes::Fifo(groups) = &mut self.lanes {
            groups.touch(slot.lane, seq);
        }
        self.make_ready(seq, false);
    }

    /// Takes a message out for good, with all its deadlines; what it was if it was touched.
    pub(super) fn remove(&mut self, seq: Seq, deadlines: &mut Deadlines) -> Option<Touched> {
        if let Some(touched) = self.touched.remove(&seq) {
            self.ages.remove(&(touched.retained_from, seq));
            self.left_phase(touched.slot, touched.phase);
            if let Some(until) = touched.until() {
                deadlines.remove(until, Due::Message(self.id, seq));
            }
            if let Some(at) = touched.expires_at {
                deadlines.remove(at, Due::Expiry(self.id, seq));
            }
            if let Lanes::Fifo(groups) = &mut self.lanes {
                groups.untouch(touched.slot.lane, seq);
                groups.refresh(touched.slot.lane, &self.touched);
            }
            self.lanes.leave(touched.slot);
            return Some(touched);
        }
        let (waiting, slot) = self.remove_untouched(seq)?;
        let mortal = self.mortal.remove(&seq).map(|(at, _)| at);
        if let Some(at) = mortal {
            deadlines.remove(at, Due::Expiry(self.id, seq));
        }
        if let Lanes::Fifo(groups) = &mut self.lanes {
            groups.refresh(slot.lane, &self.touched);
        }
        let group = self.lanes.group(slot.lane).cloned();
        self.lanes.leave(slot);
        let mut touched = Touched::new(
            slot,
            group,
            waiting.sent_at,
            waiting.size,
            Phase::Ready { turn: Turn::default() },
        );
        touched.expires_at = mortal;
        Some(touched)
    }

    fn remove_untouched(&mut self, seq: Seq) -> Option<(Waiting, Slot)> {
        if let Some(slot) = self.slot_of_waiting(seq) {
            let waiting = self.lanes.remove_waiting(slot, seq)?;
            self.counts.waiting -= 1;
            return Some((waiting, slot));
        }
        let Lanes::Fifo(groups) = &mut self.lanes else { return None };
        let (waiting, lane) = groups.remove_upcoming(seq)?;
        Some((waiting, Slot { lane, priority: PRIORITY_DEFAULT }))
    }

    /// Where a message waits: nearly always it is the first of its lane.
    pub(super) fn slot_of_waiting(&self, seq: Seq) -> Option<Slot> {
        let known = self.lanes.front_slot(seq);
        known.or_else(|| {
            let before = Seq::new(seq.get().checked_sub(1)?);
            let found = self.lanes.waiting_after(None, before, 1);
            found.into_iter().find(|(waiting, _)| waiting.seq == seq).map(|(_, slot)| slot)
        })
    }

    /// Counts and orders without a message that was in this phase.
    fn left_phase(&mut self, slot: Slot, phase: Phase) {
        match phase {
            Phase::Delayed { .. } => self.counts.delayed -= 1,
            Phase::InFlight { .. } => {
                self.counts.in_flight -= 1;
                if let Lanes::Standard(tenants) = &mut self.lanes {
                    tenants.unleased(slot);
                }
            }
            Phase::Ready { turn } => {
                self.counts.returned -= 1;
                if let Lanes::Standard(tenants) = &mut self.lanes {
                    tenants.take_returned(slot, turn);
                }
            }
        }
    }
}
