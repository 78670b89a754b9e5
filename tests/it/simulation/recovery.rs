//! Crashes within the start that follows a crash, and within the one after that.

use ledgerq::disk::{
    SimDisk,
    sim::{Counter, Fault, Faults, Random, keep_all, keep_none, keep_random},
};

use super::{
    is_a_part,
    plan::{Place, Plan, Planned, Workload},
    seeds,
    session::{Session, found, run, start_and_empty},
    shrink::run_or_shrink,
    sum_over,
};
use crate::broker::SimBroker;

const SEEDS_DEFAULT: u64 = 24;
/// First crashes of one workload, spread over it.
const FIRST_CRASHES: usize = 6;

#[test]
fn a_start_can_be_interrupted_anywhere_twice() {
    let test = "a_start_can_be_interrupted_anywhere_twice";
    let states = sum_over(&seeds(SEEDS_DEFAULT), |seed| interrupt_starts(test, seed));
    eprintln!("{states} states");
    assert!(is_a_part(SEEDS_DEFAULT) || states > 500, "only {states} were tried");
}

fn interrupt_starts(test: &str, seed: u64) -> u64 {
    let plan = Plan::new(Workload::Plain, seed);
    let places = run(&plan).places(Counter::Changes);
    let offset = usize::try_from(seed * 7 % places.len() as u64).expect("it is small");
    let first = |step: usize| places[(offset + step * places.len() / FIRST_CRASHES) % places.len()];
    let only = Place::asked();
    let places = (0..FIRST_CRASHES).map(first);
    let places = places.filter(|place| only.is_none_or(|only| only == *place));
    let interrupt = |place| {
        let planned = Planned { counter: Counter::Changes, place, fault: Fault::Crash };
        run_or_shrink(test, &plan.with(planned), &interrupt)
    };
    places.map(interrupt).sum()
}

/// Interrupts the starts after the crash of a plan; how often.
fn interrupt(plan: &Plan) -> u64 {
    let session = run(plan);
    let (seed, nth) = (plan.seed, plan.planned.map_or(0, |planned| planned.place.nth));
    let disk = session.disk.crash(&mut keep_random(seed ^ nth));
    let outcome = |disk: &SimDisk| {
        let emptied = start_and_empty(&disk.snapshot(), &session, seed);
        found(&emptied.unwrap_or_else(|error| panic!("no start: {error}")))
    };
    let expected = outcome(&disk);
    let mut states = 0;
    for first in interruptions(&session, &disk, seed) {
        assert_eq!(outcome(&first), expected, "an interrupted start found other things");
        // The second interruption is at one operation of each, another each time.
        let mut random = Random::new(seed ^ states);
        let seconds = interruptions(&session, &first, seed + 1);
        let second = &seconds[random.below(seconds.len())];
        assert_eq!(outcome(second), expected, "a start interrupted twice found other things");
        states += 2;
    }
    states
}

/// The disk after a start that ended at each of its operations, and then the power went or the
/// process; and after one that was left alone, and whose process is ended at once.
pub(super) fn interruptions(session: &Session, disk: &SimDisk, seed: u64) -> Vec<SimDisk> {
    let mut disks = Vec::new();
    for nth in 1.. {
        let (copy, clock) = (disk.snapshot(), session.clock.copy());
        copy.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        let started = SimBroker::start(session.settings(), &copy, &clock, seed << 20 | nth);
        if !copy.is_dead() {
            assert!(started.is_ok(), "a start that is left alone succeeds");
            drop(started);
            disks.push(copy.kill());
            return disks;
        }
        drop(started);
        disks.push(match nth % 4 {
            0 => copy.kill(),
            1 => copy.crash(&mut keep_none()),
            2 => copy.crash(&mut keep_all()),
            _ => copy.crash(&mut keep_random(seed ^ nth)),
        });
    }
    disks
}
