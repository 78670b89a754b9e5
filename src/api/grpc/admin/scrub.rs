//! `Scrub`.

use super::view;
use crate::{api::grpc::refusal::Refusal, broker::Handle, proto::v1};

pub(super) async fn answer(broker: &Handle) -> Result<v1::ScrubResponse, Refusal> {
    let scrub = broker.scrub().await.map_err(Refusal::of_request)?;
    Ok(v1::ScrubResponse { scrub: Some(view::scrub(&scrub)) })
}
