//! `Compact`.

use crate::{api::grpc::refusal::Refusal, broker::Handle, proto::v1};

pub(super) async fn answer(broker: &Handle) -> Result<v1::CompactResponse, Refusal> {
    let copied_count = broker.compact().await.map_err(Refusal::of_request)?;
    Ok(v1::CompactResponse { copied_count })
}
