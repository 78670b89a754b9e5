//! `ledgerq drill`: a broker of its own, broken again and again under load, and what it promised
//! checked.
//!
//! * [`profile`]: which faults there are, and what a machine cannot do;
//! * [`place`] and [`mount`]: where the data lies, and the file systems that are made for it;
//! * [`broker`]: the broker as a process;
//! * [`load`], [`worker`], [`requests`], [`body`]: the clients, and what they send;
//! * [`history`]: what they saw, and whether it is as promised;
//! * [`run`] and [`faults`]: the cycles, and what happens in one;
//! * [`report`]: what was found.

mod body;
mod broker;
mod faults;
mod history;
mod load;
mod mount;
mod place;
mod profile;
mod report;
mod requests;
mod run;
mod worker;

use std::path::PathBuf;

use clap::Args;

use self::{place::Place, profile::Profile, report::Report, run::Drill};
use super::{Exit, Failure, Output, signals::Signals};
use crate::{
    clock::Stopwatch,
    entropy::{Entropy as _, SystemEntropy},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  ledgerq drill                                          # 20 cycles in a temporary directory
  sudo ledgerq drill --data-dir /var/lib/ledgerq-drill   # on the disk that is to be used
  ledgerq drill --profile kill --cycles 1000 --json | tail -n 1
  ledgerq drill --cycles 50 --wrapper 'strace -f -qq -o /dev/null -e trace=fdatasync \\
    -e inject=fdatasync:error=EIO:when={cycle}'

Where the data lies:
  without --data-dir   in a new directory below TMPDIR
  DIR not there/empty  in DIR, which is not there/empty again at the end
  DIR with a log       in a copy beside it, on the same disk; DIR itself is only read. It must not be
                       in use (code 4). There must be room for the copy, and for a profile with
                       mounts for three of them
The profiles power and io-error, and full-disk and mixed if they can, mount small file systems of their
own there; that needs root. What was mounted or made is gone at the end, also after Ctrl-C. Only if
something was found, all of it stays, and a line says where.

Ends with 0 if every promise was kept; with 1 if anything was lost, came back, or was not as
promised, or if the broker did not come up again; with 8 if the drill itself could not go on.";

/// What to do to the broker, and how often.
#[derive(Debug, Args)]
pub(super) struct DrillArgs {
    /// How often the broker is broken
    #[arg(long, default_value_t = 20, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    cycles: u64,
    /// In which ways
    #[arg(long, value_enum, default_value_t = Profile::Mixed)]
    profile: Profile,
    /// Where to do it: a directory that is not there, an empty one, or one to make a copy of
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Repeat the choices of an earlier drill, though not the machine's own timing
    #[arg(long)]
    seed: Option<u64>,
    /// Start the broker through this command, which breaks it; {cycle} is the number of the cycle.
    /// It takes the place of a profile
    #[arg(long, value_name = "COMMAND", conflicts_with = "profile")]
    wrapper: Option<String>,
}

pub(super) fn run(args: &DrillArgs, out: &mut Output) -> Result<(), Failure> {
    let seed = args.seed.unwrap_or_else(|| SystemEntropy::new().next() >> 32);
    let cannot = |error: &std::io::Error| Failure::start(Exit::CannotStart, error);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| cannot(&error))?;
    let (report, interrupted) = runtime.block_on(async {
        // Caught before anything is mounted.
        let mut signals = Signals::catch().map_err(|error| cannot(&error))?;
        let media = match args.wrapper {
            None => args.profile.media(),
            Some(_) => Profile::Kill.media(),
        };
        let name = format!("ledgerq-drill-{seed:x}-{}", std::process::id());
        let place = Place::make(args.data_dir.as_deref(), media, &name)?;
        let mut drill = Drill::new(args, seed, place);
        let watch = Stopwatch::start();
        let interrupted = tokio::select! {
            outcome = drill.run(args.cycles, out) => { drill.note(outcome)?; None }
            code = signals.next() => Some(code),
        };
        Ok::<_, Failure>((drill.end(watch.elapsed(), interrupted.is_some()), interrupted))
    })?;
    if let Some(code) = interrupted {
        // Everything that was made is gone.
        std::process::exit(code);
    }
    tell(&report, out)
}

fn tell(report: &Report, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() {
        out.object(&report.object())?;
    } else {
        report.text(out)?;
    }
    out.flush()?;
    verdict(report)
}

/// The end of a drill as an exit code: 1 for every promise that was broken.
fn verdict(report: &Report) -> Result<(), Failure> {
    if report.is_good() { Ok(()) } else { Err(Failure::told()) }
}
