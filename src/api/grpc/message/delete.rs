//! `Delete`.

use crate::{
    api::grpc::{
        batch::Batch,
        parse,
        refusal::{Place, Refusal},
    },
    broker::Handle,
    proto::v1::{self, delete_result::Result as Outcome},
    types::{DeleteMode, DeleteOutcome, QueueName, Rejection},
};

pub(super) async fn answer(
    broker: &Handle,
    request: v1::DeleteRequest,
) -> Result<v1::DeleteResponse, Refusal> {
    let (queue, mode) = parse(&request)?;
    let handles = request.receipt_handles.iter().enumerate();
    let mut batch: Batch<_> = handles
        .map(|(index, handle)| {
            let refused = |rejection| Refusal { place: place(index), rejection };
            broker.open_receipt_handle(handle).map_err(refused)
        })
        .collect();
    let leases = batch.take_good();
    let outcomes = if leases.is_empty() {
        Vec::new()
    } else {
        broker.delete(queue, leases, mode).await.map_err(Refusal::of_request)?
    };
    let results = batch.results(outcomes, place, |outcome| {
        let result = match outcome {
            Ok(outcome) => Outcome::Outcome(found(outcome).into()),
            Err(error) => Outcome::Error(error),
        };
        v1::DeleteResult { result: Some(result) }
    });
    Ok(v1::DeleteResponse { results })
}

fn place(index: usize) -> Place {
    Place::Field(format!("receipt_handles[{index}]"))
}

fn parse(request: &v1::DeleteRequest) -> Result<(QueueName, DeleteMode), Refusal> {
    let queue = parse::queue(&request.queue)?;
    parse::entry_count("receipt_handles", request.receipt_handles.len())?;
    Ok((queue, mode(request.mode).map_err(Refusal::of_request)?))
}

fn mode(given: i32) -> Result<DeleteMode, Rejection> {
    match v1::DeleteMode::try_from(given) {
        Ok(v1::DeleteMode::Unspecified | v1::DeleteMode::Fenced) => Ok(DeleteMode::Fenced),
        Ok(v1::DeleteMode::Lenient) => Ok(DeleteMode::Lenient),
        Err(_) => {
            let problem = "DELETE_MODE_FENCED is 1 and DELETE_MODE_LENIENT 2";
            Err(Rejection::malformed("mode", &given.to_string(), problem))
        }
    }
}

fn found(outcome: DeleteOutcome) -> v1::DeleteOutcome {
    match outcome {
        DeleteOutcome::Deleted => v1::DeleteOutcome::Deleted,
        DeleteOutcome::AlreadyDeleted => v1::DeleteOutcome::AlreadyDeleted,
        DeleteOutcome::StaleLease => v1::DeleteOutcome::StaleLease,
    }
}
