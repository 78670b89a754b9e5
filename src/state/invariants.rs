//! What must hold after every record, checked by debug builds and by tests.

use std::collections::BTreeSet;

use super::{
    State,
    deadlines::Due,
    lanes::Lanes,
    queue::Queue,
    touched::{Phase, Touched},
};
#[cfg(debug_assertions)]
use crate::types::Record;
use crate::types::{QueueId, Seq};

impl State {
    /// The counts of the queue that a record was about, and its message: cheap at any depth.
    #[cfg(debug_assertions)]
    pub(super) fn check_queue(&self, record: &Record) {
        let (id, seq) = match *record {
            Record::Tick
            | Record::RetentionHeld
            | Record::RetentionReleased
            | Record::Transacted { .. }
            | Record::MoveStarted { .. }
            | Record::MoveCancelling { .. }
            | Record::MoveEnded { .. }
            | Record::Compacted { .. } => return,
            Record::QueueCreated { queue, .. }
            | Record::QueueUpdated { queue, .. }
            | Record::QueueDeleted { queue }
            | Record::QueuePurged { queue, .. }
            | Record::QueuePaused { queue, .. }
            | Record::AttemptMade { queue, .. }
            | Record::AttemptRepeated { queue, .. } => (queue, None),
            Record::MessageSent(ref sending) | Record::MessageRedriven { ref sending, .. } => {
                (sending.queue, Some(sending.seq))
            }
            Record::MessageMoved { target, seq, .. } => (target, Some(seq)),
            Record::MessageLeased { queue, seq, .. }
            | Record::VisibilityChanged { queue, seq, .. }
            | Record::LeaseReturned { queue, seq }
            | Record::MessageDeleted { queue, seq } => (queue, Some(seq)),
        };
        if let Some(queue) = self.queues.get(&id) {
            self.check_counts(queue);
            if let Some((seq, touched)) = seq.and_then(|seq| queue.touched.get_key_value(&seq)) {
                self.check_message(id, queue, *seq, touched);
            }
        }
    }

    /// Everything, message by message.
    ///
    /// # Panics
    ///
    /// If an invariant does not hold: that is a bug.
    pub fn check_all(&self) {
        assert_eq!(self.queues.len(), self.names.len(), "every queue has one name");
        let mut everywhere = BTreeSet::new();
        for (id, queue) in &self.queues {
            assert_eq!(self.names.get(&queue.name), Some(id), "a name leads to its queue");
            assert!(*id < self.next_queue, "queue ids are given in order");
            self.check_counts(queue);
            for (seq, touched) in queue.touched.iter() {
                self.check_message(*id, queue, *seq, touched);
                assert!(everywhere.insert(*seq), "message {seq} is in one place");
            }
            let waiting = queue.lanes.waiting_after(None, Seq::default(), usize::MAX);
            assert_eq!(waiting.len() as u64, queue.counts.waiting, "who waits is counted");
            for (waiting, slot) in waiting {
                assert!(everywhere.insert(waiting.seq), "message {} is in one place", waiting.seq);
                assert!(queue.slot_of_waiting(waiting.seq) == Some(slot), "it can be found");
            }
            if let Lanes::Fifo(groups) = &queue.lanes {
                groups.check_all(&queue.touched);
            }
        }
        assert!(everywhere.last().is_none_or(|last| *last < self.next_seq), "seqs are in order");
    }

    fn check_counts(&self, queue: &Queue) {
        let counts = &queue.counts;
        let touched = counts.delayed + counts.in_flight + counts.returned;
        assert_eq!(touched, queue.touched.len() as u64, "every touched message is in one phase");
        assert_eq!(queue.ages.len(), queue.touched.len(), "every touched message has an age");
        if let Some(oldest) = queue.oldest()
            && !self.retention_held
        {
            let due = queue.retention_due_at.expect("a queue with messages has its retention due");
            assert!(due <= oldest.after(queue.settings.retention), "retention is never late");
            assert!(self.deadlines.contains(due, Due::Retention(queue.id)));
        }
        if queue.upcoming_count() > 0 {
            let due = queue.arrival_due_at.expect("who is upcoming arrives");
            assert!(self.deadlines.contains(due, Due::Arrival(queue.id)));
        }
        if let Some(at) = queue.window.next_end() {
            assert!(self.deadlines.contains(at, Due::Deduplication(queue.id)));
        }
    }

    fn check_message(&self, id: QueueId, queue: &Queue, seq: Seq, touched: &Touched) {
        assert!(seq < self.next_seq, "seqs are given in order");
        assert!(queue.ages.contains(&(touched.retained_from, seq)), "its age is known");
        match touched.phase {
            Phase::Delayed { until } | Phase::InFlight { until } => {
                assert!(self.deadlines.contains(until, Due::Message(id, seq)), "it will end");
            }
            Phase::Ready { .. } => {}
        }
        if let Some(at) = touched.expires_at
            && !self.retention_held
        {
            assert!(self.deadlines.contains(at, Due::Expiry(id, seq)), "its life will end");
        }
    }
}
