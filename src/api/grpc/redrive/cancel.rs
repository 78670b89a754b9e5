//! `CancelMove`.

use crate::{api::grpc::refusal::Refusal, broker::Handle, proto::v1, types::TaskId};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::CancelMoveRequest,
) -> Result<v1::CancelMoveResponse, Refusal> {
    let task = TaskId::new(request.task_id);
    let moved_count = broker.cancel_move(task).await.map_err(Refusal::of_request)?;
    Ok(v1::CancelMoveResponse { moved_count })
}
