//! What must hold after every record, checked by debug builds and by tests.

use super::{
    State,
    deadlines::Due,
    queue::{Phase, Queue},
};
use crate::types::{QueueId, Record, Seq};

impl State {
    /// The counts of the queue that a record was about: cheap at any depth.
    #[cfg(debug_assertions)]
    pub(super) fn check_queue(&self, record: &Record) {
        let (id, seq) = match *record {
            Record::Tick | Record::RetentionHeld | Record::RetentionReleased => return,
            Record::QueueCreated { queue, .. }
            | Record::QueueUpdated { queue, .. }
            | Record::QueueDeleted { queue }
            | Record::QueuePurged { queue, .. } => (queue, None),
            Record::MessageSent { queue, seq, .. }
            | Record::MessageLeased { queue, seq, .. }
            | Record::VisibilityChanged { queue, seq, .. }
            | Record::LeaseReturned { queue, seq }
            | Record::MessageDeleted { queue, seq } => (queue, Some(seq)),
        };
        if let Some(queue) = self.queues.get(&id) {
            self.check_counts(queue);
            if let Some(seq) = seq {
                self.check_message(id, queue, seq);
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
        for (id, queue) in &self.queues {
            assert_eq!(self.names.get(&queue.name), Some(id), "a name leads to its queue");
            assert!(*id < self.next_queue, "queue ids are given in order");
            self.check_counts(queue);
            for seq in queue.touched.keys() {
                self.check_message(*id, queue, *seq);
            }
            let seqs: Vec<Seq> = queue.backlog.iter().map(|waiting| waiting.seq).collect();
            assert!(seqs.is_sorted(), "the backlog is in order");
            let is_untouched = |seq| !queue.touched.contains_key(seq);
            assert!(seqs.iter().all(is_untouched), "a message is in one place");
            assert_eq!(seqs.len() as u64, queue.backlog.len(), "the backlog is counted");
        }
    }

    fn check_counts(&self, queue: &Queue) {
        let touched = queue.delayed_count + queue.in_flight_count + queue.returned.len() as u64;
        assert_eq!(touched, queue.touched.len() as u64, "every touched message is in one phase");
        if let Some(oldest) = queue.oldest_sent_at()
            && !self.retention_held
        {
            let due = queue.retention_due_at.expect("a queue with messages has its retention due");
            assert!(due <= oldest.after(queue.settings.retention), "retention is never late");
            assert!(self.deadlines.contains(due, Due::Retention(queue.id)));
        }
    }

    fn check_message(&self, id: QueueId, queue: &Queue, seq: Seq) {
        assert!(seq < self.next_seq, "seqs are given in order");
        match queue.touched.get(&seq).map(|touched| touched.phase) {
            Some(Phase::Delayed { until } | Phase::InFlight { until }) => {
                assert!(self.deadlines.contains(until, Due::Message(id, seq)), "it will end");
            }
            Some(Phase::Ready { turn }) => {
                assert_eq!(queue.returned.get(&turn), Some(&seq), "it will be given out");
            }
            None => {}
        }
    }
}
