//! `ListDeadLetterSources`.

use super::page::page;
use crate::{
    api::grpc::{parse, refusal::Refusal, token},
    broker::Handle,
    proto::v1,
    types::{QueueName, Rejection},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ListDeadLetterSourcesRequest,
) -> Result<v1::ListDeadLetterSourcesResponse, Refusal> {
    let (queue, after, count_max) = parse(&request).map_err(Refusal::of_request)?;
    let listed = broker.list_dead_letter_sources(queue, after, count_max).await;
    let (views, more) = listed.map_err(Refusal::of_request)?;
    let (queues, next_page_token) = page(&views, more);
    Ok(v1::ListDeadLetterSourcesResponse { queues, next_page_token })
}

fn parse(
    request: &v1::ListDeadLetterSourcesRequest,
) -> Result<(QueueName, Option<QueueName>, usize), Rejection> {
    let queue = parse::queue_in("queue", &request.queue)?;
    let count_max = parse::page_size("page_size", request.page_size)?;
    Ok((queue, token::open_queue(&request.page_token)?, count_max))
}
