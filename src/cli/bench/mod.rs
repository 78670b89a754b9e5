//! `ledgerq bench`: how fast a broker is, on this machine or over there.
//!
//! What is measured is a `plan`: a shape of load, from so many callers. `load` drives it against a
//! server; `own` is a broker of the bench's own on a scratch directory, `nothing` a server whose
//! calls do nothing, so that what is left is the wire; `disk` is what the disk can do. `report`
//! tells the figures. The benches of the repository use the same pieces.

pub mod apart;
pub mod disk;
pub mod load;
pub mod nothing;
pub mod own;
pub mod plan;
mod queues;
mod report;

use std::{path::PathBuf, time::Duration};

use clap::Args;
use tonic::transport::Channel;

use self::{
    disk::DiskRates,
    load::Figures,
    own::{OwnBroker, Scratch},
    plan::{Plan, Shape},
    report::Report,
};
use super::{Exit, Failure, Global, Output};
use crate::{
    client::Client,
    config::{LogFormat, Size},
    telemetry,
    types::limits,
};

const EXAMPLES: &str = "\
Examples:
  ledgerq bench
  ledgerq bench --shape send-stream --null --disk
  ledgerq bench --shape receive-stream --backlog 2000000 --seconds 10
  ledgerq bench --shape mixed --callers 256 --target http://broker:7420 --json

Without --target it starts a broker of its own in this process, on a directory that goes again.
Figures of one run compare with each other; the machine and its disk differ from run to run.";

/// What to measure.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct BenchArgs {
    /// What callers do
    #[arg(long, value_enum, default_value_t = Shape::Unary, value_name = "SHAPE")]
    shape: Shape,
    /// Callers, or streams, at once [default: 64, of streams 4]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    callers: Option<u32>,
    /// Connections that they share [default: 8, at most one a caller]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    connections: Option<u32>,
    /// Bytes of a message's body
    #[arg(long, value_name = "SIZE", default_value = "1KiB")]
    size: Size,
    /// Messages a call; of a send stream a batch, of a receive stream those in the hands of its
    /// client [default: 1, of batch and mixed 10, of a send stream 100, of a receive stream 1000]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: Option<u32>,
    /// Queues, which callers go round
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 1,
        value_parser = clap::value_parser!(u32).range(1..=10_000)
    )]
    queues: u32,
    /// Messages a second of all callers [default: as many as are answered]
    #[arg(long, value_name = "NUMBER", value_parser = message_rate)]
    rate: Option<f64>,
    /// How long to measure, in seconds
    #[arg(long, value_name = "NUMBER", default_value = "3", value_parser = seconds)]
    seconds: f64,
    /// Messages that wait in the queues before [default: 0; to receive, 100000 a second]
    #[arg(
        long,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(..=100_000_000)
    )]
    backlog: Option<u64>,
    /// The server to measure [default: a broker of its own]
    #[arg(long, value_name = "URL")]
    target: Option<String>,
    /// Where the broker of its own has its scratch directory: the disk there is measured
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "target", default_value = ".")]
    data_dir: PathBuf,
    /// Measure calls of the same shape that do nothing too
    #[arg(long)]
    null: bool,
    /// Measure the disk of the scratch directory too
    #[arg(long, conflicts_with = "target")]
    disk: bool,
}

pub(super) fn run(args: &BenchArgs, global: &Global) -> Result<(), Failure> {
    let filter = std::env::var("LEDGERQ_LOG").unwrap_or_else(|_| "error".into());
    telemetry::init(&filter, LogFormat::Text)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| {
        Failure::new(Exit::CannotStart, format!("cannot make threads: {error}"))
    })?;
    runtime.block_on(measure(args, global, &mut Output::stdout(global.json)))
}

/// Measures, and prints what came out.
pub(super) async fn measure(
    args: &BenchArgs,
    global: &Global,
    out: &mut Output,
) -> Result<(), Failure> {
    let plan = args.plan()?;
    // It goes when this goes, also after Ctrl-C.
    let scratch = args.target.is_none().then(|| Scratch::new(&args.data_dir)).transpose();
    let scratch = scratch.map_err(|error| Failure::data_dir(&args.data_dir, error))?;
    let report = tokio::select! {
        report = figures(args, global, &plan, scratch.as_ref()) => report?,
        _ = tokio::signal::ctrl_c() => {
            return Err(Failure::new(Exit::Refused, "interrupted; nothing was measured"));
        }
    };
    report.print(out)?;
    Ok(out.flush()?)
}

async fn figures(
    args: &BenchArgs,
    global: &Global,
    plan: &Plan,
    scratch: Option<&Scratch>,
) -> Result<Report, Failure> {
    let authorities = global.ca.as_ref().map(std::fs::read).transpose();
    let authorities = authorities
        .map_err(|error| Failure::new(Exit::Usage, format!("--ca cannot be read: {error}")))?;
    let own = match scratch {
        Some(scratch) => {
            let own = OwnBroker::start(&scratch.path().join("data"))?;
            own.settle().await;
            Some(own)
        }
        None => None,
    };
    let url = own.as_ref().map(OwnBroker::url).or(args.target.as_deref()).unwrap_or_default();
    let client = Client::open(url, authorities.as_deref()).await?;
    queues::create(plan, &client).await?;
    let measured = async {
        let channels = channels(plan, url, authorities.as_deref()).await?;
        load::fill(plan, &channels, args.backlog(plan)).await.map_err(|told| failed(&told))?;
        let figures = load::drive(plan, &channels).await.map_err(|told| failed(&told))?;
        let null = if args.null { Some(null(plan).await?) } else { None };
        let disk = scratch.filter(|_| args.disk).map(|scratch| disk_rates(plan, scratch));
        Ok(Report::new(plan, figures, null, disk.transpose()?))
    };
    let report = measured.await;
    queues::delete(plan, &client).await?;
    if let Some(own) = own {
        own.stop().await;
    }
    report
}

/// The same load against a server whose calls do nothing.
async fn null(plan: &Plan) -> Result<Figures, Failure> {
    let served =
        nothing::serve(plan.size).map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    let channels = channels(plan, served.url(), None).await?;
    load::drive(plan, &channels).await.map_err(|told| failed(&told))
}

/// The connections of a plan.
async fn channels(
    plan: &Plan,
    url: &str,
    authorities: Option<&[u8]>,
) -> Result<Vec<Channel>, Failure> {
    let mut channels = Vec::new();
    for _ in 0..plan.connections {
        channels.push(Client::channel(url, authorities).await?);
    }
    Ok(channels)
}

fn disk_rates(plan: &Plan, scratch: &Scratch) -> Result<DiskRates, Failure> {
    disk::measure(&scratch.path().join("disk"), plan.size, plan.time)
        .map_err(|error| Failure::data_dir(scratch.path(), error))
}

fn failed(status: &tonic::Status) -> Failure {
    Failure::new(Exit::Refused, format!("the load broke off: {}", status.message()))
}

impl BenchArgs {
    /// Holds what was asked against its limits.
    fn plan(&self) -> Result<Plan, Failure> {
        let Size(size) = self.size;
        let size_max = limits::MESSAGE_BYTES_MAX_MAX;
        if !(1..=size_max).contains(&size) {
            let line = format!("--size is {size} bytes, it can be 1 to {size_max} bytes");
            return Err(Failure::new(Exit::Usage, line));
        }
        let batch = self.batch.unwrap_or_else(|| self.shape.batch_default(size));
        if self.shape == Shape::Unary && batch > 1 {
            let line = format!(
                "--batch is {batch}, of --shape unary it can be 1; --shape batch sends more"
            );
            return Err(Failure::new(Exit::Usage, line));
        }
        let (bytes, bytes_max) = (size * u64::from(batch), limits::REQUEST_BYTES_MAX);
        if bytes > bytes_max {
            let line = format!(
                "--batch is {batch} with --size {size}, which are {bytes} bytes a call; it can be \
                 {bytes_max} bytes"
            );
            return Err(Failure::new(Exit::Usage, line));
        }
        let callers = self.callers.unwrap_or_else(|| self.shape.callers_default());
        if self.shape.is_stream() && self.queues > callers {
            let line = format!(
                "--queues is {}, of --shape {} it can be at most one a stream, and --callers is \
                 {callers}",
                self.queues, self.shape
            );
            return Err(Failure::new(Exit::Usage, line));
        }
        if self.shape.is_stream() && self.rate.is_some() {
            let line = format!(
                "--rate cannot be given for --shape {}: the server paces a stream",
                self.shape
            );
            return Err(Failure::new(Exit::Usage, line));
        }
        let connections = self.connections.unwrap_or(plan::CONNECTIONS_DEFAULT).min(callers);
        Ok(Plan {
            shape: self.shape,
            callers: callers as usize,
            connections: connections as usize,
            size: usize::try_from(size).unwrap_or(usize::MAX),
            batch: batch as usize,
            time: Duration::from_secs_f64(self.seconds),
            queue: format!("bench-{}", std::process::id()),
            queues: self.queues as usize,
            rate: self.rate,
        })
    }

    /// Messages that wait before.
    fn backlog(&self, plan: &Plan) -> u64 {
        self.backlog.unwrap_or_else(|| plan.backlog_default())
    }
}

/// Seconds on the command line.
fn seconds(text: &str) -> Result<f64, String> {
    let given = text.parse::<f64>().map_err(|_| "write it like 3 or 0.5".to_owned())?;
    let (min, max) = (0.01, 3600.0);
    if (min..=max).contains(&given) { Ok(given) } else { Err(format!("it can be {min} to {max}")) }
}

/// Messages a second on the command line.
fn message_rate(text: &str) -> Result<f64, String> {
    let given = text.parse::<f64>().map_err(|_| "write it like 1000 or 0.5".to_owned())?;
    let (min, max) = (0.1, 10_000_000.0);
    if (min..=max).contains(&given) { Ok(given) } else { Err(format!("it can be {min} to {max}")) }
}

#[cfg(test)]
mod tests;
