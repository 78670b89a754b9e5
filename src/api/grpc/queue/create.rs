//! `CreateQueue`.

use super::{settings, view};
use crate::{
    api::grpc::{parse, refusal::Refusal},
    broker::Handle,
    proto::v1,
    types::{QueueName, SettingsPatch},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::CreateQueueRequest,
) -> Result<v1::CreateQueueResponse, Refusal> {
    let (queue, settings) = parse(&request)?;
    let view = broker.create_queue(queue, settings).await.map_err(settings::refusal)?;
    Ok(v1::CreateQueueResponse { queue: Some(view::queue(&view)) })
}

fn parse(request: &v1::CreateQueueRequest) -> Result<(QueueName, SettingsPatch), Refusal> {
    let queue = parse::queue(&request.queue)?;
    Ok((queue, settings::parse(request.settings.as_ref())?))
}
