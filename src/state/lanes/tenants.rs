//! The order of a standard queue: the highest priority first, and within it fair to tenants.
//!
//! A tenant is a group id, or no group id. Tenants with messages take turns. One that has more than
//! its share in flight is noisy: its messages go after those of all others, and of noisy tenants
//! the one with the least in flight goes first. At most nine can have more than a tenth, so that
//! passing them over costs nothing at any number of tenants.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, hash_map::DefaultHasher},
    hash::BuildHasherDefault,
};

use slab::Slab;

use super::{Lane, Slot};
use crate::{
    state::{
        backlog::{Backlog, Waiting},
        garbage::{Freed, Parts},
        touched::Turn,
    },
    types::{
        GroupId, Seq,
        limits::{NOISY_IN_FLIGHT_MIN, NOISY_SHARE},
    },
};

/// All tenants of one queue.
#[derive(Default)]
pub(in crate::state) struct Tenants {
    lanes: Slab<Tenant>,
    by_group: HashMap<Option<GroupId>, Lane, BuildHasherDefault<DefaultHasher>>,
    /// For each priority, the highest first: who has messages that can be received, in turn.
    rotations: BTreeMap<Reverse<u8>, BTreeMap<Turn, Lane>>,
    /// The first waiting message of every backlog.
    fronts: BTreeMap<Seq, Slot>,
    in_flight_count: u64,
    /// What the stock that was taken from last prefers now: where a new stock begins, which may
    /// be one that was empty for a moment.
    prefers_returned: bool,
}

#[derive(Default)]
struct Tenant {
    group: Option<GroupId>,
    /// All of its messages, whatever their state.
    message_count: u64,
    in_flight_count: u64,
    /// What can be received, by priority.
    stocks: BTreeMap<u8, Stock>,
}

/// Messages of one tenant and priority that can be received. Never empty.
#[derive(Default)]
struct Stock {
    /// Those that were never received.
    backlog: Backlog,
    /// Those that came back, in the order in which they did.
    returned: BTreeMap<Turn, Seq>,
    /// Whether the next receive looks at `returned` first: the two take turns, so that neither a
    /// deep backlog nor a message that comes back for ever starves the other.
    prefers_returned: bool,
    turn: Turn,
}

impl Stock {
    fn is_empty(&self) -> bool {
        self.backlog.front().is_none() && self.returned.is_empty()
    }

    fn head(&self) -> Option<Seq> {
        let waiting = self.backlog.front().map(|waiting| waiting.seq);
        let returned = self.returned.first_key_value().map(|(_, seq)| *seq);
        if self.prefers_returned { returned.or(waiting) } else { waiting.or(returned) }
    }
}

impl Tenants {
    /// What a stock that is made now would prefer.
    pub(in crate::state) fn prefers_returned(&self) -> bool {
        self.prefers_returned
    }

    /// What stocks that are made from now on prefer.
    pub(in crate::state) fn prefer_returned(&mut self, prefers_returned: bool) {
        self.prefers_returned = prefers_returned;
    }

    pub(super) fn enter(&mut self, group: Option<&GroupId>) -> Lane {
        let group = group.cloned();
        let known = self.by_group.get(&group).copied();
        let lane = known.unwrap_or_else(|| {
            let tenant = Tenant { group: group.clone(), ..Tenant::default() };
            let lane = lane(self.lanes.insert(tenant));
            self.by_group.insert(group, lane);
            lane
        });
        self.tenant(lane).message_count += 1;
        lane
    }

    pub(super) fn leave(&mut self, lane: Lane) {
        let tenant = self.tenant(lane);
        tenant.message_count -= 1;
        if tenant.message_count == 0 {
            let tenant = self.lanes.remove(lane.0 as usize);
            self.by_group.remove(&tenant.group);
        }
    }

    pub(super) fn group(&self, lane: Lane) -> Option<&GroupId> {
        self.lanes.get(lane.0 as usize)?.group.as_ref()
    }

    pub(super) fn lane_of(&self, group: &GroupId) -> Option<Lane> {
        self.by_group.get(&Some(group.clone())).copied()
    }

    pub(super) fn front_slot(&self, seq: Seq) -> Option<Slot> {
        self.fronts.get(&seq).copied()
    }

    pub(super) fn oldest_waiting(&self) -> Option<(Waiting, Slot)> {
        let (_, slot) = self.fronts.first_key_value()?;
        Some((*self.front_waiting(*slot)?, *slot))
    }

    pub(super) fn front_waiting(&self, slot: Slot) -> Option<&Waiting> {
        self.lanes.get(slot.lane.0 as usize)?.stocks.get(&slot.priority)?.backlog.front()
    }

    /// The message that a receive takes next.
    pub(in crate::state) fn choose(&self) -> Option<Seq> {
        let (Reverse(priority), rotation) = self.rotations.first_key_value()?;
        let quiet = rotation.values().find(|lane| !self.is_noisy(**lane));
        let least = || rotation.values().min_by_key(|lane| self.in_flight(**lane));
        let lane = quiet.or_else(least)?;
        self.lanes[lane.0 as usize].stocks.get(priority)?.head()
    }

    fn in_flight(&self, lane: Lane) -> u64 {
        self.lanes[lane.0 as usize].in_flight_count
    }

    fn is_noisy(&self, lane: Lane) -> bool {
        let own = self.in_flight(lane);
        own >= NOISY_IN_FLIGHT_MIN && own * NOISY_SHARE > self.in_flight_count
    }

    pub(in crate::state) fn push_waiting(&mut self, at: Slot, waiting: Waiting) {
        let stock = self.stock(at);
        let is_front = stock.backlog.front().is_none();
        stock.backlog.push_back(waiting);
        if is_front {
            self.fronts.insert(waiting.seq, at);
        }
    }

    /// A touched message becomes ready: its place among those that returned.
    pub(in crate::state) fn put_returned(&mut self, at: Slot, seq: Seq, first: bool) -> Turn {
        let returned = &mut self.stock(at).returned;
        let turn = if first {
            Turn::before(returned.first_key_value().map(|(turn, _)| *turn))
        } else {
            Turn::behind(returned.last_key_value().map(|(turn, _)| *turn))
        };
        returned.insert(turn, seq);
        turn
    }

    /// A touched message is ready no more.
    pub(in crate::state) fn take_returned(&mut self, at: Slot, turn: Turn) {
        let Some(stock) = self.tenant(at.lane).stocks.get_mut(&at.priority) else { return };
        stock.returned.remove(&turn);
        stock.prefers_returned = false;
        self.prefers_returned = false;
        self.tidy(at);
    }

    pub(super) fn remove_waiting(&mut self, at: Slot, seq: Seq) -> Option<Waiting> {
        let tenant = self.lanes.get_mut(at.lane.0 as usize)?;
        let stock = tenant.stocks.get_mut(&at.priority)?;
        let is_front = stock.backlog.front().is_some_and(|front| front.seq == seq);
        let waiting = if is_front { stock.backlog.pop_front() } else { stock.backlog.remove(seq) }?;
        stock.prefers_returned = true;
        self.prefers_returned = true;
        if is_front {
            let next = stock.backlog.front().map(|front| front.seq);
            self.fronts.remove(&seq);
            self.fronts.extend(next.map(|next| (next, at)));
        }
        self.tidy(at);
        Some(waiting)
    }

    /// A message of the lane was leased. Who was served goes to the back.
    pub(in crate::state) fn leased(&mut self, at: Slot) {
        self.tenant(at.lane).in_flight_count += 1;
        self.in_flight_count += 1;
        let tenant = &mut self.lanes[at.lane.0 as usize];
        let Some(stock) = tenant.stocks.get_mut(&at.priority) else { return };
        if let Some(rotation) = self.rotations.get_mut(&Reverse(at.priority))
            && rotation.len() > 1
        {
            rotation.remove(&stock.turn);
            stock.turn = Turn::behind(rotation.last_key_value().map(|(turn, _)| *turn));
            rotation.insert(stock.turn, at.lane);
        }
    }

    /// A lease of a message of the lane has ended.
    pub(in crate::state) fn unleased(&mut self, at: Slot) {
        self.tenant(at.lane).in_flight_count -= 1;
        self.in_flight_count -= 1;
    }

    pub(super) fn each_backlog(&self, visit: &mut dyn FnMut(Slot, &Backlog)) {
        for (lane_no, tenant) in &self.lanes {
            for (priority, stock) in &tenant.stocks {
                visit(Slot { lane: lane(lane_no), priority: *priority }, &stock.backlog);
            }
        }
    }

    /// A message of the lane is leased, as it was before.
    pub(in crate::state) fn restore_leased(&mut self, at: Slot) {
        self.tenant(at.lane).in_flight_count += 1;
        self.in_flight_count += 1;
    }

    /// A message came back before, to this place; whether the place was free.
    pub(in crate::state) fn restore_returned(&mut self, at: Slot, turn: Turn, seq: Seq) -> bool {
        self.stock(at).returned.insert(turn, seq).is_none()
    }

    /// Lets tenants take turns in order of their oldest message that can be received.
    pub(in crate::state) fn take_turns_anew(&mut self) {
        for (Reverse(priority), rotation) in &mut self.rotations {
            let oldest = |lane: &Lane| {
                let stock = self.lanes.get(lane.0 as usize)?.stocks.get(priority)?;
                let waiting = stock.backlog.front().map(|waiting| waiting.seq);
                waiting.into_iter().chain(stock.returned.values().copied()).min()
            };
            let mut lanes: Vec<Lane> = std::mem::take(rotation).into_values().collect();
            lanes.sort_by_cached_key(oldest);
            for lane in lanes {
                let turn = Turn::behind(rotation.last_key_value().map(|(turn, _)| *turn));
                rotation.insert(turn, lane);
                let stocks = &mut self.lanes[lane.0 as usize].stocks;
                if let Some(stock) = stocks.get_mut(priority) {
                    stock.turn = turn;
                }
            }
        }
    }

    pub(super) fn into_parts(self) -> Parts {
        let stocks = self.lanes.into_iter().flat_map(|(_, tenant)| tenant.stocks);
        let stocks = stocks.flat_map(|(_, stock)| {
            let returned = stock.returned.into_iter().map(|_| Freed::Nothing);
            std::iter::once(Freed::Backlog(stock.backlog)).chain(returned)
        });
        let by_group = self.by_group.into_iter().map(|_| Freed::Nothing);
        let turns = self.rotations.into_values().flatten().map(|_| Freed::Nothing);
        let fronts = self.fronts.into_iter().map(|_| Freed::Nothing);
        Box::new(stocks.chain(by_group).chain(turns).chain(fronts))
    }

    fn tenant(&mut self, lane: Lane) -> &mut Tenant {
        &mut self.lanes[lane.0 as usize]
    }

    /// The stock of a slot, in the rotation from when it is made.
    fn stock(&mut self, slot: Slot) -> &mut Stock {
        let tenant = &mut self.lanes[slot.lane.0 as usize];
        tenant.stocks.entry(slot.priority).or_insert_with(|| {
            let rotation = self.rotations.entry(Reverse(slot.priority)).or_default();
            let turn = Turn::behind(rotation.last_key_value().map(|(turn, _)| *turn));
            rotation.insert(turn, slot.lane);
            Stock { turn, prefers_returned: self.prefers_returned, ..Stock::default() }
        })
    }

    /// Takes a stock that is empty out of the rotation.
    fn tidy(&mut self, slot: Slot) {
        let tenant = &mut self.lanes[slot.lane.0 as usize];
        if tenant.stocks.get(&slot.priority).is_none_or(|stock| !stock.is_empty()) {
            return;
        }
        if let Some(stock) = tenant.stocks.remove(&slot.priority)
            && let Some(rotation) = self.rotations.get_mut(&Reverse(slot.priority))
        {
            rotation.remove(&stock.turn);
            if rotation.is_empty() {
                self.rotations.remove(&Reverse(slot.priority));
            }
        }
    }
}

fn lane(number: usize) -> Lane {
    Lane(u32::try_from(number).expect("a queue has far less than four billion lanes"))
}
