//! A crash at every operation, and every state, or many, that it may leave.

use ledgerq::disk::{
    SimDisk,
    sim::{Counter, Fault, keep_all, keep_none, keep_random},
};

use super::{
    checker::check,
    history::{Ask, AskId, Event, Lease, QueueNo, Told},
    seeds,
    session::{DEAD, JOBS, Planned, Session, found, run, start_and_empty},
    setting, sum_over,
};

/// Workloads of a run that is not told otherwise.
const SEEDS_DEFAULT: u64 = 84;
/// States that a run of so many has at least.
const STATES_MIN: u64 = 20_000;
/// Crashes with no more outcomes than this are gone through one by one.
const EXHAUSTIVE_MAX: usize = 16;
/// Seeded outcomes of the others.
const RANDOM_COUNT: u64 = 6;

#[test]
fn no_crash_breaks_a_promise() {
    let seeds = seeds(SEEDS_DEFAULT);
    let states = sum_over(&seeds, crash_everywhere);
    let is_whole_run = setting("CRASH_SEED").is_none() && seeds.len() as u64 >= SEEDS_DEFAULT;
    assert!(!is_whole_run || states >= STATES_MIN, "only {states} crash states were tried");
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 1..=5 {
        let (one, other) = (run(seed, None), run(seed, None));
        assert_eq!(one.history, other.history);
        assert_eq!(one.disk.paths(), other.disk.paths());
        for path in one.disk.paths() {
            assert!(one.disk.file(&path) == other.disk.file(&path), "{path} of seed {seed}");
        }
        let states = |session: &Session| -> Vec<_> {
            let found_on = |(name, disk): &(String, SimDisk)| {
                let clock = fresh_clock(session);
                let emptied = start_and_empty(disk, &clock, &session.history, seed);
                (name.clone(), found(&emptied.expect("the start succeeds")))
            };
            states_of(&session.disk, seed).iter().map(found_on).collect()
        };
        assert_eq!(states(&one), states(&other));
    }
}

#[test]
fn workloads_do_what_they_are_for() {
    let sessions: Vec<Session> = (1..=SEEDS_DEFAULT).map(|seed| run(seed, None)).collect();
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

/// How many states were tried.
fn crash_everywhere(seed: u64) -> u64 {
    let operations = run(seed, None).count(Counter::Changes);
    let only = setting("CRASH_AT");
    let mut states = 0;
    for nth in (1..=operations).filter(|nth| only.is_none_or(|only| only == *nth)) {
        // Every third crash is one within a write, if it is one.
        let fault = if nth % 3 == 0 { Fault::CrashWithin(700) } else { Fault::Crash };
        let session = run(seed, Some(Planned { counter: Counter::Changes, nth, fault }));
        for (state, disk) in states_of(&session.disk, seed ^ nth) {
            judge(&session, &disk, seed, nth, &state);
            states += 1;
        }
    }
    states
}

/// What the disk may hold when the process or the power has gone.
pub(super) fn states_of(disk: &SimDisk, seed: u64) -> Vec<(String, SimDisk)> {
    let mut states = vec![("killed".to_owned(), disk.kill())];
    let every: Vec<SimDisk> = disk.every_crash(EXHAUSTIVE_MAX + 1).collect();
    if every.len() <= EXHAUSTIVE_MAX {
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

fn judge(session: &Session, disk: &SimDisk, seed: u64, nth: u64, state: &str) {
    let clock = fresh_clock(session);
    let repeat = format!(
        "repeat with: CRASH_SEED={seed} CRASH_AT={nth} cargo test --test it \
         no_crash_breaks_a_promise ({state})"
    );
    let emptied = start_and_empty(disk, &clock, &session.history, seed << 16 | nth);
    let history = emptied.unwrap_or_else(|error| panic!("no start: {error}\n{repeat}"));
    if let Err(violation) = check(&history) {
        panic!("{violation}\n{history:#?}\n{violation}\n{repeat}");
    }
}

/// A clock that shows the time at which the session ended.
fn fresh_clock(session: &Session) -> crate::broker::ToldClock {
    let clock = crate::broker::ToldClock::new();
    clock.set(session.clock.now());
    clock
}
