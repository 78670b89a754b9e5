//! Attributes of a queue: told and set.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{settings, told};
use crate::api::sqs::{
    error::Fault,
    refusal::fault,
    request::{Answer, Call},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Get {
    queue_url: Option<String>,
    attribute_names: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Set {
    queue_url: Option<String>,
    attributes: Option<BTreeMap<String, String>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: BTreeMap<String, String>,
}

pub(super) async fn get(call: &Call<'_>, given: Get) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let view = call.broker.get_queue(queue).await.map_err(fault)?;
    let wanted = given.attribute_names.unwrap_or_default();
    let attributes = told::attributes(&call.place(), &view, &wanted)?;
    Ok(call.done(&Told { attributes }))
}

pub(super) async fn set(call: &Call<'_>, given: Set) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let attributes = given.attributes.ok_or_else(|| Fault::missing("Attributes"))?;
    // A queue that is not there is told before what is wrong with its attributes.
    call.broker.get_queue(queue.clone()).await.map_err(fault)?;
    let patch = settings::patch(&queue, &attributes)?;
    let updated = call.broker.update_queue(queue, patch).await;
    updated.map_err(|rejection| settings::refused(rejection, &attributes))?;
    Ok(Answer::nothing())
}
