//! Power cuts and kills at every operation, also of a start that follows one.
//!
//! What must hold after each: every frame whose sync returned is found, exactly and in order, and
//! nothing else but possibly the one frame that was under way, whole.

use super::harness::{Content, TestLog, draft, keep_sectors, new_disk, start, text, tick};
use crate::{
    disk::{
        SimDisk,
        sim::{Counter, Fault, Faults, keep_all, keep_none, keep_random},
    },
    log::{Draft, LogError},
};

/// What a run was told is durable, and the frame that it was not told about.
#[derive(Clone, Default)]
struct History {
    acknowledged: Vec<Content>,
    under_way: Option<Content>,
}

impl History {
    /// Appends and notes what became of it.
    fn append(&mut self, log: &mut TestLog, draft: Draft) -> Result<(), LogError> {
        let content = Content::of(&draft, log.writer.next_lsn());
        let durable_lsn = log.writer.durable_lsn();
        self.under_way = Some(content.clone());
        let result = log.append(draft).map(|_| ());
        if log.writer.durable_lsn() > durable_lsn {
            self.acknowledged.push(content);
            self.under_way = None;
        }
        result
    }

    #[track_caller]
    fn check(&mut self, found: &[Content], name: &str) {
        let expected = &self.acknowledged;
        assert!(
            found.len() >= expected.len(),
            "{name}: lost {} frames",
            expected.len() - found.len()
        );
        assert_eq!(&found[..expected.len()], &expected[..], "{name}");
        match &found[expected.len()..] {
            [] => {}
            [more] => {
                assert_eq!(Some(more), self.under_way.as_ref(), "{name}");
                self.acknowledged.push(more.clone());
            }
            more => panic!("{name}: {} frames came from nowhere", more.len()),
        }
        self.under_way = None;
    }
}

/// Frames of all kinds over several segments.
fn frames() -> Vec<Draft> {
    let zeros = vec![0; 1300];
    let large = text(15_000);
    vec![
        tick(1),
        draft(2, &[&text(700), &zeros, b"end"]),
        draft(3, &[&large]),
        draft(4, &[&large]),
        draft(5, &[&large]),
        draft(6, &[&text(9_000)]),
        draft(7, &[b"first of its segment"]),
        draft(8, &[&zeros, &zeros]),
        draft(9, &[&large]),
        draft(10, &[&large]),
        draft(11, &[&large, &text(100)]),
        draft(12, &[&large]),
        tick(13),
    ]
}

/// Runs until the end or the planned fault.
fn run(disk: &SimDisk) -> History {
    let mut history = History::default();
    let Ok(started) = start(disk) else { return history };
    let mut log = started.log;
    for draft in frames() {
        if history.append(&mut log, draft).is_err() {
            return history;
        }
    }
    history
}

/// How many states to sample where there are too many to try all.
fn seeds() -> u64 {
    std::env::var("LOG_CRASH_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(10)
}

/// The disks that a crash now may leave, each with its name.
fn futures(disk: &SimDisk, all_max: usize) -> Vec<(String, SimDisk)> {
    let mut states = disk.every_crash(all_max);
    let all: Vec<_> = states.by_ref().enumerate().collect();
    let mut named = vec![("killed".to_owned(), disk.kill())];
    if states.is_complete() {
        named.extend(all.into_iter().map(|(nth, state)| (format!("state {nth}"), state)));
        return named;
    }
    named.push(("nothing kept".to_owned(), disk.crash(&mut keep_none())));
    named.push(("all kept".to_owned(), disk.crash(&mut keep_all())));
    named.extend(
        (0..seeds()).map(|seed| (format!("seed {seed}"), disk.crash(&mut keep_random(seed)))),
    );
    named
}

/// Starts, appends the first frame as every start does, and goes on a little.
fn start_and_go_on(disk: &SimDisk, history: &mut History, name: &str) -> Result<(), LogError> {
    let started = start(disk)?;
    history.check(&started.frames, name);
    let mut log = started.log;
    history.append(&mut log, tick(100))?;
    history.append(&mut log, draft(101, &[&text(3000)]))
}

/// How many operations `run` takes from a new log on.
fn operations() -> u64 {
    let disk = new_disk();
    disk.set_faults(Faults::none());
    let history = run(&disk);
    assert_eq!(history.acknowledged.len(), frames().len());
    disk.operation_count()
}

fn crashed_at(nth: u64, fault: Fault) -> (SimDisk, History) {
    let disk = new_disk();
    disk.set_faults(Faults::none().at(Counter::Changes, nth, fault));
    let history = run(&disk);
    (disk, history)
}

#[test]
fn a_crash_at_any_operation_loses_and_invents_nothing() {
    let mut states_count = 0;
    for nth in 1..=operations() {
        let cut = usize::try_from(nth * 131 % 1500).expect("small");
        for fault in [Fault::Crash, Fault::CrashAfter, Fault::CrashWithin(cut)] {
            let (disk, history) = crashed_at(nth, fault);
            for (state, disk) in futures(&disk, 40) {
                let name = format!("{fault:?} at operation {nth}, {state}");
                let mut history = history.clone();
                start_and_go_on(&disk, &mut history, &name)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                let again = start(&disk.crash(&mut keep_none()))
                    .unwrap_or_else(|error| panic!("{name}, again: {error}"));
                history.check(&again.frames, &name);
                assert_eq!(history.acknowledged.len(), again.frames.len(), "{name}");
                states_count += 2;
            }
        }
    }
    assert!(states_count > 1000, "{states_count} states are too few to mean much");
}

#[test]
fn a_crash_within_a_start_after_a_crash_loses_and_invents_nothing() {
    let mut states_count = 0;
    for nth in (1..=operations()).step_by(2) {
        let (disk, history) = crashed_at(nth, Fault::CrashWithin(5000));
        for seed in 0..seeds().div_ceil(3) {
            let crashed = disk.crash(&mut keep_random(seed + nth));
            states_count += crash_within_start(&crashed, &history, &format!("{nth}, {seed}"));
        }
    }
    assert!(states_count > 1000, "{states_count} states are too few to mean much");
}

/// Crashes at every operation of a start; returns in how many states.
fn crash_within_start(disk: &SimDisk, before: &History, name: &str) -> u64 {
    let mut states_count = 0;
    for nth in 1.. {
        let restarted = disk.snapshot();
        restarted.set_faults(Faults::none().at(Counter::Changes, nth, Fault::CrashWithin(90)));
        let mut history = before.clone();
        let outcome = start_and_go_on(&restarted, &mut history, name);
        for (state, crashed) in futures(&restarted, 4) {
            let name = format!("crash {name}, then {nth} of the start, {state}");
            let mut history = history.clone();
            start_and_go_on(&crashed, &mut history, &name)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
            states_count += 1;
        }
        if outcome.is_ok() {
            break;
        }
    }
    states_count
}

#[test]
fn a_failed_sync_or_write_is_final_and_a_restart_has_what_was_durable() {
    for nth in 1..=operations() {
        for fault in [Fault::Eio, Fault::TornSync(nth), Fault::Enospc] {
            let (disk, history) = crashed_at(nth, fault);
            for (state, disk) in futures(&disk, 6) {
                let name = format!("{fault:?} at operation {nth}, {state}");
                let mut history = history.clone();
                start_and_go_on(&disk, &mut history, &name)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
                let again = start(&disk.crash(&mut keep_none()))
                    .unwrap_or_else(|error| panic!("{name}, again: {error}"));
                history.check(&again.frames, &name);
            }
        }
    }
}

#[test]
fn short_writes_are_continued() {
    for bytes in [1, 63, 64, 4096, 5000] {
        let disk = new_disk();
        let faults = (1..60).fold(Faults::none(), |faults, nth| {
            faults.at(Counter::Writes, nth, Fault::ShortWrite(bytes))
        });
        disk.set_faults(faults);
        let mut history = run(&disk);
        assert_eq!(history.acknowledged.len(), frames().len());
        let started = start(&disk.crash(&mut keep_none())).expect("the log is whole");
        history.check(&started.frames, "short writes");
    }
}

#[test]
fn the_same_run_gives_the_same_bytes() {
    let images = [(); 2].map(|()| {
        let disk = new_disk();
        let _ = run(&disk);
        disk.paths().iter().map(|path| disk.file(path)).collect::<Vec<_>>()
    });
    assert_eq!(images[0], images[1]);
}

#[test]
fn a_crash_before_the_first_frame_of_a_start_uses_no_further_segment() {
    let disk = new_disk();
    let mut history = run(&disk);
    let mut disk = disk.crash(&mut keep_none());
    let mut segments_counts = Vec::new();
    for round in 0..40 {
        // The start's first frame is written and the power goes before its sync.
        let Ok(started) = start(&disk) else { panic!("round {round}") };
        history.check(&started.frames, "crash loop");
        let mut writer = started.log.writer;
        let tick = tick(200 + round);
        history.under_way = Some(Content::of(&tick, writer.next_lsn()));
        disk.set_faults(Faults::none().at(Counter::Syncs, 1, Fault::Crash));
        assert!(writer.append(tick).job.run().is_err());
        segments_counts.push(disk.paths().len());
        // The header reaches the medium, the frame does not.
        disk = disk.crash(&mut keep_sectors(|sector| sector < 8));
    }
    assert_eq!(segments_counts.first(), segments_counts.last());
}
