//! `ledgerq delete`: by receipt handles, telling what became of each.

use clap::Args;

use super::{
    Failure, Session,
    view::{DeletedObject, delete_outcome},
};
use crate::{
    client::{Outcomes, Refusal},
    types::{DeleteOutcome, QueueName, limits},
};

/// What to delete.
#[derive(Debug, Args)]
pub(super) struct DeleteArgs {
    /// The queue that the messages were received from
    #[arg(value_parser = QueueName::parse)]
    queue: QueueName,
    /// Receipt handles, as `receive` prints them
    #[arg(required = true, value_name = "HANDLE")]
    handles: Vec<String>,
}

pub(super) async fn run(args: DeleteArgs, mut to: Session) -> Result<(), Failure> {
    let mut all_gone = true;
    for handles in args.handles.chunks(limits::ENTRIES_MAX) {
        let outcomes = to.client.delete(&args.queue, handles.to_vec()).await?;
        all_gone &= outcomes.iter().all(is_gone);
        print(&mut to, handles, outcomes)?;
    }
    if all_gone { Ok(()) } else { Err(Failure::told()) }
}

/// A stale lease and a handle that is none left their message where it was.
fn is_gone(outcome: &Result<DeleteOutcome, Refusal>) -> bool {
    matches!(outcome, Ok(DeleteOutcome::Deleted | DeleteOutcome::AlreadyDeleted))
}

fn print(
    to: &mut Session,
    handles: &[String],
    outcomes: Outcomes<DeleteOutcome>,
) -> Result<(), Failure> {
    let told = handles.iter().zip(outcomes).map(|(handle, outcome)| match outcome {
        Ok(outcome) => (handle, delete_outcome(outcome), None),
        Err(refusal) => (handle, "refused", Some(refusal.to_string())),
    });
    if to.out.is_json() {
        for (receipt_handle, outcome, error) in told {
            to.out.object(&DeletedObject { receipt_handle, outcome, error })?;
        }
    } else {
        let rows = told.map(|(handle, outcome, error)| {
            let outcome = match error {
                Some(error) => format!("{outcome}: {error}"),
                None => outcome.replace('_', " "),
            };
            [handle.clone(), outcome]
        });
        to.out.table(["RECEIPT HANDLE", "OUTCOME"], rows)?;
    }
    Ok(to.out.flush()?)
}
