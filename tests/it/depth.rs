//! Queues that are deep: limits that only many messages reach, and that depth costs nobody time.

use ledgerq::{
    broker::{digest, start::Settings},
    disk::SimDisk,
    types::{
        Command, Leased, Millis, MoveFilter, MoveSpec, QueueName, RedrivePolicy, Rejection, Reply,
        SendEntry, SettingsPatch,
        limits::{DEAD_LETTERS_MAX, ENTRIES_MAX},
    },
};

use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{self, entry, group, queue},
};

fn broker(disk: &SimDisk, clock: &ToldClock, seed: u64) -> SimBroker {
    let settings = Settings { segment_bytes: 16 << 20, ..small_settings() };
    SimBroker::start(settings, disk, clock, seed).expect("a healthy disk is started from")
}

fn ask(broker: &mut SimBroker, command: Command) -> Result<Reply, Rejection> {
    broker.ask(command).expect("it does not wait").reply
}

fn send_many(broker: &mut SimBroker, name: &str, mut entries: Vec<SendEntry>) {
    while !entries.is_empty() {
        let rest = entries.split_off(entries.len().min(ENTRIES_MAX));
        let reply = ask(broker, Command::Send { queue: queue(name), entries });
        let Ok(Reply::Sent(outcomes)) = reply else { panic!("{reply:?}") };
        assert!(outcomes.iter().all(Result::is_ok));
        entries = rest;
    }
}

fn receive(broker: &mut SimBroker, name: &str, count_max: usize, timeout: u64) -> Vec<Leased> {
    let command = commands::receive(name, count_max, Some(Millis::from_secs(timeout)));
    match ask(broker, command) {
        Ok(Reply::Received(leased)) => leased,
        other => panic!("{other:?}"),
    }
}

fn counts(broker: &mut SimBroker, name: &str) -> (u64, u64, u64) {
    match ask(broker, Command::GetQueue { queue: queue(name) }) {
        Ok(Reply::Queue(view)) => (view.counts.ready, view.counts.delayed, view.counts.in_flight),
        other => panic!("{other:?}"),
    }
}

fn create_with_dead_letters(broker: &mut SimBroker, name: &str, dead: &str) {
    ask(broker, commands::create(dead)).expect("a good queue");
    let redrive = RedrivePolicy { dead_letter_queue: queue(dead), receives_max: 1 };
    let settings = SettingsPatch { redrive: Some(Some(redrive)), ..SettingsPatch::default() };
    ask(broker, Command::CreateQueue { queue: queue(name), settings }).expect("a good queue");
}

fn in_group(name: &str, id: usize) -> SendEntry {
    let group = group(name);
    let deduplication = Some(digest::deduplication(&id.to_string(), Some(&group), false));
    SendEntry { deduplication, group: Some(group), ..entry("x") }
}

#[test]
fn one_receive_moves_a_thousand_dead_letters_at_most() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    for (name, dead) in [("jobs", "dead"), ("jobs.fifo", "dead.fifo")] {
        let mut broker = broker(&disk, &clock, 1);
        create_with_dead_letters(&mut broker, name, dead);
        let count = 2 * DEAD_LETTERS_MAX + 2;
        let entries = (0..count).map(|id| in_group(&format!("g{id}"), id)).collect();
        send_many(&mut broker, name, entries);
        for left in [1000, 1000, 2] {
            assert_eq!(receive(&mut broker, name, 1000, 60).len(), left);
        }
        broker.advance(Millis::from_secs(60));
        let max = DEAD_LETTERS_MAX as u64;
        for moved in [max, 2 * max, 2 * max + 2] {
            assert_eq!(receive(&mut broker, name, 1, 60), []);
            assert_eq!(counts(&mut broker, dead), (moved, 0, 0));
        }
        assert_eq!(counts(&mut broker, name), (0, 0, 0));
        broker.owner().state().check_all();
    }
}

#[test]
fn a_blocked_group_with_a_hundred_thousand_messages_starves_nobody() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = broker(&disk, &clock, 1);
    ask(&mut broker, commands::create("jobs.fifo")).expect("a good queue");
    send_many(&mut broker, "jobs.fifo", vec![in_group("blocked", 0)]);
    assert_eq!(receive(&mut broker, "jobs.fifo", 1, 3600).len(), 1);
    let entries = (1..100_000).map(|id| in_group("blocked", id)).collect();
    send_many(&mut broker, "jobs.fifo", entries);
    let others = (0..50).map(|id| in_group(&format!("free-{id}"), 100_000 + id)).collect();
    send_many(&mut broker, "jobs.fifo", others);
    assert_eq!(receive(&mut broker, "jobs.fifo", 1000, 3600).len(), 50);
    assert_eq!(receive(&mut broker, "jobs.fifo", 1000, 3600), []);
    assert_eq!(counts(&mut broker, "jobs.fifo"), (99_999, 0, 51));
}

#[test]
fn a_task_that_is_killed_in_the_middle_leaves_each_message_in_exactly_one_queue() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut first = broker(&disk, &clock, 1);
    for name in ["jobs", "other"] {
        ask(&mut first, commands::create(name)).expect("a good queue");
    }
    let bodies = (0..3000).map(|id: u32| entry(id.to_string())).collect();
    send_many(&mut first, "jobs", bodies);
    let (source, target) = (queue("jobs"), Some(queue("other")));
    let spec = MoveSpec { source, target, rate_max: Some(500), filter: MoveFilter::default() };
    ask(&mut first, Command::StartMove { spec, dry_run: false }).expect("it starts");
    for seed in 2..8 {
        let disk = first.disk().kill();
        first = broker(&disk, &clock, seed);
        first.advance(Millis::new(700));
        let (jobs, other) = (counts(&mut first, "jobs").0, counts(&mut first, "other").0);
        assert_eq!(jobs + other, 3000);
        assert!(jobs > 0 && other > 0, "it is in the middle: {jobs} and {other}");
    }
    first.advance(Millis::from_secs(60));
    assert_eq!(counts(&mut first, "jobs"), (0, 0, 0));
    let mut bodies = Vec::new();
    for _ in 0..3 {
        let told = first.ask(commands::receive("other", 1000, None)).expect("it is answered");
        let body = |content: &crate::broker::Content| -> u32 {
            String::from_utf8_lossy(&content.body).parse().expect("a number")
        };
        bodies.extend(told.contents.iter().map(body));
    }
    bodies.sort_unstable();
    assert_eq!(bodies, (0..3000).collect::<Vec<_>>());
    let moves = Command::ListMoves { source: Some(queue("jobs")), count_max: 10 };
    let Ok(Reply::Moves(tasks)) = ask(&mut first, moves) else { panic!("it is a list") };
    assert_eq!((tasks.len(), tasks[0].moved_count), (1, 3000));
    assert!(tasks[0].outcome.is_some());
}

#[test]
fn a_task_moves_what_several_small_frames_hold() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    for name in ["one.fifo", "other.fifo"] {
        ask(&mut broker, commands::create(name)).expect("a good queue");
    }
    let count = 300;
    for id in 0..count {
        let group = format!("{id:0>100}");
        let sent = commands::send("one.fifo", in_group(&group, id));
        ask(&mut broker, sent).expect("a good message");
    }
    let (source, target) = (queue("one.fifo"), Some(queue("other.fifo")));
    let spec = MoveSpec { source, target, rate_max: None, filter: MoveFilter::default() };
    ask(&mut broker, Command::StartMove { spec, dry_run: false }).expect("it starts");
    broker.advance(Millis::from_secs(1));
    assert_eq!(counts(&mut broker, "one.fifo"), (0, 0, 0));
    assert_eq!(counts(&mut broker, "other.fifo"), (count as u64, 0, 0));
}

#[test]
fn a_filter_of_any_size_is_kept_or_refused() {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut broker = SimBroker::start(small_settings(), &disk, &clock, 1).expect("it starts");
    for name in ["jobs", "other"] {
        ask(&mut broker, commands::create(name)).expect("a good queue");
    }
    for bytes in [1, 1000, 10_000, 20_000, 1 << 20] {
        let attribute = ledgerq::types::Attribute {
            name: "n".repeat(256),
            data_type: format!("String.{}", "l".repeat(249)),
            value: ledgerq::types::AttributeValue::Text("v".repeat(bytes)),
        };
        let filter = MoveFilter { attribute: Some(attribute), ..MoveFilter::default() };
        let (source, target): (_, Option<QueueName>) = (queue("jobs"), Some(queue("other")));
        let spec = MoveSpec { source, target, rate_max: None, filter };
        let reply = ask(&mut broker, Command::StartMove { spec, dry_run: false });
        assert_eq!(reply.is_ok(), bytes < 15_000, "{bytes} bytes: {reply:?}");
        assert!(broker.failure().is_none());
    }
    let disk = broker.disk().kill();
    SimBroker::start(small_settings(), &disk, &clock, 2).expect("what was kept can be read");
}
