//! The small directory: a log of two of the smallest segments, with records of nearly every kind
//! and unfinished writes, and no checkpoint. All of it is needed.

use ledgerq::types::{
    Backoff, Command, LeaseRef, Leased, Millis, MoveFilter, MoveSpec, ReceiveOptions,
    RedrivePolicy, SendEntry, SettingsPatch, Step,
};

use super::world::Life;
use crate::commands::{self, queue};

/// The end of the last frame before the write that tears segment 1.
const FILLER_COUNT: usize = 11;

pub(super) fn build(seed: u64) -> Life {
    let mut life = Life::new(seed);
    create_queues(&mut life);
    for bytes in [0, 5, 1500, 3000] {
        life.send("keep", bytes);
        life.send("jobs", bytes / 2);
    }
    life.send_batch("keep", &[40, 1400, 0, 700]);
    states(&mut life);
    for _ in 0..FILLER_COUNT {
        life.send("keep", 3500);
    }
    life.remember();
    life.send("jobs", 600);
    life.tear(700);
    life.restart();
    life.send("jobs", 30);
    life.send_once("orders.fifo", "b", 80);
    life.consume("jobs", 2);
    life.receive("jobs", 1, 3600);
    life.remember();
    life.send_batch("keep", &[900, 20]);
    work_again(&mut life);
    life.pass(Millis::new(25));
    life.tear(500);
    life.end()
}

fn create_queues(life: &mut Life) {
    life.create("dead", SettingsPatch::default());
    let redrive = Some(Some(RedrivePolicy { dead_letter_queue: queue("dead"), receives_max: 2 }));
    let tags = Some([("team".to_owned(), "one".to_owned())].into());
    life.create("jobs", SettingsPatch { redrive, tags, ..SettingsPatch::default() });
    let first = Millis::from_secs(2);
    let backoff = Some(Some(Backoff { first, doubles: true, max: Millis::from_secs(60) }));
    life.create("keep", SettingsPatch { backoff, ..SettingsPatch::default() });
    life.create("orders.fifo", SettingsPatch::default());
}

/// Messages in every state, and everything that makes a record of another kind.
pub(super) fn states(life: &mut Life) {
    life.create("gone", SettingsPatch::default());
    for (group, bytes) in [("a", 300), ("b", 10), ("a", 900)] {
        life.send_once("orders.fifo", group, bytes);
    }
    let attempt = Some(ledgerq::broker::digest::attempt("attempt"));
    let options = ReceiveOptions { attempt, ..ReceiveOptions::new(1) };
    let receive =
        Command::Receive { queue: queue("orders.fifo"), options, wait: Some(Millis::ZERO) };
    life.ask(receive);
    let late = commands::delayed("late", Millis::from_secs(900));
    life.ask(commands::send("keep", SendEntry { priority: Some(9), ..late }));
    let short = SendEntry { time_to_live: Some(Millis::from_secs(7000)), ..life.entry(60) };
    life.ask(commands::send("keep", short));
    // Two receives and their end make a dead letter.
    for _ in 0..2 {
        life.receive("jobs", 1, 1);
        life.pass(Millis::from_secs(2));
    }
    let leases: Vec<LeaseRef> = life.receive("jobs", 2, 600).iter().map(Leased::lease).collect();
    let entries = vec![(leases[0], Millis::from_secs(90))];
    life.ask(Command::ChangeVisibility { queue: queue("jobs"), entries });
    life.ask(Command::Return { leases: vec![leases[1]] });
    let taken = life.receive("jobs", 1, 600);
    let steps = vec![
        Step::Send { queue: queue("keep"), entry: life.entry(120) },
        Step::Delete { queue: queue("jobs"), lease: taken[0].lease() },
    ];
    life.ask(Command::Transact { steps });
    life.send("gone", 100);
    life.ask(Command::PurgeQueue { queue: queue("gone") });
    life.send("gone", 200);
    life.ask(Command::DeleteQueue { queue: queue("gone") });
    let settings = SettingsPatch { delay: Some(Millis::from_secs(1)), ..SettingsPatch::default() };
    life.ask(Command::UpdateQueue { queue: queue("dead"), settings });
    let (sends, receives) = (Some(true), None);
    life.ask(Command::PauseQueue { queue: queue("dead"), sends, receives });
}

fn work_again(life: &mut Life) {
    let spec = MoveSpec {
        source: queue("dead"),
        target: None,
        rate_max: None,
        filter: MoveFilter::default(),
    };
    life.ask(Command::StartMove { spec, dry_run: false });
    life.pass(Millis::from_secs(1));
    life.receive("keep", 3, 500);
}
