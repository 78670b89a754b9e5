//! A small workload on one broker, from a seed, with a fault at one operation of the disk; then the
//! starts that follow on what the disk may hold, and what they find.
//!
//! The seed decides everything: the same seed and fault give the same history, byte by byte.

use std::collections::BTreeMap;

use bytes::Bytes;
use ledgerq::{
    broker::StartError,
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, Random, keep_none},
    },
    types::{
        Command, DeleteMode, DeleteOutcome, Envelope, LeaseRef, Millis, QueueName, Reply,
        SendEntry, SettingsPatch,
    },
};

use super::history::{Ask, AskId, Deleted, Event, Lease, Number, QueueNo, Told};
use crate::{
    broker::{Content, RequestId, SimBroker, Told as Answer, ToldClock, small_settings},
    commands,
};

const QUEUES: [&str; 2] = ["jobs", "mails"];
/// Rounds of one workload; each may hold several requests and is one frame or two.
const ROUNDS: usize = 14;

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
    random: Random,
    broker: Option<SimBroker>,
    waiting: Vec<(RequestId, AskId, Ask)>,
    next_number: Number,
    next_ask: AskId,
    starts_count: u64,
    seed: u64,
    leases: Vec<(QueueNo, Number, LeaseRef)>,
}

/// Runs the workload of a seed until it is over, or the broker is.
pub(super) fn run(seed: u64, planned: Option<Planned>) -> Session {
    let mut session = Session {
        disk: SimDisk::new(),
        clock: ToldClock::new(),
        history: Vec::new(),
        spent: BTreeMap::new(),
        planned,
        has_failed: false,
        no_space_count: 0,
        random: Random::new(seed),
        broker: None,
        waiting: Vec::new(),
        next_number: 1,
        next_ask: 0,
        starts_count: 0,
        seed,
        leases: Vec::new(),
    };
    if session.start().is_ok() {
        session.rounds();
    }
    session
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
        self.broker = Some(SimBroker::start(small_settings(), &self.disk, &self.clock, seed)?);
        Ok(())
    }

    fn rounds(&mut self) {
        for queue in 0..QUEUES.len() {
            self.ask(Ask::Create { queue }, create(queue));
        }
        self.settle();
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
        let queue = self.random.below(QUEUES.len());
        match self.random.below(16) {
            0..7 => self.send(queue),
            7..11 => {
                let timeout = [0, 5_000, 30_000][self.random.below(3)];
                let count_max = 1 + self.random.below(4);
                self.ask(Ask::Receive { queue }, receive(queue, count_max, timeout));
            }
            11..14 => self.delete(),
            14 => self.change(),
            _ => {
                let command = Command::PurgeQueue { queue: queue_name(queue) };
                self.ask(Ask::Purge { queue }, command);
            }
        }
    }

    fn send(&mut self, queue: QueueNo) {
        let count = 1 + self.random.below(3) as u64;
        let numbers: Vec<Number> = (self.next_number..self.next_number + count).collect();
        self.next_number += count;
        let entries = numbers.iter().map(|number| entry(*number)).collect();
        let command = Command::Send { queue: queue_name(queue), entries };
        self.ask(Ask::Send { queue, numbers }, command);
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
        let told = told(answer);
        if let (Ask::Receive { queue }, Some((Told::Received(leases), refs))) = (ask, &told) {
            let pairs = leases.iter().zip(refs);
            self.leases.extend(pairs.map(|(lease, at)| (*queue, lease.number, *at)));
        }
        if let Some((told, _)) = told {
            self.history.push(Event::Told { id, at: self.clock.now(), told });
        }
    }
}

/// Starts on what a disk holds, takes everything out and writes that into the history too.
pub(super) fn start_and_empty(
    disk: &SimDisk,
    clock: &ToldClock,
    history: &[Event],
    seed: u64,
) -> Result<Vec<Event>, StartError> {
    let mut broker = SimBroker::start(small_settings(), disk, clock, seed)?;
    broker.owner().state().check_all();
    let mut history = history.to_vec();
    history.push(Event::Ended);
    let mut next_ask = history.len() + 1_000_000;
    // What is leased now is there once the longest lease is over.
    for wait in [Millis::ZERO, Millis::from_secs(61)] {
        broker.leap(wait);
        for queue in 0..QUEUES.len() {
            loop {
                let at = clock.now();
                history.push(Event::Asked { id: next_ask, at, ask: Ask::Receive { queue } });
                let answer = broker.ask(receive(queue, 1000, 12 * 3_600_000));
                let (told, _) = told(answer.expect("it does not wait")).expect("it is a receive");
                let is_last = !matches!(&told, Told::Received(leases) if !leases.is_empty());
                history.push(Event::Told { id: next_ask, at, told });
                next_ask += 1;
                if is_last {
                    break;
                }
            }
        }
    }
    history.push(Event::Emptied);
    Ok(history)
}

/// The messages that were received last, with their counts: what a start found.
pub(super) fn found(history: &[Event]) -> BTreeMap<Number, u32> {
    let begin = history.iter().rposition(|event| *event == Event::Ended).unwrap_or(0);
    let leases = history[begin..].iter().filter_map(|event| match event {
        Event::Told { told: Told::Received(leases), .. } => Some(leases),
        _ => None,
    });
    leases.flatten().map(|lease| (lease.number, lease.count)).collect()
}

fn told(answer: Answer) -> Option<(Told, Vec<LeaseRef>)> {
    let mut refs = Vec::new();
    let told = match answer.reply {
        Err(refused) => Told::Refused(refused.to_string()),
        Ok(Reply::Done | Reply::Queue(_)) => Told::Done,
        Ok(Reply::Sent(outcomes)) => {
            assert!(outcomes.iter().all(Result::is_ok), "every entry is good");
            Told::Sent
        }
        Ok(Reply::Received(leased)) => {
            refs.extend(leased.iter().map(ledgerq::types::Leased::lease));
            Told::Received(answer.contents.iter().map(lease).collect())
        }
        Ok(Reply::Deleted(outcomes)) => {
            let outcomes = outcomes.into_iter().map(|outcome| match outcome {
                Ok(DeleteOutcome::Deleted | DeleteOutcome::AlreadyDeleted) => Deleted::Gone,
                Ok(DeleteOutcome::StaleLease) => Deleted::Stale,
                Err(refused) => panic!("a delete under a good handle was refused: {refused}"),
            });
            Told::Deleted(outcomes.collect())
        }
        Ok(Reply::VisibilityChanged(ends)) => {
            Told::Changed(ends.into_iter().map(Result::ok).collect())
        }
        Ok(other) => panic!("answered with {other:?}"),
    };
    Some((told, refs))
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
    let length = [0, 600, 4_800, 4_900, 5_000][random.below(5)];
    let filler = [0, b'x'][random.below(2)];
    let mut bytes = format!("{number}:").into_bytes();
    bytes.resize(bytes.len() + length, filler);
    bytes.into()
}

fn entry(number: Number) -> SendEntry {
    commands::entry(body(number))
}

fn create(queue: QueueNo) -> Command {
    Command::CreateQueue { queue: queue_name(queue), settings: SettingsPatch::default() }
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
