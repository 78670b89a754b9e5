//! `GetMessage`.

use super::looked;
use crate::{
    api::grpc::{parse, refusal::Refusal},
    broker::{Handle, Room},
    proto::v1::{self, get_message_response::Result as Outcome},
    types::{Browse, QueueName, Rejection, Seq, StateFilter},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::GetMessageRequest,
) -> Result<(v1::GetMessageResponse, Room), Refusal> {
    let (queue, id) = parse(&request)?;
    let gone = || Refusal::of_request(Rejection::MessageNotFound);
    let seq = broker.message_of(id).ok_or_else(gone)?;
    let before = seq.get().checked_sub(1).map(Seq::new).ok_or_else(gone)?;
    let browse = Browse {
        queue: queue.clone(),
        states: StateFilter::ALL,
        group: None,
        age_min: None,
        after: before,
        count_max: 1,
    };
    let page = broker.browse(browse).await.map_err(Refusal::of_request)?;
    let first = page.messages.into_iter().next();
    let looked = first.filter(|looked| looked.browsed.seq == seq).ok_or_else(gone)?;
    let browsed = &looked.browsed;
    let result = match looked.content().await {
        Ok(content) => {
            let with_body = request.include_body;
            Outcome::Message(looked::message(broker, &queue, browsed, content, with_body))
        }
        Err(error) => Outcome::Unavailable(looked::unavailable(broker, browsed, &error)),
    };
    Ok((v1::GetMessageResponse { result: Some(result) }, page.room))
}

fn parse(request: &v1::GetMessageRequest) -> Result<(QueueName, u128), Refusal> {
    let queue = parse::queue(&request.queue)?;
    let id = parse::message_id("message_id", &request.message_id).map_err(Refusal::of_request)?;
    Ok((queue, id))
}
