//! Crashes within checkpoints, reclaim and compaction, and what a start makes of what is left, with
//! the checkpoints whole or damaged.
//!
//! `CRASH_UPKEEP_SEEDS=100` runs as many workloads; `CRASH_SEED=7` and `CRASH_AT=42` one workload
//! and one operation of it, as a failure says.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
};

use ledgerq::{
    broker::StartError,
    disk::{
        Access, Disk, SimDisk,
        sim::{Counter, Fault, Faults, Random, keep_all, keep_none, keep_random},
    },
    store::{self, Good},
    types::{Command, Lineage, Millis, Status},
};

use super::{
    checker::check,
    history::Event,
    session::{Planned, Session, Workload, empty, run_workload},
    setting,
    states::states_of,
    sum_over,
};
use crate::broker::{SimBroker, ToldClock};

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
    let states = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        let every = |nth: &u64| nth % STRIDE == seed % STRIDE;
        crash_at(Workload::Upkeep, seed, &every, &judge)
    });
    eprintln!("{states} states");
    assert!(is_a_part(SEEDS_DEFAULT) || states > 5_000, "only {states} were tried");
}

#[test]
fn a_crash_at_every_operation_of_a_script_breaks_no_promise() {
    // The script is one; what is shared out is where it is crashed at.
    let parts: Vec<u64> = (0..SCRIPT_PARTS).collect();
    let states = sum_over(&parts, |part| {
        let every = |nth: &u64| nth % SCRIPT_PARTS == part;
        crash_at(Workload::Script, 1, &every, &judge)
    });
    eprintln!("{states} states");
    assert!(setting("CRASH_AT").is_some() || states > 2_000, "only {states} were tried");
}

#[test]
fn a_start_that_is_interrupted_at_any_operation_twice_breaks_no_promise() {
    let states = sum_over(&seeds(TWICE_SEEDS_DEFAULT), |seed| {
        let every = |nth: &u64| nth % TWICE_STRIDE == seed % TWICE_STRIDE;
        crash_at(Workload::Upkeep, seed, &every, &interrupt)
    });
    eprintln!("{states} states");
    assert!(is_a_part(TWICE_SEEDS_DEFAULT) || states > 500, "only {states} were tried");
}

#[test]
fn upkeep_workloads_do_what_they_are_for() {
    let all: Vec<_> = (1..=SEEDS_DEFAULT).map(|seed| (Workload::Upkeep, seed)).collect();
    for (workloads, at_least) in [(&[(Workload::Script, 1)][..], 1), (&all, 3)] {
        let sessions =
            workloads.iter().map(|(workload, seed)| run_workload(*workload, *seed, None));
        let statuses: Vec<_> = sessions.map(|mut session| session.status()).collect();
        let statuses: Vec<_> = statuses.into_iter().flatten().collect();
        let count = |has: fn(&Status) -> bool| statuses.iter().filter(|status| has(status)).count();
        assert!(count(|status| status.checkpoint_before.is_some()) >= at_least, "two checkpoints");
        assert!(count(|status| status.compaction.switched_count > 0) >= at_least, "compactions");
        assert!(count(|status| status.files.reclaimed_count > 1) >= at_least, "dead files");
        assert!(count(|status| status.files.output_count > 0) >= at_least, "live outputs");
    }
}

/// Whether fewer workloads are asked for than are run by default.
pub(super) fn is_a_part(count_default: u64) -> bool {
    (seeds(count_default).len() as u64) < count_default
}

pub(super) fn seeds(count_default: u64) -> Vec<u64> {
    match setting("CRASH_SEED") {
        Some(seed) => vec![seed],
        None => (1..=setting("CRASH_UPKEEP_SEEDS").unwrap_or(count_default)).collect(),
    }
}

/// How many states were tried, each with the damage whose turn it is, or with all.
fn crash_at(
    workload: Workload,
    seed: u64,
    is_wanted: &dyn Fn(&u64) -> bool,
    judge: &dyn Fn(&Session, &SimDisk, &Place<'_>) -> u64,
) -> u64 {
    let operations = run_workload(workload, seed, None).count(Counter::Changes);
    let only = setting("CRASH_AT");
    let is_wanted = |nth: &u64| only.map_or_else(|| is_wanted(nth), |only| only == *nth);
    let mut states = 0;
    for nth in (1..=operations).filter(is_wanted) {
        let fault = if nth % 3 == 0 { Fault::CrashWithin(700) } else { Fault::Crash };
        let planned = Planned { counter: Counter::Changes, nth, fault };
        let session = run_workload(workload, seed, Some(planned));
        for (at, (state, disk)) in states_of(&session.disk, seed ^ nth).into_iter().enumerate() {
            // Each as it is, and with the damage whose turn it is.
            let turn = DAMAGES[index(nth) % DAMAGES.len()];
            let turn = [turn, DAMAGES[at % DAMAGES.len()]][index(nth) % 2];
            for damage in [Damage::Nothing, turn] {
                let place = Place { workload, seed, nth, state: &state, damage };
                let judged = AssertUnwindSafe(|| judge(&session, &disk, &place));
                states += catch_unwind(judged).unwrap_or_else(|panic| {
                    eprintln!("{}", place.repeat());
                    resume_unwind(panic)
                });
            }
        }
    }
    states
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it is small")
}

/// Which state it is, so that a failure can be repeated.
struct Place<'a> {
    workload: Workload,
    seed: u64,
    nth: u64,
    state: &'a str,
    damage: Damage,
}

impl Place<'_> {
    fn repeat(&self) -> String {
        let Self { workload, seed, nth, state, damage } = self;
        format!(
            "{workload:?}: repeat with CRASH_SEED={seed} CRASH_AT={nth} cargo test --test it \
             upkeep ({state}, damage: {damage:?})"
        )
    }

    fn random(&self) -> Random {
        Random::new(self.seed << 32 ^ self.nth << 8 ^ self.state.len() as u64)
    }
}

/// Damages a copy of the disk, starts on it and holds what is found against the history; how many
/// states there were: none if there was nothing to damage.
fn judge(session: &Session, disk: &SimDisk, place: &Place<'_>) -> u64 {
    let disk = disk.snapshot();
    let good = good_checkpoints(&disk);
    let Some(left) = apply(&disk, place.damage, &good, &mut place.random()) else { return 0 };
    let must_start = left > 0 || place.damage == Damage::Nothing || is_whole(&disk);
    start_and_check(session, &disk, place, must_start);
    1
}

/// The same, but the start is interrupted at each of its operations, and so is the one after that,
/// at one of its.
fn interrupt(session: &Session, disk: &SimDisk, place: &Place<'_>) -> u64 {
    let disk = disk.snapshot();
    let good = good_checkpoints(&disk);
    let Some(left) = apply(&disk, place.damage, &good, &mut place.random()) else { return 0 };
    if left == 0 && place.damage != Damage::Nothing {
        return 0;
    }
    let clock = clock_of(session);
    let mut random = place.random();
    let mut states = 0;
    for first in interruptions(place.workload, &clock, &disk, place.seed) {
        start_and_check(session, &first, place, true);
        let seconds = interruptions(place.workload, &clock, &first, place.seed + 1);
        let second = &seconds[random.below(seconds.len())];
        start_and_check(session, second, place, true);
        states += 2;
    }
    states
}

fn start_and_check(session: &Session, disk: &SimDisk, place: &Place<'_>, must_start: bool) {
    let (clock, disk) = (clock_of(session), disk.snapshot());
    let seed = place.seed << 16 | place.nth;
    let mut broker = match SimBroker::start(place.workload.settings(), &disk, &clock, seed) {
        Ok(broker) => broker,
        Err(error) => {
            let paths = disk.paths();
            assert!(!must_start, "no start: {error}\n{paths:#?}\n{}", place.repeat());
            let names_a_file = error.to_string().contains('/') || is_about_a_file(&error);
            assert!(names_a_file, "{error}\n{}", place.repeat());
            return;
        }
    };
    let history = empty(&mut broker, &clock, &session.history);
    hold_against(&history, place);
    if place.nth.is_multiple_of(4) {
        let history = go_on(broker, &clock, &history, place);
        hold_against(&history, place);
    }
}

fn is_about_a_file(error: &StartError) -> bool {
    matches!(error, StartError::Log(ledgerq::log::LogError::Missing { .. }))
}

fn hold_against(history: &[Event], place: &Place<'_>) {
    if let Err(violation) = check(history) {
        panic!("{violation}\n{history:#?}\n{violation}\n{}", place.repeat());
    }
}

/// Two checkpoints more, so that files are given back by what this start knows; then the power
/// goes, and everything must still be there.
fn go_on(
    mut broker: SimBroker,
    clock: &ToldClock,
    history: &[Event],
    place: &Place<'_>,
) -> Vec<Event> {
    for command in [Command::Checkpoint, Command::Compact, Command::Checkpoint] {
        let told = broker.ask(command).expect("upkeep is done at once");
        told.reply.unwrap_or_else(|error| panic!("{error}\n{}", place.repeat()));
    }
    let disk = broker.disk().crash(&mut keep_none());
    drop(broker);
    clock.set(clock.now().after(LEASES_END));
    let seed = place.seed << 24 | place.nth;
    let mut broker = SimBroker::start(place.workload.settings(), &disk, clock, seed)
        .unwrap_or_else(|error| panic!("no second start: {error}\n{}", place.repeat()));
    empty(&mut broker, clock, history)
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

fn clock_of(session: &Session) -> ToldClock {
    let clock = ToldClock::new();
    clock.set(session.clock.now());
    clock
}

/// The disk after a start that ended at each of its operations, and then the power went or the
/// process.
fn interruptions(workload: Workload, clock: &ToldClock, disk: &SimDisk, seed: u64) -> Vec<SimDisk> {
    let mut disks = Vec::new();
    for nth in 1.. {
        let (copy, time) = (disk.snapshot(), ToldClock::new());
        time.set(clock.now());
        copy.set_faults(Faults::none().at(Counter::Changes, nth, Fault::Crash));
        drop(SimBroker::start(workload.settings(), &copy, &time, seed << 20 | nth));
        if !copy.is_dead() {
            // One that came to its end, and whose process is ended at once.
            disks.push(copy.kill());
            return disks;
        }
        disks.push(match nth % 4 {
            0 => copy.kill(),
            1 => copy.crash(&mut keep_none()),
            2 => copy.crash(&mut keep_all()),
            _ => copy.crash(&mut keep_random(seed ^ nth)),
        });
    }
    disks
}
