//! Queues: made, found, listed, emptied, deleted.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

use super::settings;
use crate::{
    api::sqs::{
        error::{Fault, quoted},
        limits::PAGE_MAX,
        refusal::{self, fault},
        request::{Answer, Call},
        urls,
    },
    types::{QueueName, QueueView, Rejection, SettingsPatch, limits},
};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create {
    queue_name: Option<String>,
    #[serde(default)]
    attributes: Option<BTreeMap<String, String>>,
    #[serde(default, rename = "tags", alias = "Tags")]
    tags: Option<BTreeMap<String, String>>,
}

/// A request about one queue and nothing else.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Named {
    queue_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Find {
    queue_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List {
    queue_url: Option<String>,
    queue_name_prefix: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Url {
    queue_url: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Listed {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    queue_urls: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Serialize)]
struct Sources {
    #[serde(rename = "queueUrls")]
    queue_urls: Vec<String>,
    #[serde(rename = "NextToken", skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

pub(super) async fn create(call: &Call<'_>, given: Create) -> Result<Answer, Fault> {
    let name = given.queue_name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Fault::missing("QueueName"))?;
    let attributes = given.attributes.unwrap_or_default();
    let queue = settings::new_queue(&name, &attributes)?;
    let mut patch = settings::patch(&queue, &attributes)?;
    patch.tags = given.tags;
    match call.broker.create_queue(queue.clone(), patch.clone()).await {
        Ok(view) => Ok(call.done(&Url { queue_url: call.place().url(&view.name) })),
        Err(Rejection::QueueAlreadyExists { setting: "stored setting", .. }) => {
            Err(already_exists(call, queue, &patch).await)
        }
        Err(rejection) => Err(settings::refused(rejection, &attributes)),
    }
}

/// Names the first attribute that the broker only stores and that differs.
async fn already_exists(call: &Call<'_>, queue: QueueName, given: &SettingsPatch) -> Fault {
    let view = match call.broker.get_queue(queue).await {
        Ok(view) => view,
        Err(rejection) => return fault(rejection),
    };
    let none = String::new();
    let differs = |(name, value): &(&String, &String)| {
        view.settings.stored.get(*name).unwrap_or(&none) != *value
    };
    let name = given.stored.iter().find(differs).map_or("Policy", |(name, _)| name);
    refusal::already_exists(name)
}

pub(super) async fn url(call: &Call<'_>, given: Find) -> Result<Answer, Fault> {
    let name = given.queue_name.filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Fault::missing("QueueName"))?;
    let queue = QueueName::parse(&name).map_err(|_| urls::not_there())?;
    let view = call.broker.get_queue(queue).await.map_err(fault)?;
    Ok(call.done(&Url { queue_url: call.place().url(&view.name) }))
}

pub(super) async fn delete(call: &Call<'_>, given: Named) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    call.broker.delete_queue(queue).await.map_err(fault)?;
    Ok(Answer::nothing())
}

pub(super) async fn purge(call: &Call<'_>, given: Named) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    call.broker.purge_queue(queue).await.map_err(fault)?;
    Ok(Answer::nothing())
}

pub(super) async fn list(call: &Call<'_>, given: List) -> Result<Answer, Fault> {
    let (after, count_max) = page(&given)?;
    let prefix = given.queue_name_prefix.unwrap_or_default();
    if prefix.chars().count() > limits::QUEUE_NAME_CHARS_MAX {
        let reason = "A prefix has at most 80 characters.";
        return Err(Fault::invalid("QueueNamePrefix", quoted(&prefix), reason));
    }
    let listed = call.broker.list_queues(prefix, after, count_max).await;
    let (queues, more) = listed.map_err(fault)?;
    let next_token = next(given.max_results, &queues, more);
    Ok(call.done(&Listed { queue_urls: urls_of(call, &queues), next_token }))
}

pub(super) async fn sources(call: &Call<'_>, given: List) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let (after, count_max) = page(&given)?;
    let listed = call.broker.list_dead_letter_sources(queue, after, count_max).await;
    let (queues, more) = listed.map_err(fault)?;
    let next_token = next(given.max_results, &queues, more);
    Ok(call.done(&Sources { queue_urls: urls_of(call, &queues), next_token }))
}

fn urls_of(call: &Call<'_>, queues: &[QueueView]) -> Vec<String> {
    let place = call.place();
    queues.iter().map(|view| place.url(&view.name)).collect()
}

/// Where a page begins and how many it has.
fn page(given: &List) -> Result<(Option<QueueName>, usize), Fault> {
    let wanted = given.max_results.unwrap_or(PAGE_MAX);
    let count_max = usize::try_from(wanted).ok().filter(|_| (1..=PAGE_MAX).contains(&wanted));
    let count_max = count_max.ok_or_else(|| {
        Fault::invalid("MaxResults", wanted, "MaxResults must be an integer between 1 and 1000.")
    })?;
    let token = given.next_token.as_deref().unwrap_or_default();
    let after = (!token.is_empty()).then(|| opened(token)).transpose()?;
    Ok((after, count_max))
}

fn opened(token: &str) -> Result<QueueName, Fault> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    let name = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
    name.and_then(|name| QueueName::parse(&name).ok())
        .ok_or_else(|| Fault::invalid("NextToken", quoted(token), "Invalid or expired next token."))
}

/// The token of the next page; there are none for a client that did not ask for pages.
fn next(max_results: Option<i64>, queues: &[QueueView], more: bool) -> Option<String> {
    let last = queues.last().filter(|_| more && max_results.is_some())?;
    Some(BASE64_URL_SAFE_NO_PAD.encode(last.name.as_str()))
}
