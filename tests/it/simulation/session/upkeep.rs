//! Workloads in which checkpoints are taken, files die and are given back, and messages are copied.

use ledgerq::{
    broker::{StartError, start::Settings, upkeep},
    types::{Command, LeaseRef, Millis, QueueName, Reply, Status, Timestamp},
};

use super::{
    Ask, DEAD, JOBS, MAILS, ORDERS, QueueNo, Session, TEMPS,
    requests::{entry, queue_name, receive},
};
use crate::broker::small_settings;

/// A deduplication id is known for longer than this.
const RESEND_WITHIN: Millis = Millis::from_secs(200);

/// Checkpoints are due so soon that each of these workloads takes several.
pub(super) fn settings() -> Settings {
    let mut settings = small_settings();
    let (checkpoint_bytes, compaction_bytes_per_s) = (40 << 10, u64::MAX);
    settings.owner.upkeep = upkeep::Settings { checkpoint_bytes, compaction_bytes_per_s };
    settings
}

impl Session {
    /// Chance decides what clients do and how far the background goes in between.
    pub(super) fn upkeep_round(&mut self) -> Result<(), StartError> {
        match self.random.below(20) {
            0 => self.restart()?,
            1..3 => {
                let by = [1, 30, 5_000, 31_000][self.random.below(4)];
                self.broker().advance(Millis::new(by));
            }
            _ => {
                for _ in 0..=self.random.below(4) {
                    self.upkeep_request();
                }
            }
        }
        Ok(())
    }

    pub(super) fn upkeep_request(&mut self) {
        let queue = [JOBS, MAILS, MAILS, DEAD, ORDERS, TEMPS, TEMPS][self.random.below(7)];
        match self.random.below(24) {
            0..7 => self.send(if queue == DEAD { MAILS } else { queue }),
            7..10 => self.take(queue),
            10..15 => (0..4).for_each(|_| self.delete()),
            15 => self.change(),
            16 => self.transact(),
            17 => self.start_move(),
            18 => {
                let queue = [JOBS, MAILS, DEAD][self.random.below(3)];
                let command = Command::PurgeQueue { queue: queue_name(queue) };
                self.ask(Ask::Purge { queue }, command);
            }
            19 => self.drop_and_create(),
            20 => self.resend(),
            21 | 22 => self.ask(Ask::Upkeep, Command::Checkpoint),
            _ => self.ask(Ask::Upkeep, Command::Compact),
        }
    }

    pub(super) fn take(&mut self, queue: QueueNo) {
        let timeout = [0, 5_000, 30_000, 30_000][self.random.below(4)];
        let count_max = 1 + self.random.below(8);
        self.ask(Ask::Receive { queue }, receive(queue, count_max, timeout));
    }

    pub(super) fn drop_and_create(&mut self) {
        self.leases.retain(|(queue, _, _)| *queue != TEMPS);
        self.ask(Ask::Drop { queue: TEMPS }, Command::DeleteQueue { queue: queue_name(TEMPS) });
        self.create_queues(&[TEMPS]);
    }

    /// Sends a message of a group again: the broker knows it, whether it is still there or not.
    pub(super) fn resend(&mut self) {
        let now = self.now();
        let is_known = |sent_at: Timestamp| now.since(sent_at) < RESEND_WITHIN;
        self.grouped.retain(|(.., sent_at)| is_known(*sent_at));
        let Some(at) = self.random.below(self.grouped.len() + 1).checked_sub(1) else { return };
        let (queue, number, group, _) = self.grouped[at];
        let entries = vec![entry(number, Some(group))];
        self.ask(Ask::Resend, Command::Send { queue: queue_name(queue), entries });
    }

    /// Fills three segments, kills most of what is in them, and takes checkpoints, so that files
    /// are given back, used again, and copied.
    pub(super) fn script_round(&mut self) -> Result<(), StartError> {
        for queue in [MAILS, TEMPS, ORDERS, MAILS, TEMPS, JOBS, MAILS, TEMPS, TEMPS] {
            self.send(queue);
            self.settle();
        }
        if self.is_over() {
            return Ok(());
        }
        self.keep_up(Command::Checkpoint);
        for queue in [MAILS, TEMPS, ORDERS] {
            self.ask(Ask::Receive { queue }, receive(queue, 10, 30_000));
            self.settle();
            (0..9).for_each(|_| self.delete());
            self.settle();
        }
        match self.round {
            2 => self.drop_and_create(),
            3 => self.broker().drain(),
            _ => {}
        }
        self.settle();
        if self.round == 3 {
            self.restart()?;
        }
        let is_last = self.round == self.plan.workload.rounds_count();
        for command in [Command::Checkpoint, Command::Compact] {
            self.keep_up(command);
        }
        if is_last {
            self.keep_up(Command::Checkpoint);
            self.keep_up(Command::Checkpoint);
        }
        Ok(())
    }

    fn keep_up(&mut self, command: Command) {
        if !self.is_over() {
            self.ask(Ask::Upkeep, command);
            self.settle();
        }
    }

    /// How the broker is at the end of a workload.
    pub(in crate::simulation) fn status(&mut self) -> Option<Box<Status>> {
        match self.broker.as_mut()?.ask(Command::GetStatus)?.reply {
            Ok(Reply::Status(status)) => Some(status),
            _ => None,
        }
    }

    /// Every lease that a client was told of and has not used up.
    pub(in crate::simulation) fn held(&self) -> Vec<(QueueName, LeaseRef)> {
        self.leases.iter().map(|(queue, _, lease)| (queue_name(*queue), *lease)).collect()
    }

    /// Sends of every message of a group that was accepted, once more.
    pub(in crate::simulation) fn resends(&self) -> Vec<Command> {
        let resend = |(queue, number, group, _): &(_, _, _, Timestamp)| Command::Send {
            queue: queue_name(*queue),
            entries: vec![entry(*number, Some(*group))],
        };
        self.grouped.iter().map(resend).collect()
    }
}
