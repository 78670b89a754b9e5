//! The one door by which time passes.
//!
//! Deadlines are taken strictly in the order in which they pass, so that it makes no difference in
//! how many steps an instant is reached.

use super::{
    State,
    deadlines::{Deadlines, Due},
    lanes::Lanes,
    queue::Queue,
    touched::Phase,
};
use crate::types::{QueueId, Seq, Timestamp};

impl State {
    /// Lets time pass until `now`, which ends leases, delays, retention and deduplication; whether
    /// it changed anything. Time that does not pass changes nothing.
    pub fn advance(&mut self, now: Timestamp) -> bool {
        let mut changed = false;
        while let Some((at, due)) = self.deadlines.take_due(now) {
            changed |= match due {
                Due::Message(queue, seq) => self.end_lease_or_delay(at, queue, seq),
                Due::Expiry(queue, seq) => self.end_life(at, queue, seq),
                Due::Arrival(queue) => self.arrive(at, queue),
                Due::Retention(queue) => self.expire(at, queue),
                Due::Deduplication(queue) => self.end_deduplication(at, queue),
                Due::Attempt(queue, attempt) => {
                    let queue = self.queues.get_mut(&queue);
                    queue.is_some_and(|queue| queue.attempts.expire(attempt, at))
                }
            };
        }
        self.now = self.now.max(now);
        changed
    }

    fn end_lease_or_delay(&mut self, at: Timestamp, id: QueueId, seq: Seq) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        match queue.touched.get(&seq).map(|touched| touched.phase) {
            Some(Phase::Delayed { until }) if until == at => queue.make_ready(seq, false),
            Some(Phase::InFlight { until }) if until == at => {
                queue.come_back(seq, at, &mut self.deadlines);
            }
            _ => return false,
        }
        self.wake(id);
        true
    }

    fn end_life(&mut self, at: Timestamp, id: QueueId, seq: Seq) -> bool {
        if self.retention_held {
            // Its deadline is made anew when retention is released.
            return false;
        }
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        let of_touched = queue.touched.get(&seq).and_then(|touched| touched.expires_at);
        let of_untouched = queue.mortal.get(&seq).map(|(expires_at, _)| *expires_at);
        let is_over = of_touched.or(of_untouched) == Some(at);
        if is_over {
            queue.remove(seq, &mut self.deadlines);
            self.gone.push(seq);
            // On a FIFO queue it may have been what its group waited for.
            self.wake(id);
        }
        is_over
    }

    fn arrive(&mut self, at: Timestamp, id: QueueId) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        if queue.arrival_due_at != Some(at) {
            return false;
        }
        queue.arrival_due_at = None;
        queue.arrive(at);
        queue.schedule_arrival(&mut self.deadlines);
        self.wake(id);
        true
    }

    fn end_deduplication(&mut self, at: Timestamp, id: QueueId) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        let changed = queue.window.expire(at);
        if let Some(next) = queue.window.next_end() {
            self.deadlines.insert(next, Due::Deduplication(id));
        }
        changed
    }

    /// Removes the messages of a queue that were kept for long enough at `at`.
    fn expire(&mut self, at: Timestamp, id: QueueId) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        if queue.retention_due_at != Some(at) {
            return false;
        }
        queue.retention_due_at = None;
        if self.retention_held {
            return false;
        }
        let mut changed = false;
        while let Some(seq) = queue.first_over(at) {
            queue.remove(seq, &mut self.deadlines);
            self.gone.push(seq);
            changed = true;
        }
        self.schedule_retention(id);
        // On a FIFO queue an expired message may have been what its group waited for.
        self.wake(id);
        changed
    }

    /// Lets retention go on where it was held; what is over goes at the next advance.
    pub(super) fn release_retention(&mut self) {
        self.retention_held = false;
        let ids: Vec<QueueId> = self.queues.keys().copied().collect();
        for id in ids {
            self.schedule_retention(id);
            self.schedule_lives(id);
        }
    }

    /// Sees to it that the end of each message's own time to live is among the deadlines.
    fn schedule_lives(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get(&id) else { return };
        let touched = queue.touched.iter().filter_map(|(seq, t)| Some((*seq, t.expires_at?)));
        let untouched = queue.mortal.iter().map(|(seq, (at, _))| (*seq, *at));
        for (seq, at) in touched.chain(untouched) {
            self.deadlines.insert(at, Due::Expiry(id, seq));
        }
    }

    /// Sees to it that the queue's oldest message has its retention among the deadlines. What is
    /// there already may be early, which costs one look, but never late.
    pub(super) fn schedule_retention(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.retention_due_at.is_some() || self.retention_held {
            return;
        }
        if let Some(oldest) = queue.oldest() {
            let at = oldest.after(queue.settings.retention);
            queue.retention_due_at = Some(at);
            self.deadlines.insert(at, Due::Retention(id));
        }
    }
}

impl Queue {
    /// A lease of the message has ended without a delete.
    pub(super) fn come_back(&mut self, seq: Seq, at: Timestamp, deadlines: &mut Deadlines) {
        let received = self.touched.get(&seq).map_or(0, |touched| touched.receive_count);
        match &self.settings.backoff {
            Some(backoff) => {
                let until = at.after(backoff.after(received));
                self.make_delayed(seq, until, deadlines);
            }
            None => self.make_ready(seq, false),
        }
    }

    /// Lets messages arrive whose wait for the queue's delay is over.
    pub(super) fn arrive(&mut self, at: Timestamp) {
        let Lanes::Fifo(groups) = &mut self.lanes else { return };
        for lane in groups.arrive(at, self.settings.delay) {
            self.counts.waiting += 1;
            groups.refresh(lane, &self.touched);
        }
    }

    /// Sees to it that the end of the first upcoming message's wait is among the deadlines.
    pub(super) fn schedule_arrival(&mut self, deadlines: &mut Deadlines) {
        let Lanes::Fifo(groups) = &self.lanes else { return };
        if self.arrival_due_at.is_some() {
            return;
        }
        if let Some((first, _)) = groups.upcoming().values().next() {
            let at = first.sent_at.after(self.settings.delay);
            self.arrival_due_at = Some(at);
            deadlines.insert(at, Due::Arrival(self.id));
        }
    }

    /// The queue's delay is another: on a FIFO queue that holds for what is there too.
    pub(super) fn delay_changed(&mut self, now: Timestamp, deadlines: &mut Deadlines) {
        if let Some(at) = self.arrival_due_at.take() {
            deadlines.remove(at, Due::Arrival(self.id));
        }
        if let Lanes::Fifo(groups) = &mut self.lanes {
            for lane in groups.delay_again(now, self.settings.delay) {
                self.counts.waiting -= 1;
                groups.refresh(lane, &self.touched);
            }
        }
        self.arrive(now);
        self.schedule_arrival(deadlines);
    }

    /// A message whose retention is over at this time.
    fn first_over(&self, at: Timestamp) -> Option<Seq> {
        let retention = self.settings.retention;
        let is_over = |from: Timestamp| from.after(retention) <= at;
        if let Some((waiting, _)) = self.lanes.oldest_waiting()
            && is_over(waiting.sent_at)
        {
            return Some(waiting.seq);
        }
        if let Some((from, seq)) = self.ages.first()
            && is_over(*from)
        {
            return Some(*seq);
        }
        let Lanes::Fifo(groups) = &self.lanes else { return None };
        let (waiting, _) = groups.upcoming().values().next()?;
        is_over(waiting.sent_at).then_some(waiting.seq)
    }
}
