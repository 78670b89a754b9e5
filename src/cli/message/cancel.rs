//! `ledgerq message cancel`: deletes messages that wait for their delay.

use clap::Args;

use super::super::{Failure, Session, view::CancelledObject};
use crate::types::{CancelOutcome, QueueName, limits};

const EXAMPLES: &str = "\
Examples:
  ledgerq message cancel mails 00000000-0000-8000-a4c2-9d0c6f1b7e55

A message that can be received already, or is in flight, is left alone: the exit code is 1.";

/// Which messages.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct CancelArgs {
    /// The queue that the messages were sent to
    #[arg(value_parser = QueueName::parse)]
    queue: QueueName,
    /// The messages' ids, as `send` prints them
    #[arg(required = true, value_name = "ID")]
    ids: Vec<String>,
}

pub(in crate::cli) async fn run(args: &CancelArgs, to: &mut Session) -> Result<(), Failure> {
    let mut all_cancelled = true;
    for ids in args.ids.chunks(limits::ENTRIES_MAX) {
        let outcomes = to.client.cancel(&args.queue, ids.to_vec()).await?;
        let is_cancelled = |outcome: &_| matches!(outcome, Ok(CancelOutcome::Cancelled));
        all_cancelled &= outcomes.iter().all(is_cancelled);
        let told = ids.iter().zip(outcomes).map(|(id, outcome)| match outcome {
            Ok(CancelOutcome::Cancelled) => (id, "cancelled", None),
            Ok(CancelOutcome::TooLate) => (id, "too_late", None),
            Ok(CancelOutcome::NotFound) => (id, "not_found", None),
            Err(refusal) => (id, "refused", Some(refusal.to_string())),
        });
        if to.out.is_json() {
            for (message_id, outcome, error) in told {
                to.out.object(&CancelledObject { message_id, outcome, error })?;
            }
        } else {
            let rows = told.map(|(id, outcome, error)| {
                let outcome = match error {
                    Some(error) => format!("{outcome}: {error}"),
                    None => outcome.replace('_', " "),
                };
                [id.clone(), outcome]
            });
            to.out.table(["MESSAGE", "OUTCOME"], rows)?;
        }
    }
    to.out.flush()?;
    if all_cancelled { Ok(()) } else { Err(Failure::told()) }
}
