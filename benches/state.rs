//! What the queues themselves cost, without disk and network: whether a cycle of send, receive and
//! delete gets slower with the backlog, what it takes to end ten thousand leases at once, how long
//! a checkpoint holds the owner at a million touched messages, and how fast a state is restored.
//!
//! `cargo bench --bench state`, with `-- --quick` for a first look.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ledgerq::{
    broker::Handle,
    state::{DeleteDecision, Restoring, Settings, State},
    types::{
        DeleteMode, Envelope, GroupId, ImageEntry, LeaseRef, Millis, Nonce, QueueName,
        ReceiveOptions, Record, SendEntry, Seq, SettingsPatch, Summary, Timestamp,
        limits::PRIORITY_DEFAULT,
    },
};

const BACKLOGS: [u64; 3] = [0, 100_000, 1_000_000];
const LEASES: u64 = 10_000;
const TOUCHED: u64 = 1_000_000;
const SLICE: usize = 2048;
const RESTORED: u64 = 1_000_000;
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

const SETTINGS: Settings =
    Settings { in_flight_max: TOUCHED, deduplication_ids_max: 1, deleted_names_held: false };

criterion_group!(benches, cycles, leases_end, images, restores);
criterion_main!(benches);

/// A state with one queue, and what its commands are made of.
#[derive(Clone)]
struct Model {
    queue: QueueName,
    entry: SendEntry,
}

impl Model {
    fn new() -> Self {
        let payload = Handle::payload(&Envelope::default(), Bytes::from(vec![b'x'; 1024]));
        let queue = QueueName::parse("bench").expect("a good name");
        Self { queue, entry: SendEntry { payload, ..SendEntry::default() } }
    }

    /// The state when so many messages wait.
    fn state(&self, backlog: u64) -> State {
        let mut state = State::new(SETTINGS);
        state.advance(NOW);
        let created = state.decide_create(&self.queue, &SettingsPatch::default());
        apply(&mut state, &created.expect("a good queue").expect("a new queue"));
        for _ in 0..backlog {
            self.send(&mut state);
        }
        state
    }

    fn send(&self, state: &mut State) {
        let seq = state.next_seq();
        let sent = state.decide_send(&self.queue, &self.entry, seq).expect("it is taken");
        apply(state, &sent.record().expect("it is no duplicate"));
    }

    fn receive(&self, state: &mut State, count_max: usize, nonce: Nonce) -> Vec<Record> {
        let options = ReceiveOptions::new(count_max);
        let receiving = state.begin_receive(&self.queue, &options, nonce);
        let mut receiving = receiving.expect("there is room in flight");
        let mut leased = Vec::new();
        while let Some(record) = state.decide_receive(&mut receiving) {
            apply(state, &record);
            leased.push(record);
        }
        leased
    }

    /// One message goes in, the oldest one goes out.
    fn cycle(&self, state: &mut State, nonce: Nonce) {
        self.send(state);
        for record in self.receive(state, 1, nonce) {
            let Record::MessageLeased { queue, seq, nonce, .. } = record else {
                unreachable!("a receive leases")
            };
            let lease = LeaseRef { queue, seq, nonce };
            let decision = state.decide_delete(&self.queue, &lease, DeleteMode::Fenced);
            let Ok(DeleteDecision::Delete(deleted)) = decision else {
                unreachable!("the lease is the last one")
            };
            apply(state, &deleted);
        }
        drop(black_box(state.take_woken()));
    }
}

fn apply(state: &mut State, record: &Record) {
    state.apply(record, state.applied_lsn().next());
}

fn cycles(c: &mut Criterion) {
    let mut group = c.benchmark_group("state");
    group.throughput(Throughput::Elements(1));
    let model = Model::new();
    for backlog in BACKLOGS {
        let mut state = model.state(backlog);
        let mut nonce = Nonce::new(0);
        group.bench_function(format!("send, receive, delete at a backlog of {backlog}"), |b| {
            b.iter(|| {
                nonce = nonce.next();
                model.cycle(&mut state, nonce);
            });
        });
    }
    group.finish();
}

fn leases_end(c: &mut Criterion) {
    let mut group = c.benchmark_group("state");
    group.throughput(Throughput::Elements(LEASES)).sample_size(20);
    let model = Model::new();
    let later = NOW.after(Millis::from_secs(3600));
    group.bench_function(format!("advance that ends {LEASES} leases"), |b| {
        let leased = || {
            let mut state = model.state(LEASES);
            // One receive takes no more than an answer holds.
            while !model.receive(&mut state, 1000, Nonce::new(1)).is_empty() {}
            state
        };
        b.iter_batched_ref(leased, |state| black_box(state.advance(later)), BatchSize::LargeInput);
    });
    group.finish();
}

fn images(c: &mut Criterion) {
    let mut group = c.benchmark_group("image");
    group.sample_size(20);
    let model = Model::new();
    let mut state = model.state(TOUCHED);
    while !model.receive(&mut state, 1000, Nonce::new(1)).is_empty() {}
    group.bench_function(format!("begin at {TOUCHED} touched messages"), |b| {
        b.iter(|| state.begin_image());
    });
    let mut entries = Vec::new();
    group.bench_function(format!("slice of {SLICE}"), |b| {
        b.iter(|| {
            entries.clear();
            if !state.image_slice(SLICE, &mut entries) {
                state.begin_image();
            }
        });
    });
    state.cancel_image();
    group.finish();
}

/// A checkpoint of a million messages that were never touched.
fn restores(c: &mut Criterion) {
    let mut group = c.benchmark_group("restore");
    group.throughput(Throughput::Elements(RESTORED)).sample_size(10);
    for (name, groups) in [("bench", 0), ("bench", 1000), ("bench.fifo", 1000)] {
        let queue = QueueName::parse(name).expect("a good name");
        let mut state = Model { queue, ..Model::new() }.state(0);
        let mut entries = Vec::new();
        state.begin_image();
        while state.image_slice(SLICE, &mut entries) {}
        for entry in &mut entries {
            if let ImageEntry::Base(base) = entry {
                base.next_seq = Seq::new(RESTORED + 1);
            }
        }
        let queue = state.queue(&QueueName::parse(name).expect("a good name"));
        let queue = queue.expect("it is there").id;
        let of = |number: u64| GroupId::parse("group", &format!("g{number}")).expect("a good id");
        let names: Vec<GroupId> = (0..groups).map(of).collect();
        let mut names = names.iter().cycle();
        let summary = |seq| Summary {
            seq: Seq::new(seq),
            queue,
            sent_at: NOW,
            size: 1024,
            expires_at: None,
            priority: PRIORITY_DEFAULT,
            group: names.next().cloned(),
        };
        let summaries: Vec<Summary> = (1..=RESTORED).map(summary).collect();
        group.bench_function(format!("{RESTORED} messages of {name} in {groups} groups"), |b| {
            b.iter_with_large_drop(|| restored(&entries, &summaries));
        });
    }
    group.finish();
}

fn restored(entries: &[ImageEntry], summaries: &[Summary]) -> State {
    let mut restoring = Restoring::new(SETTINGS);
    for entry in entries {
        restoring.entry(entry.clone()).expect("it was just taken");
    }
    assert!(summaries.iter().all(|summary| restoring.message(summary)));
    restoring.finish().expect("it was just taken")
}
