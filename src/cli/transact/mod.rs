//! `ledgerq transact`: steps over any queues from a file, all of them done or none.

mod file;

use std::path::PathBuf;

use clap::Args;

use super::{
    Failure, Session,
    output::rfc3339,
    send::open,
    view::{SentObject, StepObject},
};
use crate::client::StepOutcome;

const EXAMPLES: &str = r#"
Examples:
  ledgerq transact --file steps.json
  make-steps | ledgerq transact --file -

The file has an array of 1 to 1,000 steps, each an object with one key:

  [
    {"delete": {"queue": "jobs", "receipt_handle": "AQ..."}},
    {"send": {"queue": "results", "body": "done", "attributes": {"kind": "invoice"}}},
    {"change_visibility": {"queue": "jobs", "receipt_handle": "AQ...", "visibility_timeout": "1m"}}
  ]

send takes queue, body or body_base64, and if you like attributes, delay ("5s") or at
("2030-01-01T00:00:00Z"), ttl, priority, group and deduplication_id. An attribute is a text, or an
object as `receive --json` prints it: {"data_type": "Number", "value": "5"}, with value_base64 in
place of value for a Binary one. A field of another name is refused."#;

/// Which steps.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES.trim_start())]
pub(super) struct TransactArgs {
    /// The steps, in JSON; - is standard input
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
}

pub(super) async fn run(args: TransactArgs, mut to: Session) -> Result<(), Failure> {
    let (source, _) = open(&args.file)?;
    let steps = file::read(source, &args.file)?;
    let outcomes = to.client.transact(steps).await?;
    for (index, outcome) in outcomes.iter().enumerate() {
        print(&mut to, index, outcome)?;
    }
    Ok(to.out.flush()?)
}

/// Tells what a step did; steps are counted from 0, as in refusals.
fn print(to: &mut Session, step: usize, outcome: &StepOutcome) -> std::io::Result<()> {
    if to.out.is_json() {
        return to.out.object(&match outcome {
            StepOutcome::Sent(sent) => StepObject::sent(step, SentObject::new(sent, None)),
            StepOutcome::Deleted => StepObject::deleted(step),
            StepOutcome::VisibilityChanged(until) => StepObject::changed(step, *until),
        });
    }
    let told = match outcome {
        StepOutcome::Sent(sent) if sent.is_duplicate => {
            format!("sent {} (a duplicate of it was accepted before)", sent.message_id)
        }
        StepOutcome::Sent(sent) => format!("sent {}", sent.message_id),
        StepOutcome::Deleted => "deleted".to_owned(),
        StepOutcome::VisibilityChanged(until) => format!("leased until {}", rfc3339(*until)),
    };
    to.out.line(&format!("steps[{step}]  {told}"))
}
