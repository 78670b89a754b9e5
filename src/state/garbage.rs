//! What a purge or a queue's deletion left behind, freed in bounded slices, so that one record
//! costs the owner the same at any depth.

use std::collections::BTreeMap;

use super::{
    backlog::Backlog,
    deadlines::{Deadlines, Due},
    queue::{Phase, Queue, Touched},
};
use crate::types::{QueueId, Seq};

/// Blocks of a backlog freed at once.
const BLOCKS_MAX: usize = 64;
/// Touched messages freed at once.
const TOUCHED_MAX: usize = 1024;

/// Messages that are gone and whose memory is not.
#[derive(Default)]
pub(super) struct Garbage {
    backlogs: Vec<Backlog>,
    touched: Vec<(QueueId, BTreeMap<Seq, Touched>)>,
}

impl Garbage {
    /// Takes all messages of a queue, leaving it empty.
    pub(super) fn empty(&mut self, queue: &mut Queue) {
        self.backlogs.push(std::mem::take(&mut queue.backlog));
        self.touched.push((queue.id, std::mem::take(&mut queue.touched)));
        queue.returned = BTreeMap::new();
        (queue.delayed_count, queue.in_flight_count) = (0, 0);
    }

    /// Frees a slice; whether more is left.
    pub(super) fn collect(&mut self, deadlines: &mut Deadlines) -> bool {
        if let Some(backlog) = self.backlogs.last_mut()
            && !backlog.discard(BLOCKS_MAX)
        {
            self.backlogs.pop();
        }
        if let Some((queue, touched)) = self.touched.last_mut() {
            for _ in 0..TOUCHED_MAX {
                let Some((seq, gone)) = touched.pop_first() else { break };
                if let Phase::Delayed { until } | Phase::InFlight { until } = gone.phase {
                    deadlines.remove(until, Due::Message(*queue, seq));
                }
            }
            if touched.is_empty() {
                self.touched.pop();
            }
        }
        !self.backlogs.is_empty() || !self.touched.is_empty()
    }
}
