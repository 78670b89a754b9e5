//! A broker with messages in every state, its backup, and what clients see of a broker.

use std::sync::Arc;

use ledgerq::{
    broker::{StartError, digest},
    disk::{Disk, SimDisk},
    store::{self, BackupError, Identity, Made, Restored},
    types::{
        BackupId, BackupPlan, Browse, Command, DeleteMode, Leased, Millis, QueueName,
        RedrivePolicy, Rejection, Reply, SendEntry, Seq, SettingsPatch, StateFilter,
    },
};

use super::within::Within;
use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{self, queue},
};

/// The directory of the backup, beside the broker's files.
pub(super) const DIR: &str = "backup";
const HOUR: Millis = Millis::from_secs(3600);

/// A broker whose log has several segments, of which one was found in use by a start.
pub(super) struct World {
    pub(super) broker: SimBroker,
    pub(super) clock: ToldClock,
    /// A lease of before the backup.
    pub(super) lease: Leased,
}

/// Orders have ids by which duplicates are known.
pub(super) fn order(id: &str) -> Command {
    let group = Some(commands::group("g"));
    let deduplication = Some(digest::deduplication(id, group.as_ref(), false));
    let entry = SendEntry { group, deduplication, ..commands::entry(id.to_owned()) };
    commands::send("orders.fifo", entry)
}

impl World {
    pub(super) fn new() -> Self {
        let clock = ToldClock::new();
        let disk = SimDisk::new();
        let mut broker = start(&disk, &clock, 1).expect("a new directory");
        for name in ["dead", "mails"] {
            do_it(&mut broker, commands::create(name));
        }
        let redrive =
            Some(Some(RedrivePolicy { dead_letter_queue: queue("dead"), receives_max: 1 }));
        let settings = SettingsPatch { redrive, ..SettingsPatch::default() };
        do_it(&mut broker, Command::CreateQueue { queue: queue("jobs"), settings });
        do_it(&mut broker, commands::create("orders.fifo"));
        // What is left of these is in a compaction output.
        fill(&mut broker, 90);
        delete(&mut broker, 72);
        fill(&mut broker, 40);
        do_it(&mut broker, Command::Checkpoint);
        do_it(&mut broker, Command::Compact);
        fill(&mut broker, 40);
        let disk = disk.kill();
        let mut broker = start(&disk, &clock, 2).expect("a disk that is whole");
        do_it(&mut broker, commands::send("jobs", commands::entry("poison")));
        do_it(&mut broker, commands::receive("jobs", 1, Some(Millis::new(1))));
        broker.advance(Millis::new(2));
        do_it(&mut broker, commands::receive("jobs", 1, None));
        do_it(&mut broker, commands::send("jobs", commands::delayed("late", HOUR)));
        for id in ["a", "b"] {
            do_it(&mut broker, order(id));
        }
        do_it(&mut broker, commands::receive("orders.fifo", 1, Some(HOUR)));
        fill(&mut broker, 90);
        delete(&mut broker, 2);
        let leased = receive(&mut broker, 3);
        do_it(&mut broker, Command::Checkpoint);
        let lease = leased.into_iter().next().expect("there are messages");
        Self { broker, clock, lease }
    }

    pub(super) fn begin(&mut self) -> BackupPlan {
        match ask(&mut self.broker, Command::BeginBackup { hold: HOUR }) {
            Ok(Reply::BackupBegun(plan)) => *plan,
            other => panic!("it was answered with {other:?}"),
        }
    }

    pub(super) fn end(&mut self, backup: BackupId) -> Result<Reply, Rejection> {
        ask(&mut self.broker, Command::EndBackup { backup })
    }

    /// A whole backup in [`DIR`].
    pub(super) fn back_up(&mut self) -> (BackupPlan, Made) {
        let plan = self.begin();
        let to = Within::new(self.broker.disk(), DIR);
        let made = copy(&plan, self.broker.disk(), &to).expect("the device is whole");
        assert_eq!(self.end(plan.id), Ok(Reply::Done));
        store::publish(&made, &to).expect("the device is whole");
        (plan, made)
    }

    /// Takes away every message, and gives every file back that can be.
    pub(super) fn churn(&mut self) {
        for round in 0..6 {
            fill(&mut self.broker, 40);
            delete(&mut self.broker, 1000);
            if round % 2 == 0 {
                do_it(&mut self.broker, Command::Checkpoint);
            }
        }
    }
}

/// Copies the files of a backup that has begun.
pub(crate) fn copy(plan: &BackupPlan, from: &dyn Disk, to: &dyn Disk) -> Result<Made, BackupError> {
    let lineage = store::lineage_of(from)?;
    store::back_up(plan, lineage, from, to, 0x5a17)
}

/// Restores the backup of a disk into a new one.
pub(super) fn restore(disk: &SimDisk, to: &SimDisk) -> Result<Restored, BackupError> {
    restore_from(Within { disk: disk.clone(), dir: DIR.to_owned(), crosses: false }, to, false)
}

pub(crate) fn restore_from(
    from: Within,
    to: &SimDisk,
    accept_damaged: bool,
) -> Result<Restored, BackupError> {
    let mut next = 7;
    let mut random = || {
        next += 1;
        next
    };
    let from: Arc<dyn Disk> = Arc::new(from);
    store::restore(&from, to, &Identity::random(&mut random), accept_damaged)
}

pub(super) fn start(disk: &SimDisk, clock: &ToldClock, seed: u64) -> Result<SimBroker, StartError> {
    SimBroker::start(small_settings(), disk, clock, seed)
}

#[track_caller]
pub(super) fn ask(broker: &mut SimBroker, command: Command) -> Result<Reply, Rejection> {
    broker.ask(command).expect("it is answered").reply
}

/// Asks for what is not refused.
#[track_caller]
fn do_it(broker: &mut SimBroker, command: Command) -> Reply {
    ask(broker, command).expect("it is not refused")
}

/// Everything that clients see of a broker, each message with its bytes.
pub(crate) fn seen(broker: &mut SimBroker) -> Vec<String> {
    broker.owner().state().check_all();
    let list = Command::ListQueues { prefix: String::new(), after: None, count_max: 100 };
    let told = broker.ask(list).expect("it is answered");
    let Ok(Reply::Queues { queues, .. }) = &told.reply else { panic!("it was answered {told:?}") };
    let names: Vec<QueueName> = queues.iter().map(|view| view.name.clone()).collect();
    let mut seen = vec![format!("{told:?}")];
    for queue in names {
        let browse = Browse {
            queue,
            states: StateFilter::ALL,
            group: None,
            age_min: None,
            after: Seq::new(0),
            count_max: 1000,
        };
        seen.push(format!("{:?}", broker.ask(Command::Browse(browse)).expect("it is answered")));
    }
    seen
}

fn fill(broker: &mut SimBroker, count: usize) {
    for number in 0..count {
        let body = format!("{number}:{}", "x".repeat(2000));
        let sent = ask(broker, commands::send("mails", commands::entry(body)));
        assert!(matches!(sent, Ok(Reply::Sent(_))), "{sent:?}");
    }
}

fn receive(broker: &mut SimBroker, count: usize) -> Vec<Leased> {
    match ask(broker, commands::receive("mails", count, Some(HOUR))) {
        Ok(Reply::Received(leased)) => leased,
        other => panic!("it was answered with {other:?}"),
    }
}

fn delete(broker: &mut SimBroker, count: usize) {
    let leases = receive(broker, count).iter().map(Leased::lease).collect();
    let mode = DeleteMode::Fenced;
    let deleted = ask(broker, Command::Delete { queue: queue("mails"), leases, mode });
    assert!(deleted.is_ok(), "{deleted:?}");
}
