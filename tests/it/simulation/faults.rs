//! Failing syncs and full disks.

use std::collections::BTreeSet;

use ledgerq::disk::{
    SimDisk,
    sim::{Counter, Fault, keep_all, keep_none},
};

use super::{
    is_a_part,
    plan::{Place, Plan, Planned, Workload},
    seeds,
    session::{Session, found, run, start_and_empty},
    shrink::run_or_shrink,
    sum_over,
};
use crate::history::{Ask, Event, Number, Told};

const SEEDS_DEFAULT: u64 = 20;

#[test]
fn after_a_failed_sync_nothing_is_acknowledged_and_a_start_finds_what_was_durable() {
    let test = "after_a_failed_sync_nothing_is_acknowledged";
    let stopped = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        let plan = Plan::new(Workload::Plain, seed);
        let fail = |(place, fault)| {
            let planned = Planned { counter: Counter::Syncs, place, fault };
            run_or_shrink(test, &plan.with(planned), &after_a_failed_sync)
        };
        let faults =
            |place: Place| [Fault::Eio, Fault::TornSync(seed ^ place.nth)].map(|f| (place, f));
        places(&plan, Counter::Syncs).into_iter().flat_map(faults).map(fail).sum()
    });
    assert!(is_a_part(SEEDS_DEFAULT) || stopped > 50, "only {stopped} brokers stopped");
}

/// Whether the broker stopped because a frame could not be synced.
fn after_a_failed_sync(plan: &Plan) -> u64 {
    // That nobody is told anything later is asserted where answers are released.
    let session = run(plan);
    let is_plain = plan.planned.is_some_and(|planned| planned.fault == Fault::Eio);
    for disk in [session.disk.kill(), session.disk.crash(&mut keep_none())] {
        let there = judge(&session, &disk);
        if session.has_failed && is_plain {
            let known = acknowledged(&session.history);
            assert!(there.is_subset(&known), "{there:?} of {known:?}");
        }
    }
    u64::from(session.has_failed)
}

#[test]
fn no_space_at_any_operation_is_survived() {
    let test = "no_space_at_any_operation_is_survived";
    let degraded = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        let plan = Plan::new(Workload::Plain, seed);
        let fill = |place| {
            let planned = Planned { counter: Counter::Changes, place, fault: Fault::Enospc };
            run_or_shrink(test, &plan.with(planned), &without_space)
        };
        places(&plan, Counter::Changes).into_iter().map(fill).sum()
    });
    assert!(is_a_part(SEEDS_DEFAULT) || degraded > 20, "{degraded} had to do without");
}

/// How often no segment could be prepared.
fn without_space(plan: &Plan) -> u64 {
    let session = run(plan);
    for disk in [session.disk.kill(), session.disk.crash(&mut keep_all())] {
        judge(&session, &disk);
    }
    session.no_space_count
}

fn places(plan: &Plan, counter: Counter) -> Vec<Place> {
    let only = Place::asked();
    let places = run(plan).places(counter).into_iter();
    places.filter(|place| only.is_none_or(|only| only == *place)).collect()
}

/// The messages that clients were told of.
fn acknowledged(history: &[Event]) -> BTreeSet<Number> {
    let mut numbers = BTreeSet::new();
    for event in history {
        let Event::Told { id, told: Told::Sent, .. } = event else { continue };
        let asked = history.iter().find_map(|event| match event {
            Event::Asked {
                id: asked,
                ask: Ask::Send { numbers, .. } | Ask::Transact { numbers, .. },
                ..
            } if asked == id => Some(numbers),
            _ => None,
        });
        numbers.extend(asked.into_iter().flatten());
    }
    numbers
}

/// The messages that a start finds.
fn judge(session: &Session, disk: &SimDisk) -> BTreeSet<Number> {
    let emptied = start_and_empty(disk, session, 99);
    found(&emptied.unwrap_or_else(|error| panic!("no start: {error}"))).into_keys().collect()
}
