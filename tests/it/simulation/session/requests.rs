//! What clients ask.

use bytes::Bytes;
use ledgerq::{
    broker::digest,
    disk::sim::Random,
    types::{
        Command, Delay, DeleteMode, LeaseRef, Millis, MoveFilter, MoveSpec, QueueName,
        RedrivePolicy, SendEntry, SettingsPatch, Step,
    },
};

use super::{
    Ask, BILLS, DEAD, GROUPS, JOBS, LARGE_FROM, MAILS, Number, ORDERS, QUEUES, QueueNo,
    RECEIVES_MAX, Session, UNPAID, Workload,
};
use crate::commands;

/// How long messages with a delay wait.
const DELAY: Millis = Millis::from_secs(30);

impl Session {
    pub(super) fn create_queues(&mut self, queues: &[QueueNo]) {
        for queue in queues.iter().copied() {
            let dead_letters = match queue {
                JOBS => Some(DEAD),
                BILLS => Some(UNPAID),
                _ => None,
            };
            self.ask(Ask::Create { queue, dead_letters }, create(queue, dead_letters));
        }
        self.settle();
    }

    pub(super) fn plain_request(&mut self) {
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

    pub(super) fn send(&mut self, queue: QueueNo) {
        let numbers = self.next_numbers();
        let group = is_fifo(queue).then(|| numbers[0] % GROUPS);
        let has_delay = queue == MAILS && self.random.below(3) == 0;
        let delay = if has_delay { DELAY } else { Millis::ZERO };
        let expires = queue == MAILS && self.is_whole() && self.random.below(6) == 0;
        let time_to_live = expires.then(|| Millis::from_secs([20, 600][self.random.below(2)]));
        let until = self.now().after(delay);
        let wanted = [Delay::For(delay), Delay::Until(until)][self.random.below(2)];
        let priority = (queue == MAILS && self.is_whole()).then(|| [1, 4, 9][self.random.below(3)]);
        let one = |number: &Number| SendEntry {
            delay: has_delay.then_some(wanted),
            time_to_live,
            priority,
            ..entry(*number, group)
        };
        let entries = numbers.iter().map(one).collect();
        if has_delay {
            self.scheduled.extend(&numbers);
        }
        let command = Command::Send { queue: queue_name(queue), entries };
        self.ask(Ask::Send { queue, numbers, group, delay, time_to_live }, command);
    }

    fn is_whole(&self) -> bool {
        self.plan.workload == Workload::Whole
    }

    /// Consumes one message and produces others.
    pub(super) fn transact(&mut self) {
        let Some((from, number, lease)) = self.take_lease() else { return };
        let numbers = self.next_numbers();
        let delete = Step::Delete { queue: queue_name(from), lease };
        let send =
            |number: &Number| Step::Send { queue: queue_name(MAILS), entry: entry(*number, None) };
        let steps = std::iter::once(delete).chain(numbers.iter().map(send)).collect();
        let lease = (number, lease.nonce);
        self.ask(Ask::Transact { lease, queue: MAILS, numbers }, Command::Transact { steps });
    }

    pub(super) fn start_move(&mut self) {
        let ways = [(DEAD, JOBS), (MAILS, JOBS), (UNPAID, BILLS)];
        let (source, target) = ways[self.random.below(if self.is_whole() { 3 } else { 2 })];
        let spec = MoveSpec {
            source: queue_name(source),
            target: Some(queue_name(target)),
            rate_max: [None, Some(100)][self.random.below(2)],
            filter: MoveFilter::default(),
        };
        self.ask(Ask::Move { source, target }, Command::StartMove { spec, dry_run: false });
    }

    /// Any message that was sent with a delay and that a client was told of.
    pub(super) fn cancel(&mut self) {
        let Some(at) = self.random.below(self.scheduled.len() + 1).checked_sub(1) else { return };
        let number = self.scheduled.swap_remove(at);
        let Some(seq) = self.seqs.get(&number).copied() else { return };
        let command = Command::Cancel { queue: queue_name(MAILS), seqs: vec![seq] };
        self.ask(Ask::Cancel { number }, command);
    }

    pub(super) fn delete(&mut self) {
        let Some((queue, number, lease)) = self.take_lease() else { return };
        let leases = vec![(number, lease.nonce)];
        let (queue, mode) = (queue_name(queue), DeleteMode::Fenced);
        self.ask(Ask::Delete { leases }, Command::Delete { queue, leases: vec![lease], mode });
    }

    pub(super) fn change(&mut self) {
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
}

/// The body of a message: its number, and then as many bytes as the number says. Some are zero, so
/// that sectors are zero as written; some are so long that a few fill a segment.
pub(super) fn body(number: Number) -> Bytes {
    let mut random = Random::new(number);
    let small = [0, 600, 4_800, 4_900, 5_000];
    let large = [10, 600, 5_000, 10_000, 15_000];
    let length = if number < LARGE_FROM { small } else { large }[random.below(5)];
    let filler = [0, b'x'][random.below(2)];
    let mut bytes = format!("{number}:").into_bytes();
    bytes.resize(bytes.len() + length, filler);
    bytes.into()
}

fn is_fifo(queue: QueueNo) -> bool {
    QUEUES[queue].strip_suffix(".fifo").is_some()
}

/// A message of a group has its number as its deduplication id.
pub(super) fn entry(number: Number, group: Option<u64>) -> SendEntry {
    let group = group.map(|group| commands::group(&format!("g{group}")));
    let id =
        group.as_ref().map(|group| digest::deduplication(&number.to_string(), Some(group), false));
    SendEntry { group, deduplication: id, ..commands::entry(body(number)) }
}

pub(super) fn create(queue: QueueNo, dead_letters: Option<QueueNo>) -> Command {
    let redrive = dead_letters.map(|target| {
        let dead_letter_queue = queue_name(target);
        Some(RedrivePolicy { dead_letter_queue, receives_max: RECEIVES_MAX })
    });
    let settings = SettingsPatch { redrive, ..SettingsPatch::default() };
    Command::CreateQueue { queue: queue_name(queue), settings }
}

pub(super) fn receive(queue: QueueNo, count_max: usize, timeout: u64) -> Command {
    commands::receive(QUEUES[queue], count_max, Some(Millis::new(timeout)))
}

pub(super) fn queue_name(queue: QueueNo) -> QueueName {
    QueueName::parse(QUEUES[queue]).expect("a good name")
}
