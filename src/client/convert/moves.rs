//! Move tasks.

use super::{
    Error, filter,
    message::{attribute, group},
    millis,
    queue::name,
    timestamp,
};
use crate::{
    proto::v1,
    types::{MoveFilter, MoveOutcome, MoveSpec, MoveTaskView, TaskId},
};

pub(in crate::client) fn move_request(spec: &MoveSpec, dry_run: bool) -> v1::StartMoveRequest {
    v1::StartMoveRequest {
        source_queue: spec.source.to_string(),
        target_queue: spec.target.as_ref().map_or_else(String::new, ToString::to_string),
        max_per_second: spec.rate_max,
        filter: filter(&spec.filter),
        dry_run,
    }
}

pub(in crate::client) fn move_task(task: v1::MoveTask) -> Result<MoveTaskView, Error> {
    let state = task.state();
    let outcome = match state {
        v1::MoveState::Running | v1::MoveState::Cancelling => None,
        v1::MoveState::Completed => Some(MoveOutcome::Completed),
        v1::MoveState::Cancelled => Some(MoveOutcome::Cancelled),
        v1::MoveState::Failed => Some(MoveOutcome::Failed { reason: task.failure }),
        v1::MoveState::Unspecified => return Err(Error::Answer("a move task's state")),
    };
    let target = Some(task.target_queue).filter(|target| !target.is_empty());
    Ok(MoveTaskView {
        id: TaskId::new(task.task_id),
        spec: MoveSpec {
            source: name(&task.source_queue)?,
            target: target.map(|target| name(&target)).transpose()?,
            rate_max: task.max_per_second,
            filter: task.filter.map_or_else(|| Ok(MoveFilter::default()), filter_told)?,
        },
        started_at: timestamp(task.started_at, "a time of starting")?,
        moved_count: task.moved_count,
        to_move_count: task.to_move_count,
        cancelling: state == v1::MoveState::Cancelling,
        outcome,
    })
}

fn filter_told(filter: v1::MessageFilter) -> Result<MoveFilter, Error> {
    let attribute = filter.attribute.map(|filter| {
        attribute(filter.name, filter.value.ok_or(Error::Answer("an attribute's value"))?)
    });
    Ok(MoveFilter {
        group: group(&filter.group_id)?,
        age_min: filter.min_age.map(|age| millis(Some(age), "an age")).transpose()?,
        attribute: attribute.transpose()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Attribute, AttributeValue, GroupId, Millis, QueueName};

    #[test]
    fn a_task_tells_what_it_was_asked() {
        let queue = |text| QueueName::parse(text).expect("a name");
        let (name, data_type) = ("color".into(), "String".into());
        let spec = MoveSpec {
            source: queue("dead"),
            target: Some(queue("jobs")),
            rate_max: Some(5),
            filter: MoveFilter {
                group: Some(GroupId::parse("group", "g1").expect("an id")),
                age_min: Some(Millis::from_secs(3600)),
                attribute: Some(Attribute {
                    name,
                    data_type,
                    value: AttributeValue::Text("red".into()),
                }),
            },
        };
        let asked = move_request(&spec, false);
        let told = v1::MoveTask {
            task_id: 1,
            source_queue: asked.source_queue,
            target_queue: asked.target_queue,
            max_per_second: asked.max_per_second,
            filter: asked.filter,
            state: v1::MoveState::Cancelling.into(),
            started_at: Some(prost_types::Timestamp::default()),
            ..v1::MoveTask::default()
        };
        let task = move_task(told).expect("a task");
        assert_eq!((task.spec, task.cancelling, task.outcome), (spec, true, None));
    }
}
