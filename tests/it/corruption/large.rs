//! The large directory: more than a MiB in many segments, most of them sealed, two checkpoints with
//! deduplication ids, outputs, files that were used again, and a log that goes on behind.

use ledgerq::types::{Command, Millis, RedrivePolicy, SettingsPatch};

use super::{small, world::Life};
use crate::commands::{self, queue};

/// Messages that stay.
const KEEP_COUNT: usize = 300;

pub(super) fn build(seed: u64) -> Life {
    let mut life = Life::new(seed);
    life.create("temps", SettingsPatch::default());
    life.create("dead", SettingsPatch::default());
    let redrive = Some(Some(RedrivePolicy { dead_letter_queue: queue("dead"), receives_max: 1 }));
    life.create("jobs", SettingsPatch { redrive, ..SettingsPatch::default() });
    for name in ["mails", "more", "keep", "orders.fifo"] {
        life.create(name, SettingsPatch::default());
    }
    use_and_give_back(&mut life);
    // What is left of these is in an output.
    for _ in 0..60 {
        life.send("mails", 2500);
    }
    life.consume("mails", 52);
    life.ask(Command::Checkpoint);
    life.ask(Command::Compact);
    life.remember();
    keep(&mut life, KEEP_COUNT / 2);
    life.tear(600);
    life.restart();
    keep(&mut life, KEEP_COUNT / 2);
    for _ in 0..40 {
        life.send("more", 2500);
    }
    life.ask(Command::Checkpoint);
    life.remember();
    small::states(&mut life);
    keep(&mut life, 8);
    life.ask(Command::Checkpoint);
    life.remember();
    behind(&mut life);
    life.end()
}

/// Two segments full of what is gone: their files are used again.
fn use_and_give_back(life: &mut Life) {
    for _ in 0..60 {
        life.send("temps", 2300);
    }
    life.remember();
    life.ask(Command::PurgeQueue { queue: queue("temps") });
    life.ask(Command::Checkpoint);
    life.ask(Command::Checkpoint);
}

/// Messages of many sizes, some of them in one frame, some with deduplication ids.
fn keep(life: &mut Life, count: usize) {
    for nth in 0..count {
        match nth % 8 {
            0 => life.send_batch("keep", &[3000, 900, 0, 5000]),
            1 => life.send_once("orders.fifo", ["a", "b", "c"][nth % 3], 700),
            2 => life.send("jobs", 60),
            _ => life.send("keep", 2000 + 331 * (nth % 7)),
        }
    }
}

/// The log behind the newest checkpoint: more than a segment, a switch to an output, and the tick
/// of a broker that has nothing to do.
fn behind(life: &mut Life) {
    keep(life, 20);
    life.consume("more", 34);
    life.ask(Command::Compact);
    keep(life, 12);
    life.consume("keep", 2);
    let late = commands::delayed("later", Millis::from_secs(700));
    life.ask(commands::send("keep", late));
    life.send("mails", 300);
    life.pass(Millis::new(25));
}
