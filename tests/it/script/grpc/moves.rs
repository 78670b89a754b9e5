//! Calls about move tasks.

use ledgerq::{
    proto::v1::{self, redrive_service_client::RedriveServiceClient},
    types::{MoveFilter, MoveOutcome, MoveSpec, MoveTaskView, QueueName, TaskId},
};
use tonic::transport::Channel;

use super::{filter_of, timestamp, told};
use crate::script::driver::{Call, Move, Outcome};

pub(super) async fn ask(mut moves: RedriveServiceClient<Channel>, call: Call) -> Outcome {
    match call {
        Call::StartMove { given, dry_run } => {
            let request = request_of(given, dry_run);
            told(moves.start_move(request).await, |answer| Outcome::MoveStarted {
                task: (!dry_run).then(|| answer.task_id.to_string()),
                to_move_count: answer.to_move_count,
            })
        }
        Call::ListMoves { source, count_max } => {
            let source_queue = source.unwrap_or_default();
            let max_tasks = u32::try_from(count_max).expect("lists are short");
            let request = v1::ListMovesRequest { source_queue, max_tasks };
            told(moves.list_moves(request).await, |answer| {
                let tasks = answer.tasks.into_iter();
                Outcome::Moves(tasks.map(|task| (task.task_id.to_string(), view(&task))).collect())
            })
        }
        Call::CancelMove { task } => {
            let request = v1::CancelMoveRequest { task_id: task.parse().expect("a number") };
            told(moves.cancel_move(request).await, |answer| Outcome::MoveCancelling {
                moved_count: answer.moved_count,
            })
        }
        other => unreachable!("{other:?} is not about move tasks"),
    }
}

fn request_of(given: Move, dry_run: bool) -> v1::StartMoveRequest {
    let Move { source, target, rate_max, group, age_min, attribute } = given;
    v1::StartMoveRequest {
        source_queue: source,
        target_queue: target.unwrap_or_default(),
        max_per_second: rate_max,
        filter: Some(filter_of(group, age_min, attribute)),
        dry_run,
    }
}

fn view(task: &v1::MoveTask) -> MoveTaskView {
    let name = |raw: &str| QueueName::parse(raw).expect("queues are told by good names");
    let target = (!task.target_queue.is_empty()).then(|| name(&task.target_queue));
    MoveTaskView {
        id: TaskId::new(task.task_id),
        spec: MoveSpec {
            source: name(&task.source_queue),
            target,
            rate_max: task.max_per_second,
            filter: MoveFilter::default(),
        },
        started_at: timestamp(task.started_at),
        moved_count: task.moved_count,
        to_move_count: task.to_move_count,
        cancelling: task.state() == v1::MoveState::Cancelling,
        outcome: match task.state() {
            v1::MoveState::Completed => Some(MoveOutcome::Completed),
            v1::MoveState::Cancelled => Some(MoveOutcome::Cancelled),
            v1::MoveState::Failed => Some(MoveOutcome::Failed { reason: task.failure.clone() }),
            v1::MoveState::Running | v1::MoveState::Cancelling => None,
            v1::MoveState::Unspecified => panic!("every task has a state"),
        },
    }
}
