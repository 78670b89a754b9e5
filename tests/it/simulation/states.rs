//! A crash at every operation, and every state, or many, that it may leave.

use std::collections::BTreeMap;

use ledgerq::disk::{
    SimDisk,
    sim::{Counter, Fault, keep_all, keep_none, keep_random},
};

use super::{
    is_a_part,
    plan::{Place, Plan, Planned, Workload},
    seeds,
    session::{DEAD, JOBS, Session, found, run, start_and_empty},
    shrink::run_or_shrink,
    sum_over,
};
use crate::history::{Ask, AskId, Event, Lease, QueueNo, Told};

/// Workloads of a run that is not told otherwise.
const SEEDS_DEFAULT: u64 = 84;
/// States that a run of so many has at least.
const STATES_MIN: u64 = 20_000;
/// Crashes with no more outcomes than this are gone through one by one.
pub(super) const EXHAUSTIVE_MAX: usize = 16;
/// Seeded outcomes of the others.
const RANDOM_COUNT: u64 = 6;

#[test]
fn no_crash_breaks_a_promise() {
    let test = "no_crash_breaks_a_promise";
    let states = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        crash_everywhere(test, &Plan::new(Workload::Plain, seed), EXHAUSTIVE_MAX)
    });
    eprintln!("{states} states");
    assert!(is_a_part(SEEDS_DEFAULT) || states >= STATES_MIN, "only {states} states were tried");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let plans = [(Workload::Plain, 1..=5), (Workload::Upkeep, 1..=2), (Workload::Whole, 4..=5)];
    for (workload, seeds) in plans {
        for seed in seeds {
            let plan = Plan::new(workload, seed);
            let (one, other) = (run(&plan), run(&plan));
            assert_eq!(one.history, other.history);
            assert_eq!(one.places(Counter::Changes), other.places(Counter::Changes));
            assert_eq!(one.disk.paths(), other.disk.paths());
            for path in one.disk.paths() {
                assert!(one.disk.file(&path) == other.disk.file(&path), "{path} of {plan:?}");
            }
            if !one.whole.is_damaged {
                assert_eq!(outcomes(&one, seed), outcomes(&other, seed));
            }
        }
    }
}

/// What is found on the disks that a power cut may leave.
fn outcomes(session: &Session, seed: u64) -> Vec<(String, BTreeMap<u64, u32>)> {
    let found_on = |(name, disk): &(String, SimDisk)| {
        let emptied = start_and_empty(disk, session, seed).expect("the start succeeds");
        (name.clone(), found(&emptied))
    };
    states_of(&session.disk, seed, EXHAUSTIVE_MAX).iter().map(found_on).collect()
}

#[test]
fn workloads_do_what_they_are_for() {
    let plans = (1..=SEEDS_DEFAULT).map(|seed| Plan::new(Workload::Plain, seed));
    let sessions: Vec<Session> = plans.map(|plan| run(&plan)).collect();
    let segments = |session: &Session| {
        session.disk.paths().iter().filter(|path| path.contains(".seg")).count()
    };
    assert!(sessions.iter().any(|session| segments(session) >= 5), "some roll over segments");
    let kinds = |name: &str| {
        let named = |session: &&Session| format!("{:?}", session.history).contains(name);
        sessions.iter().filter(named).count()
    };
    let names = [
        "Received([Lease",
        "Deleted([Gone",
        "Deleted([NotThere",
        "Changed([Some",
        "Purge",
        "Ended",
        "Stale",
        "Transact",
        "Move",
        "Cancelled(Cancelled",
        "Cancelled(TooLate",
        "group: Some",
    ];
    for name in names {
        assert!(kinds(name) >= 2, "{name} is in too few histories");
    }
    let dead = |session: &&Session| receives(session, DEAD).iter().any(|lease| lease.count > 1);
    assert!(sessions.iter().filter(dead).count() >= 2, "some dead letters are received");
    let again = |session: &&Session| {
        let first = receives(session, DEAD).into_iter().map(|lease| lease.number);
        let known: Vec<_> = first.collect();
        let back = receives(session, JOBS);
        back.iter().any(|lease| lease.count == 1 && known.contains(&lease.number))
    };
    assert!(sessions.iter().filter(again).count() >= 1, "some are moved back and received");
}

/// What a session was given of a queue.
fn receives(session: &Session, wanted: QueueNo) -> Vec<Lease> {
    let is_asked = |wanted_id: AskId| {
        session.history.iter().any(|event| {
            matches!(event, Event::Asked { id, ask: Ask::Receive { queue }, .. }
                if *id == wanted_id && *queue == wanted)
        })
    };
    let told = session.history.iter().filter_map(|event| match event {
        Event::Told { id, told: Told::Received(leases), .. } if is_asked(*id) => Some(leases),
        _ => None,
    });
    told.flatten().cloned().collect()
}

/// Crashes at every operation of a workload; how many states were tried.
pub(super) fn crash_everywhere(test: &str, plan: &Plan, exhaustive_max: usize) -> u64 {
    let only = Place::asked();
    let places = run(plan).places(Counter::Changes).into_iter();
    let places = places.filter(|place| only.is_none_or(|only| only == *place));
    let crash = |place: Place| {
        // Every third crash is one within a write, if it is one.
        let fault =
            if place.nth.is_multiple_of(3) { Fault::CrashWithin(700) } else { Fault::Crash };
        let planned = Planned { counter: Counter::Changes, place, fault };
        run_or_shrink(test, &plan.with(planned), &|plan| judge(plan, exhaustive_max))
    };
    places.map(crash).sum()
}

/// Starts on everything that the disk may hold after the crash of a plan.
fn judge(plan: &Plan, exhaustive_max: usize) -> u64 {
    let session = run(plan);
    let place = plan.planned.expect("a crash is planned").place;
    let seed = plan.seed ^ place.nth << 8 ^ place.round as u64;
    let states = states_of(&session.disk, seed, exhaustive_max);
    for (state, disk) in &states {
        let started = start_and_empty(disk, &session, seed);
        drop(started.unwrap_or_else(|error| panic!("no start on {state}: {error}")));
    }
    states.len() as u64
}

/// What the disk may hold when the process or the power has gone: all of it if there is not more
/// than that.
pub(super) fn states_of(
    disk: &SimDisk,
    seed: u64,
    exhaustive_max: usize,
) -> Vec<(String, SimDisk)> {
    let mut states = vec![("killed".to_owned(), disk.kill())];
    let every: Vec<SimDisk> = disk.every_crash(exhaustive_max + 1).collect();
    if every.len() <= exhaustive_max {
        let named = every.into_iter().enumerate().map(|(at, disk)| (format!("outcome {at}"), disk));
        states.extend(named);
        return states;
    }
    states.push(("nothing kept".to_owned(), disk.crash(&mut keep_none())));
    states.push(("all kept".to_owned(), disk.crash(&mut keep_all())));
    for at in 0..RANDOM_COUNT {
        let kept = disk.crash(&mut keep_random(seed << 8 | at));
        states.push((format!("random outcome {at}"), kept));
    }
    states
}
