//! `PurgeQueue`.

use crate::{
    api::grpc::{parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::PurgeQueueRequest,
) -> Result<v1::PurgeQueueResponse, Refusal> {
    let queue = parse::queue(&request.queue)?;
    broker.purge_queue(queue).await.map_err(Refusal::of_request)?;
    Ok(v1::PurgeQueueResponse {})
}
