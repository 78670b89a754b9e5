//! What a purge or a queue's deletion left behind, freed in bounded slices, so that one record
//! costs the owner the same at any depth.

use std::collections::{BTreeMap, VecDeque};

use super::{
    attempts::Attempts,
    backlog::Backlog,
    deadlines::{Deadlines, Due},
    lanes::{Groups, Lanes, Tenants},
    queue::{Counts, Queue},
    touched::Touched,
    window::Window,
};
use crate::types::{QueueId, Seq};

/// Blocks of a backlog freed at once.
const BLOCKS_MAX: usize = 64;
/// Touched messages freed at once.
const TOUCHED_MAX: usize = 1024;

/// Messages that are gone and whose memory is not.
#[derive(Default)]
pub(super) struct Garbage {
    lanes: Vec<Lanes>,
    backlogs: VecDeque<Backlog>,
    touched: Vec<(QueueId, BTreeMap<Seq, Touched>)>,
}

impl Garbage {
    /// Takes all messages of a queue, leaving it empty, and forgets its duplicates and attempts.
    pub(super) fn empty(&mut self, queue: &mut Queue) {
        let fresh = match &queue.lanes {
            Lanes::Standard(_) => Lanes::Standard(Tenants::default()),
            Lanes::Fifo(_) => Lanes::Fifo(Groups::default()),
        };
        self.lanes.push(std::mem::replace(&mut queue.lanes, fresh));
        self.touched.push((queue.id, std::mem::take(&mut queue.touched)));
        queue.ages.clear();
        queue.mortal.clear();
        queue.counts = Counts::default();
        queue.window = Window::default();
        queue.attempts = Attempts::default();
    }

    /// Frees a slice; whether more is left.
    pub(super) fn collect(&mut self, deadlines: &mut Deadlines) -> bool {
        if let Some(mut lanes) = self.lanes.pop() {
            self.backlogs.extend(match &mut lanes {
                Lanes::Standard(tenants) => tenants.take_all(),
                Lanes::Fifo(groups) => groups.take_all(),
            });
        }
        let mut blocks = BLOCKS_MAX;
        while blocks > 0
            && let Some(backlog) = self.backlogs.front_mut()
        {
            // A backlog of one block costs as much as a block.
            blocks -= 1;
            if backlog.discard(blocks.max(1)) {
                break;
            }
            self.backlogs.pop_front();
        }
        if let Some((queue, touched)) = self.touched.last_mut() {
            for _ in 0..TOUCHED_MAX {
                let Some((seq, gone)) = touched.pop_first() else { break };
                if let Some(until) = gone.until() {
                    deadlines.remove(until, Due::Message(*queue, seq));
                }
                if let Some(at) = gone.expires_at {
                    deadlines.remove(at, Due::Expiry(*queue, seq));
                }
            }
            if touched.is_empty() {
                self.touched.pop();
            }
        }
        !self.lanes.is_empty() || !self.backlogs.is_empty() || !self.touched.is_empty()
    }
}
