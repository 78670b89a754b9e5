//! What a start finds: everything is taken out of it.

use std::collections::BTreeMap;

use ledgerq::{broker::StartError, disk::SimDisk, types::Millis};

use super::{
    super::history::{Ask, Event, Number, Told},
    ALL, DEAD, JOBS, LONGEST, MAILS, TEMPS, receive, told,
};
use crate::broker::{SimBroker, ToldClock, small_settings};

/// Starts on what a disk holds, takes everything out and writes that into the history too.
pub(in crate::crash) fn start_and_empty(
    disk: &SimDisk,
    clock: &ToldClock,
    history: &[Event],
    seed: u64,
) -> Result<Vec<Event>, StartError> {
    let mut broker = SimBroker::start(small_settings(), disk, clock, seed)?;
    Ok(empty(&mut broker, clock, history))
}

/// Takes everything out of a broker that has just started, and writes that into the history too.
pub(in crate::crash) fn empty(
    broker: &mut SimBroker,
    clock: &ToldClock,
    history: &[Event],
) -> Vec<Event> {
    broker.owner().state().check_all();
    let mut history = history.to_vec();
    history.push(Event::Ended);
    let mut next_ask = history.len() + 1_000_000;
    // What is leased or waits now is there once the longest lease is over. Of a group only then.
    for (wait, queues) in [(Millis::ZERO, &[JOBS, MAILS, DEAD, TEMPS][..]), (LONGEST, &ALL)] {
        broker.leap(wait);
        // Tasks that go on take their steps.
        broker.advance(Millis::from_secs(1));
        for queue in queues.iter().copied() {
            loop {
                let at = clock.now();
                history.push(Event::Asked { id: next_ask, at, ask: Ask::Receive { queue } });
                let answer = broker.ask(receive(queue, 1000, 12 * 3_600_000));
                let (told, _) = told(answer.expect("it does not wait"));
                let is_last = !matches!(&told, Told::Received(leases) if !leases.is_empty());
                history.push(Event::Told { id: next_ask, at, told });
                next_ask += 1;
                if is_last {
                    break;
                }
            }
        }
    }
    history.push(Event::Emptied);
    history
}

/// The messages that were received last, with their counts: what a start found.
pub(in crate::crash) fn found(history: &[Event]) -> BTreeMap<Number, u32> {
    let begin = history.iter().rposition(|event| *event == Event::Ended).unwrap_or(0);
    let leases = history[begin..].iter().filter_map(|event| match event {
        Event::Told { told: Told::Received(leases), .. } => Some(leases),
        _ => None,
    });
    leases.flatten().map(|lease| (lease.number, lease.count)).collect()
}
