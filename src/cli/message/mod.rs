//! `ledgerq message`: one message by its id.

mod history;
mod show;

use clap::Subcommand;

use super::{Failure, Output};

/// What to do with a message.
#[derive(Debug, Subcommand)]
pub(super) enum MessageCommand {
    /// Tell what became of a message, from the log; a broker may run on it
    Show(show::ShowArgs),
}

pub(super) fn run(command: &MessageCommand, out: &mut Output) -> Result<(), Failure> {
    match command {
        MessageCommand::Show(args) => show::run(args, out),
    }
}
