//! `CancelScheduled`.

use crate::{
    api::grpc::{
        batch::Batch,
        parse,
        refusal::{Place, Refusal},
    },
    broker::Handle,
    proto::v1::{self, cancel_result::Result as Outcome},
    types::{CancelOutcome, QueueName, Seq},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::CancelScheduledRequest,
) -> Result<v1::CancelScheduledResponse, Refusal> {
    let queue = parse(&request)?;
    let ids = request.message_ids.iter().enumerate();
    let mut batch: Batch<_> = ids
        .map(|(index, id)| {
            let refused = |rejection| Refusal { place: place(index), rejection };
            let id = parse::message_id("message_id", id).map_err(refused)?;
            // An id of another broker is as good as one of a message that never was.
            Ok(broker.message_of(id).unwrap_or(NO_MESSAGE))
        })
        .collect();
    let seqs = batch.take_good();
    let outcomes = if seqs.is_empty() {
        Vec::new()
    } else {
        broker.cancel(queue, seqs).await.map_err(Refusal::of_request)?
    };
    let results = batch.results(outcomes, place, |outcome| {
        let result = match outcome {
            Ok(outcome) => Outcome::Outcome(found(outcome).into()),
            Err(error) => Outcome::Error(error),
        };
        v1::CancelResult { result: Some(result) }
    });
    Ok(v1::CancelScheduledResponse { results })
}

/// Before the first message that there ever is.
const NO_MESSAGE: Seq = Seq::new(0);

fn place(index: usize) -> Place {
    Place::Field(format!("message_ids[{index}]"))
}

fn parse(request: &v1::CancelScheduledRequest) -> Result<QueueName, Refusal> {
    let queue = parse::queue(&request.queue)?;
    parse::entry_count("message_ids", request.message_ids.len())?;
    Ok(queue)
}

fn found(outcome: CancelOutcome) -> v1::CancelOutcome {
    match outcome {
        CancelOutcome::Cancelled => v1::CancelOutcome::Cancelled,
        CancelOutcome::TooLate => v1::CancelOutcome::TooLate,
        CancelOutcome::NotFound => v1::CancelOutcome::NotFound,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancellation_has_one_to_a_thousand_ids() {
        let with = |count| {
            let message_ids = vec![String::new(); count];
            parse(&v1::CancelScheduledRequest { queue: "jobs".into(), message_ids }).is_ok()
        };
        assert_eq!([0, 1, 1000, 1001, 100_000].map(with), [false, true, true, false, false]);
    }
}
