//! The one door by which time passes.
//!
//! Deadlines are taken strictly in the order in which they pass, so that it makes no difference in
//! how many steps an instant is reached.

use super::{State, deadlines::Due, queue::Phase};
use crate::types::{QueueId, Seq, Timestamp};

impl State {
    /// Lets time pass until `now`, which ends leases, delays and retention; whether it changed
    /// anything. Time that does not pass changes nothing.
    pub fn advance(&mut self, now: Timestamp) -> bool {
        let mut changed = false;
        while let Some((at, due)) = self.deadlines.take_due(now) {
            changed |= match due {
                Due::Message(queue, seq) => self.end_lease_or_delay(at, queue, seq),
                Due::Retention(queue) => self.expire(at, queue),
            };
        }
        self.now = self.now.max(now);
        changed
    }

    fn end_lease_or_delay(&mut self, at: Timestamp, id: QueueId, seq: Seq) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        match queue.touched.get(&seq).map(|touched| touched.phase) {
            Some(Phase::Delayed { until } | Phase::InFlight { until }) if until == at => {
                queue.make_ready(seq);
                self.wake(id);
                true
            }
            _ => false,
        }
    }

    /// Removes the messages of a queue that were kept for long enough at `at`.
    fn expire(&mut self, at: Timestamp, id: QueueId) -> bool {
        let Some(queue) = self.queues.get_mut(&id) else { return false };
        if queue.retention_due_at != Some(at) {
            return false;
        }
        if self.retention_held {
            queue.retention_due_at = None;
            return false;
        }
        let retention = queue.settings.retention;
        let is_over = |sent_at: Timestamp| sent_at.after(retention) <= at;
        let mut changed = false;
        while queue.backlog.front().is_some_and(|waiting| is_over(waiting.sent_at)) {
            queue.backlog.pop_front();
            changed = true;
        }
        while let Some((seq, touched)) = queue.touched.first_key_value()
            && is_over(touched.sent_at)
        {
            let seq = *seq;
            if let Some(until) = queue.remove_touched(seq) {
                self.deadlines.remove(until, Due::Message(id, seq));
            }
            changed = true;
        }
        queue.retention_due_at = None;
        self.schedule_retention(id);
        changed
    }

    /// Lets retention go on where it was held; what is over goes at the next advance.
    pub(super) fn release_retention(&mut self) {
        self.retention_held = false;
        let ids: Vec<QueueId> = self.queues.keys().copied().collect();
        for id in ids {
            self.schedule_retention(id);
        }
    }

    /// Sees to it that the queue's oldest message has its retention among the deadlines. What is
    /// there already may be early, which costs one look, but never late.
    pub(super) fn schedule_retention(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.retention_due_at.is_some() || self.retention_held {
            return;
        }
        if let Some(oldest) = queue.oldest_sent_at() {
            let at = oldest.after(queue.settings.retention);
            queue.retention_due_at = Some(at);
            self.deadlines.insert(at, Due::Retention(id));
        }
    }
}
