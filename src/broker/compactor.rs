//! Compaction, from one step to the next: planned here, copied in the background at the rate that
//! is set, made true by one record.

use super::{
    Answer, Effect, Waiter,
    execute::RECORD_BYTES_MAX,
    owner::{Mode, Owner},
    upkeep::{Compaction, RETRY},
};
use crate::{
    store::{Compacted, CompactionError, CompactionOutcome, CompactionTask, Store, Worth},
    types::{CompactionStatus, Lsn, Millis, Rejection, Reply, Timestamp},
};

impl<W: Waiter> Owner<W> {
    /// Whoever asks for a compaction is answered when no file is left that is worth copying.
    pub(super) fn ask_compaction(&mut self, waiter: Option<W>) {
        self.upkeep.due.plan = true;
        self.upkeep.compact_at = Timestamp::ZERO;
        if self.upkeep.compacting_for.is_empty() {
            self.upkeep.copied_since_asked = 0;
        }
        self.upkeep.compacting_for.extend(waiter);
    }

    /// A task of the compaction under way has ended.
    pub(super) fn compaction_went_on(
        &mut self,
        now: Timestamp,
        outcome: Result<CompactionOutcome, CompactionError>,
    ) {
        self.upkeep.compaction = match outcome {
            Ok(CompactionOutcome::Ready(compactor, bytes)) => {
                let rate = self.upkeep.settings.compaction_bytes_per_s.max(1);
                let unhurried = !self.is_disk_full() && !self.upkeep.is_forced();
                let pause = if unhurried { bytes * 1000 / rate } else { 0 };
                self.upkeep.compact_at = now.after(Millis::new(pause));
                Compaction::Ready(compactor)
            }
            Ok(CompactionOutcome::Finished(compacted)) => Compaction::Finished(compacted),
            Ok(CompactionOutcome::Abandoned) => Compaction::Idle,
            Err(error) => {
                match &error {
                    // Another plan leaves the file out.
                    CompactionError::Source { file, .. } => self.store.mark_unfit(*file),
                    CompactionError::Output(error) => {
                        self.upkeep.due.plan = self.reserve.failed(error);
                    }
                }
                self.upkeep.status.failed_count += 1;
                self.upkeep.compact_at = now.after(RETRY);
                let (what, reason) = ("compaction", error.to_string());
                self.compaction_failed = Some(error);
                self.answer_compaction(now, &Err(Rejection::MaintenanceFailed { what, reason }));
                Compaction::Idle
            }
        };
    }

    fn answer_compaction(&mut self, now: Timestamp, outcome: &Result<u64, Rejection>) {
        for waiter in std::mem::take(&mut self.upkeep.compacting_for) {
            self.pass_time(now);
            let reply = outcome.clone().map(|copied_count| Reply::Compacted { copied_count });
            self.batch.hold(waiter, Answer::new(reply));
        }
    }

    pub(super) fn go_on_with_compaction(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        let is_serving = self.mode == Mode::Serving;
        match std::mem::replace(&mut self.upkeep.compaction, Compaction::Idle) {
            Compaction::Working => self.upkeep.compaction = Compaction::Working,
            Compaction::Ready(compactor) if !is_serving => {
                self.upkeep.compaction = Compaction::Working;
                effects.push(Effect::Compact(CompactionTask::Abandon(compactor)));
            }
            Compaction::Ready(compactor) if now < self.upkeep.compact_at => {
                self.upkeep.compaction = Compaction::Ready(compactor);
            }
            Compaction::Ready(compactor) => {
                self.upkeep.compaction = Compaction::Working;
                effects.push(Effect::Compact(CompactionTask::Copy(compactor)));
            }
            Compaction::Finished(compacted) if !self.has_room_for_switch() => {
                self.upkeep.compaction = Compaction::Finished(compacted);
            }
            Compaction::Finished(compacted) => self.switch(now, *compacted),
            Compaction::Idle if is_serving => self.plan_compaction(now, effects),
            Compaction::Idle => {}
        }
    }

    fn plan_compaction(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        let waits = now < self.upkeep.compact_at && !self.upkeep.is_forced();
        if !self.upkeep.due.plan || waits {
            return;
        }
        let worth = if self.upkeep.is_forced() || self.is_disk_full() {
            Worth::All
        } else if self.upkeep.is_halfway() {
            Worth::BehindNewest
        } else {
            Worth::BehindOlder
        };
        // On a full disk there is space for one output, until what it was copied from is gone.
        let has_space = !(self.is_disk_full() && self.store.has_young_output());
        let (salt, active) = (self.entropy.next(), self.log.active_segment());
        let plan = has_space.then(|| self.store.plan_compaction(salt, worth, active)).flatten();
        if let Some(plan) = plan {
            self.upkeep.compaction = Compaction::Working;
            effects.push(Effect::Compact(CompactionTask::Begin(Box::new(plan))));
        } else {
            self.upkeep.due.plan = false;
            let copied_count = self.upkeep.copied_since_asked;
            self.answer_compaction(now, &Ok(copied_count));
        }
    }

    fn has_room_for_switch(&self) -> bool {
        self.batch.frame_bytes(0, 0, RECORD_BYTES_MAX) <= self.log.frame_bytes_max()
    }

    /// Makes a compaction true: one record.
    fn switch(&mut self, now: Timestamp, compacted: Compacted) {
        if self.mode >= Mode::Stopped {
            return;
        }
        self.pass_time(now);
        let record = Store::switch_record(&compacted);
        let copied_count = compacted.copied_count();
        self.commit(&record);
        self.upkeep.status.switched_count += 1;
        self.upkeep.status.copied_count += copied_count;
        self.upkeep.status.last_output = Some(compacted.output().id);
        self.upkeep.copied_since_asked += copied_count;
        let lsn: Lsn = self.state.applied_lsn();
        self.store.switched(compacted, lsn);
    }

    /// What the compactor did.
    pub(super) fn compaction_status(&self) -> CompactionStatus {
        let under_way = !matches!(self.upkeep.compaction, Compaction::Idle);
        CompactionStatus { under_way, ..self.upkeep.status }
    }
}
