//! Each frame of a log lost in turn, whatever its records are.

use std::{collections::BTreeSet, sync::Arc};

use bytes::Bytes;
use ledgerq::{
    broker::{RepairReport, digest, start::Settings},
    disk::{Disk, ReadOnly, SimDisk},
    log::{self, SEGMENT_BYTES_MIN},
    types::{
        Command, DeleteMode, Leased, Millis, MoveFilter, MoveSpec, ReceiveOptions, RedrivePolicy,
        Reply, SendEntry, Seq, SettingsPatch, Step,
    },
};

use super::{
    is_clean,
    world::{Messages, messages, repair_to},
};
use crate::{
    broker::{SimBroker, ToldClock, small_settings},
    commands::{self, queue},
};

const MINUTE: Millis = Millis::from_secs(60);

/// A log of every kind of record, without a checkpoint.
struct History {
    broker: SimBroker,
    bodies: BTreeSet<Bytes>,
    count: u32,
}

impl History {
    fn ask(&mut self, command: Command) -> Reply {
        let told = self.broker.ask(command).expect("it is answered").reply;
        told.unwrap_or_else(|refused| panic!("it is refused: {refused}"))
    }

    fn entry(&mut self, large: bool) -> SendEntry {
        self.count += 1;
        let tail = "z".repeat(if large { 3000 } else { 0 });
        let body = Bytes::from(format!("body {} {tail}", self.count));
        self.bodies.insert(body.clone());
        commands::entry(body)
    }

    fn send(&mut self, name: &str) {
        let mut entry = self.entry(self.count.is_multiple_of(3));
        if name.contains(".fifo") {
            let group = commands::group(["a", "b", "c"][self.count as usize % 3]);
            let id = self.count.to_string();
            entry.deduplication = Some(digest::deduplication(&id, Some(&group), false));
            entry.group = Some(group);
        } else if self.count.is_multiple_of(5) {
            entry.group = Some(commands::group("tenant"));
            entry.priority = Some(7);
            entry.time_to_live = Some(Millis::from_secs(100_000));
        }
        self.ask(commands::send(name, entry));
    }

    fn receive(&mut self, name: &str, count: usize) -> Vec<Leased> {
        match self.ask(commands::receive(name, count, Some(MINUTE))) {
            Reply::Received(leased) => leased,
            other => panic!("it was answered with {other:?}"),
        }
    }

    fn delete(&mut self, name: &str, messages: &[Leased]) {
        let leases = messages.iter().map(Leased::lease).collect();
        self.ask(Command::Delete { queue: queue(name), leases, mode: DeleteMode::Fenced });
    }

    fn round(&mut self) {
        for _ in 0..4 {
            for name in ["jobs", "other", "orders.fifo"] {
                self.send(name);
            }
        }
        let delayed =
            SendEntry { delay: Some(ledgerq::types::Delay::For(MINUTE)), ..self.entry(false) };
        self.ask(commands::send("other", delayed));
        let leased = self.receive("jobs", 3);
        self.delete("jobs", &leased[..1]);
        let back = leased[1..].iter().map(|leased| (leased.lease(), Millis::ZERO)).collect();
        self.ask(Command::ChangeVisibility { queue: queue("jobs"), entries: back });
        // Those that were received before are dead letters now.
        self.receive("jobs", 3);
        let first = self.receive("orders.fifo", 2);
        let entry = self.entry(false);
        let mut steps = vec![Step::Send { queue: queue("other"), entry }];
        steps.extend(first.iter().map(|leased| {
            let (queue, lease) = (queue("orders.fifo"), leased.lease());
            Step::Delete { queue, lease }
        }));
        self.ask(Command::Transact { steps });
        let options = ReceiveOptions {
            attempt: Some(digest::attempt("try")),
            visibility_timeout: Some(MINUTE),
            ..ReceiveOptions::new(1)
        };
        let wait = Some(Millis::ZERO);
        for _ in 0..2 {
            self.ask(Command::Receive { queue: queue("orders.fifo"), options, wait });
        }
        let (source, target) = (queue("dead"), Some(queue("other")));
        let spec = MoveSpec { source, target, rate_max: None, filter: MoveFilter::default() };
        self.ask(Command::StartMove { spec, dry_run: false });
        self.broker.advance(Millis::from_secs(40));
    }
}

fn history() -> (SimDisk, History) {
    let (disk, clock) = (SimDisk::new(), ToldClock::new());
    let mut settings = Settings { pool_count_max: 0, ..small_settings() };
    settings.owner.upkeep.checkpoint_bytes = u64::MAX;
    let broker = SimBroker::start(settings, &disk, &clock, 1).expect("a new one");
    let mut history = History { broker, bodies: BTreeSet::new(), count: 0 };
    for name in ["dead", "other", "orders.fifo"] {
        history.ask(commands::create(name));
    }
    let redrive = Some(Some(RedrivePolicy { dead_letter_queue: queue("dead"), receives_max: 1 }));
    let settings = SettingsPatch { redrive, ..SettingsPatch::default() };
    for round in 0..3 {
        history.ask(Command::CreateQueue { queue: queue("jobs"), settings: settings.clone() });
        history.round();
        if round == 0 {
            let retention = Some(Millis::from_secs(5 * 24 * 3600));
            let settings = SettingsPatch { retention, ..SettingsPatch::default() };
            history.ask(Command::UpdateQueue { queue: queue("other"), settings });
            history.ask(Command::PurgeQueue { queue: queue("orders.fifo") });
            history.ask(Command::DeleteQueue { queue: queue("jobs") });
        }
        let (sends, receives) = (Some(round == 2), None);
        history.ask(Command::PauseQueue { queue: queue("dead"), sends, receives });
    }
    history.broker.advance(Millis::new(50));
    (history.broker.disk().clone(), history)
}

/// Where each frame of the log begins.
fn frames(disk: &SimDisk) -> Vec<(String, u64)> {
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::new(disk.clone())));
    let mut found = Vec::new();
    let mut sink = |view: log::FrameView<'_>| {
        found.push((view.segment.path(), view.offset));
        Ok(())
    };
    log::verify(&*quiet, None, None, &mut sink, &mut |_| ()).expect("it can be read");
    found
}

/// Repairs, and holds what comes of it to what is always so.
#[track_caller]
fn repaired(
    history: &History,
    there: &Messages,
    damaged: &SimDisk,
    what: &str,
) -> (RepairReport, Messages) {
    let target = SimDisk::new();
    let report = repair_to(damaged, &target).unwrap_or_else(|error| panic!("{what}: {error}"));
    is_clean(&target, what);
    let clock = ToldClock::new();
    let mut broker = SimBroker::start(small_settings(), &target, &clock, 9).expect("it starts");
    let kept = messages(&mut broker);
    let lost: BTreeSet<Seq> = report
        .lost
        .iter()
        .flat_map(|lost| lost.first.get()..=lost.last.get())
        .map(Seq::new)
        .collect();
    for (seq, seen) in &kept {
        assert!(history.bodies.contains(&seen.body), "{what}: message {seq} is made up");
    }
    for (seq, seen) in there {
        let found = kept.get(seq);
        assert!(found.is_some() || lost.contains(seq), "{what}: {seq} of {}", seen.queue);
        assert!(found.is_none_or(|found| found.body == seen.body), "{what}: {seq}");
    }
    let back = kept.keys().filter(|seq| !there.contains_key(seq)).count() as u64;
    assert!(back <= report.may_come_back_count(), "{what}: {back} come back");
    (report, kept)
}

#[test]
fn whatever_frame_is_lost_the_rest_is_kept() {
    let (disk, mut history) = history();
    let there = messages(&mut history.broker);
    let disk = disk.kill();
    let (whole, kept) = repaired(&history, &there, &disk, "whole");
    assert!(whole.is_whole() && kept == there, "{whole:?}");
    assert!(disk.file("segments/00000000000000000003.seg").is_some(), "there are several");
    let frames = frames(&disk);
    let mut footers_told = 0;
    for (path, at) in &frames {
        for without_footers in [false, true] {
            let damaged = disk.kill();
            damaged.corrupt(path, at + 64 + 1, |byte| byte ^ 0x10).expect("it is there");
            if without_footers {
                for path in damaged.paths().iter().filter(|path| path.contains("/0")) {
                    let last = SEGMENT_BYTES_MIN - 1;
                    damaged.corrupt(path, last, |byte| byte ^ 1).expect("it is there");
                }
            }
            let what = format!("{path} at {at}, without footers: {without_footers}");
            let (report, _) = repaired(&history, &there, &damaged, &what);
            footers_told += u32::from(!without_footers && report.lost.is_empty());
        }
    }
    assert!(footers_told as usize > frames.len() / 4, "{footers_told} of {}", frames.len());
}

#[test]
fn two_holes_are_told_apart() {
    let (disk, mut history) = history();
    let there = messages(&mut history.broker);
    let disk = disk.kill();
    let frames = frames(&disk);
    let (early, late) = (&frames[frames.len() / 5], &frames[frames.len() / 2]);
    let damaged = disk.kill();
    for (path, at) in [early, late] {
        damaged.corrupt(path, at + 40, |byte| byte ^ 1).expect("it is there");
    }
    let (report, _) = repaired(&history, &there, &damaged, "two holes");
    assert_eq!(report.lost_records.len(), 2, "{report:?}");
    let [first, second] = &report.lost_records[..] else { panic!("there are two") };
    assert!(first.last_lsn.is_some_and(|last| last < second.first_lsn));
    assert!(first.after <= first.before && first.before <= second.after);
    assert!(first.older_count <= second.older_count);
    assert_eq!((&first.path, &second.path), (&early.0, &late.0));
    assert!(first.offset == early.1 && second.offset == late.1, "{report:?}");
}
