//! Whether disk, writing and latency stay bounded at full speed for a long time, and whether what
//! was answered holds when the server is killed again and again.
//!
//! `cargo bench --bench soak`. A server in a process of its own, on an empty directory, gets sends
//! of 1 KiB over gRPC from 64 callers. Nearly all messages are received and deleted at once; the
//! others live long. What is asked of a broker under such a load stands in the constants; the exit
//! code is 1 if it is missed, and 2 if there were no figures to judge. docs/BENCHMARKS.md has the
//! variables.

#![expect(clippy::print_stdout, reason = "a bench tells")]

/// What is taken of the server.
mod figures;
/// What clients were told.
mod history;
/// Callers.
mod load;
#[path = "../support/mod.rs"]
mod support;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use ledgerq::{
    client::Client,
    clock::Stopwatch,
    config::{Config, Layer},
    types::{Millis, SettingsPatch, Status},
};
use tokio::{runtime::Runtime, sync::watch, task::JoinSet};

use self::{
    figures::Figures,
    history::Verdict,
    load::{Clients, Load},
    support::{Bound, Limit, Scratch, Server, float, mb, used_bytes, variable},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Disk over twice what lives, the reserve, and the log since the older checkpoint.
const DISK_RATIO_MAX: f64 = 1.0;
/// Bytes written over bytes accepted, while some messages live long.
const AMPLIFICATION_MAX: f64 = 1.3;
/// The same if all messages live short.
const AMPLIFICATION_SHORT_MAX: f64 = 1.1;
/// The p99 of a send during checkpoints and compactions over the p99 without.
const P99_RATIO_MAX: f64 = 2.0;

/// How often the server is asked how it is.
const TICK: Duration = Duration::from_millis(100);
/// Seconds between two lines of the table. The disk is looked at once a second.
const LINE_SECONDS: u64 = 10;
/// How long an answer to that may take.
const STATUS_TIMEOUT: Duration = Duration::from_secs(1);
/// Leases of which nobody knows end after this.
const VISIBILITY_TIMEOUT: Millis = Millis::from_secs(30);

/// How long, and how.
struct Plan {
    duration: Duration,
    kill_after: Option<Duration>,
    long_percent: f64,
    long_age: Millis,
}

/// A run that is under way.
struct Run {
    runtime: Runtime,
    data: PathBuf,
    server: Server,
    publish: watch::Sender<Arc<Vec<Client>>>,
    clients: Clients,
    load: Arc<Load>,
    figures: Figures,
    kill_count: u64,
}

/// What a line of the table adds up.
#[derive(Default)]
struct Span {
    took_us: Vec<u64>,
    sent_before: u64,
    deleted_before: u64,
    disk_bytes: u64,
    disk_ratio: Option<f64>,
    anon_bytes: u64,
    begin: f64,
}

fn main() {
    let kill_seconds = variable("LEDGERQ_SOAK_KILL_SECONDS", 0.0);
    let plan = Plan {
        duration: Duration::from_secs_f64(variable("LEDGERQ_SOAK_SECONDS", 60.0)),
        kill_after: (kill_seconds > 0.0).then(|| Duration::from_secs_f64(kill_seconds)),
        long_percent: variable("LEDGERQ_SOAK_LONG_PERCENT", 1.0),
        long_age: Millis::from_secs(60 * variable("LEDGERQ_SOAK_LONG_MINUTES", 0)),
    };
    let scratch = Scratch::new("soak");
    let mut run = Run::start(&plan, &scratch.join("data"));
    let callers = run.runtime.block_on(async { run.load.start(&run.clients) });
    run.watch(&plan);
    let is_drained = run.end(callers);
    let code = run.judge(&plan, is_drained);
    drop(run);
    drop(scratch);
    std::process::exit(code);
}

impl Run {
    fn start(plan: &Plan, data: &Path) -> Self {
        let runtime = Runtime::new().expect("a runtime can be made");
        let read = |name: &str| std::env::var(name).ok();
        let config = Config::load(Layer::default(), None, &read).expect("the settings are good");
        let server = Server::start(data, &[]);
        server.serving();
        let settings = SettingsPatch {
            visibility_timeout: Some(VISIBILITY_TIMEOUT),
            ..SettingsPatch::default()
        };
        let (clients, queues) = runtime.block_on(async {
            let clients = support::connect(server.url()).await;
            let short = support::create(&clients[0], "short", &settings).await;
            let long = support::create(&clients[0], "long", &settings).await;
            (clients, (short, long))
        });
        let (publish, clients) = watch::channel(Arc::new(clients));
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is small")]
        let long_of_million = (plan.long_percent.clamp(0.0, 100.0) * 1e4) as u64;
        let load = Arc::new(Load::new(queues, long_of_million, plan.long_age));
        let (figures, data) = (Figures::new(&config), data.to_owned());
        Self { runtime, data, server, publish, clients, load, figures, kill_count: 0 }
    }

    /// Looks at the server until the time is over, and kills it when it is due.
    fn watch(&mut self, plan: &Plan) {
        header();
        let (watch, mut span) = (Stopwatch::start(), Span::default());
        let (mut second, mut killed_at) = (0, Duration::ZERO);
        while watch.elapsed() < plan.duration {
            std::thread::sleep(TICK);
            if plan.kill_after.is_some_and(|after| watch.elapsed() >= killed_at + after) {
                killed_at = watch.elapsed();
                self.restart();
            }
            span.anon_bytes = self.server.anon_bytes();
            let took_us = self.load.take_latencies();
            let status = self.status();
            self.figures.tick(status, &took_us);
            span.took_us.extend(took_us);
            let now = watch.elapsed();
            let before = std::mem::replace(&mut second, now.as_secs());
            if second > before {
                span.disk_bytes = used_bytes(&self.data);
                span.disk_ratio = self.figures.disk(span.disk_bytes);
            }
            if second / LINE_SECONDS > before / LINE_SECONDS {
                self.line(&mut span, now.as_secs_f64());
            }
        }
        if !span.took_us.is_empty() {
            self.line(&mut span, watch.elapsed().as_secs_f64());
        }
    }

    /// Kills the server and starts another one on the same data.
    fn restart(&mut self) {
        // It is dead before the next one looks for the directory's lock.
        self.server.kill();
        self.server = Server::start(&self.data, &[]);
        let clients = self.runtime.block_on(support::connect(self.server.url()));
        self.publish.send_replace(Arc::new(clients));
        self.figures.restarted();
        self.kill_count += 1;
    }

    /// How the server is; `None` if it does not tell.
    fn status(&self) -> Option<Status> {
        let client = self.clients.borrow()[0].clone();
        self.runtime.block_on(async {
            tokio::time::timeout(STATUS_TIMEOUT, client.status()).await.ok()?.ok()
        })
    }

    /// Lets the callers end, and takes all that is left; false if that cannot be done.
    fn end(&self, mut callers: JoinSet<()>) -> bool {
        self.load.stop();
        self.runtime.block_on(async {
            while let Some(ended) = callers.join_next().await {
                ended.expect("no caller panics");
            }
            self.load.drain(&self.clients).await
        })
    }

    /// One line of the table.
    fn line(&self, span: &mut Span, now: f64) {
        let [sent, deleted] =
            [&self.load.sent_count, &self.load.deleted_count].map(|count| count.load(Relaxed));
        let seconds = (now - span.begin).max(0.001);
        span.took_us.sort_unstable();
        let [p50, p99, max] = [0.5, 0.99, 1.0].map(|part| quantile_ms(&span.took_us, part));
        let or_none = |figure: Option<String>| figure.unwrap_or_else(|| "-".into());
        println!(
            "{now:>6.0} {:>8.0} {:>8.0} {p50:>7.2} {p99:>7.2} {max:>7.0} {:>8.0} {:>8} {:>6} {:>6} \
             {:>5} {:>5} {:>6.0} {:>5}",
            float(sent - span.sent_before) / seconds,
            float(deleted - span.deleted_before) / seconds,
            mb(span.disk_bytes),
            or_none(self.figures.live_bytes().map(|bytes| format!("{:.0}", mb(bytes)))),
            or_none(span.disk_ratio.map(|ratio| format!("{ratio:.2}"))),
            or_none(self.figures.amplification().map(|ratio| format!("{ratio:.3}"))),
            self.figures.checkpoint_count,
            self.figures.compaction_count,
            mb(span.anon_bytes),
            self.kill_count,
        );
        span.took_us.clear();
        (span.sent_before, span.deleted_before, span.begin) = (sent, deleted, now);
    }

    /// Prints what came out; the exit code.
    fn judge(&self, plan: &Plan, is_drained: bool) -> i32 {
        let Verdict { accepted, sends_unknown, deleted, deletes_unknown, lost, wrong } =
            self.load.history.verdict();
        println!();
        println!("accepted {accepted}, of unknown outcome {sends_unknown}");
        println!("deleted {deleted}, of unknown outcome {deletes_unknown}");
        println!("requests that failed {}", self.load.failed_count.load(Relaxed));
        println!("kills {}", self.kill_count);
        let [quiet, busy] = self.figures.send_counts();
        println!("sends without maintenance {quiet}, with {busy}");
        println!("checkpoints and compactions that failed {}", self.figures.failed_count);
        println!();
        let is_short = plan.long_percent <= 0.0;
        let amplification_max = if is_short { AMPLIFICATION_SHORT_MAX } else { AMPLIFICATION_MAX };
        let most = |name, figure, bound| Bound { name, figure, limit: Limit::AtMost(bound) };
        let none = |name, count| most(name, Some(float(count)), 0.0);
        support::judge(&[
            most("disk / (2 x live + reserve + log)", self.figures.disk_ratio_max, DISK_RATIO_MAX),
            most("write amplification", self.figures.amplification(), amplification_max),
            most(
                "p99 of a send, with maintenance / without",
                self.figures.p99_ratio(),
                P99_RATIO_MAX,
            ),
            Bound {
                name: "messages accepted",
                figure: Some(float(accepted)),
                limit: Limit::AtLeast(1.0),
            },
            none("messages lost", lost),
            none("messages that came back after their delete", wrong.resurrected),
            none("messages that nobody sent, or sent otherwise", wrong.strange),
            none("messages that could not be read", wrong.unavailable),
            none("queues that could not be emptied", u64::from(!is_drained)),
        ])
    }
}

fn header() {
    println!(
        "{:>6} {:>8} {:>8} {:>7} {:>7} {:>7} {:>8} {:>8} {:>6} {:>6} {:>5} {:>5} {:>6} {:>5}",
        "second",
        "sends/s",
        "dels/s",
        "p50 ms",
        "p99 ms",
        "max ms",
        "disk MB",
        "live MB",
        "ratio",
        "ampl.",
        "ckpts",
        "comps",
        "RSS MB",
        "kills"
    );
}

/// What a part of the sends took at most, in milliseconds.
fn quantile_ms(sorted_us: &[u64], part: f64) -> f64 {
    let last = sorted_us.len().saturating_sub(1);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into what is there"
    )]
    let at = (last as f64 * part) as usize;
    sorted_us.get(at).map_or(0.0, |us| float(*us) / 1e3)
}
