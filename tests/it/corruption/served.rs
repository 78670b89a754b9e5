//! What clients are given by a broker that goes on: checkpoints, a compaction, another start, and
//! then everything received.

use ledgerq::{
    broker::{Answer, StartError},
    disk::SimDisk,
    types::{
        Command, DeleteMode, Leased, Millis, QueueName, ReceiveOptions, Reply, Seq, Timestamp,
    },
};

use super::world::start;
use crate::broker::SimBroker;

/// One message as a client got it; without a CRC of its bytes if they could not be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Served {
    queue: String,
    pub(super) seq: Seq,
    receive_count: u32,
    pub(super) crc: Option<u32>,
}

/// How long every lease and delay is over after.
const LONG: Millis = Millis::from_secs(7200);
/// Rounds in which every queue gives what it has.
const ROUNDS_MAX: usize = 2000;

/// Goes on with the directory as clients do.
pub(super) fn served(disk: &SimDisk, now: Timestamp) -> Result<Vec<Served>, StartError> {
    let mut broker = start(disk, now)?;
    for command in [Command::Checkpoint, Command::Compact, Command::Checkpoint] {
        // A file that cannot be read is not compacted: that is told, and nothing is lost.
        let _ = broker.ask(command);
    }
    let disk = broker.disk().kill();
    drop(broker);
    let mut broker = start(&disk, now)?;
    broker.owner().state().check_all();
    broker.advance(LONG);
    let queues = broker.owner().state().queues("", None, usize::MAX).0;
    let mut served = Vec::new();
    for queue in queues {
        for round in 0.. {
            assert!(round < ROUNDS_MAX, "the queue has no end");
            let before = served.len();
            take(&mut broker, &queue.name, &mut served);
            if served.len() == before {
                break;
            }
        }
    }
    Ok(served)
}

/// Receives some messages and deletes them.
fn take(broker: &mut SimBroker, queue: &QueueName, served: &mut Vec<Served>) {
    let options = ReceiveOptions::new(10);
    let command = Command::Receive { queue: queue.clone(), options, wait: Some(Millis::ZERO) };
    let Some(Answer { reply: Ok(Reply::Received(leased)), bodies }) = broker.ask_unread(command)
    else {
        return;
    };
    for (leased, body) in leased.iter().zip(bodies) {
        let (seq, receive_count) = (leased.seq, leased.receive_count);
        let crc = body.read().ok().map(|(envelope, body)| {
            let envelope = format!("{envelope:?}");
            crc32fast::hash(&[envelope.as_bytes(), &body].concat())
        });
        served.push(Served { queue: queue.to_string(), seq, receive_count, crc });
    }
    let taken = leased.iter().map(Leased::lease).collect();
    let (queue, mode) = (queue.clone(), DeleteMode::Fenced);
    broker.ask(Command::Delete { queue, leases: taken, mode });
}

/// Whether the same was given, but for the bytes of these.
pub(super) fn is_same(found: &[Served], truth: &[Served], flagged: &[Seq]) -> Result<(), String> {
    if found.len() != truth.len() {
        return Err(format!("{} messages were served, not {}", found.len(), truth.len()));
    }
    for (found, truth) in found.iter().zip(truth) {
        let crc = if flagged.contains(&truth.seq) { None } else { truth.crc };
        let wanted = Served { crc, ..truth.clone() };
        if *found != wanted {
            return Err(format!("{found:?} was served, not {wanted:?}"));
        }
    }
    Ok(())
}
