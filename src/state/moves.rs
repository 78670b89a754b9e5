//! Move tasks: what the state knows of them.

use super::State;
use crate::types::{
    MoveFilter, MoveOutcome, MoveSpec, MoveTaskView, QueueId, QueueName, Record, Sending, Seq,
    TaskId, Timestamp, limits::MOVE_TASKS_LISTED,
};

/// One move task, running or ended.
pub(super) struct MoveTask {
    pub(super) source: QueueId,
    pub(super) target: Option<QueueId>,
    pub(super) spec: MoveSpec,
    pub(super) started_at: Timestamp,
    pub(super) moved_count: u64,
    pub(super) to_move_count: u64,
    /// The last message that was moved: after a restart the task looks from there on.
    pub(super) cursor: Seq,
    pub(super) cancelling: bool,
    pub(super) outcome: Option<MoveOutcome>,
}

/// Messages that a task may move next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveCandidates {
    /// The messages, in order of seq.
    pub seqs: Vec<Seq>,
    /// Up to where the task has looked with these.
    pub looked_to: Seq,
    /// Whether there may be more behind them.
    pub more: bool,
    /// What the payload of each must have to be moved.
    pub filter: MoveFilter,
}

impl MoveTask {
    /// The task that a [`Record::MoveStarted`] starts now.
    pub(super) fn started(state: &State, record: &Record) -> Option<Self> {
        let Record::MoveStarted { source, target, rate_max, ref filter, .. } = *record else {
            return None;
        };
        let queue = state.queues.get(&source)?;
        let target_name = target.and_then(|id| state.queue_name(id)).cloned();
        Some(Self {
            source,
            target,
            spec: MoveSpec {
                source: queue.name.clone(),
                target: target_name,
                rate_max,
                filter: filter.clone(),
            },
            started_at: state.now,
            moved_count: 0,
            to_move_count: queue.ready_count(),
            cursor: Seq::default(),
            cancelling: false,
            outcome: None,
        })
    }

    fn view(&self, id: TaskId) -> MoveTaskView {
        MoveTaskView {
            id,
            spec: self.spec.clone(),
            started_at: self.started_at,
            moved_count: self.moved_count,
            to_move_count: self.to_move_count,
            cancelling: self.cancelling,
            outcome: self.outcome.clone(),
        }
    }
}

impl State {
    /// Move tasks of a source queue, or all, the newest first.
    pub fn move_tasks(&self, source: Option<&QueueName>, count_max: usize) -> Vec<MoveTaskView> {
        let newest_first = self.tasks.iter().rev();
        let wanted = newest_first
            .filter(|(_, task)| source.is_none_or(|source| task.spec.source == *source));
        wanted.take(count_max).map(|(id, task)| task.view(*id)).collect()
    }

    /// The tasks that run.
    pub fn running_moves(&self) -> impl Iterator<Item = TaskId> {
        self.tasks.iter().filter(|(_, task)| task.outcome.is_none()).map(|(id, _)| *id)
    }

    /// The most messages a second of a task.
    pub fn move_rate(&self, task: TaskId) -> Option<u32> {
        self.tasks.get(&task)?.spec.rate_max
    }

    /// From where a task looks after a restart.
    pub fn move_cursor(&self, task: TaskId) -> Seq {
        self.tasks.get(&task).map(|task| task.cursor).unwrap_or_default()
    }

    /// Up to `count_max` messages behind `after`, of at most `bytes_max` bytes or one, that a task
    /// may move. `None` if the task does not run any more.
    pub fn move_candidates(
        &self,
        task: TaskId,
        after: Seq,
        count_max: usize,
        bytes_max: u64,
    ) -> Option<MoveCandidates> {
        let task = self.tasks.get(&task).filter(|task| task.outcome.is_none())?;
        let queue = self.queues.get(&task.source)?;
        let filter = &task.spec.filter;
        let only = match &filter.group {
            Some(group) => match queue.lanes.lane_of(group) {
                Some(lane) => Some(lane),
                None => return Some(MoveCandidates::none(filter, after)),
            },
            None => None,
        };
        let found = queue.ready_after(only, after, count_max);
        let mut candidates = MoveCandidates::none(filter, after);
        candidates.more = found.len() == count_max;
        let mut bytes = 0;
        for ready in found {
            bytes += u64::from(ready.size);
            if bytes > bytes_max && !candidates.seqs.is_empty() {
                candidates.more = true;
                break;
            }
            candidates.looked_to = ready.seq;
            let is_old_enough = |min| self.now.since(ready.sent_at) >= min;
            if filter.age_min.is_none_or(is_old_enough) {
                candidates.seqs.push(ready.seq);
            }
        }
        Some(candidates)
    }

    pub(super) fn message_redriven(&mut self, task: TaskId, seq: Seq, sending: &Sending) {
        let Some(task) = self.tasks.get_mut(&task) else { return };
        task.moved_count += 1;
        task.cursor = task.cursor.max(seq);
        let source = task.source;
        if let Some(queue) = self.queues.get_mut(&source)
            && queue.remove(seq, &mut self.deadlines).is_some()
        {
            self.gone.push(seq);
        }
        self.wake(source);
        self.message_sent(sending);
    }

    /// Tasks of a source that was deleted cannot go on.
    pub(super) fn source_deleted(&mut self, source: QueueId) {
        for task in self.tasks.values_mut() {
            if task.source == source && task.outcome.is_none() {
                let reason = "the source queue was deleted".to_owned();
                task.outcome = Some(MoveOutcome::Failed { reason });
            }
        }
    }

    /// Of the tasks of one source that ended, only the last are listed.
    pub(super) fn forget_ended_tasks(&mut self, newest: TaskId) {
        let Some(name) = self.tasks.get(&newest).map(|task| task.spec.source.clone()) else {
            return;
        };
        let ended = self.tasks.iter().rev();
        let ended = ended.filter(|(_, task)| task.spec.source == name && task.outcome.is_some());
        let old: Vec<TaskId> = ended.skip(MOVE_TASKS_LISTED).map(|(id, _)| *id).collect();
        for id in old {
            self.tasks.remove(&id);
        }
    }
}

impl MoveCandidates {
    fn none(filter: &MoveFilter, after: Seq) -> Self {
        Self { seqs: Vec::new(), looked_to: after, more: false, filter: filter.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        state::Settings,
        types::{Millis, QueueName, QueueSettings, Record, Sending},
    };

    const SIZE: u32 = 100;

    /// A task that moves a queue of three messages of [`SIZE`] bytes, and one that is delayed.
    fn state() -> State {
        let settings =
            Settings { in_flight_max: 10, deduplication_ids_max: 10, deleted_names_held: false };
        let mut state = State::new(settings);
        let (queue, name) = (QueueId::new(1), QueueName::parse("dead").expect("a good name"));
        let settings = QueueSettings::default();
        let later = state.now().after(Millis::new(1));
        let sent = [1, 3, 4].map(|seq| Sending::plain(queue, Seq::new(seq), state.now(), SIZE));
        let delayed = Sending::plain(queue, Seq::new(2), later, SIZE);
        let [first, rest @ ..] = sent;
        let sent = [first, delayed].into_iter().chain(rest).map(Record::MessageSent);
        let moves = Record::MoveStarted {
            task: TaskId::new(1),
            source: queue,
            target: None,
            rate_max: None,
            filter: MoveFilter::default(),
        };
        let created = Record::QueueCreated { queue, name, settings };
        for record in [created].into_iter().chain(sent).chain([moves]) {
            state.apply(&record, state.applied_lsn().next());
        }
        state
    }

    fn candidates(count_max: usize, bytes_max: u32) -> (Vec<u64>, u64, bool) {
        let found =
            state().move_candidates(TaskId::new(1), Seq::default(), count_max, bytes_max.into());
        let MoveCandidates { seqs, looked_to, more, .. } = found.expect("it runs");
        (seqs.into_iter().map(Seq::get).collect(), looked_to.get(), more)
    }

    #[test]
    fn only_what_can_be_received_is_moved() {
        assert_eq!(candidates(4, u32::MAX), (vec![1, 3, 4], 4, false));
        assert_eq!(candidates(3, u32::MAX), (vec![1, 3, 4], 4, true));
    }

    #[test]
    fn a_step_takes_as_many_bytes_as_it_may_and_one_message_at_least() {
        assert_eq!(candidates(4, 3 * SIZE), (vec![1, 3, 4], 4, false));
        assert_eq!(candidates(4, 2 * SIZE), (vec![1, 3], 3, true));
        assert_eq!(candidates(4, 2 * SIZE - 1), (vec![1], 1, true));
        assert_eq!(candidates(4, 1), (vec![1], 1, true));
    }
}
