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
    Ok(v1::DeleteResponse { results: batch.results(outcomes, place, result) })
}

/// What a client is told of one receipt handle.
pub(super) fn result(outcome: Result<DeleteOutcome, v1::EntryError>) -> v1::DeleteResult {
    let result = match outcome {
        Ok(outcome) => Outcome::Outcome(found(outcome).into()),
        Err(error) => Outcome::Error(error),
    };
    v1::DeleteResult { result: Some(result) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delete_is_fenced_unless_asked_otherwise() {
        assert_eq!(
            [0, 1, 2].map(|given| mode(given).ok()),
            [Some(DeleteMode::Fenced), Some(DeleteMode::Fenced), Some(DeleteMode::Lenient),]
        );
        for given in [-1, 3, i32::MAX, i32::MIN] {
            assert!(mode(given).is_err(), "{given}");
        }
    }

    #[test]
    fn a_delete_has_one_to_a_thousand_handles() {
        let with = |count| {
            let receipt_handles = vec![String::new(); count];
            parse(&v1::DeleteRequest { queue: "jobs".into(), receipt_handles, mode: 0 }).is_ok()
        };
        assert_eq!([0, 1, 1000, 1001].map(with), [false, true, true, false]);
    }
}
