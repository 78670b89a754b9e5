//! What a start finds: everything is taken out of it.

use std::collections::BTreeMap;

use ledgerq::{broker::StartError, disk::SimDisk, types::Millis};

use super::{
    ALL, DEAD, JOBS, LONGEST, MAILS, Session, TEMPS, print, requests::receive, told::told,
};
use crate::{
    broker::SimBroker,
    history::{Ask, Checker, Event, Number, Told},
};

/// Requests that empty a broker have ids from here on.
const FIRST_ASK: usize = 1 << 40;

/// What was found: what was told of it, and who has read it.
pub(in crate::simulation) struct Emptied {
    pub(in crate::simulation) history: Vec<Event>,
    pub(in crate::simulation) checker: Checker,
}

/// Starts on what a disk holds when a session has ended, and takes everything out.
///
/// # Panics
///
/// If a promise was broken.
pub(in crate::simulation) fn start_and_empty(
    disk: &SimDisk,
    session: &Session,
    seed: u64,
) -> Result<Emptied, StartError> {
    let (settings, clock) = (session.plan.workload.settings(), session.clock.copy());
    let mut broker = SimBroker::start(settings, disk, &clock, seed)?;
    if session.whole.is_damaged {
        broker.allow_damage();
    }
    Ok(empty(&mut broker, &session.checker, &session.history))
}

/// Takes everything out of a broker that has just started, and holds it against what is known. What
/// was before is for the message of a failure.
///
/// # Panics
///
/// If a promise was broken.
pub(in crate::simulation) fn empty(
    broker: &mut SimBroker,
    checker: &Checker,
    before: &[Event],
) -> Emptied {
    broker.owner().state().check_all();
    let mut emptied = Emptied { history: Vec::new(), checker: checker.clone() };
    let mut push = |event: Event| emptied.push(event, before);
    push(Event::Ended);
    let mut next_ask = FIRST_ASK;
    // What is leased or waits is there once the longest lease is over. Of a group only then.
    for (wait, queues) in [(Millis::ZERO, &[JOBS, MAILS, DEAD, TEMPS][..]), (LONGEST, &ALL)] {
        broker.leap(wait);
        // Tasks that go on take their steps.
        broker.advance(Millis::from_secs(1));
        for queue in queues.iter().copied() {
            loop {
                let (id, at) = (next_ask, broker.now());
                next_ask += 1;
                push(Event::Asked { id, at, ask: Ask::Receive { queue } });
                let answer = broker.ask(receive(queue, 1000, 12 * 3_600_000));
                let (told, _) = told(answer.expect("it does not wait"));
                let is_last = !matches!(&told, Told::Received(leases) if !leases.is_empty());
                push(Event::Told { id, at, told });
                if is_last {
                    break;
                }
            }
        }
    }
    push(Event::Emptied);
    emptied
}

impl Emptied {
    fn push(&mut self, event: Event, before: &[Event]) {
        let read = self.checker.read(&event);
        self.history.push(event);
        if let Err(violation) = read {
            let (before, found) = (print(before), print(&self.history));
            panic!("{before}then\n{found}\nfound by a start: {violation}");
        }
    }
}

/// The messages that were received, with their counts.
pub(in crate::simulation) fn found(emptied: &Emptied) -> BTreeMap<Number, u32> {
    let leases = emptied.history.iter().filter_map(|event| match event {
        Event::Told { told: Told::Received(leases), .. } => Some(leases),
        _ => None,
    });
    leases.flatten().map(|lease| (lease.number, lease.count)).collect()
}
