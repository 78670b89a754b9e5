//! In what order the messages of a queue are given out.
//!
//! A *lane* is what has an order of its own: on a FIFO queue a message group, on a standard queue a
//! tenant. Lanes hold the messages that wait and were never touched; of touched ones they hold the
//! order alone.

mod groups;
mod tenants;

pub(super) use groups::Groups;
pub(super) use tenants::Tenants;

use super::{backlog::Waiting, garbage::Parts};
use crate::types::{GroupId, Seq};

/// One lane, for as long as it has messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane(pub(super) u32);

/// Where a message belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot {
    pub(super) lane: Lane,
    pub(super) priority: u8,
}

/// The order of one queue.
pub(super) enum Lanes {
    /// By priority, and fair to tenants.
    Standard(Tenants),
    /// Strict within a group.
    Fifo(Groups),
}

impl Lanes {
    /// A message enters the queue: the slot where it belongs.
    pub(super) fn enter(&mut self, group: Option<&GroupId>, priority: u8) -> Slot {
        let lane = match self {
            Self::Standard(tenants) => tenants.enter(group),
            Self::Fifo(groups) => groups.enter(group),
        };
        Slot { lane, priority }
    }

    /// A message leaves the queue.
    pub(super) fn leave(&mut self, slot: Slot) {
        match self {
            Self::Standard(tenants) => tenants.leave(slot.lane),
            Self::Fifo(groups) => groups.leave(slot.lane),
        }
    }

    /// All that there is, to be freed by being taken.
    pub(super) fn into_parts(self) -> Parts {
        match self {
            Self::Standard(tenants) => tenants.into_parts(),
            Self::Fifo(groups) => groups.into_parts(),
        }
    }

    /// The group of a lane.
    pub(super) fn group(&self, lane: Lane) -> Option<&GroupId> {
        match self {
            Self::Standard(tenants) => tenants.group(lane),
            Self::Fifo(groups) => groups.group(lane),
        }
    }

    /// The lane of a group, if it has messages.
    pub(super) fn lane_of(&self, group: &GroupId) -> Option<Lane> {
        match self {
            Self::Standard(tenants) => tenants.lane_of(group),
            Self::Fifo(groups) => groups.lane_of(group),
        }
    }

    /// The slot of a message that waits and is the first of its lane to do so.
    pub(super) fn front_slot(&self, seq: Seq) -> Option<Slot> {
        match self {
            Self::Standard(tenants) => tenants.front_slot(seq),
            Self::Fifo(groups) => groups.front_slot(seq),
        }
    }

    /// The oldest of all messages that wait, and its slot.
    pub(super) fn oldest_waiting(&self) -> Option<(Waiting, Slot)> {
        match self {
            Self::Standard(tenants) => tenants.oldest_waiting(),
            Self::Fifo(groups) => groups.oldest_waiting(),
        }
    }

    /// The first waiting message of a slot.
    pub(super) fn front_waiting(&self, slot: Slot) -> Option<&Waiting> {
        match self {
            Self::Standard(tenants) => tenants.front_waiting(slot),
            Self::Fifo(groups) => groups.front_waiting(slot.lane),
        }
    }

    /// Takes out a message that waits.
    pub(super) fn remove_waiting(&mut self, slot: Slot, seq: Seq) -> Option<Waiting> {
        match self {
            Self::Standard(tenants) => tenants.remove_waiting(slot, seq),
            Self::Fifo(groups) => groups.remove_waiting(slot.lane, seq),
        }
    }

    /// Up to `count_max` messages that wait behind `after`, of one lane or of all, in order of seq.
    pub(super) fn waiting_after(
        &self,
        only: Option<Lane>,
        after: Seq,
        count_max: usize,
    ) -> Vec<(Waiting, Slot)> {
        let mut found: Vec<(Waiting, Slot)> = Vec::new();
        let mut visit = |slot: Slot, backlog: &super::backlog::Backlog| {
            if only.is_none_or(|lane| lane == slot.lane) {
                found.extend(backlog.after(after).take(count_max).map(|waiting| (*waiting, slot)));
            }
        };
        match self {
            Self::Standard(tenants) => tenants.each_backlog(&mut visit),
            Self::Fifo(groups) => groups.each_backlog(&mut visit),
        }
        found.sort_unstable_by_key(|(waiting, _)| waiting.seq);
        found.truncate(count_max);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_there_as_long_as_one_of_its_messages() {
        let group = GroupId::parse("group", "one").expect("it is a name");
        for mut lanes in [Lanes::Standard(Tenants::default()), Lanes::Fifo(Groups::default())] {
            let slots = [1, 2].map(|_| lanes.enter(Some(&group), 0));
            assert_eq!(lanes.lane_of(&group), Some(slots[0].lane));
            lanes.leave(slots[0]);
            assert_eq!(lanes.lane_of(&group), Some(slots[1].lane));
            lanes.leave(slots[1]);
            assert_eq!(lanes.lane_of(&group), None);
        }
    }
}
