//! Queues without disk and network, and what their commands are made of.

use std::hint::black_box;

use ledgerq::{
    broker::{Handle, digest},
    state::{DeleteDecision, SendDecision, Settings, State},
    types::{
        DeleteMode, Envelope, GroupId, LeaseRef, Millis, Nonce, QueueName, ReceiveOptions, Record,
        SendEntry, SettingsPatch, Timestamp,
    },
};

/// When it begins.
pub(crate) const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
/// More ids than any bench keeps.
const DEDUPLICATION_IDS_MAX: u64 = 2_000_000;

/// A state with one queue, and the numbers that its commands draw.
pub(crate) struct Model {
    pub(crate) state: State,
    pub(crate) queue: QueueName,
    nonce: Nonce,
    sent_count: u64,
}

impl Model {
    pub(crate) fn new(queue: &str) -> Self {
        let settings = Settings {
            in_flight_max: u64::MAX,
            deduplication_ids_max: DEDUPLICATION_IDS_MAX,
            deleted_names_held: false,
        };
        let mut state = State::new(settings);
        state.advance(NOW);
        let queue = QueueName::parse(queue).expect("a good name");
        let created = state.decide_create(&queue, &SettingsPatch::default());
        let mut model = Self { state, queue, nonce: Nonce::new(0), sent_count: 0 };
        model.apply(&created.expect("a good queue").expect("a new queue"));
        model
    }

    pub(crate) fn apply(&mut self, record: &Record) {
        self.state.apply(record, self.state.applied_lsn().next());
    }

    /// A message for a group, with an id of its own.
    pub(crate) fn entry(&mut self, group: &str) -> SendEntry {
        self.sent_count += 1;
        let group = GroupId::parse("group", group).expect("a good id");
        let id = self.sent_count.to_string();
        let deduplication = self.queue.is_fifo();
        SendEntry {
            payload: Handle::payload(&Envelope::default(), vec![b'x'; 100].into()),
            deduplication: deduplication.then(|| digest::deduplication(&id, Some(&group), false)),
            group: Some(group),
            ..SendEntry::default()
        }
    }

    pub(crate) fn send(&mut self, group: &str) {
        let entry = self.entry(group);
        self.send_entry(&entry);
    }

    fn send_entry(&mut self, entry: &SendEntry) {
        let seq = self.state.next_seq();
        let decision = self.state.decide_send(&self.queue, entry, seq).expect("it is taken");
        let SendDecision::Accept(sending) = decision else { unreachable!("no id comes twice") };
        self.apply(&Record::MessageSent(sending));
        drop(self.state.take_woken());
    }

    /// Ids stop counting after five minutes, so that the window does not grow with the run.
    fn let_time_pass(&mut self) {
        self.state.advance(self.state.now().after(Millis::new(1)));
    }

    pub(crate) fn receive(&mut self, count_max: usize) -> Vec<LeaseRef> {
        self.nonce = self.nonce.next();
        let options = ReceiveOptions::new(count_max);
        let receiving = self.state.begin_receive(&self.queue, &options, self.nonce);
        let mut receiving = receiving.expect("there is room in flight");
        while let Some(record) = self.state.decide_receive(&mut receiving) {
            self.apply(&record);
        }
        let (queue, nonce) = (receiving.queue(), self.nonce);
        receiving.taken().iter().map(|seq| LeaseRef { queue, seq: *seq, nonce }).collect()
    }

    pub(crate) fn delete(&mut self, lease: &LeaseRef) {
        let decision = self.state.decide_delete(&self.queue, lease, DeleteMode::Fenced);
        let Ok(DeleteDecision::Delete(deleted)) = decision else {
            unreachable!("the lease is the last one")
        };
        self.apply(&deleted);
    }

    /// This message goes in, the next one goes out.
    pub(crate) fn cycle(&mut self, entry: &SendEntry) {
        self.send_entry(entry);
        for lease in self.receive(1) {
            self.delete(&lease);
        }
        self.let_time_pass();
        drop(black_box(self.state.take_woken()));
    }
}
