//! A workload on one broker, from a seed, with faults at operations of the disk; then the starts
//! that follow on what the disk may hold, and what they find.
//!
//! The seed decides everything: the same plan gives the same history, byte by byte.

mod backups;
mod emptied;
mod faults;
mod requests;
mod told;
mod upkeep;
mod whole;

use std::collections::BTreeMap;

use ledgerq::{
    broker::{StartError, start::Settings},
    disk::{
        SimDisk,
        sim::{Counter, Faults, Random, keep_none},
    },
    types::{Command, LeaseRef, Millis, Seq, Timestamp},
};

pub(super) use emptied::{empty, found, start_and_empty};
pub(super) use whole::Counts;

use super::plan::{Place, Plan, Planned, Workload};
use crate::{
    broker::{Hold, RequestId, SimBroker, ToldClock, small_settings},
    history::{Ask, AskId, Checker, Event, Number, QueueNo},
};

/// The queues by their numbers.
const QUEUES: [&str; 7] =
    ["jobs", "mails", "dead", "orders.fifo", "temps", "bills.fifo", "unpaid.fifo"];
pub(super) const JOBS: QueueNo = 0;
const MAILS: QueueNo = 1;
/// Where dead letters of jobs go.
pub(super) const DEAD: QueueNo = 2;
const ORDERS: QueueNo = 3;
/// Deleted and made again by some workloads.
const TEMPS: QueueNo = 4;
const BILLS: QueueNo = 5;
/// Where dead letters of bills go.
const UNPAID: QueueNo = 6;
const ALL: [QueueNo; 7] = [JOBS, MAILS, DEAD, ORDERS, TEMPS, BILLS, UNPAID];
/// Receives of a message before it is a dead letter.
const RECEIVES_MAX: u32 = 1;
/// Message groups of a queue.
const GROUPS: u64 = 3;
/// Longer than any lease or delay of a workload.
const LONGEST: Millis = Millis::from_secs(61);
/// From this number on messages are large.
const LARGE_FROM: Number = 1_000_000;
/// More than the messages that any round sends.
const NUMBERS_PER_ROUND: u64 = 1000;
/// Events that are printed of a history that breaks a promise.
const EVENTS_PRINTED: usize = 80;

/// A request that is not answered yet.
struct Waiting {
    request: RequestId,
    id: AskId,
    asked_at: Timestamp,
    ask: Ask,
}

/// A workload as it runs, and what became of it.
pub(super) struct Session {
    pub(super) disk: SimDisk,
    pub(super) clock: ToldClock,
    pub(super) history: Vec<Event>,
    /// It has read the history.
    pub(super) checker: Checker,
    plan: Plan,
    /// Operations of each round, changes and syncs.
    counts: BTreeMap<usize, (u64, u64)>,
    round: usize,
    /// A write failed, and the broker stopped.
    pub(super) has_failed: bool,
    pub(super) no_space_count: u64,
    random: Random,
    broker: Option<SimBroker>,
    waiting: Vec<Waiting>,
    next_number: Number,
    next_ask: AskId,
    starts_count: u64,
    leases: Vec<(QueueNo, Number, LeaseRef)>,
    /// Messages that were sent with a delay.
    scheduled: Vec<Number>,
    /// What clients were told of the messages that they sent.
    seqs: BTreeMap<Number, Seq>,
    /// Messages of groups that were accepted: queue, number, group, and when it was asked for.
    grouped: Vec<(QueueNo, Number, u64, Timestamp)>,
    /// What the whole workload adds.
    pub(super) whole: whole::Whole,
}

/// Runs a plan until it is over, or the broker is.
pub(super) fn run(plan: &Plan) -> Session {
    let mut session = Session {
        disk: SimDisk::new(),
        clock: ToldClock::new(),
        history: Vec::new(),
        checker: Checker::default(),
        plan: plan.clone(),
        counts: BTreeMap::new(),
        round: 0,
        has_failed: false,
        no_space_count: 0,
        random: plan.random_of(0),
        broker: None,
        waiting: Vec::new(),
        next_number: 0,
        next_ask: 0,
        starts_count: 0,
        leases: Vec::new(),
        scheduled: Vec::new(),
        seqs: BTreeMap::new(),
        grouped: Vec::new(),
        whole: whole::Whole::default(),
    };
    session.all_rounds();
    session.count_operations();
    session
}

impl Workload {
    pub(super) fn rounds_count(self) -> usize {
        match self {
            Self::Plain => 18,
            Self::Small | Self::Script => 5,
            Self::Upkeep => 70,
            Self::Whole => 400,
        }
    }

    pub(super) fn settings(self) -> Settings {
        if self.is_small() { small_settings() } else { upkeep::settings() }
    }

    /// Whether messages are small, and checkpoints seldom.
    fn is_small(self) -> bool {
        matches!(self, Self::Plain | Self::Small)
    }

    fn queues(self) -> &'static [QueueNo] {
        match self {
            Self::Plain | Self::Small => &[DEAD, JOBS, MAILS, ORDERS],
            Self::Upkeep | Self::Script => &[DEAD, JOBS, MAILS, ORDERS, TEMPS],
            Self::Whole => &[DEAD, JOBS, MAILS, ORDERS, TEMPS, UNPAID, BILLS],
        }
    }
}

impl Session {
    pub(super) fn settings(&self) -> Settings {
        self.plan.workload.settings()
    }

    /// Every operation of one counter.
    pub(super) fn places(&self, counter: Counter) -> Vec<Place> {
        let places = self.counts.iter().flat_map(|(round, (changes, syncs))| {
            let count = match counter {
                Counter::Changes => *changes,
                Counter::Syncs => *syncs,
                Counter::Writes | Counter::Reads => panic!("{counter:?} are not counted by round"),
            };
            (1..=count).map(|nth| Place { round: *round, nth })
        });
        places.collect()
    }

    fn all_rounds(&mut self) {
        self.begin_round(0);
        if self.start().is_err() {
            return;
        }
        self.create_queues(self.plan.workload.queues());
        for round in self.plan.rounds.clone() {
            if self.is_over() {
                return;
            }
            self.begin_round(round);
            let is_up = match self.plan.workload {
                Workload::Plain | Workload::Small => self.plain_round(),
                Workload::Upkeep => self.upkeep_round(),
                Workload::Script => self.script_round(),
                Workload::Whole => self.whole_round(),
            };
            if is_up.is_err() {
                return;
            }
            self.settle();
        }
        if self.plan.workload == Workload::Whole {
            self.end_whole();
        }
    }

    fn begin_round(&mut self, round: usize) {
        self.count_operations();
        self.round = round;
        // So that leaving out a round leaves the numbers of the others as they are.
        let first = if self.plan.workload.is_small() { 1 } else { LARGE_FROM };
        self.next_number = first + round as u64 * NUMBERS_PER_ROUND;
        self.random = self.plan.random_of(round);
        if self.plan.workload != Workload::Whole {
            self.disk.set_faults(self.planned_faults());
        }
    }

    /// Adds what the disk has counted to the round. The disk counts from zero then.
    fn count_operations(&mut self) {
        let (changes, syncs) = self.counts.entry(self.round).or_default();
        *changes += self.disk.count(Counter::Changes);
        *syncs += self.disk.count(Counter::Syncs);
    }

    /// The fault that is planned, if it is for this round and lies ahead.
    fn planned_faults(&self) -> Faults {
        match self.plan.planned {
            Some(Planned { counter, place, fault }) if place.round == self.round => {
                let (changes, syncs) = self.counts.get(&self.round).copied().unwrap_or_default();
                let spent = if counter == Counter::Syncs { syncs } else { changes };
                // A fault that lies behind is at operation 0, which never comes.
                Faults::none().at(counter, place.nth.saturating_sub(spent), fault)
            }
            _ => Faults::none(),
        }
    }

    fn start(&mut self) -> Result<(), StartError> {
        self.starts_count += 1;
        let seed = self.plan.seed << 8 | self.starts_count;
        let settings = self.plan.workload.settings();
        let mut broker = SimBroker::start(settings, &self.disk, &self.clock, seed)?;
        if !self.plan.workload.is_small() && self.plan.workload != Workload::Script {
            broker.hold(Hold::Background);
        }
        if self.whole.is_damaged {
            broker.allow_damage();
        }
        self.broker = Some(broker);
        Ok(())
    }

    fn plain_round(&mut self) -> Result<(), StartError> {
        match self.random.below(16) {
            0 => self.restart()?,
            1..4 => {
                let by = [1, 30, 5_000, 31_000][self.random.below(4)];
                self.broker().advance(Millis::new(by));
            }
            _ => {
                for _ in 0..=self.random.below(4) {
                    self.plain_request();
                }
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.plan.workload != Workload::Whole && (self.has_failed || self.disk.is_dead())
    }

    fn broker(&mut self) -> &mut SimBroker {
        self.broker.as_mut().expect("the session has started")
    }

    /// Broker time.
    fn now(&self) -> Timestamp {
        self.broker.as_ref().map_or(self.clock.now(), SimBroker::now)
    }

    fn restart(&mut self) -> Result<(), StartError> {
        let kind = self.random.below(3);
        if kind == 0 {
            self.broker().drain();
        }
        self.settle();
        let is_dead = self.disk.is_dead();
        let disk = self.disk.kill();
        if is_dead {
            // The process ended on the way, and this is what it left.
            self.end_process(disk);
            return Err(StartError::NoSpace { segment_bytes: 0 });
        }
        self.end_process(if kind == 2 { disk.crash(&mut keep_none()) } else { disk });
        self.start()
    }

    /// The process is gone, and the next one finds this disk.
    fn end_process(&mut self, disk: SimDisk) {
        self.count_operations();
        self.broker = None;
        self.disk = disk;
        self.disk.set_faults(self.planned_faults());
        self.push(Event::Ended);
        self.waiting.clear();
    }

    fn ask(&mut self, ask: Ask, command: Command) {
        let (id, at) = (self.next_ask, self.now());
        self.next_ask += 1;
        self.push(Event::Asked { id, at, ask: ask.clone() });
        let request = self.broker().submit(command);
        self.waiting.push(Waiting { request, id, asked_at: at, ask });
    }

    /// Writes an event into the history, which must be one that may be.
    fn push(&mut self, event: Event) {
        self.whole.note(&event);
        self.history.push(event);
        let last = self.history.last().expect("it was pushed");
        if let Err(violation) = self.checker.read(last) {
            panic!("{}\n{violation}", print(&self.history));
        }
    }
}

/// The end of a history, for people.
pub(super) fn print(history: &[Event]) -> String {
    let from = history.len().saturating_sub(EVENTS_PRINTED);
    let events = history[from..].iter().map(|event| format!("{event:?}\n"));
    format!("... {from} events before\n{}", events.collect::<String>())
}
