//! Messages: deleted, one or a batch. As in Amazon SQS, a standard queue deletes a message whatever
//! became of the lease, and a FIFO queue refuses one that is over.

use serde::Deserialize;

use super::batch::{self, Results};
use crate::{
    api::sqs::{
        error::Fault,
        refusal::{self, fault},
        request::{Answer, Call},
    },
    types::DeleteMode,
};

const ENTRY: &str = "DeleteMessageBatchRequestEntry";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct One {
    queue_url: Option<String>,
    receipt_handle: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch {
    queue_url: Option<String>,
    entries: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    id: Option<String>,
    receipt_handle: Option<String>,
}

pub(super) async fn one(call: &Call<'_>, given: One) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let handle = handle(given.receipt_handle)?;
    // A queue that is not there is told before a handle that is none.
    let lease = match call.broker.open_receipt_handle(&handle) {
        Ok(lease) => lease,
        Err(rejection) => {
            call.broker.get_queue(queue).await.map_err(fault)?;
            return Err(refusal::of_handle(rejection, &handle));
        }
    };
    let outcomes = call.broker.delete(queue, vec![lease], DeleteMode::Lenient).await;
    let outcome = outcomes.map_err(fault)?.into_iter().next();
    let outcome = outcome.expect("the broker answers each entry");
    outcome.map_err(|rejection| refusal::of_handle(rejection, &handle))?;
    Ok(Answer::nothing())
}

pub(super) async fn batch(call: &Call<'_>, given: Batch) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let entries = batch::entries(given.entries, ENTRY, |entry| entry.id.as_deref())?;
    let parsed = entries.into_iter().map(|entry| {
        let opened = handle(entry.receipt_handle).and_then(|handle| {
            let lease = call.broker.open_receipt_handle(&handle);
            let lease = lease.map_err(|rejection| refusal::of_handle(rejection, &handle))?;
            Ok((lease, handle))
        });
        (entry.id.unwrap_or_default(), opened)
    });
    let (good, all) = batch::split(parsed);
    let (leases, handles): (Vec<_>, Vec<_>) = good.into_iter().unzip();
    let outcomes = call.broker.delete(queue, leases, DeleteMode::Lenient).await.map_err(fault)?;
    let outcomes = outcomes.into_iter().zip(&handles).map(|(outcome, handle)| {
        outcome.map_err(|rejection| refusal::of_handle(rejection, handle))
    });
    Ok(call.done(&Results::done(all, outcomes)))
}

/// A receipt handle, which is needed.
pub(super) fn handle(given: Option<String>) -> Result<String, Fault> {
    given.filter(|handle| !handle.is_empty()).ok_or_else(|| Fault::missing("ReceiptHandle"))
}
