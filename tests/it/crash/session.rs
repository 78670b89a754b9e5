//! A small workload on one broker, from a seed, with a fault at one operation of the disk; then the
//! starts that follow on what the disk may hold, and what they find.
//!
//! The seed decides everything: the same seed and fault give the same history, byte by byte.

mod emptied;
mod upkeep;

use std::collections::BTreeMap;

use bytes::Bytes;
use ledgerq::{
    broker::{StartError, digest, start::Settings},
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, Random, keep_none},
    },
    types::{
        Command, Delay, DeleteMode, DeleteOutcome, Envelope, LeaseRef, Millis, MoveFilter,
        MoveSpec, QueueName, RedrivePolicy, Rejection, Reply, SendEntry, Seq, SettingsPatch, Step,
        Timestamp,
    },
};

pub(super) use emptied::{empty, found, start_and_empty};

use super::history::{Ask, AskId, Deleted, Event, Lease, Number, QueueNo, Told};
use crate::{
    broker::{Content, RequestId, SimBroker, Told as Answer, ToldClock, small_settings},
    commands,
};

const QUEUES: [&str; 5] = ["jobs", "mails", "dead", "orders.fifo", "temps"];
pub(super) const JOBS: QueueNo = 0;
const MAILS: QueueNo = 1;
/// Where dead letters of jobs go.
pub(super) const DEAD: QueueNo = 2;
const ORDERS: QueueNo = 3;
/// Receives of a job before it is a dead letter.
const RECEIVES_MAX: u32 = 1;
/// Message groups of orders.
const GROUPS: u64 = 3;
/// Deleted and made again by some workloads.
const TEMPS: QueueNo = 4;
const ALL: [QueueNo; 5] = [JOBS, MAILS, DEAD, ORDERS, TEMPS];
/// Longer than any lease or delay of a workload.
const LONGEST: Millis = Millis::from_secs(61);
/// Rounds of one workload; each may hold several requests and is one frame or two.
const ROUNDS: usize = 18;

/// From this number on messages are large.
const LARGE_FROM: Number = 1_000_000;

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// What clients do, on a broker that has little to keep up.
    Plain,
    /// Checkpoints, compactions and files that die, between what clients do.
    Upkeep,
    /// The same each time: every kind of upkeep, one after another.
    Script,
}

/// One fault at one operation, counted over all starts of a session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) counter: Counter,
    pub(super) nth: u64,
    pub(super) fault: Fault,
}

/// A workload as it runs, and what became of it.
pub(super) struct Session {
    pub(super) disk: SimDisk,
    pub(super) clock: ToldClock,
    pub(super) history: Vec<Event>,
    /// Operations of each counter in the starts before this.
    spent: BTreeMap<&'static str, u64>,
    planned: Option<Planned>,
    /// A write failed, and the broker stopped.
    pub(super) has_failed: bool,
    pub(super) no_space_count: u64,
    workload: Workload,
    random: Random,
    broker: Option<SimBroker>,
    waiting: Vec<(RequestId, AskId, Ask)>,
    next_number: Number,
    next_ask: AskId,
    starts_count: u64,
    seed: u64,
    leases: Vec<(QueueNo, Number, LeaseRef)>,
    /// Messages that were sent with a delay.
    scheduled: Vec<Number>,
    /// What clients were told of the messages that they sent.
    seqs: BTreeMap<Number, Seq>,
    /// Messages of groups that were accepted, each with its group and when it was sent.
    grouped: Vec<(Number, u64, Timestamp)>,
}

/// Runs the workload of a seed until it is over, or the broker is.
pub(super) fn run(seed: u64, planned: Option<Planned>) -> Session {
    run_workload(Workload::Plain, seed, planned)
}

/// Runs a workload of this kind.
pub(super) fn run_workload(workload: Workload, seed: u64, planned: Option<Planned>) -> Session {
    let mut session = Session {
        disk: SimDisk::new(),
        clock: ToldClock::new(),
        history: Vec::new(),
        spent: BTreeMap::new(),
        planned,
        has_failed: false,
        no_space_count: 0,
        workload,
        random: Random::new(seed),
        broker: None,
        waiting: Vec::new(),
        next_number: if workload == Workload::Plain { 1 } else { LARGE_FROM },
        next_ask: 0,
        starts_count: 0,
        seed,
        leases: Vec::new(),
        scheduled: Vec::new(),
        seqs: BTreeMap::new(),
        grouped: Vec::new(),
    };
    if session.start().is_ok() {
        match workload {
            Workload::Plain => session.rounds(),
            Workload::Upkeep => session.upkeep_rounds(),
            Workload::Script => session.upkeep_script(),
        }
    }
    session
}

impl Workload {
    pub(super) fn settings(self) -> Settings {
        match self {
            Self::Plain => small_settings(),
            Self::Upkeep | Self::Script => upkeep::settings(),
        }
    }
}

impl Session {
    /// Operations of one counter, over all starts.
    pub(super) fn count(&self, counter: Counter) -> u64 {
        self.spent.get(name(counter)).copied().unwrap_or(0) + self.disk.count(counter)
    }

    fn start(&mut self) -> Result<(), StartError> {
        let faults = match self.planned {
            Some(Planned { counter, nth, fault }) => {
                let spent = self.spent.get(name(counter)).copied().unwrap_or(0);
                // A fault that lies behind is at operation 0, which never comes.
                Faults::none().at(counter, nth.saturating_sub(spent), fault)
            }
            None => Faults::none(),
        };
        self.disk.set_faults(faults);
        self.starts_count += 1;
        let seed = self.seed << 8 | self.starts_count;
        let settings = self.workload.settings();
        let mut broker = SimBroker::start(settings, &self.disk, &self.clock, seed)?;
        if self.workload == Workload::Upkeep {
            broker.hold_background();
        }
        self.broker = Some(broker);
        Ok(())
    }

    fn create_queues(&mut self, queues: &[QueueNo]) {
        for queue in queues.iter().copied() {
            let dead_letters = (queue == JOBS).then_some(DEAD);
            self.ask(Ask::Create { queue, dead_letters }, create(queue, dead_letters));
        }
        self.settle();
    }

    fn rounds(&mut self) {
        self.create_queues(&[DEAD, JOBS, MAILS, ORDERS]);
        for _ in 0..ROUNDS {
            if self.is_over() {
                return;
            }
            match self.random.below(16) {
                0 => {
                    if self.restart().is_err() {
                        return;
                    }
                }
                1..4 => {
                    let by = [1, 30, 5_000, 31_000][self.random.below(4)];
                    self.broker().advance(Millis::new(by));
                }
                _ => {
                    for _ in 0..=self.random.below(4) {
                        self.request();
                    }
                }
            }
            self.settle();
        }
    }

    fn is_over(&self) -> bool {
        self.has_failed || self.disk.is_dead()
    }

    fn broker(&mut self) -> &mut SimBroker {
        self.broker.as_mut().expect("the session has started")
    }

    fn restart(&mut self) -> Result<(), StartError> {
        let kind = self.random.below(3);
        if kind == 0 {
            self.broker().drain();
        }
        self.settle();
        for counter in [Counter::Changes, Counter::Syncs] {
            *self.spent.entry(name(counter)).or_default() += self.disk.count(counter);
        }
        let is_dead = self.disk.is_dead();
        self.broker = None;
        let disk = self.disk.kill();
        if is_dead {
            // The process ended on the way, and this is what it left.
            return Err(StartError::NoSpace { segment_bytes: 0 });
        }
        self.disk = if kind == 2 { disk.crash(&mut keep_none()) } else { disk };
        self.history.push(Event::Ended);
        self.waiting.clear();
        self.start()
    }

    fn request(&mut self) {
        let queue = [JOBS, JOBS, MAILS, DEAD, ORDERS, ORDERS][self.random.below(6)];
        match self.random.below(20) {
            0..6 => self.send(if queue == DEAD { MAILS } else { queue }),
            6..12 => {
                let timeout = [0, 5_000, 30_000][self.random.below(3)];
                let count_max = 1 + self.random.below(4);
                self.ask(Ask::Receive { queue }, receive(queue, count_max, timeout));
            }
            12..14 => self.delete(),
            14 => self.change(),
            15 => self.cancel(),
            16 | 17 => self.transact(),
            18 => self.start_move(),
            _ => {
                let command = Command::PurgeQueue { queue: queue_name(queue) };
                self.ask(Ask::Purge { queue }, command);
            }
        }
    }

    fn next_numbers(&mut self) -> Vec<Number> {
        let count = 1 + self.random.below(3) as u64;
        let numbers = self.next_number..self.next_number + count;
        self.next_number += count;
        numbers.collect()
    }

    fn send(&mut self, queue: QueueNo) {
        let numbers = self.next_numbers();
        let group = (queue == ORDERS).then(|| numbers[0] % GROUPS);
        let is_scheduled = queue == MAILS && self.random.below(3) == 0;
        let delay = is_scheduled.then(|| Delay::For(Millis::from_secs(30)));
        let entry = |number: &Number| SendEntry { delay, ..entry(*number, group) };
        let entries = numbers.iter().map(entry).collect();
        if is_scheduled {
            self.scheduled.extend(&numbers);
        }
        let command = Command::Send { queue: queue_name(queue), entries };
        self.ask(Ask::Send { queue, numbers, group }, command);
    }

    /// Consumes one message and produces others.
    fn transact(&mut self) {
        let Some((from, number, lease)) = self.take_lease() else { return };
        let numbers = self.next_numbers();
        let delete = Step::Delete { queue: queue_name(from), lease };
        let send =
            |number: &Number| Step::Send { queue: queue_name(MAILS), entry: entry(*number, None) };
        let steps = std::iter::once(delete).chain(numbers.iter().map(send)).collect();
        let lease = (number, lease.nonce);
        self.ask(Ask::Transact { lease, queue: MAILS, numbers }, Command::Transact { steps });
    }

    fn start_move(&mut self) {
        let (source, target) = [(DEAD, JOBS), (MAILS, JOBS)][self.random.below(2)];
        let spec = MoveSpec {
            source: queue_name(source),
            target: Some(queue_name(target)),
            rate_max: [None, Some(100)][self.random.below(2)],
            filter: MoveFilter::default(),
        };
        self.ask(Ask::Move { source, target }, Command::StartMove { spec, dry_run: false });
    }

    /// Any message that was sent with a delay and that a client was told of.
    fn cancel(&mut self) {
        let Some(at) = self.random.below(self.scheduled.len() + 1).checked_sub(1) else { return };
        let number = self.scheduled.swap_remove(at);
        let Some(seq) = self.seqs.get(&number).copied() else { return };
        let command = Command::Cancel { queue: queue_name(MAILS), seqs: vec![seq] };
        self.ask(Ask::Cancel { number }, command);
    }

    fn delete(&mut self) {
        let Some((queue, number, lease)) = self.take_lease() else { return };
        let leases = vec![(number, lease.nonce)];
        let (queue, mode) = (queue_name(queue), DeleteMode::Fenced);
        self.ask(Ask::Delete { leases }, Command::Delete { queue, leases: vec![lease], mode });
    }

    fn change(&mut self) {
        let Some((queue, number, lease)) = self.take_lease() else { return };
        self.leases.push((queue, number, lease));
        let timeout = Millis::new([0, 3_000, 60_000][self.random.below(3)]);
        let leases = vec![(number, lease.nonce)];
        let entries = vec![(lease, timeout)];
        let command = Command::ChangeVisibility { queue: queue_name(queue), entries };
        self.ask(Ask::Change { leases, timeout }, command);
    }

    /// Any lease that a client was told of and has not used for a delete.
    fn take_lease(&mut self) -> Option<(QueueNo, Number, LeaseRef)> {
        if self.leases.is_empty() {
            return None;
        }
        let at = self.random.below(self.leases.len());
        Some(self.leases.swap_remove(at))
    }

    fn ask(&mut self, ask: Ask, command: Command) {
        let (id, at) = (self.next_ask, self.clock.now());
        self.next_ask += 1;
        self.history.push(Event::Asked { id, at, ask: ask.clone() });
        let request = self.broker().submit(command);
        self.waiting.push((request, id, ask));
    }

    fn settle(&mut self) {
        let Some(broker) = self.broker.as_mut() else { return };
        broker.settle();
        for _ in 0..self.random.below(if self.workload == Workload::Upkeep { 5 } else { 1 }) {
            broker.go_on(&mut self.random);
        }
        self.has_failed |= broker.failure().is_some();
        self.no_space_count = self.no_space_count.max(broker.no_space_count());
        for (request, id, ask) in std::mem::take(&mut self.waiting) {
            match self.broker().take_told(request) {
                Some(answer) => self.told(id, &ask, answer),
                None => self.waiting.push((request, id, ask)),
            }
        }
    }

    fn told(&mut self, id: AskId, ask: &Ask, answer: Answer) {
        if let (Ask::Send { numbers, .. }, Ok(Reply::Sent(outcomes))) = (ask, &answer.reply) {
            let pairs = numbers.iter().zip(outcomes);
            self.seqs.extend(pairs.filter_map(|(n, sent)| Some((*n, sent.as_ref().ok()?.seq))));
        }
        if let (Ask::Send { numbers, group: Some(group), .. }, Ok(_)) = (ask, &answer.reply) {
            let now = self.clock.now();
            self.grouped.extend(numbers.iter().map(|number| (*number, *group, now)));
        }
        let (told, refs) = told(answer);
        if let (Ask::Receive { queue }, Told::Received(leases)) = (ask, &told) {
            let pairs = leases.iter().zip(&refs);
            self.leases.extend(pairs.map(|(lease, at)| (*queue, lease.number, *at)));
        }
        self.history.push(Event::Told { id, at: self.clock.now(), told });
    }
}

fn told(answer: Answer) -> (Told, Vec<LeaseRef>) {
    let mut refs = Vec::new();
    let told = match answer.reply {
        Err(refused) => Told::Refused(refused.to_string()),
        Ok(
            Reply::Done
            | Reply::Queue(_)
            | Reply::MoveStarted { .. }
            | Reply::Checkpointed(_)
            | Reply::Compacted { .. },
        ) => Told::Done,
        Ok(Reply::Sent(outcomes)) => {
            assert!(outcomes.iter().all(Result::is_ok), "every entry is good");
            Told::Sent
        }
        Ok(Reply::Transacted(_)) => Told::Sent,
        Ok(Reply::Cancelled(outcomes)) => match &outcomes[..] {
            [Ok(outcome)] => Told::Cancelled(*outcome),
            other => panic!("answered with {other:?}"),
        },
        Ok(Reply::Received(leased)) => {
            refs.extend(leased.iter().map(ledgerq::types::Leased::lease));
            Told::Received(answer.contents.iter().map(lease).collect())
        }
        Ok(Reply::Deleted(outcomes)) => {
            let outcomes = outcomes.into_iter().map(|outcome| match outcome {
                Ok(DeleteOutcome::Deleted) => Deleted::Gone,
                Ok(DeleteOutcome::StaleLease) => Deleted::Stale,
                // Or the queue was deleted since, and the message with it.
                Ok(DeleteOutcome::AlreadyDeleted)
                | Err(Rejection::ReceiptHandleOfAnotherQueue { .. }) => Deleted::NotThere,
                Err(refused) => panic!("a delete under a good handle was refused: {refused}"),
            });
            Told::Deleted(outcomes.collect())
        }
        Ok(Reply::VisibilityChanged(ends)) => {
            Told::Changed(ends.into_iter().map(Result::ok).collect())
        }
        Ok(other) => panic!("answered with {other:?}"),
    };
    (told, refs)
}

fn lease(content: &Content) -> Lease {
    let digits = content.body.split(|byte| *byte == b':').next().unwrap_or_default();
    let number = String::from_utf8_lossy(digits).parse().unwrap_or(0);
    Lease {
        number,
        nonce: content.leased.nonce,
        count: content.leased.receive_count,
        until: content.leased.until,
        is_whole: content.body == body(number) && content.envelope == Envelope::default(),
    }
}

/// The body of a message: its number, and then as many bytes as the number says. Some are zero, so
/// that sectors are zero as written; some are so long that a few fill a segment.
fn body(number: Number) -> Bytes {
    let mut random = Random::new(number);
    let small = [0, 600, 4_800, 4_900, 5_000];
    let large = [10, 600, 5_000, 10_000, 15_000];
    let length = if number < LARGE_FROM { small } else { large }[random.below(5)];
    let filler = [0, b'x'][random.below(2)];
    let mut bytes = format!("{number}:").into_bytes();
    bytes.resize(bytes.len() + length, filler);
    bytes.into()
}

/// A message of a group has its number as its deduplication id.
fn entry(number: Number, group: Option<u64>) -> SendEntry {
    let group = group.map(|group| commands::group(&format!("g{group}")));
    let id =
        group.as_ref().map(|group| digest::deduplication(&number.to_string(), Some(group), false));
    SendEntry { group, deduplication: id, ..commands::entry(body(number)) }
}

fn create(queue: QueueNo, dead_letters: Option<QueueNo>) -> Command {
    let redrive = dead_letters.map(|target| {
        let dead_letter_queue = queue_name(target);
        Some(RedrivePolicy { dead_letter_queue, receives_max: RECEIVES_MAX })
    });
    let settings = SettingsPatch { redrive, ..SettingsPatch::default() };
    Command::CreateQueue { queue: queue_name(queue), settings }
}

fn receive(queue: QueueNo, count_max: usize, timeout: u64) -> Command {
    commands::receive(QUEUES[queue], count_max, Some(Millis::new(timeout)))
}

fn queue_name(queue: QueueNo) -> QueueName {
    QueueName::parse(QUEUES[queue]).expect("a good name")
}

fn name(counter: Counter) -> &'static str {
    match counter {
        Counter::Changes => "changes",
        Counter::Writes => "writes",
        Counter::Syncs => "syncs",
        Counter::Reads => "reads",
    }
}
