//! `ListMoves`.

use crate::{
    api::grpc::{convert, filter, parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
    types::{MoveOutcome, MoveTaskView, QueueName, Rejection},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ListMovesRequest,
) -> Result<v1::ListMovesResponse, Refusal> {
    let (source, count_max) = parse(&request).map_err(Refusal::of_request)?;
    let tasks = broker.list_moves(source, count_max).await.map_err(Refusal::of_request)?;
    Ok(v1::ListMovesResponse { tasks: tasks.into_iter().map(task).collect() })
}

fn parse(request: &v1::ListMovesRequest) -> Result<(Option<QueueName>, usize), Rejection> {
    let source = match request.source_queue.as_str() {
        "" => None,
        name => Some(parse::queue_in("source_queue", name)?),
    };
    Ok((source, parse::page_size("max_tasks", request.max_tasks)?))
}

fn task(task: MoveTaskView) -> v1::MoveTask {
    let state = match &task.outcome {
        None if task.cancelling => v1::MoveState::Cancelling,
        None => v1::MoveState::Running,
        Some(MoveOutcome::Completed) => v1::MoveState::Completed,
        Some(MoveOutcome::Cancelled) => v1::MoveState::Cancelled,
        Some(MoveOutcome::Failed { .. }) => v1::MoveState::Failed,
    };
    let failure = match task.outcome {
        Some(MoveOutcome::Failed { reason }) => reason,
        Some(MoveOutcome::Completed | MoveOutcome::Cancelled) | None => String::new(),
    };
    v1::MoveTask {
        task_id: task.id.get(),
        source_queue: task.spec.source.to_string(),
        target_queue: task.spec.target.as_ref().map(QueueName::to_string).unwrap_or_default(),
        max_per_second: task.spec.rate_max,
        filter: filter::told(&task.spec.filter),
        state: state.into(),
        started_at: Some(convert::timestamp(task.started_at)),
        moved_count: task.moved_count,
        to_move_count: task.to_move_count,
        failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{MoveFilter, MoveSpec, TaskId, Timestamp};

    #[test]
    fn a_task_that_was_cancelled_or_failed_says_so() {
        let view = |cancelling, outcome| MoveTaskView {
            id: TaskId::new(1),
            spec: MoveSpec {
                source: QueueName::parse("dead").expect("it is a name"),
                target: None,
                rate_max: Some(500),
                filter: MoveFilter::default(),
            },
            started_at: Timestamp::ZERO,
            moved_count: 1,
            to_move_count: 2,
            cancelling,
            outcome,
        };
        let state = |cancelling, outcome| task(view(cancelling, outcome)).state();
        assert_eq!(state(false, None), v1::MoveState::Running);
        assert_eq!(state(true, None), v1::MoveState::Cancelling);
        assert_eq!(state(true, Some(MoveOutcome::Cancelled)), v1::MoveState::Cancelled);
        assert_eq!(state(true, Some(MoveOutcome::Completed)), v1::MoveState::Completed);
        let failed = task(view(false, Some(MoveOutcome::Failed { reason: "why".into() })));
        assert_eq!((failed.state(), &*failed.failure), (v1::MoveState::Failed, "why"));
    }

    #[test]
    fn a_list_has_at_most_a_thousand_tasks() {
        let with = |max_tasks| v1::ListMovesRequest { max_tasks, ..Default::default() };
        assert_eq!(parse(&with(0)), Ok((None, 100)));
        assert_eq!(parse(&with(1000)), Ok((None, 1000)));
        for max_tasks in [1001, u32::MAX] {
            assert!(parse(&with(max_tasks)).is_err(), "{max_tasks}");
        }
    }
}
