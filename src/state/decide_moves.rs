//! Deciding on move tasks.

use super::State;
use crate::types::{
    MoveOutcome, MoveSpec, QueueId, QueueName, Record, Rejection, Sending, Seq, TaskId,
};

impl State {
    /// The record that starts a move task, its id, and how many messages there are to look at.
    pub fn decide_start_move(&self, spec: &MoveSpec) -> Result<(Record, TaskId, u64), Rejection> {
        let source = self.named(&spec.source)?;
        let target = match &spec.target {
            Some(name) => Some(self.check_target(&spec.source, name)?),
            None if self.is_dead_letter_queue(&spec.source) => None,
            None => return Err(Rejection::NotADeadLetterQueue { queue: spec.source.clone() }),
        };
        let running = |task: &super::MoveTask| task.source == source.id && task.outcome.is_none();
        if self.tasks.values().any(running) {
            return Err(Rejection::MoveTaskRunning { queue: spec.source.clone() });
        }
        let task = self.next_task;
        let record = Record::MoveStarted {
            task,
            source: source.id,
            target,
            rate_max: spec.rate_max,
            filter: spec.filter.clone(),
        };
        Ok((record, task, source.ready_count()))
    }

    fn check_target(&self, source: &QueueName, name: &QueueName) -> Result<QueueId, Rejection> {
        let target = self.named(name)?;
        if name == source {
            let problem = "a queue's messages cannot be moved to itself";
            return Err(Rejection::malformed("target_queue", name.as_str(), problem));
        }
        if name.is_fifo() != source.is_fifo() {
            let problem = "source and target are both FIFO queues or both standard queues";
            return Err(Rejection::malformed("target_queue", name.as_str(), problem));
        }
        Ok(target.id)
    }

    /// Whether some queue's dead letters go to this one.
    pub fn is_dead_letter_queue(&self, name: &QueueName) -> bool {
        self.queues.values().any(|queue| {
            let redrive = queue.settings.redrive.as_ref();
            redrive.is_some_and(|redrive| redrive.dead_letter_queue == *name)
        })
    }

    /// The record that asks a move task to end, and how many messages it has moved.
    pub fn decide_cancel_move(&self, id: TaskId) -> Result<(Option<Record>, u64), Rejection> {
        let task = self.tasks.get(&id).filter(|task| task.outcome.is_none());
        let task = task.ok_or(Rejection::MoveTaskNotFound { task: id })?;
        let record = (!task.cancelling).then_some(Record::MoveCancelling { task: id });
        Ok((record, task.moved_count))
    }

    /// The record that moves one message of a task; none if the message is not ready any more; or
    /// why the task cannot go on.
    pub fn decide_redrive(&self, id: TaskId, seq: Seq) -> Result<Option<Record>, String> {
        let Some(task) = self.tasks.get(&id).filter(|task| task.outcome.is_none()) else {
            return Ok(None);
        };
        let Some(source) = self.queues.get(&task.source) else {
            return Err("the source queue was deleted".to_owned());
        };
        let Some(ready) = source.ready(seq) else { return Ok(None) };
        let Some(target) = task.target.or(ready.came_from) else {
            return Err("a message was sent to the queue itself and came from no other; name a \
                        target queue"
                .to_owned());
        };
        let Some(target) = self.queues.get(&target) else {
            return Err("a queue that messages were to go to was deleted".to_owned());
        };
        if target.name.is_fifo() && source.lanes.group(ready.slot.lane).is_none() {
            return Err("a message without a group cannot go to a FIFO queue".to_owned());
        }
        let sending = Sending {
            queue: target.id,
            seq: self.next_seq,
            ready_at: self.now,
            size: ready.size,
            expires_at: None,
            priority: ready.slot.priority,
            group: source.lanes.group(ready.slot.lane).cloned(),
            deduplication: None,
        };
        Ok(Some(Record::MessageRedriven { task: id, seq, sending }))
    }

    /// The record that ends a task which has looked at everything, was cancelled or failed; `None`
    /// if it goes on.
    pub fn decide_end_move(
        &self,
        id: TaskId,
        is_done: bool,
        failure: Option<String>,
    ) -> Option<Record> {
        let task = self.tasks.get(&id).filter(|task| task.outcome.is_none())?;
        let outcome = match failure {
            Some(reason) => MoveOutcome::Failed { reason },
            None if task.cancelling => MoveOutcome::Cancelled,
            None if is_done => MoveOutcome::Completed,
            None => return None,
        };
        Some(Record::MoveEnded { task: id, outcome })
    }
}
