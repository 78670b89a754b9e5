//! The broker of a drill: this program's `serve` as a process of its own, watched through its log.

use std::{
    io::{self, BufRead as _, BufReader},
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};
use tokio::{sync::watch, time::timeout};

/// How long something may take that is bound to happen.
pub(super) const PATIENCE: Duration = Duration::from_mins(2);

/// How often it is looked whether a killed process is gone, and the pause in between.
const LOOKS_MAX: u32 = 1000;
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// Settings that keep a start quick and files many.
const SETTINGS: [&str; 14] = [
    "--grpc-listen",
    "127.0.0.1:0",
    "--sqs-listen",
    "off",
    "--segment-bytes",
    "256KiB",
    "--checkpoint-bytes",
    "1MiB",
    "--drain-timeout",
    "10s",
    "--log-format",
    "json",
    "--log",
    "info",
];

/// A broker that was started; it and all that it was started through are killed when it is dropped.
pub(super) struct Broker {
    child: Child,
    is_wrapped: bool,
    seen: watch::Receiver<Seen>,
}

/// What was seen of a broker's log.
#[derive(Clone, Debug, Default)]
struct Seen {
    address: Option<String>,
    is_serving: bool,
    has_ended: bool,
    last_line: String,
}

/// How a broker ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub(super) code: i32,
    /// The last line that it wrote.
    pub(super) last_line: String,
}

impl Broker {
    /// Starts one on this directory, of which it may take so many bytes; `wrapper` is a program and
    /// its arguments to start it through.
    pub(super) fn start(
        data_dir: &Path,
        data_bytes_max: Option<u64>,
        wrapper: &[String],
    ) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        let mut command = match wrapper.split_first() {
            None => Command::new(program),
            Some((first, rest)) => {
                let mut command = Command::new(first);
                command.args(rest).arg(program);
                command
            }
        };
        command.args(["serve", "--data-dir"]).arg(data_dir).args(SETTINGS);
        if let Some(bytes) = data_bytes_max {
            command.arg("--data-bytes-max").arg(format!("{bytes}B"));
        }
        // What is set for another broker is not for this one.
        let others = std::env::vars_os().map(|(name, _)| name);
        for name in others.filter(|name| name.to_string_lossy().starts_with("LEDGERQ_")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        // In a group of its own, so that Ctrl-C is for the drill alone and the wrapper ends too.
        let mut child = command.process_group(0).spawn()?;
        let (tell, seen) = watch::channel(Seen::default());
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || read(stderr, &tell));
        }
        Ok(Self { child, is_wrapped: !wrapper.is_empty(), seen })
    }

    /// Waits until it listens; gives the server's URL, or how it ended.
    pub(super) async fn listening(&mut self) -> Result<String, Ended> {
        let seen = self.wait(|seen| seen.address.is_some() || seen.has_ended).await;
        match seen.address {
            Some(address) => Ok(format!("http://{address}")),
            None => Err(self.kill()),
        }
    }

    /// Waits until it serves, or tells how it ended.
    pub(super) async fn serving(&mut self) -> Result<(), Ended> {
        let seen = self.wait(|seen| seen.is_serving || seen.has_ended).await;
        if seen.is_serving && !seen.has_ended { Ok(()) } else { Err(self.kill()) }
    }

    /// Waits until it has ended by itself; `None` if it has not within so long.
    pub(super) async fn ended(&mut self, within: Duration) -> Option<Ended> {
        let over = timeout(within, self.seen.wait_for(|seen| seen.has_ended)).await.is_ok();
        over.then(|| self.kill())
    }

    /// Asks it to end.
    pub(super) fn terminate(&self) {
        if let Some(pid) = self.pid() {
            // It may have ended.
            let _ = kill_process(pid, Signal::TERM);
        }
    }

    /// Ends it in the middle of whatever it does, with all that it was started through.
    pub(super) fn kill(&mut self) -> Ended {
        if let Some(pid) = self.pid() {
            // It may have ended.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let code = self.child.wait().ok().map_or(-1, |status| {
            status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or(-1)
        });
        // What it was started through has ended; the broker itself may still hold the lock.
        let mut looks = 0;
        while let Some(pid) = self.pid()
            && self.is_wrapped
            && test_kill_process_group(pid).is_ok()
            && looks < LOOKS_MAX
        {
            std::thread::sleep(LOOK_PAUSE);
            looks += 1;
        }
        Ended { code, last_line: self.seen.borrow().last_line.clone() }
    }

    async fn wait(&mut self, until: impl FnMut(&Seen) -> bool) -> Seen {
        let found = timeout(PATIENCE, self.seen.wait_for(until)).await;
        let found = found.map(|seen| seen.map(|seen| seen.clone()));
        match found {
            Ok(Ok(seen)) => seen,
            Ok(Err(_)) | Err(_) => Seen { has_ended: true, ..self.seen.borrow().clone() },
        }
    }

    fn pid(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Everything that a broker writes, until nobody has its standard error any more.
fn read(stderr: ChildStderr, tell: &watch::Sender<Seen>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let fields: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        tell.send_modify(|seen| {
            match fields["message"].as_str() {
                Some("listening") => {
                    seen.address = fields["address"].as_str().map(str::to_owned);
                }
                Some("serving") => seen.is_serving = true,
                Some(_) | None => {}
            }
            seen.last_line = line;
        });
    }
    tell.send_modify(|seen| seen.has_ended = true);
}
