//! Rules of the log about checkpoints, reclaim and compaction: the history that each prevents.
//! docs/TESTING.md says which test plays which rule; tests/mutants breaks each rule in the code.

mod checkpoints;
mod compaction;
mod segments;

use ledgerq::{
    disk::{Access, Disk, SimDisk, sim::keep_none},
    log::SEGMENTS_DIR,
    store::CHECKPOINTS_DIR,
    types::{Command, DeleteMode, LeaseRef, Leased, Millis, Reply, Status},
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{create, entry, queue, receive, send},
};

/// Body of a message of which four fill a segment, in bytes.
const FOURTH_BYTES: usize = 14_000;

/// A broker with one queue, and who uses it.
struct Life {
    disk: SimDisk,
    clock: ToldClock,
    broker: SimBroker,
    starts_count: u64,
}

impl Life {
    fn begin() -> Self {
        let mut life = Self::on(&SimDisk::new());
        life.ask(create("jobs"));
        life
    }

    /// On what this disk holds.
    fn on(disk: &SimDisk) -> Self {
        let clock = ToldClock::new();
        let broker = SimBroker::start(small_settings(), disk, &clock, 1).expect("it starts");
        Self { disk: disk.clone(), clock, broker, starts_count: 1 }
    }

    fn ask(&mut self, command: Command) -> Reply {
        let told = self.broker.ask(command).expect("it does not wait");
        told.reply.unwrap_or_else(|refused| panic!("{refused}"))
    }

    /// Sends so many messages of about a fourth of a segment.
    fn send(&mut self, count: usize) {
        for _ in 0..count {
            self.ask(send("jobs", entry(vec![b'x'; FOURTH_BYTES])));
        }
    }

    fn take(&mut self, count: usize) -> Vec<LeaseRef> {
        let hours = Some(Millis::from_secs(3600));
        let Reply::Received(leased) = self.ask(receive("jobs", count, hours)) else {
            panic!("not received")
        };
        assert_eq!(leased.len(), count, "so many are there");
        leased.iter().map(Leased::lease).collect()
    }

    fn delete(&mut self, leases: Vec<LeaseRef>) {
        let (queue, mode) = (queue("jobs"), DeleteMode::Fenced);
        self.ask(Command::Delete { queue, leases, mode });
    }

    fn consume(&mut self, count: usize) {
        let leases = self.take(count);
        self.delete(leases);
    }

    fn checkpoint(&mut self) {
        self.ask(Command::Checkpoint);
    }

    fn compact(&mut self) -> u64 {
        let Reply::Compacted { copied_count } = self.ask(Command::Compact) else {
            panic!("not compacted")
        };
        copied_count
    }

    fn status(&mut self) -> Status {
        let Reply::Status(status) = self.ask(Command::GetStatus) else { panic!("no status") };
        *status
    }

    fn count(&mut self) -> u64 {
        let Reply::Queue(view) = self.ask(Command::GetQueue { queue: queue("jobs") }) else {
            panic!("no queue")
        };
        view.counts.ready + view.counts.in_flight
    }

    /// The power goes, and what was not synced with it.
    fn power_cut(&self) -> SimDisk {
        self.disk.crash(&mut keep_none())
    }

    /// Another process on this disk, at the same time of day.
    fn restart_on(&self, disk: &SimDisk) -> Result<Self, String> {
        let (clock, starts_count) = (self.clock.clone(), self.starts_count + 1);
        let broker = SimBroker::start(small_settings(), disk, &clock, starts_count);
        let broker = broker.map_err(|error| error.to_string())?;
        Ok(Self { disk: disk.clone(), clock, broker, starts_count })
    }
}

fn named(disk: &SimDisk, dir: &str, ending: &str) -> Vec<String> {
    let names = disk.list(dir).expect("the directory is there").into_iter();
    let ours = names.filter(|name| name.strip_suffix(ending).is_some());
    ours.map(|name| format!("{dir}/{name}")).collect()
}

fn checkpoints(disk: &SimDisk) -> Vec<String> {
    named(disk, CHECKPOINTS_DIR, ".ckpt")
}

fn segments(disk: &SimDisk) -> Vec<String> {
    named(disk, SEGMENTS_DIR, ".seg")
}

fn outputs(disk: &SimDisk) -> Vec<String> {
    named(disk, SEGMENTS_DIR, ".out")
}

/// Flips a bit in the middle of a file.
fn damage(disk: &SimDisk, path: &str) {
    let file = disk.open(path, Access::Read).expect("it is there");
    let middle = file.len().expect("it has a length") / 2;
    disk.corrupt(path, middle, |byte| byte ^ 4).expect("it has such a byte");
}

fn damage_all_checkpoints(disk: &SimDisk) {
    for path in checkpoints(disk) {
        damage(disk, &path);
    }
}
