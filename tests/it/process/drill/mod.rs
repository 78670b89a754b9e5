//! A broker that is killed again and again under load: what it answered holds.
//!
//! `DRILL_KILLS=1000` kills more often than the default run. `DRILL_SEED=...` repeats the choices
//! of a run: what is sent and when the kills fall, though not the machine's own timing.

/// What messages carry.
mod body;
/// What clients saw, and whether it is as promised.
mod history;
/// The checker sees what it is for.
mod history_tests;
/// Producers and consumers.
mod load;

use std::{sync::Arc, time::Duration};

use ledgerq::{
    client::Client,
    entropy::{Entropy, SeededEntropy, SystemEntropy},
    types::{QueueName, SettingsPatch},
};
use tokio::{runtime::Runtime, sync::watch, time::timeout};

use self::load::{Load, Worker};
use super::{PATIENCE, directory, program, server::Serve};

/// Kills of the default run.
const KILLS_DEFAULT: u64 = 50;
const PRODUCERS_COUNT: u64 = 3;
const CONSUMERS_COUNT: u64 = 4;

/// Tells how to repeat a run that fails.
struct Repeat {
    seed: u64,
    kills: u64,
}

impl Drop for Repeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { seed, kills } = self;
            let test = "cargo test --test it process::drill";
            eprintln!("to repeat it: DRILL_SEED={seed} DRILL_KILLS={kills} {test}");
        }
    }
}

#[test]
fn what_was_answered_holds_however_often_the_broker_is_killed() {
    let seed = variable("DRILL_SEED").unwrap_or_else(|| SystemEntropy::new().next() >> 32);
    let kills = variable("DRILL_KILLS").unwrap_or(KILLS_DEFAULT);
    let _repeat = Repeat { seed, kills };
    let mut chance = SeededEntropy::new(seed);
    let data = directory();
    let queue = QueueName::parse("drill").expect("it is a name");
    let runtime = Runtime::new().expect("a runtime can be made");

    let first = Serve::on(data.path()).serving();
    let (address, server) = watch::channel(first.url());
    runtime.block_on(async {
        let client = Client::connect(&first.url()).await.expect("it serves");
        client.create_queue(&queue, &SettingsPatch::default()).await.expect("it is new");
    });
    let load = Arc::new(Load::new(queue));
    let workers: Vec<_> = (0..PRODUCERS_COUNT + CONSUMERS_COUNT)
        .map(|index| {
            let worker = Worker::new(&load, &server, chance.next());
            if index < PRODUCERS_COUNT {
                runtime.spawn(worker.produce())
            } else {
                runtime.spawn(worker.consume())
            }
        })
        .collect();

    let mut broker = first;
    for _ in 0..kills {
        let came = wait_for_the_moment(&runtime, &load, &mut chance);
        assert!(came, "the broker has stopped answering:\n{}", broker.log());
        broker.kill();
        broker = Serve::on(data.path()).listening();
        address.send_replace(broker.url());
    }
    broker.line("serving");
    load.stop();
    runtime.block_on(async {
        for worker in workers {
            let ended = timeout(PATIENCE, worker).await.expect("a worker ends when it is told to");
            ended.expect("a worker saw what it may see");
        }
        let drained = Worker::new(&load, &server, 0).drain();
        let drained = timeout(PATIENCE, drained).await.expect("the queue has an end");
        drained.expect("nobody kills the broker any more");
    });
    let ended = broker.terminate();
    assert_eq!(ended.code, 0, "{}", ended.last_line());
    judge(&load, data.path(), kills);
}

/// Some kills come while the broker recovers, most after some answers; false if those do not come.
fn wait_for_the_moment(runtime: &Runtime, load: &Load, chance: &mut SeededEntropy) -> bool {
    if !chance.next().is_multiple_of(8) {
        let mut answers = load.answers();
        let goal = *answers.borrow() + 1 + chance.next() % 300;
        let reached = answers.wait_for(|answers| *answers >= goal);
        if runtime.block_on(async { timeout(PATIENCE, reached).await.is_err() }) {
            return false;
        }
    }
    // Not to wait for anything: so that the kill falls between what can be waited for.
    std::thread::sleep(Duration::from_micros(chance.next() % 30_000));
    true
}

fn judge(load: &Load, data: &std::path::Path, kills: u64) {
    let history = load.history();
    let violations = history::check(&history);
    let (sends, leases) = (history.sends.len(), history.leases.len());
    let (changes, deletes) = (history.changes.len(), history.deletes.len());
    let done = format!("{kills} kills, {sends} sends, {leases} leases, {changes} changes");
    assert!(violations.is_empty(), "{done}, {deletes} deletes: {violations:?}");
    eprintln!("{done}, {deletes} deletes: every promise was kept");
    let data = data.to_str().expect("the path is text");
    let verified = program::run(["log", "verify", "--data-dir", data]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(value.parse().unwrap_or_else(|_| panic!("{name} is {value:?}, which is no number")))
}
