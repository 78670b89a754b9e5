//! Looking at messages, in order of seq, without touching them.

use super::{
    State,
    lanes::{Lane, Lanes, Slot},
    queue::Queue,
    touched::{Phase, Touched},
};
use crate::types::{
    Browse, Browsed, MessageState, QueueId, Rejection, Seq, Timestamp, limits::PRIORITY_DEFAULT,
};

/// A message that can be received, as a move task needs it.
pub(super) struct Ready {
    pub(super) seq: Seq,
    pub(super) slot: Slot,
    pub(super) sent_at: Timestamp,
    pub(super) size: u32,
    pub(super) came_from: Option<QueueId>,
}

impl State {
    /// A page of messages, and up to where it looked if there may be more behind it.
    pub fn browse(&self, browse: &Browse) -> Result<(Vec<Browsed>, Option<Seq>), Rejection> {
        let queue = self.named(&browse.queue)?;
        let only = match &browse.group {
            Some(group) => match queue.lanes.lane_of(group) {
                Some(lane) => Some(lane),
                None => return Ok((Vec::new(), None)),
            },
            None => None,
        };
        let mut found = self.looked_at(queue, only, browse);
        found.sort_unstable_by_key(|message| message.seq);
        let is_cut = found.len() > browse.count_max;
        found.truncate(browse.count_max);
        let next = found.last().filter(|_| is_cut).map(|last| last.seq);
        Ok((found, next))
    }

    /// More than a page, if there is more; in no order.
    fn looked_at(&self, queue: &Queue, only: Option<Lane>, browse: &Browse) -> Vec<Browsed> {
        let (after, count) = (browse.after, browse.count_max + 1);
        let is_old = |sent_at| browse.age_min.is_none_or(|min| self.now.since(sent_at) >= min);
        let mut found = Vec::new();
        if browse.states.ready {
            let waiting = queue.lanes.waiting_after(only, after, count).into_iter();
            let waiting = waiting.filter(|(waiting, _)| is_old(waiting.sent_at));
            found.extend(waiting.map(|(waiting, slot)| {
                let (seq, sent_at) = (waiting.seq, waiting.sent_at);
                untouched(queue.id, seq, sent_at, slot.priority, MessageState::Ready)
            }));
        }
        if browse.states.delayed
            && let Lanes::Fifo(groups) = &queue.lanes
        {
            let upcoming = groups.upcoming().range(after.next()..);
            let of_lane = upcoming.filter(|(_, (_, lane))| only.is_none_or(|only| only == *lane));
            let old = of_lane.filter(|(_, (waiting, _))| is_old(waiting.sent_at)).take(count);
            found.extend(old.map(|(seq, (waiting, _))| {
                let until = waiting.sent_at.after(queue.settings.delay);
                let state = MessageState::Delayed { until };
                untouched(queue.id, *seq, waiting.sent_at, PRIORITY_DEFAULT, state)
            }));
        }
        let touched = queue.touched.range(after.next()..);
        let wanted = touched.filter(|(_, touched)| {
            let is_wanted = match touched.phase {
                Phase::Ready { .. } => browse.states.ready,
                Phase::Delayed { .. } => browse.states.delayed,
                Phase::InFlight { .. } => browse.states.in_flight,
            };
            let of_lane = only.is_none_or(|only| only == touched.slot.lane);
            is_wanted && of_lane && is_old(touched.sent_at)
        });
        found.extend(wanted.take(count).map(|(seq, touched)| self.touched(queue, *seq, touched)));
        found
    }

    fn touched(&self, queue: &Queue, seq: Seq, touched: &Touched) -> Browsed {
        Browsed {
            queue: queue.id,
            seq,
            state: match touched.phase {
                Phase::Ready { .. } => MessageState::Ready,
                Phase::Delayed { until } => MessageState::Delayed { until },
                Phase::InFlight { until } => MessageState::InFlight { until, nonce: touched.nonce },
            },
            sent_at: touched.sent_at,
            receive_count: touched.receive_count,
            first_received_at: touched.first_received_at,
            priority: touched.slot.priority,
            is_dead_letter: touched.source.is_some(),
            dead_letter_source: touched.source.and_then(|id| self.queue_name(id)).cloned(),
        }
    }
}

fn untouched(
    queue: QueueId,
    seq: Seq,
    sent_at: Timestamp,
    priority: u8,
    state: MessageState,
) -> Browsed {
    Browsed {
        queue,
        seq,
        state,
        sent_at,
        receive_count: 0,
        first_received_at: Timestamp::ZERO,
        priority,
        is_dead_letter: false,
        dead_letter_source: None,
    }
}

impl Queue {
    /// Up to `count_max` messages behind `after` that can be received, of one lane or of all, in
    /// order of seq. Whether their group is free does not matter.
    pub(super) fn ready_after(
        &self,
        only: Option<Lane>,
        after: Seq,
        count_max: usize,
    ) -> Vec<Ready> {
        let waiting = self.lanes.waiting_after(only, after, count_max).into_iter();
        let mut found: Vec<Ready> = waiting
            .map(|(waiting, slot)| Ready {
                seq: waiting.seq,
                slot,
                sent_at: waiting.sent_at,
                size: waiting.size,
                came_from: None,
            })
            .collect();
        let touched = self.touched.range(after.next()..);
        let ready = touched.filter(|(_, touched)| {
            let is_ready = matches!(touched.phase, Phase::Ready { .. });
            is_ready && only.is_none_or(|only| only == touched.slot.lane)
        });
        found.extend(ready.take(count_max).map(|(seq, touched)| ready_of(*seq, touched)));
        found.sort_unstable_by_key(|ready| ready.seq);
        found.truncate(count_max);
        found
    }

    /// A message, if it can be received.
    pub(super) fn ready(&self, seq: Seq) -> Option<Ready> {
        if let Some(touched) = self.touched.get(&seq) {
            let is_ready = matches!(touched.phase, Phase::Ready { .. });
            return is_ready.then(|| ready_of(seq, touched));
        }
        let before = Seq::new(seq.get().checked_sub(1)?);
        let first = self.lanes.waiting_after(None, before, 1).into_iter().next();
        let (waiting, slot) = first.filter(|(waiting, _)| waiting.seq == seq)?;
        let (sent_at, size) = (waiting.sent_at, waiting.size);
        Some(Ready { seq, slot, sent_at, size, came_from: None })
    }

    /// Whether a message waits for its FIFO queue's delay.
    pub(super) fn is_upcoming(&self, seq: Seq) -> bool {
        match &self.lanes {
            Lanes::Standard(_) => false,
            Lanes::Fifo(groups) => groups.upcoming().contains_key(&seq),
        }
    }
}

fn ready_of(seq: Seq, touched: &Touched) -> Ready {
    Ready {
        seq,
        slot: touched.slot,
        sent_at: touched.sent_at,
        size: touched.size,
        came_from: touched.source,
    }
}
