//! Rounds: everybody in turn, one shape after the other, again and again.

use std::{
    collections::BTreeMap, fs, os::unix::fs::PermissionsExt as _, process::Stdio, time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use tempfile::TempDir;
use tokio::{process::Command, time::sleep};

use crate::{
    args::{Args, Peer},
    peers::{self, Driver},
    servers::{self, Server},
    workload::{self, Figures, Verb},
};

/// What everybody gets to come to rest, once the disk has taken what was put off.
const REST: Duration = Duration::from_millis(500);
/// Messages of a batch.
const BATCH: usize = 10;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shape {
    Send,
    Take,
    SendBatch,
    TakeBatch,
    SendStream,
    TakeStream,
}

/// Each round's figures.
pub(crate) type Measured = BTreeMap<(Peer, Shape), Vec<Figures>>;

/// The servers that run.
pub(crate) struct Rounds<'a> {
    args: &'a Args,
    running: Vec<(Peer, Server, Box<dyn Driver>)>,
    measured: Measured,
    /// It goes when this goes.
    scratch: TempDir,
}

impl Shape {
    pub(crate) const ALL: [Self; 6] = [
        Self::Send,
        Self::Take,
        Self::SendBatch,
        Self::TakeBatch,
        Self::SendStream,
        Self::TakeStream,
    ];

    /// How the JSON calls it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Take => "receive_delete",
            Self::SendBatch => "send_10",
            Self::TakeBatch => "receive_delete_10",
            Self::SendStream => "send_stream",
            Self::TakeStream => "receive_stream",
        }
    }
}

impl<'a> Rounds<'a> {
    /// Starts those that are installed, and tells which are not.
    pub(crate) async fn start(args: &'a Args) -> Result<Self> {
        let scratch = tempfile::Builder::new().prefix("peers-").tempdir_in(&args.directory);
        let scratch = scratch.with_context(|| format!("no directory in {:?}", args.directory))?;
        // Some run as users of their own.
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o755))?;
        let path = scratch.path().canonicalize()?;
        let mut rounds = Self { args, running: Vec::new(), measured: Measured::new(), scratch };
        for &peer in &args.peers {
            let Some(program) = servers::program(peer, args) else {
                eprintln!("skipped: {peer} is not installed (run.sh --install installs all)");
                continue;
            };
            let server = Server::start(peer, &program, &path.join(peer.key())).await;
            let server = server.with_context(|| format!("{peer} does not start"))?;
            let driver = connected(peer, server.port).await?;
            rounds.running.push((peer, server, driver));
        }
        ensure!(!rounds.running.is_empty(), "nothing is installed");
        Ok(rounds)
    }

    /// Measures; those that were first in one round are last in the next.
    pub(crate) async fn run(&mut self) -> Result<Measured> {
        for round in 0..self.args.rounds {
            for batch in [1, BATCH] {
                for at in 0..self.running.len() {
                    let at = (at + round as usize) % self.running.len();
                    let peer = self.running[at].0;
                    let did = self.one(at, &format!("bench_{round}_{batch}"), batch).await;
                    did.with_context(|| format!("{peer}, {batch} a call"))?;
                }
            }
            self.streams().await?;
            eprintln!("round {} of {} is done", round + 1, self.args.rounds);
        }
        Ok(std::mem::take(&mut self.measured))
    }

    /// Sends to a new queue, and receives from it.
    async fn one(&mut self, at: usize, queue: &str, batch: usize) -> Result<()> {
        let (peer, _, driver) = &self.running[at];
        let body = Bytes::from(vec![b'x'; self.args.size as usize]);
        let (bodies, time) = (vec![body; batch], Duration::from_secs(self.args.seconds.into()));
        driver.create(queue).await?;
        let callers = driver.callers(queue, self.args.callers as usize).await?;
        rest().await?;
        let (callers, sent) = workload::run(callers, Verb::Send, &bodies, time).await?;
        rest().await?;
        let (callers, taken) = workload::run(callers, Verb::Take, &bodies, time).await?;
        for mut caller in callers {
            caller.close().await?;
        }
        driver.remove(queue).await?;
        let shapes = match batch {
            1 => [Shape::Send, Shape::Take],
            _ => [Shape::SendBatch, Shape::TakeBatch],
        };
        for (shape, figures) in shapes.into_iter().zip([sent, taken]) {
            self.measured.entry((*peer, shape)).or_default().push(figures);
        }
        Ok(())
    }

    /// What only ledgerq has; its own program measures it on the same server.
    async fn streams(&mut self) -> Result<()> {
        let ledgerq = self.running.iter().find(|(peer, ..)| *peer == Peer::Ledgerq);
        let Some((_, server, _)) = ledgerq else { return Ok(()) };
        let target = format!("http://127.0.0.1:{}", server.port);
        for (shape, name) in
            [(Shape::SendStream, "send-stream"), (Shape::TakeStream, "receive-stream")]
        {
            rest().await?;
            let (size, seconds) = (self.args.size.to_string(), self.args.seconds.to_string());
            let figures =
                bench(self.args, &["--shape", name, "--target", &target, "--size", &size])
                    .args(["--seconds", &seconds])
                    .output()
                    .await?;
            let object = object(&figures)?;
            let number = |name: &str| object[name].as_f64().context("a figure is missing");
            let figures = Figures {
                messages_per_s: number("messages_per_s")?,
                p50_us: number("p50_us")? as u64,
                p99_us: number("p99_us")? as u64,
            };
            self.measured.entry((Peer::Ledgerq, shape)).or_default().push(figures);
        }
        Ok(())
    }

    /// Ends all of them.
    pub(crate) async fn stop(self) {
        for (_, server, driver) in self.running {
            drop(driver);
            server.stop().await;
        }
        drop(self.scratch);
    }
}

/// `ledgerq bench` with these arguments.
fn bench(args: &Args, arguments: &[&str]) -> Command {
    let mut command = Command::new(&args.ledgerq);
    command.args(["bench", "--json"]).args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    command
}

fn object(told: &std::process::Output) -> Result<serde_json::Value> {
    let error = String::from_utf8_lossy(&told.stderr);
    ensure!(told.status.success(), "ledgerq bench failed: {error}");
    Ok(serde_json::from_slice(&told.stdout)?)
}

/// A server's port is open before it serves.
async fn connected(peer: Peer, port: u16) -> Result<Box<dyn Driver>> {
    let mut tries = 0;
    loop {
        let driver = async {
            let driver = peers::connect(peer, port).await?;
            driver.create("ready").await?;
            driver.remove("ready").await?;
            anyhow::Ok(driver)
        };
        match driver.await {
            Ok(driver) => return Ok(driver),
            Err(error) if tries == 60 => {
                return Err(error.context(format!("{peer} does not serve")));
            }
            Err(_) => tries += 1,
        }
        sleep(REST).await;
    }
}

/// Lets the disk take what was put off, so that it is not the next one's to wait for.
async fn rest() -> Result<()> {
    tokio::task::spawn_blocking(rustix::fs::sync).await?;
    sleep(REST).await;
    Ok(())
}
