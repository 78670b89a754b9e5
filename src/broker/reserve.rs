//! When space is held back for a full disk, and when it is given back.

use std::io;

use super::{
    Effect, Waiter,
    owner::{Mode, Owner},
};
use crate::{
    store::ReserveTask,
    types::{Millis, Timestamp},
};

/// How long after the reserve could not be made it is tried again.
const RETRY: Millis = Millis::from_secs(30);
/// This part of a frame is left for upkeep where the log has no other room.
const UPKEEP_SHARE: u64 = 4;

/// The space that is held back.
pub(super) struct Reserve {
    /// How much there is, in bytes.
    bytes: u64,
    is_under_way: bool,
    /// A checkpoint or a compaction found no space.
    is_needed: bool,
    lack: Lack,
    retry_at: Timestamp,
}

/// Whether the reserve lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lack {
    /// It does not, or is not waited for.
    None,
    /// It is not there, and has what space there is before the log has: of what the log takes,
    /// nothing would be left for the checkpoints that give space back.
    Missing,
    /// It was given back, or could not be made, for want of space: until it is there, nothing is
    /// sent either.
    GivenUp,
}

/// Whether something failed because the disk, or what may be used of it, is full.
pub(super) fn is_about_space(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl Reserve {
    pub(super) fn new() -> Self {
        Self {
            bytes: 0,
            is_under_way: false,
            is_needed: false,
            lack: Lack::None,
            retry_at: Timestamp::ZERO,
        }
    }

    /// What a start found.
    pub(super) fn found(&mut self, bytes: u64) {
        self.bytes = bytes;
        self.lack = if bytes == 0 { Lack::Missing } else { Lack::None };
    }

    /// Whether it has what space there is before the log has.
    pub(super) fn is_missing(&self) -> bool {
        self.lack != Lack::None
    }

    /// Files went: there may be space for it again.
    pub(super) fn retry(&mut self, now: Timestamp) {
        self.retry_at = self.retry_at.min(now);
    }

    /// A checkpoint or a compaction has failed; whether it can be tried again soon, because the
    /// reserve goes.
    pub(super) fn failed(&mut self, error: &io::Error) -> bool {
        self.is_needed |= is_about_space(error) && self.bytes > 0;
        self.is_needed
    }
}

impl<W: Waiter> Owner<W> {
    /// Whether no space could be had for another segment, or what was held back for that case was
    /// given up and is not there again.
    pub fn is_disk_full(&self) -> bool {
        self.prepare_again_at.is_some() || self.reserve.lack == Lack::GivenUp
    }

    /// How many bytes the next frame may have with what clients ask for. Where no segment is
    /// prepared, the last part of the log is for what gives space back: the frames that checkpoints
    /// begin with, and the records of switches (R23).
    pub(super) fn frame_room(&self) -> u64 {
        let max = self.log.frame_bytes_max();
        if self.log.standby_count() > 0 {
            return max;
        }
        self.log.active_room().saturating_sub(max / UPKEEP_SHARE)
    }

    /// Makes the reserve while there is space, gives it back when it is needed.
    pub(super) fn go_on_with_reserve(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        let wanted = self.store.reserve_bytes();
        let is_serving = self.mode == Mode::Serving;
        let has_space = self.has_space_for_reserve();
        let reserve = &mut self.reserve;
        if reserve.is_under_way {
            return;
        }
        let task = if reserve.is_needed {
            ReserveTask::Release
        } else if is_serving && has_space && reserve.bytes < wanted && now >= reserve.retry_at {
            ReserveTask::Make(wanted)
        } else {
            return;
        };
        reserve.is_under_way = true;
        effects.push(Effect::Reserve(task));
    }

    /// Whatever it was given up for has the space first, and then it, before the log.
    fn has_space_for_reserve(&self) -> bool {
        if self.reserve.is_missing() {
            self.upkeep.is_idle()
        } else {
            self.prepare_again_at.is_none()
        }
    }

    /// When it is to be made again.
    pub(super) fn next_reserve(&self) -> Option<Timestamp> {
        let reserve = &self.reserve;
        let is_idle = !reserve.is_under_way && !reserve.is_needed && self.mode == Mode::Serving;
        (reserve.is_missing() && is_idle && self.has_space_for_reserve())
            .then_some(reserve.retry_at)
    }

    /// The task has run: how much is held back now.
    pub(super) fn reserved(&mut self, now: Timestamp, outcome: io::Result<u64>) {
        self.reserve.is_under_way = false;
        match outcome {
            Ok(bytes) => {
                if bytes == 0 {
                    self.reserve.is_needed = false;
                    self.reserve.lack = Lack::GivenUp;
                    // What just freed it is to have the space first.
                    self.reserve.retry_at = now.after(RETRY);
                    self.retry_upkeep();
                } else {
                    self.store.zeros_written(bytes);
                    self.reserve.lack = Lack::None;
                    // The log has its turn.
                    self.prepare_again_at = self.prepare_again_at.map(|_| now);
                }
                self.reserve.bytes = bytes;
            }
            Err(error) => {
                self.reserve.is_needed = false;
                self.reserve.retry_at = now.after(RETRY);
                let is_full = is_about_space(&error);
                if self.reserve.is_missing() {
                    // What fails otherwise is not waited for.
                    self.reserve.lack = if is_full { Lack::GivenUp } else { Lack::None };
                }
                // It comes before segments that the log may want some time.
                if is_full && self.store.empty_pool() {
                    self.ask_reclaim();
                }
                self.reserve_failed = Some(error);
            }
        }
    }
}
