//! `Checkpoint`.

use super::view;
use crate::{api::grpc::refusal::Refusal, broker::Handle, proto::v1};

pub(super) async fn answer(broker: &Handle) -> Result<v1::CheckpointResponse, Refusal> {
    let checkpoint = broker.checkpoint().await.map_err(Refusal::of_request)?;
    Ok(v1::CheckpointResponse { checkpoint: Some(view::checkpoint(&checkpoint)) })
}
