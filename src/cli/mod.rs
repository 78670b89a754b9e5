//! The command line: what it takes, what it prints, how it ends.
//!
//! One file for each subcommand. Results go to standard output, as text for people or with `--json`
//! as one object a line, and nothing else goes there; everything else is one line on standard
//! error. [`exit`] has the codes.

pub mod attribute;
mod backup;
pub mod bench;
mod clock;
mod delete;
mod drill;
pub mod exit;
mod failure;
mod filter;
mod log;
mod message;
mod output;
mod peek;
mod queue;
mod receive;
mod redrive;
mod restore;
mod send;
mod serve;
mod signals;
mod start;
mod status;
mod text;
mod transact;
mod values;
mod view;

use std::{future::Future, io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

pub use exit::Exit;
pub use failure::Failure;
pub use output::Output;

use crate::{client::Client, config::LogFormat, telemetry};

/// A durable single-node message broker with the semantics of Amazon SQS.
#[derive(Debug, Parser)]
#[command(name = "ledgerq", version, about, after_help = exit::help(), max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// Where the help lists the flags of every subcommand.
const GLOBAL: &str = "Global options";

/// Flags that every subcommand takes, before its name or after it.
#[derive(Clone, Debug, Args)]
struct Global {
    /// Print one JSON object a line, for programs
    #[arg(long, global = true, help_heading = GLOBAL)]
    json: bool,
    /// The server to talk to
    #[arg(
        long,
        global = true,
        help_heading = GLOBAL,
        env = "LEDGERQ_SERVER",
        default_value = "http://127.0.0.1:7420",
        value_name = "URL"
    )]
    server: String,
    /// Certificates in PEM of the authorities to trust, for a server at https://
    #[arg(long, global = true, help_heading = GLOBAL, env = "LEDGERQ_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the broker
    Serve(Box<serve::ServeArgs>),
    /// Create, list, show, change, empty and delete queues
    #[command(subcommand)]
    Queue(queue::QueueCommand),
    /// Send messages; prints their ids, one a line
    Send(send::SendArgs),
    /// Receive messages
    Receive(receive::ReceiveArgs),
    /// Delete received messages by their receipt handles
    Delete(delete::DeleteArgs),
    /// Look at messages without receiving them
    Peek(peek::PeekArgs),
    /// Cancel a message that waits for its time, or tell what became of one
    #[command(subcommand)]
    Message(message::MessageCommand),
    /// Send, delete and change leases over any queues, all of it or nothing
    Transact(transact::TransactArgs),
    /// Move messages back from a dead-letter queue, or to any other
    #[command(subcommand)]
    Redrive(redrive::RedriveCommand),
    /// Tell how the broker is: disk, checkpoints, compaction, the last start
    Status,
    /// Take a checkpoint now, and wait until it is published
    Checkpoint,
    /// Copy the live messages out of files that are mostly dead now, and wait until it is done
    Compact,
    /// Read everything on the broker's disk again, and wait until that is done; ends with 5 if some
    /// of it is not as it was written
    Scrub,
    /// Copy the broker's files while it serves
    #[command(after_help = backup::EXAMPLES)]
    Backup(backup::BackupArgs),
    /// Make a new data directory from a backup
    Restore(restore::RestoreArgs),
    /// Break a broker of its own again and again under load, and check that nothing is lost
    #[command(after_help = drill::EXAMPLES)]
    Drill(drill::DrillArgs),
    /// Let time pass on a broker that was started with --test-clock
    #[command(subcommand)]
    Clock(clock::ClockCommand),
    /// Measure how fast a broker is: one of its own, or another
    Bench(bench::BenchArgs),
    /// Look into the log of a broker that does not run
    #[command(subcommand)]
    Log(log::LogCommand),
}

/// Does what the command line of this process says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        Command::Serve(args) => serve::run(*args),
        Command::Queue(command) => with_server(&cli.global, |to| queue::run(command, to)),
        Command::Send(args) => with_server(&cli.global, |to| send::run(args, to)),
        Command::Receive(args) => with_server(&cli.global, |to| receive::run(args, to)),
        Command::Delete(args) => with_server(&cli.global, |to| delete::run(args, to)),
        Command::Peek(args) => with_server(&cli.global, |to| peek::run(args, to)),
        Command::Message(command) => message::run(&command, &cli.global),
        Command::Transact(args) => with_server(&cli.global, |to| transact::run(args, to)),
        Command::Redrive(command) => with_server(&cli.global, |to| redrive::run(command, to)),
        Command::Status => with_server(&cli.global, status::run),
        Command::Checkpoint => with_server(&cli.global, status::checkpoint),
        Command::Compact => with_server(&cli.global, status::compact),
        Command::Scrub => with_server(&cli.global, status::scrub_now),
        Command::Backup(args) => with_server(&cli.global, |to| backup::run(args, to)),
        Command::Restore(args) => restore::run(&args, &mut Output::stdout(cli.global.json)),
        Command::Drill(args) => drill::run(&args, &mut Output::stdout(cli.global.json)),
        Command::Clock(command) => with_server(&cli.global, |to| clock::run(command, to)),
        Command::Bench(args) => bench::run(&args, &cli.global),
        Command::Log(command) => log::run(&command, &mut Output::stdout(cli.global.json)),
    };
    match outcome {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            if let Some(line) = &failure.line {
                complain(line);
            }
            failure.exit.into()
        }
    }
}

/// A server to talk to and a place for the results.
struct Session {
    client: Client,
    out: Output,
}

/// Connects, then runs a subcommand with the connection.
fn with_server<Run>(global: &Global, command: impl FnOnce(Session) -> Run) -> Result<(), Failure>
where
    Run: Future<Output = Result<(), Failure>>,
{
    let filter = std::env::var("LEDGERQ_LOG").unwrap_or_else(|_| "error".into());
    telemetry::init(&filter, LogFormat::Text)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Exit::Refused, format!("cannot wait for the network: {error}"))
    })?;
    runtime.block_on(async {
        let client = match &global.ca {
            None => Client::connect(&global.server).await?,
            Some(path) => {
                let pem = std::fs::read(path).map_err(|error| {
                    Failure::new(Exit::Usage, format!("--ca {}: {error}", path.display()))
                })?;
                Client::connect_tls(&global.server, &pem).await?
            }
        };
        command(Session { client, out: Output::stdout(global.json) }).await
    })
}

/// One line on standard error.
fn complain(line: &str) {
    // There is nobody to tell that standard error is closed.
    let _ = writeln!(anstream::stderr(), "ledgerq: {}", output::printable(line));
}

#[cfg(test)]
mod fake;
#[cfg(test)]
mod tests;
