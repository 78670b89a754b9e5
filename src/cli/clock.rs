//! `ledgerq clock`: lets time pass on a broker under test.

use clap::Subcommand;

use super::{Failure, Session};
use crate::config::Span;

const ADVANCE_EXAMPLES: &str = "\
Examples:
  ledgerq serve --test-clock
  ledgerq clock advance 5m
  ledgerq clock advance 14d --json

The broker must have been started with --test-clock. Delays, leases, retentions and deduplication
ids end as if the time had passed; nothing brings it back, for what was logged since has that time.";

/// What to do with the clock.
#[derive(Debug, Subcommand)]
pub(super) enum ClockCommand {
    /// Let so much time pass at once
    #[command(after_help = ADVANCE_EXAMPLES)]
    Advance {
        /// How much
        duration: Span,
    },
}

pub(super) async fn run(command: ClockCommand, mut to: Session) -> Result<(), Failure> {
    let ClockCommand::Advance { duration: Span(duration) } = command;
    let ahead = to.client.advance_clock(duration).await?;
    if to.out.is_json() {
        let (advanced_ms, ahead_ms) = (duration.get(), ahead.get());
        to.out.object(&serde_json::json!({ "advanced_ms": advanced_ms, "ahead_ms": ahead_ms }))?;
    } else {
        let all = humantime::format_duration(std::time::Duration::from_millis(ahead.get()));
        to.out.line(&format!("{duration} passed; {all} in all since the server's start"))?;
    }
    Ok(to.out.flush()?)
}
