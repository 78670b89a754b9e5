//! `ledgerq message`: one message by its id.

pub(super) mod cancel;
mod history;
mod now;
mod show;

use clap::Subcommand;

use super::{Failure, Global, Output, Session, with_server};

/// What to do with a message.
#[derive(Debug, Subcommand)]
pub(super) enum MessageCommand {
    /// Delete messages that still wait for their delay
    Cancel(cancel::CancelArgs),
    /// Tell what became of a message, from the log; a broker may run on it
    Show(show::ShowArgs),
}

pub(super) fn run(command: &MessageCommand, global: &Global) -> Result<(), Failure> {
    match command {
        MessageCommand::Cancel(args) => {
            with_server(global, async |mut to: Session| cancel::run(args, &mut to).await)
        }
        MessageCommand::Show(args) => show::run(args, &mut Output::stdout(global.json)),
    }
}

#[cfg(test)]
mod tests;
