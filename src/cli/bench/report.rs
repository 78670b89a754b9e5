//! What a run tells: for people with a histogram, for programs as one object.

use std::io;

use hdrhistogram::{Histogram, iterators::IterationValue};
use serde::Serialize;

use super::{
    disk::DiskRates,
    load::{Figures, micros, rate},
    plan::Plan,
};
use crate::cli::Output;

/// Columns of the longest bar of the histogram.
const BAR_COLUMNS: u64 = 50;
const MEGA: f64 = 1e6;

/// The figures of one run.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    shape: String,
    callers: usize,
    connections: usize,
    size: usize,
    batch: usize,
    queues: usize,
    /// Messages a second that were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    rate: Option<f64>,
    seconds: f64,
    messages: u64,
    messages_per_s: f64,
    bytes_per_s: f64,
    p50_us: u64,
    p90_us: u64,
    p99_us: u64,
    p999_us: u64,
    max_us: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    null_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    null_p50_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    null_p99_us: Option<u64>,
    /// Of the messages a second to those of calls that do nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fdatasyncs_per_s: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fdatasync_p99_us: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequential_bytes_per_s: Option<f64>,
    #[serde(skip)]
    latency_us: Histogram<u64>,
}

impl Report {
    pub(super) fn new(
        plan: &Plan,
        figures: Figures,
        null: Option<Figures>,
        disk: Option<DiskRates>,
    ) -> Self {
        let Figures { messages, took, latency_us } = figures;
        let messages_per_s = rate(messages, took);
        let (null_per_s, null_us) =
            null.map(|null| (rate(null.messages, null.took), null.latency_us)).unzip();
        let null_at = |quantile| Some(null_us.as_ref()?.value_at_quantile(quantile));
        let at = |quantile| latency_us.value_at_quantile(quantile);
        Self {
            shape: plan.shape.to_string(),
            callers: plan.callers,
            connections: plan.connections,
            size: plan.size,
            batch: plan.batch,
            queues: plan.queues,
            rate: plan.rate,
            seconds: took.as_secs_f64(),
            messages,
            messages_per_s,
            bytes_per_s: rate(messages * plan.size as u64, took),
            p50_us: at(0.5),
            p90_us: at(0.9),
            p99_us: at(0.99),
            p999_us: at(0.999),
            max_us: latency_us.max(),
            null_per_s,
            null_p50_us: null_at(0.5),
            null_p99_us: null_at(0.99),
            ratio: null_per_s.map(|null| messages_per_s / null),
            fdatasyncs_per_s: disk.map(|disk| disk.fdatasyncs_per_s),
            fdatasync_p99_us: disk.map(|disk| micros(disk.fdatasync_p99)),
            sequential_bytes_per_s: disk.map(|disk| disk.sequential_bytes_per_s),
            latency_us,
        }
    }

    pub(super) fn print(&self, out: &mut Output) -> io::Result<()> {
        if out.is_json() {
            return out.object(self);
        }
        out.line(&format!(
            "{}: {} callers over {} connections, {} messages of {} bytes a call, {:.1} s",
            self.shape, self.callers, self.connections, self.batch, self.size, self.seconds
        ))?;
        if self.queues > 1 {
            out.line(&format!("  {} queues", self.queues))?;
        }
        if let Some(rate) = self.rate {
            out.line(&format!("  {rate} messages/s were asked for"))?;
        }
        let megabytes = self.bytes_per_s / MEGA;
        out.line(&format!("  {:.0} messages/s, {megabytes:.1} MB/s", self.messages_per_s))?;
        let null = (self.null_per_s, self.null_p50_us, self.null_p99_us, self.ratio);
        if let (Some(null), Some(p50_us), Some(p99_us), Some(ratio)) = null {
            out.line(&format!("  {ratio:.2} of the {null:.0} messages/s that do nothing"))?;
            out.line(&format!("  us of those: p50 {p50_us}, p99 {p99_us}"))?;
        }
        let disk = (self.fdatasyncs_per_s, self.fdatasync_p99_us, self.sequential_bytes_per_s);
        if let (Some(syncs), Some(p99_us), Some(bytes)) = disk {
            let (sequential, share) = (bytes / MEGA, self.bytes_per_s / bytes);
            out.line(&format!("  the disk: {syncs:.0} fdatasyncs/s, p99 {p99_us} us"))?;
            out.line(&format!("  {share:.2} of its {sequential:.0} MB/s in sequence"))?;
        }
        let Self { p50_us, p90_us, p99_us, p999_us, max_us, .. } = self;
        out.line(&format!(
            "  us: p50 {p50_us}, p90 {p90_us}, p99 {p99_us}, p99.9 {p999_us}, max {max_us}"
        ))?;
        self.histogram().iter().try_for_each(|line| out.line(line))
    }

    /// One line for each doubling of the time.
    fn histogram(&self) -> Vec<String> {
        let steps: Vec<_> = self.latency_us.iter_log(1, 2.0).collect();
        let counts = steps.iter().map(IterationValue::count_since_last_iteration);
        let most = counts.max().unwrap_or(0).max(1);
        let steps = steps.iter().skip_while(|step| step.count_since_last_iteration() == 0);
        steps
            .map(|step| {
                let count = step.count_since_last_iteration();
                let columns = usize::try_from((count * BAR_COLUMNS).div_ceil(most)).unwrap_or(0);
                let bar = "#".repeat(columns);
                format!("{:>10} us  {count:>9}  {bar}", step.value_iterated_to() + 1)
            })
            .collect()
    }
}
