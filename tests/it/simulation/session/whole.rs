//! The whole workload: everything that clients and operators do, for long, and what goes wrong
//! meanwhile.

use std::ops::Add;

use ledgerq::{
    broker::StartError,
    types::{Command, Millis},
};

use super::{
    Ask, BILLS, MAILS, ORDERS, QueueNo, Session, UNPAID, backups::Backup, requests::receive,
};
use crate::{broker::Hold, history::Event};

/// How long a receive waits that waits.
const POLL: Millis = Millis::from_secs(20);

/// What the whole workload knows beside what every session does.
#[derive(Default)]
pub(in crate::simulation) struct Whole {
    /// Bytes on the disk were changed, so that a start may be refused and bodies be unreadable.
    pub(in crate::simulation) is_damaged: bool,
    pub(super) is_full: bool,
    /// One that is under way.
    pub(super) backup: Option<Backup>,
    pub(in crate::simulation) counts: Counts,
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::simulation) struct Counts {
    /// Ends of the process by a planned crash, each with what the disk had then.
    pub(in crate::simulation) crashes: u64,
    /// Ends of the process within a start.
    pub(in crate::simulation) crashes_of_starts: u64,
    /// Disks as a crash may leave them that were started on and held against the history.
    pub(in crate::simulation) states: u64,
    /// Brokers that stopped because the log could not be written.
    pub(in crate::simulation) failures: u64,
    pub(in crate::simulation) full_disks: u64,
    pub(in crate::simulation) clock_steps: u64,
    /// Backups that were restored and judged.
    pub(in crate::simulation) backups: u64,
    pub(in crate::simulation) damages: u64,
    /// Starts that were refused because of damage.
    pub(in crate::simulation) refused: u64,
}

impl Add for Counts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            crashes: self.crashes + other.crashes,
            crashes_of_starts: self.crashes_of_starts + other.crashes_of_starts,
            states: self.states + other.states,
            failures: self.failures + other.failures,
            full_disks: self.full_disks + other.full_disks,
            clock_steps: self.clock_steps + other.clock_steps,
            backups: self.backups + other.backups,
            damages: self.damages + other.damages,
            refused: self.refused + other.refused,
        }
    }
}

impl Whole {
    /// Events that a backup which is under way may hold or not.
    pub(super) fn note(&mut self, event: &Event) {
        match (event, &mut self.backup) {
            (Event::Ended, _) => self.backup = None,
            (_, Some(backup)) => backup.note(event),
            (_, None) => {}
        }
    }
}

impl Session {
    pub(super) fn whole_round(&mut self) -> Result<(), StartError> {
        if self.whole.is_full && self.random.below(6) == 0 {
            self.make_space();
        }
        match self.random.below(100) {
            0..58 => {
                for _ in 0..=self.random.below(4) {
                    self.whole_request();
                }
            }
            58..70 => {
                let by = [1, 30, 5_000, 31_000, 31_000, 3_600_000][self.random.below(6)];
                self.broker().advance(Millis::new(by));
            }
            70..76 => {
                let holds = [Hold::Nothing, Hold::Background, Hold::Writes, Hold::Both];
                let hold = holds[self.random.below(4)];
                self.broker().hold(hold);
            }
            76..80 => return self.stop_and_start(),
            80..87 => self.plan_a_crash(),
            87..91 => self.plan_a_failure(),
            91..93 => self.fill_disk(),
            93..95 => self.step_clock(),
            95..97 => self.begin_backup(),
            97..99 => self.finish_backup(),
            _ => self.damage(),
        }
        self.settle();
        self.recover()
    }

    fn whole_request(&mut self) {
        let fifo = [ORDERS, BILLS, BILLS, UNPAID][self.random.below(4)];
        match self.random.below(10) {
            0 => {
                let queue = [MAILS, fifo][self.random.below(2)];
                self.poll(queue);
            }
            1 => self.leave(),
            2 if fifo != UNPAID => self.send(fifo),
            2 | 3 => self.take(fifo),
            4 => self.cancel(),
            _ => self.upkeep_request(),
        }
    }

    /// A receive that waits for messages.
    fn poll(&mut self, queue: QueueNo) {
        let count_max = 1 + self.random.below(8);
        let command = match receive(queue, count_max, 30_000) {
            Command::Receive { queue, options, .. } => {
                Command::Receive { queue, options, wait: Some(POLL) }
            }
            other => other,
        };
        self.ask(Ask::Receive { queue }, command);
    }

    /// A client that waits for messages goes away: before it is chosen, or when it is to be told.
    fn leave(&mut self) {
        let receives =
            self.waiting.iter().filter(|waiting| matches!(waiting.ask, Ask::Receive { .. }));
        let requests: Vec<_> = receives.map(|waiting| waiting.request).collect();
        let Some(at) = self.random.below(requests.len() + 1).checked_sub(1) else { return };
        let is_deaf = self.random.below(2) == 0;
        let broker = self.broker();
        if is_deaf { broker.go_deaf(requests[at]) } else { broker.hang_up(requests[at]) }
    }

    /// Once more from the beginning to the end: the power goes, everything is taken out, and then
    /// nothing of it comes back.
    pub(super) fn end_whole(&mut self) {
        self.begin_round(self.plan.workload.rounds_count() + 1);
        self.make_space();
        self.finish_backup();
        self.settle();
        if self.recover().is_ok() {
            self.judge_outcomes();
            self.judge_twice();
        }
    }
}
