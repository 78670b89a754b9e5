//! What became of each entry of a request, and of each step of a transact.

use super::{
    super::{Outcomes, Refusal, Sent, Step, StepOutcome},
    Error, duration, send_entry, timestamp,
};
use crate::{
    proto::v1,
    types::{CancelOutcome, DeleteOutcome, Timestamp},
};

/// The outcomes of a request of `count` entries.
pub(in crate::client) fn outcomes<R, T>(
    results: Vec<R>,
    count: usize,
    read: impl Fn(R) -> Result<Result<T, Refusal>, Error>,
) -> Result<Outcomes<T>, Error> {
    if results.len() != count {
        return Err(Error::Answer("one result for each entry"));
    }
    results.into_iter().map(read).collect()
}

fn accepted(sent: v1::SentMessage) -> Sent {
    Sent {
        message_id: sent.message_id,
        sequence_number: sent.sequence_number,
        is_duplicate: sent.duplicate,
    }
}

pub(in crate::client) fn sent(result: v1::SendResult) -> Result<Result<Sent, Refusal>, Error> {
    match result.result {
        Some(v1::send_result::Result::Sent(sent)) => Ok(Ok(accepted(sent))),
        Some(v1::send_result::Result::Error(error)) => Ok(Err(Refusal::of_entry(error))),
        None => Err(Error::Answer("the result of an entry")),
    }
}

pub(in crate::client) fn deleted(
    result: v1::DeleteResult,
) -> Result<Result<DeleteOutcome, Refusal>, Error> {
    match result.result {
        Some(v1::delete_result::Result::Outcome(outcome)) => match outcome.try_into() {
            Ok(v1::DeleteOutcome::Deleted) => Ok(Ok(DeleteOutcome::Deleted)),
            Ok(v1::DeleteOutcome::AlreadyDeleted) => Ok(Ok(DeleteOutcome::AlreadyDeleted)),
            Ok(v1::DeleteOutcome::StaleLease) => Ok(Ok(DeleteOutcome::StaleLease)),
            Ok(v1::DeleteOutcome::Unspecified) | Err(_) => {
                Err(Error::Answer("an outcome of a delete that is known"))
            }
        },
        Some(v1::delete_result::Result::Error(error)) => Ok(Err(Refusal::of_entry(error))),
        None => Err(Error::Answer("the result of an entry")),
    }
}

pub(in crate::client) fn visibility_changed(
    result: v1::ChangeVisibilityResult,
) -> Result<Result<Timestamp, Refusal>, Error> {
    use v1::change_visibility_result::Result as Changed;
    match result.result {
        Some(Changed::LeaseExpiresAt(until)) => timestamp(Some(until), "a lease's end").map(Ok),
        Some(Changed::Error(error)) => Ok(Err(Refusal::of_entry(error))),
        None => Err(Error::Answer("the result of an entry")),
    }
}

pub(in crate::client) fn cancelled(
    result: v1::CancelResult,
) -> Result<Result<CancelOutcome, Refusal>, Error> {
    match result.result {
        Some(v1::cancel_result::Result::Outcome(outcome)) => match outcome.try_into() {
            Ok(v1::CancelOutcome::Cancelled) => Ok(Ok(CancelOutcome::Cancelled)),
            Ok(v1::CancelOutcome::TooLate) => Ok(Ok(CancelOutcome::TooLate)),
            Ok(v1::CancelOutcome::NotFound) => Ok(Ok(CancelOutcome::NotFound)),
            Ok(v1::CancelOutcome::Unspecified) | Err(_) => {
                Err(Error::Answer("an outcome of a cancellation that is known"))
            }
        },
        Some(v1::cancel_result::Result::Error(error)) => Ok(Err(Refusal::of_entry(error))),
        None => Err(Error::Answer("the result of an entry")),
    }
}

pub(in crate::client) fn step(step: Step) -> v1::TransactStep {
    use v1::transact_step::Step as Asked;
    let step = match step {
        Step::Send { queue, message } => {
            let message = Some(send_entry(*message));
            Asked::Send(v1::SendStep { queue: queue.to_string(), message })
        }
        Step::Delete { queue, receipt_handle } => {
            Asked::Delete(v1::DeleteStep { queue: queue.to_string(), receipt_handle })
        }
        Step::ChangeVisibility { queue, receipt_handle, timeout } => {
            Asked::ChangeVisibility(v1::ChangeVisibilityStep {
                queue: queue.to_string(),
                receipt_handle,
                visibility_timeout: Some(duration(timeout)),
            })
        }
    };
    v1::TransactStep { step: Some(step) }
}

pub(in crate::client) fn step_outcome(result: v1::TransactResult) -> Result<StepOutcome, Error> {
    use v1::transact_result::Result as Done;
    match result.result {
        Some(Done::Sent(sent)) => Ok(StepOutcome::Sent(accepted(sent))),
        Some(Done::Deleted(v1::DeletedMessage {})) => Ok(StepOutcome::Deleted),
        Some(Done::LeaseExpiresAt(until)) => {
            timestamp(Some(until), "a lease's end").map(StepOutcome::VisibilityChanged)
        }
        None => Err(Error::Answer("the result of a step")),
    }
}
