//! A broker that runs: started on a free port, watched through its log, ended one way or another.

use std::{
    io::{BufRead, BufReader, Read},
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

use ledgerq::clock::Stopwatch;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{PATIENCE, program};

/// How to start a broker.
pub(super) struct Serve {
    command: Command,
    /// Settings that a test may want otherwise, by their flags.
    settings: Vec<(&'static str, String)>,
}

/// A broker that was started; killed when it is dropped.
pub(super) struct Server {
    child: Child,
    log: Arc<Log>,
    address: String,
}

/// How a broker ended.
#[derive(Debug)]
pub(super) struct Ended {
    /// Its exit code, or 128 and the number of the signal that ended it.
    pub(super) code: i32,
    /// Everything that it wrote to standard error.
    pub(super) lines: Vec<String>,
}

/// What a broker has written to standard error so far.
#[derive(Default)]
struct Log {
    written: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    /// Standard error is closed: the process has ended.
    closed: bool,
}

impl Serve {
    /// On this data directory, with small segments, which a start need not zero for long.
    pub(super) fn on(data_dir: &Path) -> Self {
        let mut serve = Self::plain(data_dir);
        serve.settings = vec![
            ("--grpc-listen", "127.0.0.1:0".into()),
            ("--segment-bytes", "64KiB".into()),
            ("--log-format", "json".into()),
        ];
        serve
    }

    /// On this data directory, with nothing else said.
    pub(super) fn plain(data_dir: &Path) -> Self {
        let mut command = program::command();
        command.args(["serve", "--data-dir"]).arg(data_dir);
        // The usual port is for one broker at a time.
        command.env("LEDGERQ_SQS_LISTEN", "127.0.0.1:0");
        Self { command, settings: Vec::new() }
    }

    /// With this soft limit of open files.
    pub(super) fn open_files_max(self, count: u32) -> Self {
        self.limited(&format!("ulimit -S -n {count}"))
    }

    fn limited(mut self, limit: &str) -> Self {
        let program = std::mem::replace(&mut self.command, Command::new("sh"));
        let script = format!("{limit}; exec \"$0\" \"$@\"");
        self.command.env_clear().arg("-c").arg(script);
        self.command.arg(program.get_program()).args(program.get_args());
        self
    }

    /// With no more than so many open files, whatever it asks for.
    pub(super) fn files_max(self, count: u32) -> Self {
        self.limited(&format!("ulimit -n {count}"))
    }

    /// With this value of a setting that [`Serve::on`] sets otherwise, or not at all.
    pub(super) fn set(mut self, flag: &'static str, value: &str) -> Self {
        self.settings.retain(|(set, _)| *set != flag);
        self.settings.push((flag, value.into()));
        self
    }

    /// With these arguments too.
    pub(super) fn args<'a>(mut self, args: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(args);
        self
    }

    /// With this variable in the environment.
    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    fn spawn(&mut self) -> (Child, Arc<Log>) {
        let settings = self.settings.iter().flat_map(|(flag, value)| [*flag, value.as_str()]);
        spawn(self.command.args(settings))
    }

    /// Starts it and waits until its port is open.
    #[track_caller]
    pub(super) fn listening(mut self) -> Server {
        let (child, log) = self.spawn();
        let mut server = Server { child, log, address: String::new() };
        let line = server.line("listening");
        line["address"].as_str().expect("the line has the address").clone_into(&mut server.address);
        server
    }

    /// Starts it and waits until it serves.
    #[track_caller]
    pub(super) fn serving(self) -> Server {
        let server = self.listening();
        server.line("serving");
        server
    }

    /// Starts it, expecting that it ends by itself.
    #[track_caller]
    pub(super) fn refused(mut self) -> Ended {
        let (child, log) = self.spawn();
        Server { child, log, address: String::new() }.ended()
    }
}

impl Server {
    /// What clients connect to.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Runs a command against the broker.
    pub(super) fn run<const N: usize>(&self, args: [&str; N]) -> program::Run {
        let url = self.url();
        program::run(["--server", url.as_str()].into_iter().chain(args))
    }

    /// The address and port.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the log line with this message; gives its fields.
    #[track_caller]
    pub(super) fn line(&self, message: &str) -> Value {
        let is_it = |line: &String| {
            let fields: Value = serde_json::from_str(line).ok()?;
            (fields["message"] == message).then_some(fields)
        };
        let found = self.log.wait(|written| written.lines.iter().find_map(is_it));
        found.unwrap_or_else(|lines| panic!("it did not log {message:?} but\n{lines}"))
    }

    /// Everything that it has written to standard error so far.
    pub(super) fn log(&self) -> String {
        let written = self.log.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.lines.join("\n")
    }

    /// The most memory that it ever had, in bytes.
    pub(super) fn peak_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.expect("the system tells").trim().trim_end_matches(" kB");
        kib.parse::<u64>().expect("it is a number") << 10
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process has a number"), signal).expect("the process is there");
    }

    /// Ends it in the middle of whatever it does.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("the process is there");
        self.child.wait().expect("the process is a child of this one");
    }

    /// Asks it to end, and waits until it has.
    #[track_caller]
    pub(super) fn terminate(self) -> Ended {
        self.signal(Signal::TERM);
        self.ended()
    }

    /// Waits until it has ended.
    #[track_caller]
    pub(super) fn ended(mut self) -> Ended {
        let closed = self.log.wait(|written| written.closed.then(|| written.lines.clone()));
        let lines = closed.unwrap_or_else(|lines| panic!("it did not end:\n{lines}"));
        let status = self.child.wait().expect("the process is a child of this one");
        let signal = || 128 + status.signal().expect("a process ends by a code or a signal");
        Ended { code: status.code().unwrap_or_else(signal), lines }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The line for people, which is the last one.
    pub(super) fn last_line(&self) -> &str {
        self.lines.last().map_or("", String::as_str)
    }

    /// Whether it logged this message.
    pub(super) fn logged(&self, message: &str) -> bool {
        self.lines.iter().any(|line| line.contains(message))
    }
}

impl Log {
    /// Waits until `look` finds something; gives the whole log if it does not in time, or not
    /// before the process ends.
    fn wait<T>(&self, look: impl Fn(&Written) -> Option<T>) -> Result<T, String> {
        let watch = Stopwatch::start();
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = look(&written) {
                return Ok(found);
            }
            let left = PATIENCE.saturating_sub(watch.elapsed());
            if left.is_zero() || written.closed {
                return Err(written.lines.join("\n"));
            }
            let waited = self.changed.wait_timeout(written, left);
            written = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut Written)) {
        change(&mut self.written.lock().unwrap_or_else(PoisonError::into_inner));
        self.changed.notify_all();
    }
}

fn spawn(command: &mut Command) -> (Child, Arc<Log>) {
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
    let mut child = started.expect("the program can be started");
    let log = Arc::new(Log::default());
    let stderr = child.stderr.take().expect("standard error is a pipe");
    let to = log.clone();
    std::thread::spawn(move || read(stderr, &to));
    (child, log)
}

fn read(stderr: impl Read, log: &Log) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        log.change(|written| written.lines.push(line));
    }
    log.change(|written| written.closed = true);
}
