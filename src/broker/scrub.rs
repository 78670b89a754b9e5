//! The scrub, from one step to the next: what lies on the disk is read again in the background, at
//! the rate that is set, so that damage is told before the last good copy is gone.
//!
//! It never stops the broker. A message whose body is damaged is told as unavailable at its next
//! receive, as ever, since each body is compared with its CRC before it is given.

use std::collections::{BTreeSet, VecDeque};

use super::{
    Effect, Waiter,
    owner::{Mode, Owner},
};
use crate::{
    log::{Damage, FileId},
    store::{ScrubOutcome, ScrubTarget, ScrubTask},
    types::{MessageId, Millis, Reply, ScrubStatus, Seq, Timestamp},
};

/// The first pass begins so long after a start, or after the interval if that is shorter: a broker
/// that is started often is scrubbed too.
const FIRST_AFTER: Millis = Millis::from_secs(3600);
/// The rate of a pass that is asked for where none is set, in bytes a second.
const RATE_ASKED: u64 = 64 << 20;
/// Places that are remembered, so that each is told once.
const PLACES_MAX: usize = 100_000;

/// What the scrub is set to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many bytes are read in a second; 0 for no pass but those that are asked for.
    pub bytes_per_s: u64,
    /// How long after the end of a pass the next begins.
    pub interval: Millis,
}

impl Default for Settings {
    fn default() -> Self {
        Self { bytes_per_s: 10 << 20, interval: Millis::from_secs(7 * 24 * 3600) }
    }
}

impl Settings {
    /// None but what is asked for.
    pub const OFF: Self = Self { bytes_per_s: 0, interval: Millis::ZERO };
}

/// Damage that was found, for the log.
#[derive(Debug)]
pub struct Scrubbed {
    /// Where, and what.
    pub damage: Damage,
    /// The message that is there and has its body at that place, if one does.
    pub message: Option<Seq>,
}

/// What is under way, and what is due when.
pub(super) struct Scrub {
    settings: Settings,
    /// What the pass under way has not read yet.
    targets: VecDeque<ScrubTarget>,
    stage: Stage,
    /// When the next pass begins; `None` before the broker's time is known, and if none does.
    begin_at: Option<Timestamp>,
    /// When the pass under way may go on.
    go_on_at: Timestamp,
    /// What was found and was told.
    places: BTreeSet<(String, u64)>,
    found: Vec<Scrubbed>,
    status: ScrubStatus,
}

enum Stage {
    Idle,
    /// A task of this target is under way.
    Working(ScrubTarget),
    /// This task of the target can be handed out.
    Ready(ScrubTarget, ScrubTask),
    /// The next target can be taken.
    Between,
}

impl Scrub {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            settings,
            targets: VecDeque::new(),
            stage: Stage::Idle,
            begin_at: None,
            go_on_at: Timestamp::ZERO,
            places: BTreeSet::new(),
            found: Vec::new(),
            status: ScrubStatus::default(),
        }
    }

    /// The broker's time is known.
    pub(super) fn started(&mut self, now: Timestamp) {
        let first = self.settings.interval.min(FIRST_AFTER);
        self.begin_at = (self.settings.bytes_per_s > 0).then(|| now.after(first));
    }

    pub(super) fn take_found(&mut self) -> Vec<Scrubbed> {
        std::mem::take(&mut self.found)
    }

    /// So many bytes were read: how long to wait before more are.
    fn read(&mut self, now: Timestamp, bytes: u64) {
        let set = self.settings.bytes_per_s;
        let rate = if set == 0 { RATE_ASKED } else { set };
        self.status.bytes += bytes;
        self.go_on_at = now.after(Millis::new(bytes.saturating_mul(1000) / rate));
    }

    fn end(&mut self, now: Timestamp) {
        self.stage = Stage::Idle;
        self.status.under_way = false;
        self.status.passes_count += 1;
        self.status.ended_at = Some(now);
        let goes_on = self.settings.bytes_per_s > 0;
        self.begin_at = goes_on.then(|| now.after(self.settings.interval));
    }
}

impl<W: Waiter> Owner<W> {
    /// Begins a pass, unless one is under way.
    pub(super) fn ask_scrub(&mut self) -> Reply {
        if matches!(self.scrub.stage, Stage::Idle) {
            self.begin_scrub();
        }
        Reply::Scrubbing(Box::new(self.scrub_status()))
    }

    /// A task of the pass under way has ended.
    pub(super) fn scrub_went_on(&mut self, now: Timestamp, outcome: ScrubOutcome) {
        let Stage::Working(target) = std::mem::replace(&mut self.scrub.stage, Stage::Between)
        else {
            return;
        };
        match outcome {
            ScrubOutcome::Reading(check, bytes) => {
                self.scrub.read(now, bytes);
                self.scrub.stage = Stage::Ready(target, ScrubTask::File(check));
            }
            ScrubOutcome::Read(damages, bytes) => {
                self.scrub.read(now, bytes);
                // What was given back meanwhile is nobody's loss.
                let is_there = self.store.has_target(target);
                for damage in damages.into_iter().filter(|_| is_there) {
                    self.scrub_found(damage);
                }
            }
        }
    }

    fn scrub_found(&mut self, damage: Damage) {
        let id = FileId::of_path(&damage.path);
        let message = id.and_then(|id| self.store.live_at(id, damage.offset));
        let scrub = &mut self.scrub;
        scrub.status.found_count += 1;
        scrub.status.damaged_messages_count += u64::from(message.is_some());
        let place = (damage.path.clone(), damage.offset);
        if scrub.places.len() < PLACES_MAX && scrub.places.insert(place) {
            scrub.found.push(Scrubbed { damage, message });
        }
    }

    fn begin_scrub(&mut self) {
        let targets = self.store.scrub_targets(self.log.active_segment());
        let scrub = &mut self.scrub;
        scrub.status = ScrubStatus {
            under_way: true,
            bytes: 0,
            targets_count: targets.len() as u64,
            targets_left_count: targets.len() as u64,
            found_count: 0,
            damaged_messages_count: 0,
            ..scrub.status
        };
        scrub.targets = targets;
        scrub.stage = Stage::Between;
        scrub.go_on_at = Timestamp::ZERO;
    }

    /// Hands out what the scrub has to do.
    pub(super) fn go_on_with_scrub(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        if self.mode != Mode::Serving {
            return;
        }
        let is_due = self.scrub.begin_at.is_some_and(|at| now >= at);
        if is_due && matches!(self.scrub.stage, Stage::Idle) {
            self.begin_scrub();
        }
        if now < self.scrub.go_on_at {
            return;
        }
        match std::mem::replace(&mut self.scrub.stage, Stage::Idle) {
            Stage::Between => self.next_target(now, effects),
            Stage::Ready(target, task) => {
                self.scrub.stage = Stage::Working(target);
                effects.push(Effect::Scrub(task));
            }
            stage @ (Stage::Idle | Stage::Working(_)) => self.scrub.stage = stage,
        }
    }

    /// The next of what is left that is still there. A footer that is being written is waited for.
    fn next_target(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        self.scrub.stage = Stage::Between;
        if self.seals_under_way > 0 {
            return;
        }
        while let Some(target) = self.scrub.targets.pop_front() {
            self.scrub.status.targets_left_count = self.scrub.targets.len() as u64;
            if let Some(task) = self.store.scrub(target) {
                self.scrub.stage = Stage::Working(target);
                effects.push(Effect::Scrub(task));
                return;
            }
        }
        self.scrub.end(now);
    }

    /// When the scrub wants to go on.
    pub(super) fn next_scrub(&self) -> Option<Timestamp> {
        if self.mode != Mode::Serving {
            return None;
        }
        match self.scrub.stage {
            Stage::Idle => self.scrub.begin_at,
            Stage::Working(_) => None,
            Stage::Between if self.seals_under_way > 0 => None,
            Stage::Between | Stage::Ready(..) => Some(self.scrub.go_on_at),
        }
    }

    /// How the scrub is.
    pub(super) fn scrub_status(&self) -> ScrubStatus {
        self.scrub.status
    }
}

impl Scrubbed {
    /// What a client knows the message by.
    pub fn message_id(&self, lineage: crate::types::Lineage) -> Option<MessageId> {
        self.message.map(|seq| MessageId::new(lineage, seq))
    }
}
