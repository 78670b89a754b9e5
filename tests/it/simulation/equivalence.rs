//! From whatever checkpoint a start begins, or from none, it finds the same.

use bytes::Bytes;
use ledgerq::{
    broker::{Handle, start::Settings},
    disk::{
        Disk, SimDisk,
        sim::{Counter, Fault, keep_random},
    },
    log::SEGMENTS_DIR,
    types::{
        Browse, Browsed, Command, DeleteMode, DeleteOutcome, Envelope, MoveTaskView, QueueView,
        Reply, Seq, StateFilter,
    },
};

use super::{
    is_a_part,
    plan::{Place, Plan, Planned, Workload},
    seeds,
    session::{Session, run},
    shrink::run_or_shrink,
    sum_over,
};
use crate::broker::SimBroker;

const SEEDS_DEFAULT: u64 = 24;
/// Moments of one workload, spread over it.
const MOMENTS: usize = 10;

/// Everything that clients can see of a broker.
#[derive(Debug, PartialEq)]
struct Observed {
    queues: Vec<QueueView>,
    messages: Vec<(Browsed, Envelope, Bytes)>,
    moves: Vec<MoveTaskView>,
    next_seq: Seq,
    live_count: u64,
    live_bytes: u64,
    /// What became of deletes under every lease that is known.
    deletes: Vec<Result<DeleteOutcome, String>>,
    /// What became of messages that were sent again.
    resends: Vec<Result<Reply, String>>,
}

#[test]
fn a_start_finds_the_same_from_every_checkpoint_and_from_none() {
    let compared = sum_over(&seeds(SEEDS_DEFAULT), compare);
    eprintln!("{compared} starts compared");
    assert!(is_a_part(SEEDS_DEFAULT) || compared > 200, "only {compared} were compared");
}

/// How many starts were compared with that from the newest checkpoint.
fn compare(seed: u64) -> u64 {
    let plan = Plan::new(Workload::Upkeep, seed);
    let places = run(&plan).places(Counter::Changes);
    let moments = (1..=MOMENTS).map(|moment| places[places.len() * moment / MOMENTS - 1]);
    let only = Place::asked();
    let moments = moments.filter(|place| only.is_none_or(|only| only == *place));
    let compare = |place| {
        let planned = Planned { counter: Counter::Changes, place, fault: Fault::Crash };
        let test = "a_start_finds_the_same_from_every_checkpoint";
        run_or_shrink(test, &plan.with(planned), &compare_at)
    };
    moments.map(compare).sum()
}

fn compare_at(plan: &Plan) -> u64 {
    let session = run(plan);
    let nth = plan.planned.map_or(0, |planned| planned.place.nth);
    let disk = session.disk.crash(&mut keep_random(plan.seed ^ nth));
    let settings = Workload::Upkeep.settings();
    let Some(expected) = observe(settings, &session, &disk) else { return 0 };
    let mut compared = 0;
    for (name, settings, disk) in others(&disk) {
        let found = observe(settings, &session, &disk);
        let found = found.unwrap_or_else(|| panic!("no start from {name}"));
        assert_eq!(found, expected, "from {name}");
        compared += 1;
    }
    compared
}

/// The same disk with fewer checkpoints, and with settings by which a replay takes some itself.
fn others(disk: &SimDisk) -> Vec<(&'static str, Settings, SimDisk)> {
    let settings = Workload::Upkeep.settings();
    let mut eager = settings;
    eager.owner.upkeep.checkpoint_bytes = 1 << 10;
    let mut others = vec![("the newest, with a replay that saves", eager, disk.snapshot())];
    let is_checkpoint = |path: &String| path.strip_suffix(".ckpt").is_some();
    let mut checkpoints: Vec<String> = disk.paths().into_iter().filter(is_checkpoint).collect();
    // A third may be there that was to be unlinked, and whose files may be gone.
    let oldest = checkpoints.len().saturating_sub(2);
    let without = |paths: &[String]| {
        let copy = disk.snapshot();
        for path in paths {
            copy.erase(path).expect("it is there");
        }
        copy
    };
    if let Some(newest) = checkpoints.pop()
        && !checkpoints.is_empty()
    {
        let newest = [newest];
        others.push(("the older one", settings, without(&newest)));
        others.push(("the older one, with a replay that saves", eager, without(&newest)));
        checkpoints.extend(newest);
    }
    let names = disk.list(SEGMENTS_DIR).unwrap_or_default();
    let segments: Vec<&String> = names.iter().filter(|name| name.contains(".seg")).collect();
    let is_whole = segments.iter().zip(1..).all(|(name, id)| **name == format!("{id:020}.seg"));
    let has_outputs = names.iter().any(|name| name.strip_suffix(".out").is_some());
    if oldest == 0 && is_whole && !has_outputs && !checkpoints.is_empty() {
        others.push(("none", settings, without(&checkpoints)));
        others.push(("none, with a replay that saves", eager, without(&checkpoints)));
    }
    others
}

/// `None` if there is no broker yet.
fn observe(settings: Settings, session: &Session, disk: &SimDisk) -> Option<Observed> {
    let clock = session.clock.copy();
    let mut broker = SimBroker::start(settings, &disk.snapshot(), &clock, 99).ok()?;
    broker.owner().state().check_all();
    let mut ask = |command: Command| broker.ask(command).expect("it does not wait");
    let list = Command::ListQueues { prefix: String::new(), after: None, count_max: 100 };
    let Ok(Reply::Queues { queues, .. }) = ask(list).reply else { panic!("no list of queues") };
    let mut messages = Vec::new();
    for view in &queues {
        let told = ask(Command::Browse(Browse {
            queue: view.name.clone(),
            states: StateFilter::ALL,
            group: None,
            age_min: None,
            after: Seq::default(),
            count_max: 1000,
        }));
        let Ok(Reply::Browsed { messages: found, .. }) = told.reply else { panic!("no browse") };
        let pairs = found.into_iter().zip(told.looked);
        messages.extend(pairs.map(|(message, (envelope, body))| (message, envelope, body)));
    }
    let list = Command::ListMoves { source: None, count_max: 100 };
    let Ok(Reply::Moves(moves)) = ask(list).reply else { panic!("no list of moves") };
    let Ok(Reply::Status(status)) = ask(Command::GetStatus).reply else { panic!("no status") };
    let stored = |(_, envelope, body): &(Browsed, Envelope, Bytes)| {
        Handle::payload(envelope, body.clone()).stored_bytes()
    };
    assert_eq!(status.files.live_count, messages.len() as u64, "live messages add up");
    assert_eq!(status.files.live_bytes, messages.iter().map(stored).sum::<u64>(), "and bytes");
    let deletes = session.held().into_iter().map(|(queue, lease)| {
        let (leases, mode) = (vec![lease], DeleteMode::Fenced);
        match ask(Command::Delete { queue, leases, mode }).reply {
            Ok(Reply::Deleted(mut outcomes)) => {
                outcomes.remove(0).map_err(|refused| refused.to_string())
            }
            other => Err(format!("{other:?}")),
        }
    });
    let deletes = deletes.collect();
    let resends = session.resends().into_iter();
    let resends = resends.map(|command| ask(command).reply.map_err(|refused| refused.to_string()));
    let resends = resends.collect();
    let files = status.files;
    let (live_count, live_bytes) = (files.live_count, files.live_bytes);
    let next_seq = status.next_seq;
    Some(Observed { queues, messages, moves, next_seq, live_count, live_bytes, deletes, resends })
}
