//! The state made from a log with holes: what can be made true of a record although records before
//! it are lost.
//!
//! A record that the state admits becomes true as in any replay. Of any other, only what it proves
//! is taken: that a message is gone, that it was in another queue, that a queue is there. What it
//! proves nothing about stays as it was, and the record is counted as passed over.

use std::collections::{BTreeMap, BTreeSet};

use super::{State, deadlines::Due, lanes::Lanes, queue::Queue, touched::Touched};
use crate::types::{
    Lsn, QueueId, QueueName, QueueSettings, Record, Sending, Seq, TaskId, limits::RETENTION_MAX,
};

/// What is known of a queue whose record is lost.
pub type KnownQueue = (QueueName, QueueSettings);

/// A state that is being salvaged.
pub struct Salvage {
    state: State,
    /// Queues below this that are not there were deleted.
    known_below: QueueId,
    deleted: BTreeSet<QueueId>,
    known: BTreeMap<QueueId, KnownQueue>,
    made: Vec<QueueName>,
}

impl Salvage {
    /// Goes on from a state that is whole, or from an empty one. `known` are queues of which
    /// something else tells: they are made once a record names them.
    pub fn new(state: State, known: BTreeMap<QueueId, KnownQueue>) -> Self {
        let known_below = state.next_queue;
        Self { state, known_below, deleted: BTreeSet::new(), known, made: Vec::new() }
    }

    /// The state as it is.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The same, to let time pass and to hear what is gone.
    pub fn state_mut(&mut self) -> &mut State {
        &mut self.state
    }

    /// The state, and the queues that were made without the record that made them.
    pub fn finish(self) -> (State, Vec<QueueName>) {
        (self.state, self.made)
    }

    /// Makes of a record what can be made; how many were passed over: of a transact each of its
    /// records counts.
    pub fn apply(&mut self, record: &Record, lsn: Lsn) -> u64 {
        self.state.applied_lsn = lsn;
        self.make(record)
    }

    /// Records up to this one are lost.
    pub fn skip_to(&mut self, lsn: Lsn) {
        self.state.applied_lsn = self.state.applied_lsn.max(lsn);
    }

    /// Messages before this one are lost, or were given and are not known of.
    pub fn skip_messages(&mut self, next_seq: Seq) {
        self.state.next_seq = self.state.next_seq.max(next_seq);
    }

    /// So many messages, queues and tasks may have got numbers behind the last that is known.
    pub fn skip_numbers(&mut self, count: u64) {
        let state = &mut self.state;
        state.next_seq = Seq::new(state.next_seq.get() + count);
        state.next_queue = QueueId::new(state.next_queue.get() + count);
        state.next_task = TaskId::new(state.next_task.get() + count);
    }

    /// Takes a message out, wherever it is; the queue that it was in.
    pub fn take_out(&mut self, seq: Seq) -> Option<QueueId> {
        let id = self.holder_of(seq)?;
        self.state.queues.get_mut(&id)?.remove(seq, &mut self.state.deadlines)?;
        self.state.gone.push(seq);
        Some(id)
    }

    /// Every message that is there, with its queue.
    pub fn messages(&self) -> BTreeMap<Seq, QueueId> {
        let mut found = BTreeMap::new();
        for (id, queue) in &self.state.queues {
            found.extend(queue.touched.keys().map(|seq| (*seq, *id)));
            let waiting = queue.lanes.waiting_after(None, Seq::default(), usize::MAX);
            found.extend(waiting.into_iter().map(|(waiting, _)| (waiting.seq, *id)));
            if let Lanes::Fifo(groups) = &queue.lanes {
                found.extend(groups.upcoming().keys().map(|seq| (*seq, *id)));
            }
        }
        found
    }

    /// The queue that a message is in.
    fn holder_of(&self, seq: Seq) -> Option<QueueId> {
        let is_there = |queue: &Queue| {
            queue.touched.contains_key(&seq)
                || queue.slot_of_waiting(seq).is_some()
                || queue.is_upcoming(seq)
        };
        self.state.queues.values().find(|queue| is_there(queue)).map(|queue| queue.id)
    }

    fn make(&mut self, record: &Record) -> u64 {
        if let Record::QueueDeleted { queue } = record {
            self.deleted.insert(*queue);
        }
        if self.state.admits(record).is_ok() || self.prepare(record) {
            self.state.make_true(record);
            return 0;
        }
        match record {
            Record::Transacted { records } => records.iter().map(|record| self.make(record)).sum(),
            Record::MessageDeleted { seq, .. } => u64::from(self.take_out(*seq).is_none()),
            Record::MessageRedriven { seq, sending, .. } => {
                self.take_out(*seq);
                self.make(&Record::MessageSent(sending.clone()))
            }
            Record::MessageSent(sending) => {
                self.skip_messages(sending.seq.next());
                1
            }
            Record::Tick
            | Record::RetentionHeld
            | Record::RetentionReleased
            | Record::QueueCreated { .. }
            | Record::QueueUpdated { .. }
            | Record::QueueDeleted { .. }
            | Record::QueuePurged { .. }
            | Record::QueuePaused { .. }
            | Record::MessageLeased { .. }
            | Record::VisibilityChanged { .. }
            | Record::LeaseReturned { .. }
            | Record::MessageMoved { .. }
            | Record::AttemptMade { .. }
            | Record::AttemptRepeated { .. }
            | Record::MoveStarted { .. }
            | Record::MoveCancelling { .. }
            | Record::MoveEnded { .. }
            | Record::Compacted { .. } => 1,
        }
    }

    /// Brings about what a record says was so before it; whether it is admitted then.
    fn prepare(&mut self, record: &Record) -> bool {
        let is_prepared = match *record {
            Record::QueueCreated { queue, ref name, .. } => self.clear(queue, name),
            Record::QueueUpdated { queue, .. } | Record::QueuePaused { queue, .. } => {
                self.ensure(queue)
            }
            Record::AttemptMade { queue, .. } => self.ensure(queue),
            Record::QueuePurged { seq_bound, .. } => {
                self.skip_messages(seq_bound);
                true
            }
            Record::MessageSent(Sending { queue, seq, .. }) => {
                let is_there = self.ensure(queue);
                self.skip_messages(seq);
                is_there
            }
            Record::MessageLeased { queue, seq, .. } => self.settle(queue, seq),
            Record::MessageMoved { queue, seq, target } => {
                self.ensure(target) && self.settle(queue, seq)
            }
            Record::Tick
            | Record::RetentionHeld
            | Record::RetentionReleased
            | Record::QueueDeleted { .. }
            | Record::VisibilityChanged { .. }
            | Record::LeaseReturned { .. }
            | Record::MessageDeleted { .. }
            | Record::AttemptRepeated { .. }
            | Record::Transacted { .. }
            | Record::MoveStarted { .. }
            | Record::MessageRedriven { .. }
            | Record::MoveCancelling { .. }
            | Record::MoveEnded { .. }
            | Record::Compacted { .. } => false,
        };
        is_prepared && self.state.admits(record).is_ok()
    }

    /// A queue is made: another of its name was deleted before.
    fn clear(&mut self, id: QueueId, name: &QueueName) -> bool {
        if let Some(before) = self.state.names.get(name).copied().filter(|before| *before != id) {
            self.deleted.insert(before);
            self.state.queue_deleted(before);
        }
        true
    }

    /// Whether a queue is there; one that a lost record made is made under the name that is known,
    /// or another.
    fn ensure(&mut self, id: QueueId) -> bool {
        if self.state.queues.contains_key(&id) {
            return true;
        }
        if id < self.known_below || self.deleted.contains(&id) {
            return false;
        }
        let (name, settings) = match self.known.remove(&id) {
            Some((name, settings)) if !self.state.names.contains_key(&name) => (name, settings),
            Some((_, settings)) => (self.free_name(id), settings),
            // What is known of neither must not expire sooner than it would have.
            None => {
                let settings =
                    QueueSettings { retention: RETENTION_MAX, ..QueueSettings::default() };
                (self.free_name(id), settings)
            }
        };
        let next_queue = self.state.next_queue.max(id.next());
        self.state.queue_created(id, &name, &settings);
        self.state.next_queue = next_queue;
        self.made.push(name);
        true
    }

    fn free_name(&self, id: QueueId) -> QueueName {
        let names = (0_u32..).map(|nth| match nth {
            0 => format!("salvaged-{id}"),
            nth => format!("salvaged-{id}-{nth}"),
        });
        let mut names = names.filter_map(|name| QueueName::parse(&name).ok());
        let free = names.find(|name| !self.state.names.contains_key(name));
        free.expect("there are fewer queues than numbers")
    }

    /// A message was in this queue and ready, whatever is known of it; whether it is now.
    fn settle(&mut self, id: QueueId, seq: Seq) -> bool {
        if !self.ensure(id) {
            return false;
        }
        let Some(holder) = self.holder_of(seq) else { return false };
        let Some(queue) = self.state.queues.get_mut(&holder) else { return false };
        let Some(touched) = queue.remove(seq, &mut self.state.deadlines) else { return false };
        let needs_group = |id| {
            let queue = self.state.queues.get(&id);
            queue.is_some_and(|queue| matches!(queue.lanes, Lanes::Fifo(_)))
        };
        let id = if touched.group.is_none() && needs_group(id) { holder } else { id };
        self.put(id, seq, touched);
        true
    }

    fn put(&mut self, id: QueueId, seq: Seq, touched: Touched) {
        let state = &mut self.state;
        if let Some(at) = touched.expires_at {
            state.deadlines.insert(at, Due::Expiry(id, seq));
        }
        let Some(queue) = state.queues.get_mut(&id) else { return };
        let slot = queue.lanes.enter(touched.group.as_ref(), touched.slot.priority);
        queue.insert_moved(seq, touched, slot);
        state.message_came_in(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        state::Settings,
        types::{Digest, Nonce, Timestamp},
    };

    const LATER: Timestamp = Timestamp::from_millis(90_000);

    fn name(name: &str) -> QueueName {
        QueueName::parse(name).expect("a good name")
    }

    fn created(id: u64, queue: &str) -> Record {
        let (queue, name) = (QueueId::new(id), name(queue));
        Record::QueueCreated { queue, name, settings: QueueSettings::default() }
    }

    fn sent(queue: u64, seq: u64) -> Record {
        let (queue, seq) = (QueueId::new(queue), Seq::new(seq));
        Record::MessageSent(Sending::plain(queue, seq, Timestamp::ZERO, 1))
    }

    fn leased(queue: u64, seq: u64) -> Record {
        let (queue, seq, nonce) = (QueueId::new(queue), Seq::new(seq), Nonce::new(7));
        Record::MessageLeased { queue, seq, nonce, until: LATER }
    }

    /// What these records, the first at LSN 1, lead to, and how many were passed over.
    fn salvaged(records: &[Record]) -> (Salvage, u64) {
        let settings =
            Settings { in_flight_max: 100, deduplication_ids_max: 100, deleted_names_held: false };
        let mut salvage = Salvage::new(State::new(settings), BTreeMap::new());
        let lsns = (1..).map(Lsn::new);
        let passed_over = records.iter().zip(lsns).map(|(it, lsn)| salvage.apply(it, lsn)).sum();
        salvage.state().check_all();
        (salvage, passed_over)
    }

    fn seqs(salvage: &Salvage) -> Vec<(u64, u64)> {
        salvage.messages().into_iter().map(|(seq, queue)| (seq.get(), queue.get())).collect()
    }

    #[test]
    fn a_lease_proves_that_its_message_was_there_and_ready() {
        // The message is not the first of its queue, and was moved there by a record that is lost.
        let records =
            [created(1, "a"), created(2, "b"), sent(1, 1), sent(1, 2), leased(2, 2), leased(1, 9)];
        let (salvage, passed_over) = salvaged(&records);
        assert_eq!(seqs(&salvage), [(1, 1), (2, 2)]);
        assert_eq!(passed_over, 1, "message 9 is not there");
        let view = salvage.state().queue(&name("b")).expect("it is there");
        assert_eq!((view.counts.ready, view.counts.in_flight), (0, 1));
    }

    #[test]
    fn a_delete_counts_wherever_its_message_is_and_in_whatever_state() {
        let queue = QueueId::new(1);
        let deleted = |seq| Record::MessageDeleted { queue, seq: Seq::new(seq) };
        let records = [created(1, "a"), sent(1, 1), sent(1, 2), sent(1, 3), deleted(2), deleted(8)];
        let (salvage, passed_over) = salvaged(&records);
        assert_eq!(seqs(&salvage), [(1, 1), (3, 1)]);
        assert_eq!(passed_over, 1);
    }

    #[test]
    fn a_message_without_a_group_is_not_moved_to_a_fifo_queue() {
        let queue = QueueId::new(1);
        let moved = |target| Record::MessageMoved { queue, seq: Seq::new(1), target };
        let [fifo, standard] = [2, 3].map(QueueId::new);
        let returned = Record::LeaseReturned { queue, seq: Seq::new(1) };
        let before =
            [created(1, "a"), created(2, "b.fifo"), created(3, "b"), sent(1, 1), leased(1, 1)];
        let records = [&before[..], &[returned.clone(), moved(fifo)]].concat();
        let (salvage, passed_over) = salvaged(&records);
        assert_eq!((seqs(&salvage), passed_over), (vec![(1, 1)], 1));
        let (salvage, passed_over) =
            salvaged(&[&before[..], &[returned, moved(standard)]].concat());
        assert_eq!((seqs(&salvage), passed_over), (vec![(1, 3)], 0));
    }

    #[test]
    fn a_name_that_is_given_again_proves_that_its_queue_was_deleted() {
        let (salvage, passed_over) =
            salvaged(&[created(1, "a"), sent(1, 1), created(2, "a"), sent(2, 2)]);
        assert_eq!(seqs(&salvage), [(2, 2)]);
        assert_eq!(passed_over, 0);
        let (_, made) = salvage.finish();
        assert!(made.is_empty());
    }

    #[test]
    fn a_queue_whose_record_is_lost_is_made_and_one_that_was_deleted_is_not() {
        let deleted = Record::QueueDeleted { queue: QueueId::new(1) };
        let records = [created(1, "salvaged-5"), sent(5, 4), deleted, sent(1, 5)];
        let (salvage, passed_over) = salvaged(&records);
        assert_eq!(seqs(&salvage), [(4, 5)]);
        assert_eq!(passed_over, 1);
        assert_eq!(salvage.state().next_seq(), Seq::new(6), "no number is given again");
        let (_, made) = salvage.finish();
        assert_eq!(made, [name("salvaged-5-1")]);
    }

    #[test]
    fn of_a_transact_each_record_counts() {
        let queue = QueueId::new(1);
        let deleted = Record::MessageDeleted { queue, seq: Seq::new(7) };
        let transacted = Record::Transacted { records: vec![deleted, sent(1, 9)] };
        let (salvage, passed_over) = salvaged(&[created(1, "a"), transacted]);
        assert_eq!(seqs(&salvage), [(9, 1)]);
        assert_eq!(passed_over, 1);
    }

    #[test]
    fn an_attempt_of_a_queue_that_may_be_no_fifo_queue_is_passed_over() {
        let (queue, nonce) = (QueueId::new(1), Nonce::new(7));
        let attempt = Digest(1);
        let made = |seqs| Record::AttemptMade { queue, attempt, nonce, seqs };
        // The record that made the queue is lost, and with that what kind it was.
        let (salvage, passed_over) = salvaged(&[sent(1, 1), leased(1, 1), made(vec![Seq::new(1)])]);
        assert_eq!(passed_over, 1);
        assert_eq!(salvage.messages().len(), 1);
    }
}
