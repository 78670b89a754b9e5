//! Tags: put, taken away, listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{
    api::sqs::{
        error::Fault,
        refusal::fault,
        request::{Answer, Call},
    },
    types::SettingsEdit,
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Tag {
    queue_url: Option<String>,
    tags: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Untag {
    queue_url: Option<String>,
    tag_keys: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    queue_url: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<String, String>,
}

pub(super) async fn tag(call: &Call<'_>, given: Tag) -> Result<Answer, Fault> {
    let added = given.tags.ok_or_else(|| Fault::missing("Tags"))?;
    let changed = added.into_iter().map(|(key, value)| (key, Some(value)));
    change(call, given.queue_url.as_deref(), changed.collect()).await
}

pub(super) async fn untag(call: &Call<'_>, given: Untag) -> Result<Answer, Fault> {
    let removed = given.tag_keys.ok_or_else(|| Fault::missing("TagKeys"))?;
    let changed = removed.into_iter().map(|key| (key, None));
    change(call, given.queue_url.as_deref(), changed.collect()).await
}

pub(super) async fn list(call: &Call<'_>, given: List) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let view = call.broker.get_queue(queue).await.map_err(fault)?;
    Ok(call.done(&Listed { tags: view.settings.tags }))
}

async fn change(
    call: &Call<'_>,
    url: Option<&str>,
    changed: BTreeMap<String, Option<String>>,
) -> Result<Answer, Fault> {
    let queue = call.queue(url)?;
    call.broker.edit_queue(queue, SettingsEdit::Tags(changed)).await.map_err(fault)?;
    Ok(Answer::nothing())
}
