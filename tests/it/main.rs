//! The integration tests: what a user of the broker would notice, and how the code is kept.

/// What an audit says of a directory, and what a start does with it.
mod audit;
/// Backups of a broker on the simulated disk, and what is restored from them.
mod backup;
/// A whole broker on the simulated disk, run by hand: what scripts, crashes and the model drive.
mod broker;
/// Commands as most tests give them.
mod commands;
/// The behaviour of queues, one file per theme; each script is told to every driver.
mod corpus;
/// Damage to every file of a data directory, and what a start makes of it.
mod corruption;
/// Queues that are deep.
mod depth;
/// Disk that is given back, and figures for it.
mod disk_bounds;
/// A full disk: what is refused, what goes on, and that it ends by itself.
mod disk_full;
/// A tenant that floods a queue and one that does not.
mod fairness;
/// The worked example of docs/FORMAT.md, read by the crate and written by it.
mod format_doc;
/// Bytes that every later version must read.
mod golden;
/// What clients asked and were told, and the checker that finds broken promises in it.
mod history;
/// Messages of the largest size.
mod large;
/// How the sources are kept: which room may use which, and what a file may look like.
mod layering;
/// Rules about checkpoints, reclaim and compaction, each with the history that it prevents.
mod log_rules;
/// Random scripts against a simple model of standard queues.
mod model;
/// The program itself: started, killed, stopped, damaged, and spoken to from the command line.
mod process;
/// Frames that prove those before them, and what is lost without.
mod proved;
/// Looking at a directory without changing anything.
mod read_only;
/// The session in README.md, run.
mod readme;
/// Repairs of damaged directories on the simulated disk.
mod repair;
/// Starts after a long time, and with a clock that is in doubt.
mod restarts;
/// The little language that the corpus is written in, and what runs it.
mod script;
/// What is read again in the background, and what is told of it.
mod scrub;
/// A whole broker, its disk, its clock and chance from one seed: crashes and every other fault, in
/// small workloads at every operation and in long ones at random.
mod simulation;
/// What the soak judges by.
mod soak;
/// The SQS-compatible endpoint on the wire, in both of its protocols.
mod sqs;
/// A data directory that was in use.
mod used;
/// Who is served when time leaps.
mod waits;
