//! Making records true: the same code live and in replay.
//!
//! **Invariant**: a record is applied only if [`State::admits`] it. Live that follows from
//! deciding;
//! replay asks, since a log's bytes come from a disk.

use super::{
    State,
    backlog::Waiting,
    deadlines::Due,
    queue::{Phase, Queue, Touched},
};
use crate::types::{Lsn, Nonce, QueueId, QueueName, QueueSettings, Record, Seq, Timestamp};

impl State {
    /// Makes `record`, which stands at `lsn`, true at the time that was last advanced to.
    pub fn apply(&mut self, record: &Record, lsn: Lsn) {
        debug_assert_eq!(lsn, self.applied_lsn.next(), "records are applied in the log's order");
        debug_assert_eq!(self.admits(record), Ok(()), "only what is admitted is applied");
        self.applied_lsn = lsn;
        match *record {
            Record::Tick => {}
            Record::RetentionHeld => self.retention_held = true,
            Record::RetentionReleased => self.release_retention(),
            Record::QueueCreated { queue, ref name, ref settings } => {
                self.queue_created(queue, name, settings);
            }
            Record::QueueUpdated { queue, ref settings } => self.queue_updated(queue, settings),
            Record::QueueDeleted { queue } => self.queue_deleted(queue),
            Record::QueuePurged { queue, .. } => self.queue_purged(queue),
            Record::MessageSent { queue, seq, ready_at, size } => {
                self.message_sent(queue, seq, ready_at, size);
            }
            Record::MessageLeased { queue, seq, nonce, until } => {
                self.message_leased(queue, seq, nonce, until);
            }
            Record::VisibilityChanged { queue, seq, until } => {
                self.visibility_changed(queue, seq, until);
            }
            Record::LeaseReturned { queue, seq } => self.lease_returned(queue, seq),
            Record::MessageDeleted { queue, seq } => self.message_deleted(queue, seq),
        }
        #[cfg(debug_assertions)]
        self.check_queue(record);
    }

    fn queue_created(&mut self, id: QueueId, name: &QueueName, settings: &QueueSettings) {
        let queue = Queue::new(id, name.clone(), settings.clone(), self.now);
        self.names.insert(name.clone(), id);
        self.queues.insert(id, queue);
        self.next_queue = id.next();
    }

    fn queue_updated(&mut self, id: QueueId, settings: &QueueSettings) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.settings = settings.clone();
        queue.modified_at = self.now;
        // A shorter retention must not wait for the old one.
        if let Some(at) = queue.retention_due_at.take() {
            self.deadlines.remove(at, Due::Retention(id));
        }
        self.schedule_retention(id);
    }

    fn queue_deleted(&mut self, id: QueueId) {
        let Some(mut queue) = self.queues.remove(&id) else { return };
        self.names.remove(&queue.name);
        if let Some(at) = queue.retention_due_at {
            self.deadlines.remove(at, Due::Retention(id));
        }
        self.garbage.empty(&mut queue);
        // Whoever waits there is told that the queue is gone.
        self.wake(id);
    }

    fn queue_purged(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.purged_at = Some(self.now);
        self.garbage.empty(queue);
    }

    fn message_sent(&mut self, id: QueueId, seq: Seq, ready_at: Timestamp, size: u32) {
        let (now, sent_at) = (self.now, self.now);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        self.next_seq = seq.next();
        if ready_at <= now {
            queue.backlog.push_back(Waiting { seq, sent_at, size });
            self.wake(id);
        } else {
            let phase = Phase::Delayed { until: ready_at };
            queue.touched.insert(seq, Touched::new(sent_at, size, phase));
            queue.delayed_count += 1;
            self.deadlines.insert(ready_at, Due::Message(id, seq));
        }
        self.schedule_retention(id);
    }

    fn message_leased(&mut self, id: QueueId, seq: Seq, nonce: Nonce, until: Timestamp) {
        let now = self.now;
        let Some(touched) = self.queues.get_mut(&id).and_then(|queue| queue.take_ready(seq)) else {
            return;
        };
        touched.phase = Phase::InFlight { until };
        touched.nonce = nonce;
        touched.leased_at = now;
        touched.receive_count = touched.receive_count.saturating_add(1);
        if touched.first_received_at == Timestamp::ZERO {
            touched.first_received_at = now;
        }
        self.deadlines.insert(until, Due::Message(id, seq));
    }

    fn visibility_changed(&mut self, id: QueueId, seq: Seq, until: Timestamp) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(touched) = queue.touched.get_mut(&seq) else { return };
        let Phase::InFlight { until: before } = touched.phase else { return };
        self.deadlines.remove(before, Due::Message(id, seq));
        if until <= self.now {
            queue.make_ready(seq);
            self.wake(id);
        } else {
            touched.phase = Phase::InFlight { until };
            self.deadlines.insert(until, Due::Message(id, seq));
        }
    }

    fn lease_returned(&mut self, id: QueueId, seq: Seq) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(touched) = queue.touched.get_mut(&seq) else { return };
        let Phase::InFlight { until } = touched.phase else { return };
        touched.receive_count = touched.receive_count.saturating_sub(1);
        if touched.receive_count == 0 {
            touched.first_received_at = Timestamp::ZERO;
        }
        touched.nonce = Nonce::default();
        self.deadlines.remove(until, Due::Message(id, seq));
        queue.make_ready_first(seq);
        self.wake(id);
    }

    fn message_deleted(&mut self, id: QueueId, seq: Seq) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if let Some(until) = queue.remove_touched(seq) {
            self.deadlines.remove(until, Due::Message(id, seq));
        }
    }
}
