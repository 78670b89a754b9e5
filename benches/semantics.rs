//! What FIFO order, deduplication and transacts cost, without disk and network: whether a receive
//! gets slower with the number of groups, with the depth of a blocked group, or with tenants.
//!
//! `cargo bench --bench semantics`, with `-- --quick` for a first look.

#![expect(clippy::print_stdout, reason = "a bench tells what it measured")]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledgerq::{
    broker::{Handle, digest},
    state::{DeleteDecision, SendDecision, Settings, State},
    types::{
        DeleteMode, Envelope, GroupId, LeaseRef, Millis, Nonce, QueueName, ReceiveOptions, Record,
        SendEntry, SettingsPatch, Step, Timestamp,
    },
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const GROUPS: [u64; 3] = [1, 1_000, 100_000];
const BLOCKED_DEPTH: u64 = 1_000_000;
const DEDUPLICATION_IDS: u64 = 1_000_000;

criterion_group!(benches, groups, blocked_group, tenants, transacts, deduplication);
criterion_main!(benches);

/// A state with one queue, and the numbers that its commands draw.
struct Model {
    state: State,
    queue: QueueName,
    nonce: Nonce,
    sent_count: u64,
}

impl Model {
    fn new(queue: &str) -> Self {
        let settings = Settings {
            in_flight_max: u64::MAX,
            deduplication_ids_max: DEDUPLICATION_IDS * 2,
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

    fn apply(&mut self, record: &Record) {
        self.state.apply(record, self.state.applied_lsn().next());
    }

    fn entry(&mut self, group: &str) -> SendEntry {
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

    fn send(&mut self, group: &str) {
        let entry = self.entry(group);
        let seq = self.state.next_seq();
        let decision = self.state.decide_send(&self.queue, &entry, seq).expect("it is taken");
        let SendDecision::Accept(sending) = decision else { unreachable!("no id comes twice") };
        self.apply(&Record::MessageSent(sending));
        drop(self.state.take_woken());
    }

    /// Ids stop counting after five minutes, so that the window does not grow with the run.
    fn let_time_pass(&mut self) {
        self.state.advance(self.state.now().after(Millis::new(1)));
    }

    fn receive(&mut self, count_max: usize) -> Vec<LeaseRef> {
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

    fn delete(&mut self, lease: &LeaseRef) {
        let decision = self.state.decide_delete(&self.queue, lease, DeleteMode::Fenced);
        let Ok(DeleteDecision::Delete(deleted)) = decision else {
            unreachable!("the lease is the last one")
        };
        self.apply(&deleted);
    }

    /// One message goes into a group, the next one goes out.
    fn cycle(&mut self, group: &str) {
        self.send(group);
        for lease in self.receive(1) {
            self.delete(&lease);
        }
        self.let_time_pass();
        drop(black_box(self.state.take_woken()));
    }
}

/// A cycle of send, receive, delete over so many groups, each with ten messages waiting.
fn groups(c: &mut Criterion) {
    let mut benches = c.benchmark_group("fifo");
    benches.throughput(Throughput::Elements(1)).sample_size(20);
    for count in GROUPS {
        let mut model = Model::new("bench.fifo");
        let names: Vec<String> = (0..count).map(|group| format!("g{group}")).collect();
        (0..10).for_each(|_| names.iter().for_each(|name| model.send(name)));
        let mut turn = names.iter().cycle();
        benches.bench_function(format!("send, receive, delete over {count} groups"), |b| {
            b.iter(|| model.cycle(turn.next().expect("names go round")));
        });
    }
    benches.finish();
}

/// The same beside a group whose first message is in flight and that has a million behind it.
fn blocked_group(c: &mut Criterion) {
    let mut benches = c.benchmark_group("fifo");
    benches.throughput(Throughput::Elements(1)).sample_size(20);
    let mut model = Model::new("bench.fifo");
    model.send("blocked");
    assert_eq!(model.receive(1).len(), 1);
    (0..BLOCKED_DEPTH).for_each(|_| model.send("blocked"));
    let names: Vec<String> = (0..100_000).map(|group| format!("g{group}")).collect();
    for name in &names {
        model.send(name);
    }
    let mut turn = names.iter().cycle();
    let name = "send, receive, delete beside a million in a blocked group and 100000 groups";
    benches.bench_function(name, |b| {
        b.iter(|| model.cycle(turn.next().expect("names go round")));
    });
    benches.finish();
}

/// The same on a standard queue with so many tenants.
fn tenants(c: &mut Criterion) {
    let mut benches = c.benchmark_group("fair");
    benches.throughput(Throughput::Elements(1)).sample_size(20);
    for count in GROUPS {
        let mut model = Model::new("bench");
        let names: Vec<String> = (0..count).map(|tenant| format!("t{tenant}")).collect();
        (0..10).for_each(|_| names.iter().for_each(|name| model.send(name)));
        let mut turn = names.iter().cycle();
        benches.bench_function(format!("send, receive, delete over {count} tenants"), |b| {
            b.iter(|| model.cycle(turn.next().expect("names go round")));
        });
    }
    benches.finish();
}

/// Ten deletes and ten sends as one transact, and as calls of their own.
fn transacts(c: &mut Criterion) {
    let mut benches = c.benchmark_group("transact");
    benches.throughput(Throughput::Elements(20));
    let mut model = Model::new("bench");
    (0..1000).for_each(|_| model.send("g"));
    benches.bench_function("10 deletes and 10 sends as one", |b| {
        b.iter(|| {
            let leases = model.receive(10);
            let queue = model.queue.clone();
            let mut steps: Vec<Step> = Vec::new();
            steps.extend(
                leases.into_iter().map(|lease| Step::Delete { queue: queue.clone(), lease }),
            );
            for _ in 0..10 {
                let entry = model.entry("g");
                steps.push(Step::Send { queue: queue.clone(), entry });
            }
            let (record, _) = model.state.decide_transact(&steps).expect("every step can be done");
            model.apply(&record.expect("it changes something"));
            drop(black_box(model.state.take_woken()));
        });
    });
    benches.bench_function("10 deletes and 10 sends one by one", |b| {
        b.iter(|| {
            for lease in model.receive(10) {
                model.delete(&lease);
            }
            (0..10).for_each(|_| model.send("g"));
            drop(black_box(model.state.take_woken()));
        });
    });
    benches.finish();
}

/// A duplicate is found among a million live ids; and what each of them takes.
fn deduplication(c: &mut Criterion) {
    let before = resident_bytes();
    let mut model = Model::new("bench.fifo");
    for _ in 0..DEDUPLICATION_IDS {
        model.send("g");
        for lease in model.receive(1) {
            model.delete(&lease);
        }
    }
    let grown = resident_bytes().saturating_sub(before);
    println!(
        "{DEDUPLICATION_IDS} live deduplication ids: {} bytes each",
        grown / DEDUPLICATION_IDS
    );
    let group = GroupId::parse("group", "g").expect("a good id");
    let mut benches = c.benchmark_group("deduplication");
    let mut id = 0;
    benches.bench_function("a duplicate among a million live ids", |b| {
        b.iter(|| {
            id = id % DEDUPLICATION_IDS + 1;
            let known = digest::deduplication(&id.to_string(), Some(&group), false);
            let mut entry = model.entry("g");
            entry.deduplication = Some(known);
            let seq = model.state.next_seq();
            let decision = model.state.decide_send(&model.queue, &entry, seq);
            assert!(matches!(black_box(decision), Ok(SendDecision::Duplicate(_))));
        });
    });
    benches.finish();
}

/// Memory of this process that is its own, in bytes; 0 where the system does not tell.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}
