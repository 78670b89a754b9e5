//! ledgerq beside its peers: one workload, on one machine, on one disk, in one run.
//!
//! `servers` starts each on loopback with its data in one scratch directory; `peers` has a driver
//! for each, the way a good client of it works; `workload` sends, and receives and deletes, from so
//! many callers; `rounds` takes turns, so that a disk that changes does so for all of them;
//! `report` tells. `run.sh` builds both programs and runs this one.

mod args;
mod peers;
mod report;
mod rounds;
mod servers;
mod workload;

use anyhow::Result;
use clap::Parser as _;

use self::{args::Args, report::Report, rounds::Rounds};

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    let mut rounds = Rounds::start(&args).await?;
    let measured = tokio::select! {
        measured = rounds.run() => measured,
        _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted; nothing was measured")),
    };
    rounds.stop().await;
    let report = Report::new(&args, measured?);
    if args.json { report.print_json() } else { report.print() }
}
