//! What goes wrong in the whole workload, and the starts that follow.

use ledgerq::{
    broker::StartError,
    disk::{
        Access, Disk, SimDisk,
        sim::{Counter, Fault, Faults, keep_all, keep_none, keep_random},
    },
    types::Millis,
};

use super::{Session, emptied::empty, start_and_empty};
use crate::{
    broker::SimBroker,
    history::Event,
    simulation::states::{EXHAUSTIVE_MAX, states_of},
};

const HOUR_MS: i64 = 3_600_000;
const MONTH_MS: i64 = 30 * 24 * HOUR_MS;
/// Longer than any lease that an emptying takes.
const LEASES_END: Millis = Millis::from_secs(13 * 3600);
/// Outcomes of one crash that are judged beside the one that the run goes on with.
const OUTCOMES_MAX: usize = 4;
/// Bodies are damaged in runs of one seed of so many, and not in their first rounds.
const DAMAGED_ONE_OF: u64 = 4;
const DAMAGED_FROM: usize = 100;

impl Session {
    /// The process will end at an operation that is near.
    pub(super) fn plan_a_crash(&mut self) {
        let nth = 1 + self.random.below(60) as u64;
        let within = Fault::CrashWithin(self.random.below(3000));
        let fault = [Fault::Crash, Fault::CrashAfter, within][self.random.below(3)];
        self.disk.set_faults(Faults::none().at(Counter::Changes, nth, fault));
    }

    /// An operation that is near will fail.
    pub(super) fn plan_a_failure(&mut self) {
        let nth = 1 + self.random.below(12) as u64;
        let torn = Fault::TornSync(self.random.next_u64());
        let short = Fault::ShortWrite(self.random.below(600));
        let (counter, fault) = [
            (Counter::Syncs, Fault::Eio),
            (Counter::Syncs, torn),
            (Counter::Writes, Fault::Eio),
            (Counter::Writes, short),
            (Counter::Writes, short),
            (Counter::Changes, Fault::Enospc),
        ][self.random.below(6)];
        self.disk.set_faults(Faults::none().at(counter, nth, fault));
    }

    /// Something else fills the disk, but for a little.
    pub(super) fn fill_disk(&mut self) {
        const PLENTY: u64 = 1 << 50;
        self.disk.set_capacity_bytes(Some(PLENTY));
        let used = PLENTY - self.disk.free_bytes();
        let left = self.random.below(150_000) as u64;
        self.disk.set_capacity_bytes(Some(used + left));
        self.whole.is_full = true;
        self.whole.counts.full_disks += 1;
    }

    pub(super) fn make_space(&mut self) {
        self.disk.set_capacity_bytes(None);
        self.whole.is_full = false;
    }

    /// The wall clock is set, forward or back; the process goes on.
    pub(super) fn step_clock(&mut self) {
        let by_ms = [HOUR_MS, HOUR_MS, MONTH_MS][self.random.below(3)];
        self.clock.step_wall([by_ms, -by_ms][self.random.below(2)]);
        self.whole.counts.clock_steps += 1;
    }

    /// A bit of a file of the log changes on the medium.
    pub(super) fn damage(&mut self) {
        let is_due = self.plan.seed.is_multiple_of(DAMAGED_ONE_OF) && self.round >= DAMAGED_FROM;
        let is_log = |path: &String| path.contains(".seg") || path.contains(".out");
        let paths: Vec<String> = self.disk.paths().into_iter().filter(is_log).collect();
        let at = self.random.below(paths.len().max(1));
        let Some(path) = paths.get(at).filter(|_| is_due) else { return };
        let Ok(length) = self.disk.open(path, Access::Read).and_then(|file| file.len()) else {
            return;
        };
        let offset = self.random.next_u64() % length.max(1);
        let bit = 1 << self.random.below(8);
        // What is not durable yet has nothing to be damaged.
        if self.disk.corrupt(path, offset, |byte| byte ^ bit).is_ok() {
            self.whole.is_damaged = true;
            self.whole.counts.damages += 1;
            self.broker().allow_damage();
            self.push(Event::Damaged);
        }
    }

    /// Ends the process, in order or not, and begins the next.
    pub(super) fn stop_and_start(&mut self) -> Result<(), StartError> {
        let kind = self.random.below(3);
        if kind == 0 {
            self.broker().drain();
        }
        self.settle();
        let disk = self.disk.kill();
        self.end_process(if kind == 2 { disk.crash(&mut keep_none()) } else { disk });
        self.start_until_up()
    }

    /// Begins the next process, if this one has ended.
    pub(super) fn recover(&mut self) -> Result<(), StartError> {
        if self.disk.is_dead() {
            self.whole.counts.crashes += 1;
        } else if self.has_failed {
            self.whole.counts.failures += 1;
        } else {
            return Ok(());
        }
        self.judge_outcomes();
        let disk = self.one_outcome();
        self.end_process(disk);
        self.start_until_up()
    }

    /// Starts until one comes up. Some end on the way, or fail.
    fn start_until_up(&mut self) -> Result<(), StartError> {
        loop {
            let has_fault = self.random.below(3) == 0;
            if has_fault {
                let nth = 1 + self.random.below(80) as u64;
                let faults = [Fault::Crash, Fault::Crash, Fault::CrashAfter, Fault::Eio];
                let fault = faults[self.random.below(faults.len())];
                self.disk.set_faults(Faults::none().at(Counter::Changes, nth, fault));
            }
            self.has_failed = false;
            let started = self.start();
            if self.disk.is_dead() {
                self.whole.counts.crashes_of_starts += 1;
                self.judge_outcomes();
                let disk = self.one_outcome();
                self.end_process(disk);
                continue;
            }
            match started {
                Ok(()) => {
                    self.settle();
                    return self.recover();
                }
                Err(StartError::NoSpace { .. }) if self.whole.is_full => self.make_space(),
                Err(_) if has_fault => {}
                Err(error) => {
                    self.whole.counts.refused += 1;
                    assert_is_refusal(&error, self.whole.is_damaged);
                    return Err(error);
                }
            }
            let disk = self.disk.kill();
            self.end_process(disk);
        }
    }

    /// One of the disks that may be left.
    fn one_outcome(&mut self) -> SimDisk {
        match self.random.below(5) {
            0 | 1 => self.disk.kill(),
            2 => self.disk.crash(&mut keep_none()),
            3 => self.disk.crash(&mut keep_all()),
            _ => self.disk.crash(&mut keep_random(self.random.next_u64())),
        }
    }

    /// Starts on some of the disks that may be left, and holds what is there against the history.
    pub(super) fn judge_outcomes(&mut self) {
        let seed = self.random.next_u64();
        let mut outcomes = states_of(&self.disk, seed, EXHAUSTIVE_MAX);
        while outcomes.len() > OUTCOMES_MAX {
            outcomes.swap_remove(self.random.below(outcomes.len()));
        }
        for (_, disk) in outcomes {
            disk.set_capacity_bytes(None);
            self.whole.counts.states += 1;
            if let Err(error) = start_and_empty(&disk, self, seed) {
                assert_is_refusal(&error, self.whole.is_damaged);
            }
        }
    }

    /// Takes everything out, and after a power cut and all leases there is nothing more than that.
    pub(super) fn judge_twice(&mut self) {
        let (settings, clock) = (self.plan.workload.settings(), self.clock.copy());
        let disk = self.disk.crash(&mut keep_none());
        let start = |disk: &SimDisk, seed| {
            let mut broker = SimBroker::start(settings, disk, &clock, seed)?;
            if self.whole.is_damaged {
                broker.allow_damage();
            }
            Ok(broker)
        };
        let mut checker = self.checker.clone();
        let mut disk = disk;
        for seed in [1, 2] {
            match start(&disk, seed) {
                Ok(mut broker) => {
                    // No matter what the wall clock says.
                    broker.leap(LEASES_END);
                    checker = empty(&mut broker, &checker, &self.history).checker;
                }
                Err(error) => return assert_is_refusal(&error, self.whole.is_damaged),
            }
            disk = disk.crash(&mut keep_none());
        }
        self.whole.counts.states += 2;
    }
}

/// A start is refused only because of damage, and says where that is.
fn assert_is_refusal(error: &StartError, is_damaged: bool) {
    assert!(is_damaged, "no start: {error}: {error:?}");
    assert!(error.to_string().contains('/'), "it names no file: {error}");
}
