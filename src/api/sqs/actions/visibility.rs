//! Leases: given another end, one or a batch.

use serde::Deserialize;

use super::{
    batch::{self, Results},
    delete::handle,
};
use crate::{
    api::sqs::{
        error::Fault,
        limits::VISIBILITY_S_MAX,
        refusal::{self, fault},
        request::{Answer, Call},
    },
    types::{LeaseRef, Millis},
};

const ENTRY: &str = "ChangeMessageVisibilityBatchRequestEntry";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Batch {
    queue_url: Option<String>,
    entries: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    /// Only of a change that is alone in its request.
    queue_url: Option<String>,
    /// Only of an entry of a batch.
    id: Option<String>,
    receipt_handle: Option<String>,
    visibility_timeout: Option<i64>,
}

/// What a client wrote, for what it is told.
struct Written {
    handle: String,
    seconds: i64,
}

pub(super) async fn change(call: &Call<'_>, given: Entry) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let (entry, written) = match parse(call, given) {
        Ok(parsed) => parsed,
        Err(refused) => {
            call.broker.get_queue(queue).await.map_err(fault)?;
            return Err(refused);
        }
    };
    let outcomes = call.broker.change_visibility(queue, vec![entry]).await.map_err(fault)?;
    let outcome = outcomes.into_iter().next().expect("the broker answers each entry");
    outcome.map_err(|refused| refusal::of_timeout(refused, &written.handle, written.seconds))?;
    Ok(Answer::nothing())
}

pub(super) async fn batch(call: &Call<'_>, given: Batch) -> Result<Answer, Fault> {
    let queue = call.queue(given.queue_url.as_deref())?;
    let entries = batch::entries(given.entries, ENTRY, |entry| entry.id.as_deref())?;
    let parsed = entries.into_iter().map(|mut entry| {
        let id = entry.id.take().unwrap_or_default();
        (id, parse(call, entry))
    });
    let (good, all) = batch::split(parsed);
    let (entries, written): (Vec<_>, Vec<_>) = good.into_iter().unzip();
    let outcomes = call.broker.change_visibility(queue, entries).await.map_err(fault)?;
    let outcomes = outcomes.into_iter().zip(&written).map(|(outcome, written)| {
        outcome.map_err(|refused| refusal::of_timeout(refused, &written.handle, written.seconds))
    });
    Ok(call.done(&Results::done(all, outcomes)))
}

fn parse(call: &Call<'_>, entry: Entry) -> Result<((LeaseRef, Millis), Written), Fault> {
    let handle = handle(entry.receipt_handle)?;
    let seconds = entry.visibility_timeout.ok_or_else(|| Fault::missing("VisibilityTimeout"))?;
    let timeout = timeout(seconds)?;
    let lease = call.broker.open_receipt_handle(&handle);
    let lease = lease.map_err(|rejection| refusal::of_handle(rejection, &handle))?;
    Ok(((lease, timeout), Written { handle, seconds }))
}

/// A visibility timeout of so many seconds.
pub(super) fn timeout(seconds: i64) -> Result<Millis, Fault> {
    if (0..=VISIBILITY_S_MAX).contains(&seconds) {
        return Ok(Millis::from_secs(seconds.unsigned_abs()));
    }
    let reason = format!("Must be >= 0 and <= {VISIBILITY_S_MAX}, if provided.");
    Err(Fault::invalid("VisibilityTimeout", seconds, &reason))
}
