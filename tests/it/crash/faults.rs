//! Failing syncs and full disks.

use std::collections::BTreeSet;

use ledgerq::disk::{
    SimDisk,
    sim::{Counter, Fault, keep_all, keep_none},
};

use super::{
    history::{Ask, Event, Number, Told, check},
    seeds,
    session::{Planned, Session, found, run, start_and_empty},
    setting, sum_over,
};
use crate::broker::ToldClock;

const SEEDS_DEFAULT: u64 = 12;

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_a_start_finds_what_was_durable() {
    let stopped = sum_over(&seeds(SEEDS_DEFAULT), fail_every_sync);
    assert!(stopped > 50 || setting("CRASH_SEED").is_some(), "only {stopped} brokers stopped");
}

/// How many brokers stopped because a frame could not be synced.
fn fail_every_sync(seed: u64) -> u64 {
    let syncs = run(seed, None).count(Counter::Syncs);
    let mut stopped = 0;
    for nth in 1..=syncs {
        for fault in [Fault::Eio, Fault::TornSync(seed ^ nth)] {
            // That nobody is told anything later is asserted where answers are released.
            let session = run(seed, Some(Planned { counter: Counter::Syncs, nth, fault }));
            let place = format!("seed {seed}, {fault:?} of sync {nth}");
            for disk in [session.disk.kill(), session.disk.crash(&mut keep_none())] {
                let history = judge(&session, &disk, &place);
                if session.has_failed && fault == Fault::Eio {
                    let there: BTreeSet<Number> = found(&history).into_keys().collect();
                    let known = acknowledged(&session.history);
                    assert!(there.is_subset(&known), "{place}: {there:?} of {known:?}");
                }
            }
            stopped += u64::from(session.has_failed);
        }
    }
    stopped
}

#[test]
fn no_space_at_any_operation_is_survived() {
    let degraded = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        let operations = run(seed, None).count(Counter::Changes);
        let mut degraded = 0;
        for nth in 1..=operations {
            let planned = Planned { counter: Counter::Changes, nth, fault: Fault::Enospc };
            let session = run(seed, Some(planned));
            let place = format!("seed {seed}, no space at operation {nth}");
            for disk in [session.disk.kill(), session.disk.crash(&mut keep_all())] {
                judge(&session, &disk, &place);
            }
            degraded += session.no_space_count;
        }
        degraded
    });
    assert!(degraded > 20 || setting("CRASH_SEED").is_some(), "{degraded} had to do without");
}

/// The messages that clients were told of.
fn acknowledged(history: &[Event]) -> BTreeSet<Number> {
    let mut numbers = BTreeSet::new();
    for event in history {
        let Event::Told { id, told: Told::Sent, .. } = event else { continue };
        let asked = history.iter().find_map(|event| match event {
            Event::Asked { id: asked, ask: Ask::Send { numbers, .. }, .. } if asked == id => {
                Some(numbers)
            }
            _ => None,
        });
        numbers.extend(asked.into_iter().flatten());
    }
    numbers
}

fn judge(session: &Session, disk: &SimDisk, place: &str) -> Vec<Event> {
    let clock = ToldClock::new();
    clock.set(session.clock.now());
    let emptied = start_and_empty(disk, &clock, &session.history, 99);
    let history = emptied.unwrap_or_else(|error| panic!("{place}: no start: {error}"));
    if let Err(violation) = check(&history) {
        panic!("{violation}\n{history:#?}\n{place}: {violation}");
    }
    history
}
