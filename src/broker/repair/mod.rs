//! What is left of a data directory whose start is refused, and a new directory made of it.
//!
//! 1. `base`: the newest checkpoint that can be used, with the messages that it calls live, as far
//!    as files have them; without one, nothing.
//! 2. `replay`: the log behind it, on behind holes.
//! 3. Every payload is read. A message without a whole one is lost.
//! 4. [`Remains::write`] makes a directory of what is left, and goes through a start of it before
//!    it gets its identity.
//!
//! **Invariant**: the directory that is salvaged is only read. No message is made up: each has the
//! id and the bytes that a whole record, footer or checkpoint gives it.

mod base;
mod replay;
mod report;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    audit::audit,
    recover::examine,
    start::{Settings, StartError},
};
use crate::{
    disk::{Disk, ReadOnly},
    log::{self, FindingKind, Progress},
    state::{KnownQueue, Salvage, State},
    store::{self, FoundMessage, Identity, RebuildError, Rebuilding},
    types::{Lineage, Lsn, QueueId, QueueName, Seq},
};
use base::Base;
use replay::Replay;
pub use report::{BaseUsed, Loss, Lost, LostRecords, QueueKept, RepairReport};

/// What a hole may have held of numbers that are given once: far more than fit into a log that is
/// lost. So no number is given twice.
const NUMBERS_PASSED_OVER: u64 = 1 << 32;
/// Entries of the state that a checkpoint takes at once.
const SLICE_COUNT: usize = 4096;

/// What is left of a directory.
pub struct Remains {
    report: RepairReport,
    state: State,
    kept: BTreeMap<Seq, FoundMessage>,
    lineage: Lineage,
    end: log::Salvaged,
    /// The last LSN that may have been given.
    last_lsn: Lsn,
}

/// Why nothing is left, or why no directory was made of it.
#[derive(Debug, thiserror::Error)]
pub enum RepairError {
    /// The directory cannot be read, or a newer program wrote it.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The new directory cannot be made.
    #[error(transparent)]
    Rebuild(#[from] RebuildError),
    /// The new directory is not what was written.
    #[error("the new directory does not read as it was written: {found}; do not trust the device")]
    NotAsWritten {
        /// What was found.
        found: String,
    },
}

/// Looks through a directory and changes nothing. An error is that it cannot be read at all, or
/// that a newer program wrote it.
pub fn survey(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    lineage: Lineage,
    progress: &mut dyn FnMut(Progress),
) -> Result<Remains, StartError> {
    let mut bases = store::bases(&**disk, lineage)?;
    let known = std::mem::take(&mut bases.queues);
    let base = Base::take(settings, &**disk, lineage, &bases)?;
    let mut remains = replay(settings, disk, lineage, base, known, progress)?;
    remains.begin_behind(bases.last_lsn);
    let damaged = bases.damaged.iter().map(|(path, bad)| (path.clone(), bad.to_string()));
    remains.report.damaged_checkpoints = damaged.collect();
    Ok(remains)
}

fn replay(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    lineage: Lineage,
    base: Base,
    known: BTreeMap<QueueId, KnownQueue>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Remains, StartError> {
    let Base { state, kept, lost, used, position, salts, damage } = base;
    let state = state.unwrap_or_else(|| State::new(settings.state));
    let mut replay = Replay::new(disk, lineage, Salvage::new(state, known), kept, used);
    replay.report.damaged_files = damage;
    for lost in lost {
        replay.lose(lost);
    }
    let end = log::salvage(
        &**disk,
        lineage,
        position,
        &salts,
        &mut |piece| replay.piece(&piece),
        progress,
    )?;
    let Replay { mut salvage, mut kept, mut report, .. } = replay.end();
    read_payloads(&**disk, lineage, &mut salvage, &mut kept, &mut report)?;
    count(&salvage, &kept, &mut report);
    let last_lsn = salvage.state().applied_lsn().max(Lsn::new(end.next_lsn.get() - 1));
    let (state, made) = salvage.finish();
    report.queues_made = made;
    Ok(Remains { report, state, kept, lineage, end, last_lsn })
}

/// Reads every payload. One that is damaged may lie elsewhere too; else its message is lost.
fn read_payloads(
    disk: &dyn Disk,
    lineage: Lineage,
    salvage: &mut Salvage,
    kept: &mut BTreeMap<Seq, FoundMessage>,
    report: &mut RepairReport,
) -> Result<(), StartError> {
    let held = salvage.messages();
    kept.retain(|seq, _| held.contains_key(seq));
    let damaged: BTreeSet<Seq> =
        kept.iter().filter(|(_, found)| found.payload().is_none()).map(|(seq, _)| *seq).collect();
    if !damaged.is_empty() {
        let is_wanted = |_, seq: Seq| damaged.contains(&seq);
        store::elsewhere(disk, lineage, &is_wanted, &mut |found| {
            let seq = found.summary.seq;
            if kept.get(&seq).is_some_and(|damaged| damaged.crc == found.crc) {
                kept.insert(seq, found);
            }
        })?;
    }
    for seq in held.keys() {
        let found = kept.get(seq);
        let is_whole = found.is_some_and(|it| !damaged.contains(seq) || it.payload().is_some());
        if is_whole {
            continue;
        }
        let queue = salvage.take_out(*seq).and_then(|id| salvage.state().queue_name(id).cloned());
        let place = kept.remove(seq).map(|found| (found.id.path(), found.offset));
        let (path, offset) = place.unwrap_or_default();
        let (first, last, why) = (*seq, *seq, Loss::Payload);
        report.lost.push(Lost { first, last, queue, path, offset, why });
    }
    report.lost.sort_by_key(|lost| lost.first);
    Ok(())
}

fn count(salvage: &Salvage, kept: &BTreeMap<Seq, FoundMessage>, report: &mut RepairReport) {
    let mut queues: BTreeMap<QueueName, (u64, u64)> = BTreeMap::new();
    let (views, _) = salvage.state().queues("", None, usize::MAX);
    queues.extend(views.into_iter().map(|view| (view.name, (0, 0))));
    for id in salvage.messages().values() {
        if let Some(name) = salvage.state().queue_name(*id) {
            queues.entry(name.clone()).or_default().0 += 1;
        }
    }
    for lost in &report.lost {
        if let Some(name) = &lost.queue {
            queues.entry(name.clone()).or_default().1 += lost.count();
        }
    }
    for hole in &mut report.lost_records {
        hole.older_count = kept.range(..hole.sent_below).count() as u64;
    }
    report.kept_count = kept.len() as u64;
    let told = queues.into_iter();
    report.queues = told
        .map(|(name, (kept, lost))| QueueKept { name, kept_count: kept, lost_count: lost })
        .collect();
}

impl Remains {
    /// What there is, and what is lost.
    pub fn report(&self) -> &RepairReport {
        &self.report
    }

    /// Records up to this LSN may have been there.
    fn begin_behind(&mut self, lsn: Lsn) {
        self.last_lsn = self.last_lsn.max(lsn);
    }

    /// Makes a data directory of it in `to`, which is empty. `fresh` is who the directory is, but
    /// for the lineage, which stays: so do ids of messages, while receipt handles are of no use any
    /// more. How many bytes of messages were copied.
    pub fn write(
        self,
        settings: &Settings,
        to: &Arc<dyn Disk>,
        fresh: &Identity,
        salts: &mut dyn FnMut() -> u64,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<u64, RepairError> {
        let Self { report, state, kept, lineage, end, last_lsn } = self;
        // Nothing that was given in a record that is lost is given again.
        let passed_over = if report.lost_records.is_empty() { 0 } else { NUMBERS_PASSED_OVER };
        let lsn = Lsn::new(last_lsn.get() + passed_over + 1);
        let mut salvage = Salvage::new(state, BTreeMap::new());
        salvage.skip_numbers(passed_over);
        salvage.skip_to(lsn);
        let (mut state, _) = salvage.finish();
        let identity = Identity { lineage, ..fresh.clone() };
        let mut target = Rebuilding::begin(to, identity, end.last_output, salts)?;
        for (done, message) in kept.values().enumerate() {
            progress(done, kept.len());
            target.push(message)?;
        }
        state.begin_image();
        let (now, buckets) = (state.now(), state.deduplication_buckets());
        let mut entries = |out: &mut Vec<_>| state.image_slice(SLICE_COUNT, out);
        let copied = target.finish(end.last_segment, lsn, now, buckets, &mut entries)?;
        check(settings, to, lineage, kept.len() as u64)?;
        target.publish()?;
        Ok(copied)
    }
}

/// Goes through a start of a new directory, which has no identity yet, and reads all of it.
fn check(
    settings: &Settings,
    disk: &Arc<dyn Disk>,
    lineage: Lineage,
    kept_count: u64,
) -> Result<(), RepairError> {
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::clone(disk)));
    let audited = audit(settings, &quiet, lineage, &mut |_| ())?;
    let is_bad = |kind: FindingKind| kind.refuses_start() || kind == FindingKind::DamagedBody;
    if let Some(bad) = audited.report.findings.iter().find(|finding| is_bad(finding.kind)) {
        let found = format!("{} at offset {}: {}", bad.path, bad.offset, bad.found);
        return Err(RepairError::NotAsWritten { found });
    }
    let examined = examine(settings, &quiet, lineage, &mut |_| ())?;
    let (queues, _) = examined.state.queues("", None, usize::MAX);
    let counts = queues.iter().map(|queue| queue.counts);
    let there: u64 = counts.map(|counts| counts.ready + counts.delayed + counts.in_flight).sum();
    if there != kept_count {
        let found = format!("{there} messages of {kept_count} are there");
        return Err(RepairError::NotAsWritten { found });
    }
    Ok(())
}
