//! Making records true: the same code live and in replay.
//!
//! **Invariant**: a record is applied only if [`State::admits`] it. Live that follows from
//! deciding;
//! replay asks, since a log's bytes come from a disk.

use super::{
    State, attempts::Attempt, deadlines::Due, moves::MoveTask, queue::Queue, touched::Phase,
};
use crate::types::{
    Digest, Lsn, Nonce, QueueId, QueueName, QueueSettings, Record, Sending, Seq, Timestamp,
    limits::ATTEMPT_WINDOW,
};

impl State {
    /// Makes `record`, which stands at `lsn`, true at the time that was last advanced to.
    pub fn apply(&mut self, record: &Record, lsn: Lsn) {
        debug_assert_eq!(lsn, self.applied_lsn.next(), "records are applied in the log's order");
        self.applied_lsn = lsn;
        self.make_true(record);
    }

    pub(super) fn make_true(&mut self, record: &Record) {
        debug_assert_eq!(self.admits(record), Ok(()), "only what is admitted is applied");
        match *record {
            Record::Tick | Record::Compacted { .. } => {}
            Record::RetentionHeld => self.retention_held = true,
            Record::RetentionReleased => self.release_retention(),
            Record::QueueCreated { queue, ref name, ref settings } => {
                self.queue_created(queue, name, settings);
            }
            Record::QueueUpdated { queue, ref settings } => self.queue_updated(queue, settings),
            Record::QueueDeleted { queue } => self.queue_deleted(queue),
            Record::QueuePurged { queue, seq_bound } => self.queue_purged(queue, seq_bound),
            Record::QueuePaused { queue, sends, receives } => {
                self.queue_paused(queue, sends, receives);
            }
            Record::MessageSent(ref sending) => self.message_sent(sending),
            Record::MessageLeased { queue, seq, nonce, until } => {
                self.message_leased(queue, seq, nonce, until);
            }
            Record::VisibilityChanged { queue, seq, until } => {
                self.visibility_changed(queue, seq, until);
            }
            Record::LeaseReturned { queue, seq } => self.lease_returned(queue, seq),
            Record::MessageDeleted { queue, seq } => self.message_deleted(queue, seq),
            Record::MessageMoved { queue, seq, target } => self.message_moved(queue, seq, target),
            Record::AttemptMade { queue, attempt, nonce, ref seqs } => {
                self.attempt_made(queue, attempt, nonce, seqs);
            }
            Record::AttemptRepeated { queue, attempt, until } => {
                self.attempt_repeated(queue, attempt, until);
            }
            Record::Transacted { ref records } => {
                for record in records {
                    self.make_true(record);
                }
            }
            Record::MoveStarted { task, .. } => {
                self.next_task = task.next();
                if let Some(started) = MoveTask::started(self, record) {
                    self.tasks.insert(task, started);
                    self.forget_ended_tasks(task);
                }
            }
            Record::MessageRedriven { task, seq, ref sending } => {
                self.message_redriven(task, seq, sending);
            }
            Record::MoveCancelling { task } => {
                if let Some(task) = self.tasks.get_mut(&task) {
                    task.cancelling = true;
                }
            }
            Record::MoveEnded { task, ref outcome } => {
                if let Some(task) = self.tasks.get_mut(&task) {
                    task.outcome = Some(outcome.clone());
                }
            }
        }
        #[cfg(debug_assertions)]
        self.check_queue(record);
    }

    pub(super) fn queue_created(
        &mut self,
        id: QueueId,
        name: &QueueName,
        settings: &QueueSettings,
    ) {
        let queue = Queue::new(id, name.clone(), settings.clone(), self.now);
        self.deleted_names.remove(name);
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
        queue.delay_changed(self.now, &mut self.deadlines);
        self.schedule_retention(id);
        self.wake(id);
    }

    pub(super) fn queue_deleted(&mut self, id: QueueId) {
        let Some(mut queue) = self.queues.remove(&id) else { return };
        self.names.remove(&queue.name);
        self.deleted_names.insert(queue.name.clone(), self.now);
        if let Some(at) = queue.retention_due_at {
            self.deadlines.remove(at, Due::Retention(id));
        }
        let maps = queue.empty(&mut self.garbage);
        self.discard_maps(id, maps);
        self.source_deleted(id);
        // Whoever waits there is told that the queue is gone.
        self.wake(id);
    }

    fn queue_purged(&mut self, id: QueueId, seq_bound: Seq) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        queue.purged_at = Some(self.now);
        queue.purged_below = seq_bound;
        let maps = queue.empty(&mut self.garbage);
        self.discard_maps(id, maps);
    }

    fn queue_paused(&mut self, id: QueueId, sends: bool, receives: bool) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        (queue.sends_paused, queue.receives_paused) = (sends, receives);
        // Whoever waits there is refused now, or served again.
        self.wake(id);
    }

    pub(super) fn message_sent(&mut self, sending: &Sending) {
        let (id, now) = (sending.queue, self.now);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        self.next_seq = sending.seq.next();
        queue.accept(sending, now, &mut self.deadlines);
        queue.schedule_arrival(&mut self.deadlines);
        if let Some(digest) = sending.deduplication {
            queue.window.insert(digest, sending.seq, now);
            if queue.window.len() == 1
                && let Some(at) = queue.window.next_end()
            {
                self.deadlines.insert(at, Due::Deduplication(id));
            }
        }
        self.schedule_retention(id);
        self.wake(id);
    }

    fn message_leased(&mut self, id: QueueId, seq: Seq, nonce: Nonce, until: Timestamp) {
        let now = self.now;
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(touched) = queue.lease(seq, until) else { return };
        touched.nonce = nonce;
        touched.is_changed = false;
        touched.is_repeated = false;
        touched.leased_at = now;
        touched.receive_count = touched.receive_count.saturating_add(1);
        if touched.first_received_at == Timestamp::ZERO {
            touched.first_received_at = now;
        }
        self.deadlines.insert(until, Due::Message(id, seq));
    }

    fn visibility_changed(&mut self, id: QueueId, seq: Seq, until: Timestamp) {
        let now = self.now;
        self.lease_lasts(id, seq, until);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(touched) = queue.touched.get_mut(&seq) else { return };
        touched.is_changed = true;
        if until <= now {
            self.deadlines.remove(until, Due::Message(id, seq));
            queue.come_back(seq, now, &mut self.deadlines);
            self.wake(id);
        }
    }

    /// Lets a lease end at another time.
    fn lease_lasts(&mut self, id: QueueId, seq: Seq, until: Timestamp) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(touched) = queue.touched.get_mut(&seq) else { return };
        let Phase::InFlight { until: before } = touched.phase else { return };
        self.deadlines.remove(before, Due::Message(id, seq));
        touched.phase = Phase::InFlight { until };
        self.deadlines.insert(until, Due::Message(id, seq));
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
        queue.make_ready(seq, true);
        self.wake(id);
    }

    fn message_deleted(&mut self, id: QueueId, seq: Seq) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        if queue.remove(seq, &mut self.deadlines).is_some() {
            self.gone.push(seq);
        }
        if queue.name.is_fifo() {
            // It may have been what its group waited for.
            self.wake(id);
        }
    }

    fn message_moved(&mut self, id: QueueId, seq: Seq, target: QueueId) {
        let now = self.now;
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let Some(mut touched) = queue.remove(seq, &mut self.deadlines) else { return };
        touched.source = Some(id);
        touched.received_elsewhere = touched.receive_count;
        touched.nonce = Nonce::default();
        self.wake(id);
        let Some(queue) = self.queues.get_mut(&target) else { return };
        if queue.name.is_fifo() {
            touched.retained_from = now;
        }
        if let Some(at) = touched.expires_at {
            self.deadlines.insert(at, Due::Expiry(target, seq));
        }
        let slot = queue.lanes.enter(touched.group.as_ref(), touched.slot.priority);
        queue.insert_moved(seq, touched, slot);
        self.message_came_in(target);
    }

    /// An older message than any that was there may have come in.
    pub(super) fn message_came_in(&mut self, id: QueueId) {
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let oldest = queue.oldest().map(|oldest| oldest.after(queue.settings.retention));
        if let Some(due) = queue.retention_due_at
            && oldest.is_some_and(|oldest| oldest < due)
        {
            queue.retention_due_at = None;
            self.deadlines.remove(due, Due::Retention(id));
        }
        self.schedule_retention(id);
        self.wake(id);
    }

    fn attempt_made(&mut self, id: QueueId, attempt: Digest, nonce: Nonce, seqs: &[Seq]) {
        let ends_at = self.now.after(ATTEMPT_WINDOW);
        let Some(queue) = self.queues.get_mut(&id) else { return };
        let made = Attempt { nonce, seqs: seqs.to_vec(), ends_at };
        if let Some(before) = queue.attempts.by_id.insert(attempt, made) {
            self.deadlines.remove(before.ends_at, Due::Attempt(id, attempt));
        }
        self.deadlines.insert(ends_at, Due::Attempt(id, attempt));
    }

    fn attempt_repeated(&mut self, id: QueueId, attempt: Digest, until: Timestamp) {
        let Some(queue) = self.queues.get(&id) else { return };
        let Some(made) = queue.attempts.by_id.get(&attempt) else { return };
        for seq in made.seqs.clone() {
            self.lease_lasts(id, seq, until);
            let queue = self.queues.get_mut(&id);
            if let Some(touched) = queue.and_then(|queue| queue.touched.get_mut(&seq)) {
                touched.is_repeated = true;
            }
        }
    }
}
