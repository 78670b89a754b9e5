//! Crashes within checkpoints, reclaim and compaction, and what a start makes of what is left, with
//! the checkpoints whole or damaged.

use std::collections::BTreeSet;

use ledgerq::{
    broker::StartError,
    disk::{
        Access, Disk, SimDisk,
        sim::{Counter, Fault, Random, keep_none},
    },
    store::{self, Good},
    types::{Command, Lineage, Millis, Status},
};

use super::{
    is_a_part,
    plan::{Place, Plan, Planned, Workload},
    recovery::interruptions,
    seeds,
    session::{Session, empty, run},
    shrink::run_or_shrink,
    states::{EXHAUSTIVE_MAX, states_of},
    sum_over,
};
use crate::{
    broker::{SimBroker, ToldClock},
    history::Checker,
};

const SEEDS_DEFAULT: u64 = 8;
/// One operation of so many of a random workload is crashed at; which ones depends on the seed.
const STRIDE: u64 = 6;
/// Threads take turns with the operations of the script.
const SCRIPT_PARTS: u64 = 8;
const TWICE_SEEDS_DEFAULT: u64 = 2;
const TWICE_STRIDE: u64 = 150;
/// Longer than any lease that the first emptying took.
const LEASES_END: Millis = Millis::from_secs(13 * 3600);

/// What was done to the checkpoints before the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Damage {
    Nothing,
    /// One bit of the newest, somewhere.
    Bit,
    /// The newest is not there.
    Missing,
    /// The newest is cut off, somewhere.
    CutOff,
    /// One bit of a file of deduplication ids.
    Ids,
    /// One bit of each.
    All,
}

const DAMAGES: [Damage; 6] =
    [Damage::Nothing, Damage::Bit, Damage::Missing, Damage::CutOff, Damage::Ids, Damage::All];

#[test]
fn a_crash_at_any_operation_of_upkeep_breaks_no_promise() {
    let test = "a_crash_at_any_operation_of_upkeep";
    let states = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        let plan = Plan::new(Workload::Upkeep, seed);
        crash_at(test, &plan, (STRIDE, seed % STRIDE), &judge)
    });
    eprintln!("{states} states");
    assert!(is_a_part(SEEDS_DEFAULT) || states > 5_000, "only {states} were tried");
}

#[test]
fn a_crash_at_every_operation_of_a_script_breaks_no_promise() {
    let test = "a_crash_at_every_operation_of_a_script";
    // The script is one; what is shared out is where it is crashed at.
    let parts: Vec<u64> = (0..SCRIPT_PARTS).collect();
    let plan = Plan::new(Workload::Script, 1);
    let states = sum_over(&parts, |part| crash_at(test, &plan, (SCRIPT_PARTS, part), &judge));
    eprintln!("{states} states");
    assert!(Place::asked().is_some() || states > 2_000, "only {states} were tried");
}

#[test]
fn a_start_that_is_interrupted_at_any_operation_twice_breaks_no_promise() {
    let test = "a_start_that_is_interrupted_at_any_operation_twice";
    let states = sum_over(&seeds(TWICE_SEEDS_DEFAULT), |seed| {
        let plan = Plan::new(Workload::Upkeep, seed);
        crash_at(test, &plan, (TWICE_STRIDE, seed % TWICE_STRIDE), &interrupt)
    });
    eprintln!("{states} states");
    assert!(is_a_part(TWICE_SEEDS_DEFAULT) || states > 500, "only {states} were tried");
}

#[test]
fn upkeep_workloads_do_what_they_are_for() {
    let all: Vec<_> = (1..=SEEDS_DEFAULT).map(|seed| Plan::new(Workload::Upkeep, seed)).collect();
    for (plans, at_least) in [(&[Plan::new(Workload::Script, 1)][..], 1), (&all, 3)] {
        let statuses: Vec<_> = plans.iter().filter_map(|plan| run(plan).status()).collect();
        let count = |has: fn(&Status) -> bool| statuses.iter().filter(|status| has(status)).count();
        assert!(count(|status| status.checkpoint_before.is_some()) >= at_least, "two checkpoints");
        assert!(count(|status| status.compaction.switched_count > 0) >= at_least, "compactions");
        assert!(count(|status| status.files.reclaimed_count > 1) >= at_least, "dead files");
        assert!(count(|status| status.files.output_count > 0) >= at_least, "live outputs");
    }
}

/// A disk to judge, and what was done to it.
struct Case<'a> {
    session: &'a Session,
    disk: SimDisk,
    /// Whether a good checkpoint is left, or the log is whole.
    must_start: bool,
    seed: u64,
    goes_on: bool,
}

/// Crashes at one of so many operations, and judges each disk that may be left, as it is and with
/// the damage whose turn it is; how many there were.
fn crash_at(
    test: &str,
    plan: &Plan,
    (stride, offset): (u64, u64),
    judge: &dyn Fn(&Case<'_>) -> u64,
) -> u64 {
    let only = Place::asked();
    let places = run(plan).places(Counter::Changes).into_iter().zip(0..);
    let is_wanted = |(place, at): &(Place, u64)| {
        only.map_or_else(|| at % stride == offset, |only| only == *place)
    };
    let crash = |(place, _): (Place, u64)| {
        let fault =
            if place.nth.is_multiple_of(3) { Fault::CrashWithin(700) } else { Fault::Crash };
        let planned = Planned { counter: Counter::Changes, place, fault };
        run_or_shrink(test, &plan.with(planned), &|plan| damaged_states(plan, judge))
    };
    places.filter(is_wanted).map(crash).sum()
}

fn damaged_states(plan: &Plan, judge: &dyn Fn(&Case<'_>) -> u64) -> u64 {
    let session = run(plan);
    let Place { round, nth } = plan.planned.expect("a crash is planned").place;
    let turn_of_place = round + usize::try_from(nth).expect("it is small");
    let seed = plan.seed << 32 ^ (round as u64) << 12 ^ nth;
    let mut judged = 0;
    for (at, (state, disk)) in states_of(&session.disk, seed, EXHAUSTIVE_MAX).iter().enumerate() {
        let turns = [DAMAGES[turn_of_place % DAMAGES.len()], DAMAGES[at % DAMAGES.len()]];
        for damage in [Damage::Nothing, turns[turn_of_place % 2]] {
            let disk = disk.snapshot();
            let mut random = Random::new(seed ^ at as u64);
            let good = good_checkpoints(&disk);
            let Some(left) = apply(&disk, damage, &good, &mut random) else { continue };
            let must_start = left > 0 || damage == Damage::Nothing || is_whole(&disk);
            let goes_on = turn_of_place.is_multiple_of(4);
            let case = Case { session: &session, disk, must_start, seed, goes_on };
            let one = std::panic::AssertUnwindSafe(|| judge(&case));
            judged += std::panic::catch_unwind(one).unwrap_or_else(|failure| {
                eprintln!("on {state}, with damage: {damage:?}");
                std::panic::resume_unwind(failure)
            });
        }
    }
    judged
}

fn judge(case: &Case<'_>) -> u64 {
    start_and_check(case, &case.disk);
    1
}

/// The same, but the start is interrupted at each of its operations, and so is the one after that,
/// at one of its.
fn interrupt(case: &Case<'_>) -> u64 {
    if !case.must_start {
        return 0;
    }
    let mut random = Random::new(case.seed);
    let mut states = 0;
    for first in interruptions(case.session, &case.disk, case.seed) {
        start_and_check(case, &first);
        let seconds = interruptions(case.session, &first, case.seed + 1);
        start_and_check(case, &seconds[random.below(seconds.len())]);
        states += 2;
    }
    states
}

fn start_and_check(case: &Case<'_>, disk: &SimDisk) {
    let (session, disk) = (case.session, disk.snapshot());
    let clock = session.clock.copy();
    let mut broker = match SimBroker::start(session.settings(), &disk, &clock, case.seed) {
        Ok(broker) => broker,
        Err(error) => {
            assert!(!case.must_start, "no start: {error}\n{:#?}", disk.paths());
            let names_a_file = error.to_string().contains('/') || is_about_a_file(&error);
            assert!(names_a_file, "{error}");
            return;
        }
    };
    let emptied = empty(&mut broker, &session.checker, &session.history);
    if case.goes_on {
        go_on(broker, &clock, &emptied.checker, case);
    }
}

fn is_about_a_file(error: &StartError) -> bool {
    matches!(error, StartError::Log(ledgerq::log::LogError::Missing { .. }))
}

/// Two checkpoints more, so that files are given back by what this start knows; then the power
/// goes, and everything must still be there.
fn go_on(mut broker: SimBroker, clock: &ToldClock, checker: &Checker, case: &Case<'_>) {
    for command in [Command::Checkpoint, Command::Compact, Command::Checkpoint] {
        let told = broker.ask(command).expect("upkeep is done at once");
        told.reply.unwrap_or_else(|error| panic!("{error}"));
    }
    let disk = broker.disk().crash(&mut keep_none());
    drop(broker);
    clock.set(clock.now().after(LEASES_END));
    let mut broker = SimBroker::start(case.session.settings(), &disk, clock, case.seed << 1)
        .unwrap_or_else(|error| panic!("no second start: {error}"));
    empty(&mut broker, checker, &case.session.history);
}

/// What a start would choose from, the newest first.
fn good_checkpoints(disk: &SimDisk) -> Vec<Good> {
    let on = disk.snapshot();
    let lineage: Result<Lineage, _> = store::lineage_of(&on);
    let found = lineage.and_then(|lineage| store::find(&on, lineage));
    found.map(|found| found.good).unwrap_or_default()
}

/// Does the damage; how many good checkpoints are left. `None` if there is nothing to damage.
fn apply(disk: &SimDisk, damage: Damage, good: &[Good], random: &mut Random) -> Option<usize> {
    let newest = || good.first().map(path_of);
    match damage {
        Damage::Nothing => return Some(good.len()),
        Damage::Bit => flip(disk, &newest()?, random),
        Damage::Missing => disk.erase(&newest()?).expect("it is there"),
        Damage::CutOff => {
            let length = length(disk, &newest()?);
            disk.truncate(&newest()?, random.below(length.max(1)) as u64).expect("it is there");
        }
        Damage::Ids => {
            let is_ids =
                |path: &String| path.strip_suffix(".ids").is_some() && length(disk, path) > 0;
            let files: Vec<String> = disk.paths().into_iter().filter(is_ids).collect();
            let path = files.get(random.below(files.len().max(1)))?;
            flip(disk, path, random);
            // They are there twice.
            return Some(good.len());
        }
        Damage::All => {
            let is_checkpoint = |path: &String| path.strip_suffix(".ckpt").is_some();
            let files: Vec<String> = disk.paths().into_iter().filter(is_checkpoint).collect();
            files.first()?;
            for path in &files {
                flip(disk, path, random);
            }
            return Some(0);
        }
    }
    Some(good.len() - 1)
}

fn path_of(good: &Good) -> String {
    format!("{}/{:020}.ckpt", store::CHECKPOINTS_DIR, good.manifest.position.lsn.get())
}

fn length(disk: &SimDisk, path: &str) -> usize {
    let length = disk.open(path, Access::Read).and_then(|file| file.len());
    usize::try_from(length.expect("it is there")).expect("it fits into memory")
}

fn flip(disk: &SimDisk, path: &str, random: &mut Random) {
    let offset = random.below(length(disk, path).max(1)) as u64;
    let bit = 1 << random.below(8);
    // A file that was never durable may have no such byte: then it is cut off, which will do.
    let _ = disk.corrupt(path, offset, |byte| byte ^ bit);
}

/// Whether the log can be replayed from its first record on (R20).
fn is_whole(disk: &SimDisk) -> bool {
    let names = disk.list(ledgerq::log::SEGMENTS_DIR).unwrap_or_default();
    let number = |name: &String| name.strip_suffix(".seg")?.parse().ok();
    let segments: BTreeSet<u64> = names.iter().filter_map(number).collect();
    let is_gapless = segments.iter().zip(1..).all(|(id, expected)| *id == expected);
    is_gapless && !names.iter().any(|name| name.strip_suffix(".out").is_some())
}
