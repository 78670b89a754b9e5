//! The order of a FIFO queue.
//!
//! **Invariant**: within a group, what can be delivered is the longest prefix, in sequence, with no
//! message in flight or waiting for a time; it stops at the first such one.
//!
//! A group is in the rotation exactly if its first message can be delivered. So choosing the next
//! group costs the same at any number of groups and any depth.

use std::collections::{BTreeMap, BTreeSet, HashMap, hash_map::DefaultHasher};
use std::hash::BuildHasherDefault;

use slab::Slab;

use super::{Lane, Slot};
use crate::{
    state::{
        backlog::{Backlog, Waiting},
        garbage::{Freed, Parts},
        touched::{Phase, Touched, Turn},
    },
    types::{GroupId, Millis, Seq, Timestamp, limits::PRIORITY_DEFAULT},
};

/// All message groups of one queue.
#[derive(Default)]
pub(in crate::state) struct Groups {
    lanes: Slab<Group>,
    by_id: HashMap<GroupId, Lane, BuildHasherDefault<DefaultHasher>>,
    /// Groups whose first message can be delivered, in turn.
    rotation: BTreeMap<Turn, Lane>,
    /// The first waiting message of every group.
    fronts: BTreeMap<Seq, Lane>,
    /// Messages that wait for the queue's delay, which is one for all: in order of their ends too.
    upcoming: BTreeMap<Seq, (Waiting, Lane)>,
}

#[derive(Default)]
struct Group {
    id: Option<GroupId>,
    /// All of its messages, whatever their state.
    message_count: u64,
    /// Those that can be received and never were.
    waiting: Backlog,
    /// Those with a state of their own.
    touched: BTreeSet<Seq>,
    turn: Option<Turn>,
}

/// The next message of a group behind some other.
enum Next {
    Waiting(Seq),
    Touched(Seq),
}

impl Group {
    fn next(&self, after: Seq) -> Option<Next> {
        let touched = self.touched.range(after.next()..).next().copied();
        let waiting = self.waiting.front().map(|w| w.seq).filter(|seq| *seq > after);
        match (waiting, touched) {
            (Some(waiting), Some(touched)) if touched < waiting => Some(Next::Touched(touched)),
            (Some(waiting), _) => Some(Next::Waiting(waiting)),
            (None, touched) => touched.map(Next::Touched),
        }
    }

    /// The message behind `after`, if it can be delivered now that all before it are.
    fn deliverable(&self, after: Seq, touched: &BTreeMap<Seq, Touched>) -> Option<Seq> {
        match self.next(after)? {
            Next::Waiting(seq) => Some(seq),
            Next::Touched(seq) => {
                matches!(touched.get(&seq)?.phase, Phase::Ready { .. }).then_some(seq)
            }
        }
    }
}

impl Groups {
    pub(super) fn enter(&mut self, group: Option<&GroupId>) -> Lane {
        let group = group.expect("a message of a FIFO queue has a group");
        let known = self.by_id.get(group).copied();
        let lane = known.unwrap_or_else(|| {
            let made = Group { id: Some(group.clone()), ..Group::default() };
            let number = self.lanes.insert(made);
            let lane = Lane(u32::try_from(number).expect("far less than four billion groups"));
            self.by_id.insert(group.clone(), lane);
            lane
        });
        self.group_mut(lane).message_count += 1;
        lane
    }

    pub(super) fn leave(&mut self, lane: Lane) {
        let group = self.group_mut(lane);
        group.message_count -= 1;
        if group.message_count == 0 {
            let group = self.lanes.remove(lane.0 as usize);
            debug_assert_eq!(group.turn, None, "an empty group has nothing to deliver");
            if let Some(id) = &group.id {
                self.by_id.remove(id);
            }
        }
    }

    pub(super) fn group(&self, lane: Lane) -> Option<&GroupId> {
        self.lanes.get(lane.0 as usize)?.id.as_ref()
    }

    pub(super) fn lane_of(&self, group: &GroupId) -> Option<Lane> {
        self.by_id.get(group).copied()
    }

    pub(super) fn front_slot(&self, seq: Seq) -> Option<Slot> {
        self.fronts.get(&seq).map(|lane| slot(*lane))
    }

    pub(super) fn oldest_waiting(&self) -> Option<(Waiting, Slot)> {
        let (_, lane) = self.fronts.first_key_value()?;
        Some((*self.front_waiting(*lane)?, slot(*lane)))
    }

    pub(super) fn front_waiting(&self, lane: Lane) -> Option<&Waiting> {
        self.lanes.get(lane.0 as usize)?.waiting.front()
    }

    /// Whether a receive would find a message.
    pub(in crate::state) fn is_deliverable(&self) -> bool {
        !self.rotation.is_empty()
    }

    /// The message that a receive takes next, which took `last` before: the next of that group,
    /// else the first of the group whose turn it is.
    pub(in crate::state) fn choose(
        &self,
        last: Option<(Lane, Seq)>,
        touched: &BTreeMap<Seq, Touched>,
    ) -> Option<(Lane, Seq)> {
        if let Some((lane, seq)) = last
            && let Some(group) = self.lanes.get(lane.0 as usize)
            && let Some(next) = group.deliverable(seq, touched)
        {
            return Some((lane, next));
        }
        let lane = *self.rotation.values().next()?;
        let first = self.lanes[lane.0 as usize].deliverable(Seq::default(), touched)?;
        Some((lane, first))
    }

    pub(in crate::state) fn push_waiting(&mut self, lane: Lane, waiting: Waiting) {
        let group = self.group_mut(lane);
        let is_front = group.waiting.front().is_none();
        group.waiting.push_back(waiting);
        if is_front {
            self.fronts.insert(waiting.seq, lane);
        }
    }

    pub(super) fn remove_waiting(&mut self, lane: Lane, seq: Seq) -> Option<Waiting> {
        let group = self.lanes.get_mut(lane.0 as usize)?;
        let front = group.waiting.front().map(|front| front.seq);
        let waiting =
            if front == Some(seq) { group.waiting.pop_front() } else { group.waiting.remove(seq) }?;
        self.front_changed(lane, front);
        Some(waiting)
    }

    /// A message of the group has a state of its own from now on.
    pub(in crate::state) fn touch(&mut self, lane: Lane, seq: Seq) {
        self.group_mut(lane).touched.insert(seq);
    }

    /// A touched message is gone.
    pub(in crate::state) fn untouch(&mut self, lane: Lane, seq: Seq) {
        self.group_mut(lane).touched.remove(&seq);
    }

    /// Puts the group into the rotation, behind all others, or takes it out, as its first message
    /// says now. Due after every change of the group.
    pub(in crate::state) fn refresh(&mut self, lane: Lane, touched: &BTreeMap<Seq, Touched>) {
        let Some(group) = self.lanes.get_mut(lane.0 as usize) else { return };
        let is_deliverable = group.deliverable(Seq::default(), touched).is_some();
        match (group.turn, is_deliverable) {
            (None, true) => {
                let turn = Turn::behind(self.rotation.last_key_value().map(|(turn, _)| *turn));
                group.turn = Some(turn);
                self.rotation.insert(turn, lane);
            }
            (Some(turn), false) => {
                group.turn = None;
                self.rotation.remove(&turn);
            }
            (None, false) | (Some(_), true) => {}
        }
    }

    /// A message waits for the queue's delay.
    pub(in crate::state) fn push_upcoming(&mut self, lane: Lane, waiting: Waiting) {
        self.upcoming.insert(waiting.seq, (waiting, lane));
    }

    pub(in crate::state) fn upcoming(&self) -> &BTreeMap<Seq, (Waiting, Lane)> {
        &self.upcoming
    }

    pub(in crate::state) fn remove_upcoming(&mut self, seq: Seq) -> Option<(Waiting, Lane)> {
        self.upcoming.remove(&seq)
    }

    /// Lets messages arrive whose delay is over at this time: the lane of each.
    pub(in crate::state) fn arrive(&mut self, at: Timestamp, delay: Millis) -> Vec<Lane> {
        let mut lanes = Vec::new();
        while let Some((seq, (waiting, lane))) = self.upcoming.first_key_value()
            && waiting.sent_at.after(delay) <= at
        {
            let (seq, waiting, lane) = (*seq, *waiting, *lane);
            self.upcoming.remove(&seq);
            self.push_waiting(lane, waiting);
            lanes.push(lane);
        }
        lanes
    }

    /// The queue's delay became longer: messages that arrived under the old one wait again; the
    /// lane of each.
    pub(in crate::state) fn delay_again(&mut self, now: Timestamp, delay: Millis) -> Vec<Lane> {
        let mut lanes = Vec::new();
        let all: Vec<usize> = self.lanes.iter().map(|(number, _)| number).collect();
        for number in all {
            let lane = Lane(u32::try_from(number).expect("far less than four billion groups"));
            let group = &mut self.lanes[number];
            let front = group.waiting.front().map(|front| front.seq);
            while let Some(last) = group.waiting.back().copied()
                && last.sent_at.after(delay) > now
            {
                group.waiting.pop_back();
                self.upcoming.insert(last.seq, (last, lane));
                lanes.push(lane);
            }
            self.front_changed(lane, front);
        }
        lanes
    }

    pub(super) fn each_backlog(&self, visit: &mut dyn FnMut(Slot, &Backlog)) {
        for (number, group) in &self.lanes {
            let lane = Lane(u32::try_from(number).expect("far less than four billion groups"));
            visit(slot(lane), &group.waiting);
        }
    }

    /// Lets groups take turns in order of their oldest message.
    pub(in crate::state) fn take_turns_anew(&mut self, touched: &BTreeMap<Seq, Touched>) {
        let oldest = self.lanes.iter().filter_map(|(number, group)| {
            let (Next::Waiting(seq) | Next::Touched(seq)) = group.next(Seq::default())?;
            Some((seq, Lane(u32::try_from(number).ok()?)))
        });
        let mut oldest: Vec<(Seq, Lane)> = oldest.collect();
        oldest.sort_unstable();
        for (_, lane) in oldest {
            self.refresh(lane, touched);
        }
    }

    pub(super) fn into_parts(self) -> Parts {
        let groups = self.lanes.into_iter().flat_map(|(_, group)| {
            let touched = group.touched.into_iter().map(|_| Freed::Nothing);
            std::iter::once(Freed::Backlog(group.waiting)).chain(touched)
        });
        let by_id = self.by_id.into_iter().map(|_| Freed::Nothing);
        let turns = self.rotation.into_iter().map(|_| Freed::Nothing);
        let fronts = self.fronts.into_iter().map(|_| Freed::Nothing);
        let upcoming = self.upcoming.into_keys().map(Freed::Message);
        Box::new(groups.chain(by_id).chain(turns).chain(fronts).chain(upcoming))
    }

    /// That the rotation holds exactly the groups whose first message can be delivered.
    pub(in crate::state) fn check_all(&self, touched: &BTreeMap<Seq, Touched>) {
        for (number, group) in &self.lanes {
            let is_deliverable = group.deliverable(Seq::default(), touched).is_some();
            assert_eq!(group.turn.is_some(), is_deliverable, "a group waits for its turn or not");
            let turn = group.turn.and_then(|turn| self.rotation.get(&turn));
            assert_eq!(turn.is_some(), is_deliverable, "a turn is in the rotation");
            assert!(turn.is_none_or(|lane| lane.0 as usize == number), "a turn is its group's");
        }
    }

    fn group_mut(&mut self, lane: Lane) -> &mut Group {
        &mut self.lanes[lane.0 as usize]
    }

    fn front_changed(&mut self, lane: Lane, before: Option<Seq>) {
        let now = self.lanes[lane.0 as usize].waiting.front().map(|front| front.seq);
        if now == before {
            return;
        }
        if let Some(before) = before {
            self.fronts.remove(&before);
        }
        self.fronts.extend(now.map(|now| (now, lane)));
    }
}

fn slot(lane: Lane) -> Slot {
    Slot { lane, priority: PRIORITY_DEFAULT }
}
