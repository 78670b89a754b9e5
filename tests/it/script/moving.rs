//! Move tasks on the state alone: what the owner's mover does, without its log.

use ledgerq::types::{Seq, TaskId, Timestamp};

use super::state::StateDriver;

/// Messages that a task without a rate looks at in one step.
const STEP_COUNT_MAX: usize = 250;
/// Steps in a second of a task with a rate.
const STEPS_PER_S: u32 = 10;

/// How far one task is.
pub(super) struct Progress {
    looked_to: Seq,
    is_exhausted: bool,
    next_at: Timestamp,
}

impl StateDriver {
    /// Takes the steps of all tasks that are due; whether there were any.
    pub(super) fn go_on_moving(&mut self) -> bool {
        let mut has_moved = false;
        loop {
            let running: Vec<TaskId> = self.state.running_moves().collect();
            self.moves.retain(|task, _| running.contains(task));
            let mut due = Vec::new();
            for task in running {
                let looked_to = self.state.move_cursor(task);
                let progress = self.moves.entry(task).or_insert(Progress {
                    looked_to,
                    is_exhausted: false,
                    next_at: Timestamp::ZERO,
                });
                if progress.next_at <= self.now {
                    due.push(task);
                }
            }
            if due.is_empty() {
                return has_moved;
            }
            has_moved = true;
            for task in due {
                self.step(task);
            }
        }
    }

    /// When a task wants to go on.
    pub(super) fn next_move(&self) -> Option<Timestamp> {
        self.moves.values().map(|progress| progress.next_at).min()
    }

    fn step(&mut self, task: TaskId) {
        self.begin();
        let (looked_to, is_exhausted) =
            self.moves.get(&task).map(|p| (p.looked_to, p.is_exhausted)).expect("it runs");
        if let Some(ended) = self.state.decide_end_move(task, is_exhausted, None) {
            return self.apply(&ended);
        }
        let rate = self.state.move_rate(task);
        let count = rate.map_or(STEP_COUNT_MAX, |rate| (rate / STEPS_PER_S).max(1) as usize);
        let found = self.state.move_candidates(task, looked_to, count, u64::MAX);
        let found = found.expect("it runs");
        let wanted = |seq: &Seq| {
            let attributes = &self.contents[seq].0.attributes;
            found.filter.attribute.as_ref().is_none_or(|wanted| attributes.contains(wanted))
        };
        let seqs: Vec<Seq> = found.seqs.iter().copied().filter(wanted).collect();
        let moved = seqs.len() as u64;
        for seq in seqs {
            match self.state.decide_redrive(task, seq) {
                Ok(Some(record)) => {
                    let content = self.contents[&seq].clone();
                    self.contents.insert(self.state.next_seq(), content);
                    self.apply(&record);
                }
                Ok(None) => {}
                Err(reason) => {
                    let ended = self.state.decide_end_move(task, false, Some(reason));
                    return self.apply(&ended.expect("it ran"));
                }
            }
        }
        self.state.check_all();
        let pause = rate.map_or(0, |rate| moved * 1000 / u64::from(rate));
        let next_at = self.now.after(ledgerq::types::Millis::new(pause));
        let (looked_to, is_exhausted) = (found.looked_to, !found.more);
        self.moves.insert(task, Progress { looked_to, is_exhausted, next_at });
    }
}
