//! Move tasks, from one step to the next: choose messages, have their payloads read in the
//! background, move those that the filter lets through.
//!
//! A moved message is a new one, with its payload in the log once more, so that the place it had
//! can be given back. Old and new change hands in one record: it is never in both queues or in
//! neither.

use std::collections::BTreeMap;

use super::{
    Effect, Waiter,
    owner::{Mode, Owner},
};
use crate::{
    store::BodyRef,
    types::{Command, Millis, MoveFilter, Payload, Seq, TaskId, Timestamp},
};

/// Messages that a task without a rate looks at in one step.
const STEP_COUNT_MAX: usize = 250;
/// About the most bytes of what goes with a message, and of its record.
const ENVELOPE_BYTES: u64 = 512;
/// Steps in a second of a task with a rate.
const STEPS_PER_S: u32 = 10;

/// How far the running tasks are. After a restart each goes on behind the last message it moved.
#[derive(Default)]
pub(super) struct Mover {
    tasks: BTreeMap<TaskId, Progress>,
}

struct Progress {
    looked_to: Seq,
    /// Payloads are being read.
    reading: bool,
    /// Nothing is left behind `looked_to`.
    exhausted: bool,
    /// When the next step is due.
    next_at: Timestamp,
}

/// Payloads to be read for a move task.
pub struct MoveRead {
    task: TaskId,
    bodies: Vec<(Seq, BodyRef)>,
    filter: MoveFilter,
    looked_to: Seq,
    more: bool,
}

impl MoveRead {
    /// Reads the payloads: the command by which the task goes on. May wait for the device. What
    /// cannot be read stays where it is.
    pub fn run(self) -> Command {
        let Self { task, bodies, filter, looked_to, more } = self;
        let read = |(seq, body): (Seq, BodyRef)| {
            let wanted = filter.attribute.as_ref();
            let matches = match (wanted, body.read()) {
                (_, Err(error)) => {
                    tracing::error!(%seq, %error, "a message cannot be read and was not moved");
                    false
                }
                (Some(wanted), Ok((envelope, _))) => envelope.attributes.contains(wanted),
                (None, Ok(_)) => true,
            };
            let payload = if matches { body.payload().ok() } else { None };
            payload.map(|payload| (seq, payload))
        };
        let messages = bodies.into_iter().filter_map(read).collect();
        Command::Move { task, messages, looked_to, more }
    }
}

impl<W: Waiter> Owner<W> {
    /// Takes the next step of every task that is due.
    pub(super) fn go_on_moving(&mut self, now: Timestamp, effects: &mut Vec<Effect<W>>) {
        if self.mode != Mode::Serving {
            return;
        }
        let running: Vec<TaskId> = self.state.running_moves().collect();
        self.mover.tasks.retain(|task, _| running.contains(task));
        for task in running {
            let cursor = self.state.move_cursor(task);
            let progress = self.mover.tasks.entry(task).or_insert(Progress {
                looked_to: cursor,
                reading: false,
                exhausted: false,
                next_at: Timestamp::ZERO,
            });
            if progress.reading || progress.next_at > now {
                continue;
            }
            let exhausted = progress.exhausted;
            self.pass_time(now);
            if let Some(ended) = self.state.decide_end_move(task, exhausted, None) {
                self.commit(&ended);
                continue;
            }
            effects.extend(self.next_step(task).map(Effect::ReadForMove));
        }
    }

    /// When a task wants to go on.
    pub(super) fn next_move(&self) -> Option<Timestamp> {
        if self.mode != Mode::Serving {
            return None;
        }
        let mut waiting = self.mover.tasks.iter().filter(|(_, progress)| !progress.reading);
        let running = |task: &TaskId| self.state.running_moves().any(|running| running == *task);
        waiting.by_ref().filter(|(task, _)| running(task)).map(|(_, p)| p.next_at).min()
    }

    fn next_step(&mut self, task: TaskId) -> Option<MoveRead> {
        let rate = self.state.move_rate(task);
        let count = rate.map_or(STEP_COUNT_MAX, |rate| (rate / STEPS_PER_S).max(1) as usize);
        // What goes with a message counts beside its size, so a frame holds a step in any case.
        let bytes_max = self.log.frame_bytes_max() / 4;
        let fitting = usize::try_from(bytes_max / ENVELOPE_BYTES).unwrap_or(usize::MAX);
        let count = count.min(fitting.max(1));
        let after = self.mover.tasks.get(&task)?.looked_to;
        let candidates = self.state.move_candidates(task, after, count, bytes_max)?;
        let progress = self.mover.tasks.get_mut(&task)?;
        if candidates.seqs.is_empty() {
            progress.looked_to = candidates.looked_to;
            progress.exhausted = !candidates.more;
            return None;
        }
        progress.reading = true;
        let bodies = candidates.seqs.iter().map(|seq| (*seq, self.body(*seq))).collect();
        let (looked_to, more, filter) = (candidates.looked_to, candidates.more, candidates.filter);
        Some(MoveRead { task, bodies, filter, looked_to, more })
    }

    /// Payloads were read: moves the messages that are still there. The next step is counted from
    /// `now`: the time of a batch stands still while the disk does.
    pub(super) fn moved(
        &mut self,
        now: Timestamp,
        task: TaskId,
        messages: Vec<(Seq, Payload)>,
        looked_to: Seq,
        more: bool,
    ) {
        let looked_at = messages.len() as u64;
        if !self.is_disk_full() {
            for (seq, payload) in messages {
                match self.state.decide_redrive(task, seq) {
                    Ok(None) => {}
                    Ok(Some(record)) => {
                        let new_seq = self.state.next_seq();
                        self.batch.push_messages(&record, new_seq, vec![payload]);
                        self.apply(&record);
                    }
                    Err(reason) => {
                        let ended = self.state.decide_end_move(task, false, Some(reason));
                        if let Some(ended) = ended {
                            self.commit(&ended);
                        }
                        return;
                    }
                }
            }
        }
        let rate = self.state.move_rate(task);
        let pause = rate.map_or(0, |rate| looked_at * 1000 / u64::from(rate.max(1)));
        let is_full = self.is_disk_full();
        if let Some(progress) = self.mover.tasks.get_mut(&task) {
            progress.reading = false;
            if is_full {
                // The same messages again, once there is space.
                progress.next_at = now.after(Millis::from_secs(1));
            } else {
                progress.looked_to = looked_to;
                progress.exhausted = !more;
                progress.next_at = now.after(Millis::new(pause));
            }
        }
    }
}
