//! What happens to queues of every kind, at random.

use ledgerq::{
    broker::digest,
    state::{DeleteDecision, SendDecision},
    types::{
        Backoff, Delay, DeleteMode, Millis, MoveFilter, MoveSpec, QueueName, ReceiveOptions,
        Record, RedrivePolicy, SendEntry, SettingsPatch, Step as TransactStep,
    },
};
use proptest::prelude::*;

use super::world::{World, attempt};
use crate::commands::{entry, group, queue};

/// Dead letters go from the first to the second and from the third to the fourth.
const QUEUES: [&str; 4] = ["jobs", "dead", "jobs.fifo", "dead.fifo"];

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message {
    queue: usize,
    delay: u64,
    time_to_live: Option<u64>,
    group: usize,
    id: Option<u8>,
    priority: u8,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Send(Message),
    Receive { queue: usize, count_max: usize, timeout: u64, attempt: Option<u8> },
    Change { lease: usize, timeout: u64 },
    Delete { lease: usize },
    Return { lease: usize },
    Transact { lease: usize, other: usize, send: Message },
    Purge { queue: usize },
    Recreate { queue: usize },
    DelayAll { millis: u64 },
    Retention { queue: usize, seconds: u64 },
    Pause { queue: usize, sends: bool, receives: bool },
    HoldRetention { is_held: bool },
    StartMove { queue: usize },
    GoOnMoving { count_max: usize },
    Wait { millis: u64 },
    Collect,
}

fn message() -> impl Strategy<Value = Message> {
    let options = (prop::option::of(1..40_000_u64), prop::option::of(0..4_u8), 3..6_u8);
    let delay = prop_oneof![3 => Just(0), 2 => 0..20_000_u64];
    (0..4_usize, delay, 0..4_usize, options).prop_map(
        |(queue, delay, group, (time_to_live, id, priority))| Message {
            queue,
            delay,
            time_to_live,
            group,
            id,
            priority,
        },
    )
}

/// A message of the first group.
pub(super) fn message_of(queue: usize, delay: u64, id: Option<u8>) -> Message {
    Message { queue, delay, time_to_live: None, group: 0, id, priority: 4 }
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let wait = prop_oneof![6 => 0..30_000_u64, 1 => 0..400_000_u64];
    let (queue, lease) = (|| 0..4_usize, || 0..30_usize);
    prop_oneof![
        12 => message().prop_map(Step::Send),
        12 => (queue(), 1..5_usize, 0..20_000_u64, prop::option::of(0..2_u8)).prop_map(
            |(queue, count_max, timeout, attempt)| {
                Step::Receive { queue, count_max, timeout, attempt }
            }),
        4 => (lease(), prop_oneof![Just(0), 0..30_000_u64])
            .prop_map(|(lease, timeout)| Step::Change { lease, timeout }),
        4 => lease().prop_map(|lease| Step::Delete { lease }),
        2 => lease().prop_map(|lease| Step::Return { lease }),
        2 => (lease(), lease(), message())
            .prop_map(|(lease, other, send)| Step::Transact { lease, other, send }),
        1 => queue().prop_map(|queue| Step::Purge { queue }),
        1 => queue().prop_map(|queue| Step::Recreate { queue }),
        1 => (0..30_000_u64).prop_map(|millis| Step::DelayAll { millis }),
        1 => (queue(), 60..120_u64)
            .prop_map(|(queue, seconds)| Step::Retention { queue, seconds }),
        1 => (queue(), any::<bool>(), any::<bool>())
            .prop_map(|(queue, sends, receives)| Step::Pause { queue, sends, receives }),
        1 => any::<bool>().prop_map(|is_held| Step::HoldRetention { is_held }),
        1 => queue().prop_map(|queue| Step::StartMove { queue }),
        3 => (1..5_usize).prop_map(|count_max| Step::GoOnMoving { count_max }),
        10 => wait.prop_map(|millis| Step::Wait { millis }),
        3 => Just(Step::Collect),
    ]
}

fn name(at: usize) -> QueueName {
    queue(QUEUES[at])
}

impl World {
    pub(super) fn with_queues() -> Self {
        let mut world = Self::new();
        for at in [1, 0, 3, 2] {
            world.create(at);
        }
        world
    }

    pub(super) fn create(&mut self, at: usize) {
        let backoff = Backoff { first: Millis::new(700), doubles: true, max: Millis::new(3000) };
        let redrive = |to| RedrivePolicy { dead_letter_queue: queue(to), receives_max: 2 };
        let settings = SettingsPatch {
            retention: Some(Millis::from_secs(60)),
            redrive: at.is_multiple_of(2).then(|| Some(redrive(QUEUES[at + 1]))),
            backoff: (at != 1).then_some(Some(backoff)),
            ..SettingsPatch::default()
        };
        let created = self.state.decide_create(&name(at), &settings);
        self.apply_if(created.expect("a good queue"));
    }

    pub(super) fn take(&mut self, step: &Step) {
        match *step {
            Step::Send(ref message) => self.send(message),
            Step::Receive { queue, count_max, timeout, attempt: id } => {
                let options = ReceiveOptions {
                    count_max,
                    visibility_timeout: Some(Millis::new(timeout)),
                    attempt: id.filter(|_| queue >= 2).map(attempt),
                };
                self.receive(&name(queue), &options);
            }
            Step::Change { .. } | Step::Delete { .. } | Step::Return { .. } => {
                self.use_lease(step);
            }
            Step::Transact { lease, other, ref send } => self.transact(lease, other, send),
            Step::Purge { queue } => self.purge(QUEUES[queue]),
            Step::Recreate { queue } => {
                self.delete_queue(QUEUES[queue]);
                self.create(queue);
            }
            Step::DelayAll { millis } => {
                let delay = Some(Millis::new(millis));
                self.update(2, &SettingsPatch { delay, ..SettingsPatch::default() });
            }
            Step::Retention { queue, seconds } => {
                let retention = Some(Millis::from_secs(seconds));
                self.update(queue, &SettingsPatch { retention, ..SettingsPatch::default() });
            }
            Step::Pause { queue, sends, receives } => {
                let paused = self.state.decide_pause(&name(queue), Some(sends), Some(receives));
                self.apply_if(paused.expect("it is there"));
            }
            Step::HoldRetention { is_held: true } => self.apply(Record::RetentionHeld),
            Step::HoldRetention { is_held: false } => self.apply(Record::RetentionReleased),
            Step::StartMove { queue } => self.start_move(queue),
            Step::GoOnMoving { count_max } => self.go_on_moving(count_max),
            Step::Wait { millis } => self.wait(millis),
            Step::Collect => drop(self.collect()),
        }
    }

    fn message(&self, message: &Message) -> SendEntry {
        let is_fifo = message.queue >= 2;
        let group_id = group(["a", "b", "c", "d"][message.group]);
        let id = message.id.map(|id| id.to_string());
        let id = id.or_else(|| is_fifo.then(|| self.state.next_seq().to_string()));
        SendEntry {
            delay: (!is_fifo).then(|| Delay::For(Millis::new(message.delay))),
            time_to_live: message.time_to_live.map(Millis::new),
            priority: (!is_fifo).then_some(message.priority),
            deduplication: id.map(|id| digest::deduplication(&id, Some(&group_id), false)),
            group: (is_fifo || message.group > 0).then_some(group_id),
            ..entry("hello")
        }
    }

    fn send(&mut self, message: &Message) {
        let (entry, seq) = (self.message(message), self.state.next_seq());
        // A queue may be paused.
        if let Ok(decided) = self.state.decide_send(&name(message.queue), &entry, seq) {
            self.apply_if(SendDecision::record(decided));
        }
    }

    fn use_lease(&mut self, step: &Step) {
        let (Step::Change { lease, .. } | Step::Delete { lease } | Step::Return { lease }) = *step
        else {
            return;
        };
        let Some((queue, lease)) = self.leases.iter().rev().nth(lease).cloned() else { return };
        let record = match *step {
            Step::Change { timeout, .. } => {
                let timeout = Millis::new(timeout);
                let changed = self.state.decide_change_visibility(&queue, &lease, timeout);
                changed.ok().map(|(record, _)| record)
            }
            Step::Delete { .. } => {
                match self.state.decide_delete(&queue, &lease, DeleteMode::Fenced) {
                    Ok(DeleteDecision::Delete(record)) => Some(record),
                    _ => None,
                }
            }
            _ => self.state.decide_return(&lease),
        };
        self.apply_if(record);
    }

    fn transact(&mut self, delete: usize, change: usize, send: &Message) {
        let leases: Vec<_> = self.leases.iter().rev().collect();
        let (Some(delete), Some(change)) = (leases.get(delete), leases.get(change)) else {
            return;
        };
        let timeout = Millis::new(5000);
        let all = [
            TransactStep::Delete { queue: delete.0.clone(), lease: delete.1 },
            TransactStep::ChangeVisibility { queue: change.0.clone(), lease: change.1, timeout },
            TransactStep::Send { queue: name(send.queue), entry: self.message(send) },
        ];
        // What cannot be done is left out.
        let decided = [&all[..], &all[1..], &all[2..]];
        let decided = decided.into_iter().find_map(|all| self.state.decide_transact(all).ok());
        self.apply_if(decided.and_then(|(record, _)| record));
    }

    pub(super) fn purge(&mut self, name: &str) {
        let queue = self.state.queue_id(&queue(name)).expect("it is there");
        self.apply(Record::QueuePurged { queue, seq_bound: self.state.next_seq() });
    }

    pub(super) fn delete_queue(&mut self, name: &str) {
        let deleted = self.state.decide_delete_queue(&queue(name));
        self.apply(deleted.expect("it is there"));
    }

    fn update(&mut self, at: usize, settings: &SettingsPatch) {
        // A delay that is longer than the retention is refused.
        if let Ok(record) = self.state.decide_update(&name(at), settings) {
            self.apply_if(record);
        }
    }

    fn start_move(&mut self, at: usize) {
        let spec = MoveSpec {
            source: name(at),
            target: at.is_multiple_of(2).then(|| name(at + 1)),
            rate_max: Some(5),
            filter: MoveFilter::default(),
        };
        if let Ok((record, _, _)) = self.state.decide_start_move(&spec) {
            self.apply(record);
        }
    }

    fn go_on_moving(&mut self, count_max: usize) {
        let running: Vec<_> = self.state.running_moves().collect();
        for task in running {
            let after = self.state.move_cursor(task);
            let Some(found) = self.state.move_candidates(task, after, count_max, 1 << 20) else {
                continue;
            };
            let mut failure = None;
            for seq in found.seqs {
                match self.state.decide_redrive(task, seq) {
                    Ok(record) => self.apply_if(record),
                    Err(reason) => failure = Some(reason),
                }
            }
            let ended = self.state.decide_end_move(task, !found.more, failure);
            self.apply_if(ended);
        }
    }

    fn apply_if(&mut self, record: Option<Record>) {
        if let Some(record) = record {
            self.apply(record);
        }
    }
}
