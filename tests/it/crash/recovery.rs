//! Crashes within the start that follows a crash, and within the one after that.

use ledgerq::disk::{
    SimDisk,
    sim::{Counter, Fault, Faults, Random, keep_all, keep_none, keep_random},
};

use super::{
    history::check,
    seeds,
    session::{Planned, Session, found, run, start_and_empty},
    setting, sum_over,
};
use crate::broker::{SimBroker, ToldClock, small_settings};

const SEEDS_DEFAULT: u64 = 24;
/// First crashes of one workload, spread over it.
const FIRST_CRASHES: u64 = 6;

#[test]
fn a_start_can_be_interrupted_anywhere_twice() {
    let states = sum_over(&seeds(SEEDS_DEFAULT), interrupt_starts);
    assert!(setting("CRASH_SEED").is_some() || states > 500, "only {states} were tried");
}

fn interrupt_starts(seed: u64) -> u64 {
    let operations = run(seed, None).count(Counter::Changes);
    let mut states = 0;
    for step in 0..FIRST_CRASHES {
        let nth = 1 + (seed * 7 + step * operations / FIRST_CRASHES) % operations;
        let planned = Planned { counter: Counter::Changes, nth, fault: Fault::Crash };
        let session = run(seed, Some(planned));
        let disk = session.disk.crash(&mut keep_random(seed ^ nth));
        let expected = outcome(&session, &disk, seed, nth);
        for first in interruptions(&session, &disk, seed) {
            let same = outcome(&session, &first, seed, nth);
            assert_eq!(
                same, expected,
                "CRASH_SEED={seed}: an interrupted start found other things"
            );
            // The second interruption is at one operation of each, another each time.
            let mut random = Random::new(seed ^ states);
            let seconds = interruptions(&session, &first, seed + 1);
            let second = &seconds[random.below(seconds.len())];
            let same = outcome(&session, second, seed, nth);
            assert_eq!(same, expected, "CRASH_SEED={seed}: a start interrupted twice");
            states += 2;
        }
    }
    states
}

/// The disk after a start that ended at each of its operations, and then the power went or the
/// process.
fn interruptions(session: &Session, disk: &SimDisk, seed: u64) -> Vec<SimDisk> {
    let mut disks = Vec::new();
    for nth in 1.. {
        let copy = disk.snapshot();
        copy.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        let clock = clock_of(session);
        let started = SimBroker::start(small_settings(), &copy, &clock, seed << 20 | nth);
        if !copy.is_dead() {
            assert!(started.is_ok(), "a start that is left alone succeeds");
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

/// What a start finds, once it is held against the history.
fn outcome(
    session: &Session,
    disk: &SimDisk,
    seed: u64,
    nth: u64,
) -> std::collections::BTreeMap<u64, u32> {
    let repeat = format!("CRASH_SEED={seed}, the first crash at {nth}");
    let emptied = start_and_empty(&disk.snapshot(), &clock_of(session), &session.history, seed);
    let history = emptied.unwrap_or_else(|error| panic!("no start: {error}\n{repeat}"));
    if let Err(violation) = check(&history) {
        panic!("{violation}\n{history:#?}\n{violation}\n{repeat}");
    }
    found(&history)
}

fn clock_of(session: &Session) -> ToldClock {
    let clock = ToldClock::new();
    clock.set(session.clock.now());
    clock
}
