//! `DeleteQueue`.

use crate::{
    api::grpc::{parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::DeleteQueueRequest,
) -> Result<v1::DeleteQueueResponse, Refusal> {
    let queue = parse::queue(&request.queue)?;
    broker.delete_queue(queue).await.map_err(Refusal::of_request)?;
    Ok(v1::DeleteQueueResponse {})
}
