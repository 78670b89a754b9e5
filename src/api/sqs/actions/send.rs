//! Messages: sent, one or a batch.

use serde::{Deserialize, Serialize};

use super::{
    batch::{self, Results},
    entry::{Given, Ready},
};
use crate::{
    api::sqs::{
        error::{Fault, Kind},
        limits::BATCH_BYTES_MAX,
        refusal::{NOT_FOR_THIS_KIND, fault},
        request::{Answer, Call},
    },
    types::{QueueName, Rejection, SendEntry, Sent},
};

const ENTRY: &str = "SendMessageBatchRequestEntry";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch {
    queue_url: Option<String>,
    entries: Option<Vec<Given>>,
}

/// What is told of an accepted message.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    message_id: String,
    #[serde(rename = "MD5OfMessageBody")]
    md5_of_body: String,
    #[serde(rename = "MD5OfMessageAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_attributes: Option<String>,
    #[serde(rename = "MD5OfMessageSystemAttributes", skip_serializing_if = "Option::is_none")]
    md5_of_system_attributes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_number: Option<String>,
}

/// What is told of a message once it is accepted.
struct Digests {
    delay_seconds: Option<i64>,
    md5_of_body: String,
    md5_of_attributes: Option<String>,
    md5_of_system_attributes: Option<String>,
}

pub(super) async fn one(call: &Call<'_>, given: Given) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let is_fifo = queue.is_fifo();
    let (entry, digests) = ready(call, &queue, given)?;
    let sent = call.broker.send(queue, vec![entry]).await.map_err(fault)?;
    let sent = sent.into_iter().next().expect("the broker answers each entry");
    let sent = sent.map_err(|rejection| refused(rejection, digests.delay_seconds))?;
    Ok(call.done(&told(call, None, is_fifo, sent, digests)))
}

pub(super) async fn batch(call: &Call<'_>, given: Batch) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let is_fifo = queue.is_fifo();
    let entries = batch::entries(given.entries, ENTRY, |entry| entry.id.as_deref())?;
    let bytes: u64 = entries.iter().map(Given::bytes).sum();
    if bytes > BATCH_BYTES_MAX {
        let message = format!(
            "Batch requests cannot be longer than {BATCH_BYTES_MAX} bytes. You have sent {bytes} \
             bytes."
        );
        return Err(Fault::new(Kind::BatchRequestTooLong, message));
    }
    let has_group =
        |entry: &Given| entry.message_group_id.as_ref().is_some_and(|id| !id.is_empty());
    if is_fifo && !entries.iter().all(has_group) {
        // The service refuses the whole batch, and under another code than a message alone.
        let message = Fault::missing("MessageGroupId").message;
        return Err(Fault::new(Kind::InvalidParameterValue, message));
    }
    let parsed = entries.into_iter().map(|mut entry| {
        let id = entry.id.take().unwrap_or_default();
        (id, ready(call, &queue, entry))
    });
    let (good, all) = batch::split(parsed);
    let (mut good, digests): (Vec<SendEntry>, Vec<Digests>) = good.into_iter().unzip();
    for entry in &mut good {
        entry.of_any_size = true;
    }
    let outcomes = if good.is_empty() {
        Vec::new()
    } else {
        call.broker.send(queue, good).await.map_err(fault)?
    };
    let without_id = |outcome: &Result<Sent, Rejection>| {
        matches!(outcome, Err(Rejection::DeduplicationIdMissing { .. }))
    };
    if let Some(Err(rejection)) = outcomes.first()
        && outcomes.len() == all.len()
        && outcomes.iter().all(without_id)
    {
        return Err(fault(rejection.clone()));
    }
    let outcomes = outcomes.into_iter().zip(digests).map(|(outcome, digests)| {
        let outcome = outcome.map_err(|rejection| refused(rejection, digests.delay_seconds))?;
        Ok((outcome, digests))
    });
    let outcomes = batch::joined(all, outcomes.collect());
    let outcomes = outcomes.into_iter().map(|(id, outcome)| {
        let outcome =
            outcome.map(|(sent, digests)| told(call, Some(id.clone()), is_fifo, sent, digests));
        (id, outcome)
    });
    Ok(call.done(&Results::new(outcomes)))
}

fn ready(call: &Call<'_>, queue: &QueueName, given: Given) -> Result<(SendEntry, Digests), Fault> {
    let delay_seconds = given.delay_seconds;
    let Ready { entry, md5_of_body, md5_of_attributes, md5_of_system_attributes } =
        given.parse(queue, call.sender.clone())?;
    let digests =
        Digests { delay_seconds, md5_of_body, md5_of_attributes, md5_of_system_attributes };
    Ok((entry, digests))
}

fn refused(rejection: Rejection, delay_seconds: Option<i64>) -> Fault {
    match rejection {
        Rejection::NotForThisKind { field: "delay", .. } => {
            let delay_seconds = delay_seconds.unwrap_or_default();
            Fault::invalid("DelaySeconds", delay_seconds, NOT_FOR_THIS_KIND)
        }
        other => fault(other),
    }
}

fn told(call: &Call<'_>, id: Option<String>, is_fifo: bool, sent: Sent, digests: Digests) -> Told {
    Told {
        id,
        message_id: call.broker.message_id(sent.seq).to_string(),
        md5_of_body: digests.md5_of_body,
        md5_of_attributes: digests.md5_of_attributes,
        md5_of_system_attributes: digests.md5_of_system_attributes,
        sequence_number: is_fifo.then(|| sequence_number(sent.seq.get())),
    }
}

/// Twenty digits, so that they sort like the numbers.
pub(super) fn sequence_number(seq: u64) -> String {
    format!("{seq:020}")
}
