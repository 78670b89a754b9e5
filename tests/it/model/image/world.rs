//! A state, and what a store would know beside it: who was sent, with which summary, and who is
//! not gone.

use std::collections::{BTreeMap, BTreeSet};

use ledgerq::{
    broker::digest,
    codec::{
        decode_bucket, decode_image_entries, decode_kept, encode_bucket, encode_image_entry,
        encode_kept,
    },
    state::{NotAnImage, Restoring, State},
    types::{
        Browse, Browsed, DeduplicationBucket, Digest, ImageEntry, LeaseRef, Millis, MoveTaskView,
        Nonce, QueueName, QueueView, ReceiveOptions, Record, Seq, StateFilter, Summary, Timestamp,
        limits, summary_of,
    },
};

use crate::broker::{BEGIN, state_settings};

/// What happens to a state.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Advance(Timestamp),
    Record(Record),
    Collect,
}

pub(super) struct World {
    pub(super) state: State,
    pub(super) now: Timestamp,
    pub(super) events: Vec<Event>,
    pub(super) leases: Vec<(QueueName, LeaseRef)>,
    next_nonce: Nonce,
    summaries: BTreeMap<Seq, Summary>,
    /// Messages that were sent and not told as gone.
    live: BTreeSet<Seq>,
}

/// A checkpoint, when all of it was told.
pub(super) struct Taken {
    pub(super) entries: Vec<ImageEntry>,
    pub(super) buckets: Vec<DeduplicationBucket>,
    pub(super) live: Vec<Summary>,
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            state: State::new(state_settings()),
            now: BEGIN,
            events: Vec::new(),
            leases: Vec::new(),
            next_nonce: Nonce::new(1),
            summaries: BTreeMap::new(),
            live: BTreeSet::new(),
        };
        world.advance();
        world
    }

    pub(super) fn advance(&mut self) {
        self.state.advance(self.now);
        self.events.push(Event::Advance(self.now));
    }

    pub(super) fn wait(&mut self, millis: u64) {
        self.now = self.now.after(Millis::new(millis));
        self.advance();
    }

    pub(super) fn apply(&mut self, record: Record) {
        self.state.apply(&record, self.state.applied_lsn().next());
        record.for_each_sending(&mut |sending| {
            self.summaries.insert(sending.seq, summary_of(self.now, sending));
            self.live.insert(sending.seq);
        });
        self.events.push(Event::Record(record));
    }

    pub(super) fn collect(&mut self) -> bool {
        self.events.push(Event::Collect);
        self.state.collect_garbage()
    }

    pub(super) fn receive(&mut self, queue: &QueueName, options: &ReceiveOptions) -> Vec<Seq> {
        self.next_nonce = self.next_nonce.next();
        let Ok(mut receiving) = self.state.begin_receive(queue, options, self.next_nonce) else {
            return Vec::new();
        };
        if let Some((record, seqs)) = self.state.decide_repeat(&receiving) {
            self.apply(record);
            return seqs;
        }
        while let Some(record) = self.state.decide_receive(&mut receiving) {
            self.apply(record);
        }
        let (id, nonce) = (receiving.queue(), self.next_nonce);
        let lease = |seq: &Seq| (queue.clone(), LeaseRef { queue: id, seq: *seq, nonce });
        self.leases.extend(receiving.taken().iter().map(lease));
        receiving.taken().to_vec()
    }

    /// Takes note of who is gone: each once.
    pub(super) fn take_gone(&mut self) {
        let mut gone = Vec::new();
        self.state.take_gone(&mut gone);
        for seq in gone {
            assert!(self.live.remove(&seq), "message {seq} is told once as gone");
        }
    }

    /// Begins a checkpoint, of which the entries are told by and by.
    pub(super) fn begin_image(&mut self) -> Taken {
        self.take_gone();
        self.state.begin_image();
        Taken {
            entries: Vec::new(),
            buckets: self.state.deduplication_buckets(),
            live: self.live.iter().map(|seq| self.summaries[seq].clone()).collect(),
        }
    }

    /// That those who are not gone are those who are there.
    pub(super) fn check_live(&mut self) {
        while self.collect() {}
        self.take_gone();
        let there: BTreeSet<Seq> = seen(&mut self.state).seqs().collect();
        assert_eq!(there, self.live);
    }
}

impl Taken {
    /// The state, through the bytes of all that it is made of.
    pub(super) fn restored(self) -> Result<State, NotAnImage> {
        let mut restoring = Restoring::new(state_settings());
        for entry in through_bytes(&self.entries, encode_image_entry, decode_image_entries) {
            restoring.entry(entry)?;
        }
        for bucket in self.buckets {
            let mut bytes = Vec::new();
            encode_bucket(&bucket, &mut bytes);
            assert_eq!(decode_bucket(&bytes).as_ref(), Ok(&bucket));
            restoring.bucket(bucket)?;
        }
        for summary in through_bytes(&self.live, encode_kept, decode_kept) {
            restoring.message(&summary);
        }
        restoring.finish()
    }
}

fn through_bytes<T: PartialEq + std::fmt::Debug, E: PartialEq + std::fmt::Debug>(
    values: &[T],
    encode: impl Fn(&T, &mut Vec<u8>),
    decode: impl Fn(&[u8], &mut dyn FnMut(T)) -> Result<(), E>,
) -> Vec<T> {
    let (mut bytes, mut decoded) = (Vec::new(), Vec::new());
    for value in values {
        encode(value, &mut bytes);
    }
    assert_eq!(decode(&bytes, &mut |value| decoded.push(value)), Ok(()));
    assert_eq!(decoded, values);
    decoded
}

/// Does to a state what was done to another.
pub(super) fn follow(state: &mut State, events: &[Event]) {
    for event in events {
        match event {
            Event::Advance(now) => drop(state.advance(*now)),
            Event::Record(record) => {
                assert_eq!(state.admits(record), Ok(()));
                state.apply(record, state.applied_lsn().next());
            }
            Event::Collect => drop(state.collect_garbage()),
        }
    }
}

/// All that can be seen of a state.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    views: Vec<QueueView>,
    messages: Vec<Vec<Browsed>>,
    tasks: Vec<MoveTaskView>,
    entries: Vec<ImageEntry>,
    ids: Vec<(Timestamp, Seq, Digest)>,
    next_seq: Seq,
}

impl Seen {
    pub(super) fn seqs(&self) -> impl Iterator<Item = Seq> {
        self.messages.iter().flatten().map(|message| message.seq)
    }
}

/// Looks at everything. An image of the state that is under way is given up.
pub(super) fn seen(state: &mut State) -> Seen {
    state.check_all();
    let (views, _) = state.queues("", None, limits::PAGE_MAX);
    let browse = |view: &QueueView| Browse {
        queue: view.name.clone(),
        states: StateFilter::ALL,
        group: None,
        age_min: None,
        after: Seq::default(),
        count_max: 10_000,
    };
    let messages = views.iter().map(|view| state.browse(&browse(view)).expect("it is there").0);
    let messages = messages.collect();
    let mut entries = Vec::new();
    state.begin_image();
    while state.image_slice(7, &mut entries) {}
    // Who is gone and not freed is not seen.
    entries.retain(|entry| !matches!(entry, ImageEntry::Gone(_)));
    let now = state.now();
    let buckets = state.deduplication_buckets();
    let ids = buckets.iter().flat_map(|bucket| bucket.ids.iter().copied());
    Seen {
        messages,
        entries,
        tasks: state.move_tasks(None, 100),
        ids: ids.filter(|(end, _, _)| *end > now).collect(),
        views,
        next_seq: state.next_seq(),
    }
}

pub(super) fn attempt(id: u8) -> Digest {
    digest::attempt(&id.to_string())
}
