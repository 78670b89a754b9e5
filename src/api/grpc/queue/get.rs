//! `GetQueue`.

use super::view;
use crate::{
    api::grpc::{parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::GetQueueRequest,
) -> Result<v1::GetQueueResponse, Refusal> {
    let queue = parse::queue(&request.queue)?;
    let view = broker.get_queue(queue).await.map_err(Refusal::of_request)?;
    Ok(v1::GetQueueResponse { queue: Some(view::queue(&view)) })
}
