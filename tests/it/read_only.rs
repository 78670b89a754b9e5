//! Looking at a directory on the simulated disk: nothing is done to it, and all is shown.

use std::sync::Arc;

use ledgerq::{
    broker::{Looker, StartError},
    disk::{Disk, ReadOnly, SimDisk},
    types::{Browse, Command, Millis, MoveFilter, MoveSpec, Rejection, Reply, Seq, StateFilter},
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{self, queue},
};

fn filled() -> (SimDisk, ToldClock) {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("a new one");
    for name in ["jobs", "dead"] {
        broker.ask(commands::create(name)).expect("an answer");
    }
    for number in 0..60 {
        let entry = commands::entry(format!("{number} {}", "x".repeat(2000)));
        broker.ask(commands::send("jobs", entry)).expect("an answer");
    }
    broker.ask(commands::receive("jobs", 3, Some(Millis::from_secs(60)))).expect("an answer");
    broker.ask(Command::Checkpoint).expect("an answer");
    broker.ask(commands::send("jobs", commands::entry("last"))).expect("an answer");
    (disk.kill(), clock)
}

fn look(disk: &SimDisk) -> Result<Looker, StartError> {
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::new(disk.clone())));
    Looker::open(&small_settings(), &quiet, &mut |_| ())
}

fn browse() -> Command {
    let (states, group, age_min) = (StateFilter::ALL, None, None);
    let (after, count_max) = (Seq::new(0), 100);
    Command::Browse(Browse { queue: queue("jobs"), states, group, age_min, after, count_max })
}

#[test]
fn what_is_shown_is_what_a_broker_shows_and_the_disk_does_not_notice() {
    let (disk, clock) = filled();
    let operations = disk.operation_count();
    let paths = disk.paths();
    let looker = look(&disk).expect("it is whole");
    let shown = looker.answer(browse());
    let bodies: Vec<_> =
        shown.bodies.iter().map(|body| body.read().expect("it is whole").1).collect();
    let get = || Command::GetQueue { queue: queue("jobs") };
    let queue_shown = looker.answer(get()).reply;
    assert_eq!((disk.operation_count(), disk.paths()), (operations, paths), "nothing was done");

    let mut broker = SimBroker::start(small_settings(), &disk.kill(), &clock, 2).expect("whole");
    let told = broker.ask(browse()).expect("an answer");
    assert_eq!(shown.reply, told.reply);
    assert_eq!(bodies, told.looked.into_iter().map(|(_, body)| body).collect::<Vec<_>>());
    assert_eq!(queue_shown, broker.ask(get()).expect("an answer").reply);
}

#[test]
fn whatever_would_change_something_is_refused() {
    let (disk, _) = filled();
    let looker = look(&disk).expect("it is whole");
    let (source, target) = (queue("jobs"), Some(queue("dead")));
    let spec = MoveSpec { source, target, rate_max: None, filter: MoveFilter::default() };
    for command in [
        commands::create("jobs"),
        commands::send("jobs", commands::entry("more")),
        commands::receive("jobs", 1, None),
        Command::PurgeQueue { queue: queue("jobs") },
        Command::StartMove { spec: spec.clone(), dry_run: false },
        Command::Checkpoint,
        Command::BeginBackup { hold: Millis::from_secs(60) },
    ] {
        assert_eq!(looker.answer(command).reply, Err(Rejection::ReadOnly));
    }
    let dry = looker.answer(Command::StartMove { spec, dry_run: true }).reply;
    assert!(!matches!(dry, Err(Rejection::ReadOnly)), "it only looks: {dry:?}");
    assert!(matches!(looker.answer(Command::GetStatus).reply, Ok(Reply::Status(_))));
}

#[test]
fn what_a_start_refuses_is_not_shown_either() {
    let (disk, _) = filled();
    let last = disk.paths().into_iter().rfind(|path| path.contains(".seg")).expect("there is one");
    for path in disk.paths().iter().filter(|path| path.contains(".seg") && **path < last) {
        disk.corrupt(path, 4096 + 40, |byte| byte ^ 1).expect("it is that long");
    }
    for path in disk.paths().iter().filter(|path| path.contains(".ckpt")) {
        disk.erase(path).expect("it is there");
    }
    assert!(look(&disk).is_err());
}
