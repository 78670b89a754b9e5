//! A data directory that was in use, with files of every kind.

use ledgerq::{
    broker::{digest, start::Settings},
    disk::SimDisk,
    types::{Command, Millis, SendEntry},
};

// From where both the tests and the fuzz targets have them.
use super::{
    broker::{SimBroker, ToldClock, small_settings},
    commands,
};

/// The disk of a broker that was killed after messages came and went: two checkpoints, an output,
/// segments before and behind the checkpoints, leases, groups, deduplication ids. The more rounds
/// it begins with, the more segments.
pub(crate) fn directory(rounds: u32) -> SimDisk {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let settings = Settings { pool_count_max: 0, ..small_settings() };
    let mut broker = SimBroker::start(settings, &disk, &clock, 1).expect("a new one");
    for queue in ["jobs", "keep", "ids.fifo"] {
        broker.ask(commands::create(queue)).expect("it answers");
    }
    fill(&mut broker, rounds);
    broker.ask(Command::PurgeQueue { queue: commands::queue("jobs") }).expect("it answers");
    for command in [Command::Checkpoint, Command::Compact, Command::Checkpoint] {
        broker.ask(command).expect("it answers").reply.expect("it is done");
    }
    fill(&mut broker, 8);
    broker.ask(commands::receive("keep", 2, Some(Millis::from_secs(60)))).expect("it answers");
    broker.ask(Command::Checkpoint).expect("it answers").reply.expect("it is done");
    fill(&mut broker, 6);
    // The log goes on behind the checkpoint.
    disk.kill()
}

/// Sends to every queue in turn, most to the first.
fn fill(broker: &mut SimBroker, rounds: u32) {
    for number in 0..rounds {
        for _ in 0..3 {
            broker.ask(commands::send("jobs", commands::entry(vec![7; 3000])));
        }
        broker.ask(commands::send("keep", commands::entry(format!("keep {number}"))));
        let group = Some(commands::group("g"));
        let id = digest::deduplication(&format!("{rounds} {number}"), group.as_ref(), false);
        let entry = SendEntry { group, deduplication: Some(id), ..commands::entry("once") };
        broker.ask(commands::send("ids.fifo", entry));
    }
}
