//! A broker whose messages are known one by one, killed; and what is in a directory.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use ledgerq::{
    broker::{RepairError, RepairReport, digest, survey},
    disk::{Disk, ReadOnly, SimDisk},
    log,
    store::Identity,
    types::{
        Browse, Command, DeleteMode, Leased, Millis, QueueName, Reply, SendEntry, Seq, StateFilter,
    },
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{self, queue},
};

const HOUR: Millis = Millis::from_secs(3600);

/// What clients see of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) queue: QueueName,
    pub(super) body: Bytes,
    pub(super) receive_count: u32,
    pub(super) priority: u8,
    pub(super) sent_at: ledgerq::types::Timestamp,
}

pub(super) type Messages = BTreeMap<Seq, Seen>;

/// A killed broker.
pub(super) struct World {
    pub(super) disk: SimDisk,
    pub(super) clock: ToldClock,
    /// Every message that was ever accepted.
    pub(super) sent: BTreeMap<Seq, Bytes>,
    /// Those that are there.
    pub(super) there: Messages,
    pub(super) lease: Leased,
}

struct Maker {
    broker: SimBroker,
    sent: BTreeMap<Seq, Bytes>,
}

impl Maker {
    fn ask(&mut self, command: Command) -> Reply {
        self.broker.ask(command).expect("it is answered").reply.expect("it is not refused")
    }

    fn send(&mut self, name: &str, entry: SendEntry, body: &Bytes) {
        match self.ask(commands::send(name, entry)) {
            Reply::Sent(sent) => {
                let seq = sent[0].as_ref().expect("it is taken").seq;
                self.sent.insert(seq, body.clone());
            }
            other => panic!("it was answered with {other:?}"),
        }
    }

    /// Messages for every queue, most of them large and soon gone.
    fn fill(&mut self, count: u32) {
        for number in 0..count {
            for part in 0..3 {
                let body = Bytes::from(format!("{number}.{part}:{}", "x".repeat(2500)));
                self.send("mails", commands::entry(body.clone()), &body);
            }
            let body = Bytes::from(format!("keep {number} of {count}"));
            self.send("keep", commands::entry(body.clone()), &body);
            let body = Bytes::from(format!("once {number} of {count}"));
            let group = Some(commands::group(["a", "b"][number as usize % 2]));
            let id = digest::deduplication(&format!("{count} {number}"), group.as_ref(), false);
            let entry =
                SendEntry { group, deduplication: Some(id), ..commands::entry(body.clone()) };
            self.send("orders.fifo", entry, &body);
        }
    }

    fn receive(&mut self, name: &str, count: usize) -> Vec<Leased> {
        match self.ask(commands::receive(name, count, Some(HOUR))) {
            Reply::Received(leased) => leased,
            other => panic!("it was answered with {other:?}"),
        }
    }

    fn delete(&mut self, name: &str, count: usize) {
        let leases = self.receive(name, count).iter().map(Leased::lease).collect();
        let mode = DeleteMode::Fenced;
        self.ask(Command::Delete { queue: queue(name), leases, mode });
    }
}

impl World {
    /// Two checkpoints, an output, files before and behind them, leases, groups.
    pub(super) fn new() -> Self {
        let (disk, clock) = (SimDisk::new(), ToldClock::new());
        let settings = ledgerq::broker::start::Settings { pool_count_max: 0, ..small_settings() };
        let broker = SimBroker::start(settings, &disk, &clock, 1).expect("a new one");
        let mut maker = Maker { broker, sent: BTreeMap::new() };
        for name in ["mails", "keep", "orders.fifo"] {
            maker.ask(commands::create(name));
        }
        maker.fill(30);
        maker.delete("mails", 80);
        maker.delete("keep", 3);
        maker.ask(Command::Checkpoint);
        maker.ask(Command::Compact);
        maker.ask(Command::Checkpoint);
        maker.fill(12);
        maker.delete("mails", 6);
        maker.delete("orders.fifo", 1);
        maker.receive("keep", 2);
        maker.ask(Command::Checkpoint);
        maker.fill(5);
        maker.delete("keep", 2);
        let body = Bytes::from_static(b"late");
        maker.send("keep", commands::delayed(body.clone(), HOUR), &body);
        let lease = maker.receive("mails", 2).pop().expect("there are messages");
        // A tick proves what was last.
        maker.broker.advance(Millis::new(50));
        let there = messages(&mut maker.broker);
        Self { disk: disk.kill(), clock, sent: maker.sent, there, lease }
    }
}

/// Every message of a broker.
pub(super) fn messages(broker: &mut SimBroker) -> Messages {
    broker.owner().state().check_all();
    let list = Command::ListQueues { prefix: String::new(), after: None, count_max: 100 };
    let Some(Ok(Reply::Queues { queues, .. })) = broker.ask(list).map(|told| told.reply) else {
        panic!("queues are listed")
    };
    let mut all = Messages::new();
    for queue in queues.into_iter().map(|view| view.name) {
        let states = StateFilter::ALL;
        let (group, age_min, after, count_max) = (None, None, Seq::new(0), 1000);
        let browse = Browse { queue: queue.clone(), states, group, age_min, after, count_max };
        let told = broker.ask(Command::Browse(browse)).expect("it is answered");
        let Ok(Reply::Browsed { messages, .. }) = told.reply else { panic!("they are shown") };
        for (message, (_, body)) in messages.into_iter().zip(told.looked) {
            let (seq, queue, sent_at) = (message.seq, queue.clone(), message.sent_at);
            let (receive_count, priority) = (message.receive_count, message.priority);
            all.insert(seq, Seen { queue, body, receive_count, priority, sent_at });
        }
    }
    all
}

/// Repairs a disk into another one.
pub(super) fn repair_to(from: &SimDisk, to: &SimDisk) -> Result<RepairReport, RepairError> {
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::new(from.clone())));
    let lineage = log::lineage_told(from).expect("it can be read").unwrap_or_default();
    let mut next = 7;
    let mut random = || {
        next += 1;
        next
    };
    let fresh = Identity::random(&mut random);
    let settings = small_settings();
    let remains = survey(&settings, &quiet, lineage, &mut |_| ())?;
    let report = remains.report().clone();
    let target: Arc<dyn Disk> = Arc::new(to.clone());
    remains.write(&settings, &target, &fresh, &mut random, &mut |_, _| ())?;
    Ok(report)
}

/// Every file of a disk with its bytes.
pub(super) fn bytes_of(disk: &SimDisk) -> Vec<(String, Option<Vec<u8>>)> {
    disk.paths().into_iter().map(|path| (path.clone(), disk.file(&path))).collect()
}
