//! `GetStatus`.

use super::view;
use crate::{api::grpc::refusal::Refusal, broker::Handle, proto::v1};

pub(super) async fn answer(broker: &Handle) -> Result<v1::GetStatusResponse, Refusal> {
    let status = broker.status().await.map_err(Refusal::of_request)?;
    Ok(v1::GetStatusResponse { status: Some(view::status(&status)) })
}
