//! `ChangeVisibility`.

use crate::{
    api::grpc::{
        batch::Batch,
        convert, parse,
        refusal::{Place, Refusal},
    },
    broker::Handle,
    proto::v1::{self, change_visibility_result::Result as Outcome},
    types::{LeaseRef, Millis, QueueName, Rejection, limits},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::ChangeVisibilityRequest,
) -> Result<v1::ChangeVisibilityResponse, Refusal> {
    let queue = parse(&request)?;
    let entries = request.entries.iter().enumerate();
    let mut batch: Batch<_> = entries
        .map(|(index, entry)| {
            let refused = |rejection| Refusal { place: place(index), rejection };
            parse_entry(broker, entry).map_err(refused)
        })
        .collect();
    let good = batch.take_good();
    let outcomes = if good.is_empty() {
        Vec::new()
    } else {
        broker.change_visibility(queue, good).await.map_err(Refusal::of_request)?
    };
    let results = batch.results(outcomes, place, |outcome| {
        let result = match outcome {
            Ok(until) => Outcome::LeaseExpiresAt(convert::timestamp(until)),
            Err(error) => Outcome::Error(error),
        };
        v1::ChangeVisibilityResult { result: Some(result) }
    });
    Ok(v1::ChangeVisibilityResponse { results })
}

fn place(index: usize) -> Place {
    Place::Message(format!("entries[{index}]"))
}

fn parse(request: &v1::ChangeVisibilityRequest) -> Result<QueueName, Refusal> {
    let queue = parse::queue(&request.queue)?;
    parse::entry_count("entries", request.entries.len())?;
    Ok(queue)
}

fn parse_entry(
    broker: &Handle,
    entry: &v1::ChangeVisibilityEntry,
) -> Result<(LeaseRef, Millis), Rejection> {
    let lease = broker.open_receipt_handle(&entry.receipt_handle)?;
    let (field, max) = ("visibility_timeout", limits::VISIBILITY_MAX);
    let given = parse::duration_up_to(field, entry.visibility_timeout, max)?;
    let needed = "how long from now the lease is to last; 0 ends it at once";
    let timeout = given.ok_or(Rejection::Missing { field, needed })?;
    Ok((lease, timeout))
}
