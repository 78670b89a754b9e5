//! A server in a process of its own, what the system says of it, and a place for its data.

use std::{
    io::{BufRead as _, BufReader},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Stdio},
    str::FromStr,
    sync::mpsc,
};

use ledgerq::{
    client::Client,
    types::{QueueName, SettingsPatch},
};
use serde_json::Value;

/// Bytes of each message's body.
pub(crate) const BODY_BYTES: usize = 1024;
/// Callers at once.
pub(crate) const CALLERS: usize = 64;
/// Connections that they share.
const CONNECTIONS: usize = 8;

/// What the environment says, or the default.
pub(crate) fn variable<T: FromStr>(name: &str, default: T) -> T {
    std::env::var(name).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no such number"))
    })
}

/// A directory under `LEDGERQ_BENCH_DIR`, or under `target`; it goes when this goes.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new directory for this process.
    pub(crate) fn new(name: &str) -> Self {
        let base =
            std::env::var_os("LEDGERQ_BENCH_DIR").map_or_else(|| "target".into(), PathBuf::from);
        let path = base.join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("the scratch directory can be made");
        Self(path)
    }

    /// A path in it.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// `ledgerq serve`, killed when this goes.
pub(crate) struct Server {
    process: Child,
    url: String,
    /// The log's lines that are waited for.
    log: mpsc::Receiver<Value>,
}

impl Server {
    /// Starts a server on this directory, and waits until its port is open. It takes its settings
    /// from the environment, and `settings` over that.
    pub(crate) fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_ledgerq"))
            .args(["serve", "--grpc-listen", "127.0.0.1:0", "--sqs-listen", "off", "--log", "info"])
            .args(["--log-format", "json", "--data-dir"])
            .arg(data)
            .envs(settings.iter().copied())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's program runs");
        let stderr = process.stderr.take().expect("it is piped");
        let (told, log) = mpsc::channel();
        std::thread::spawn(move || follow(stderr, &told));
        let mut server = Self { process, url: String::new(), log };
        let line = server.line("listening");
        server.url = format!("http://{}", line["address"].as_str().expect("it has the address"));
        server
    }

    /// What clients connect to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it serves.
    pub(crate) fn serving(&self) {
        self.line("serving");
    }

    /// Ends it in the middle of whatever it does.
    pub(crate) fn kill(&mut self) {
        self.process.kill().expect("it is there");
        self.process.wait().expect("it is a child of this process");
    }

    /// Its memory that no file stands behind, in bytes. Panics if it has ended by itself.
    pub(crate) fn anon_bytes(&self) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let status = std::fs::read_to_string(path).expect("this is Linux, and the server runs");
        let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let line = line.expect("the server goes on; what it said is above");
        let kib = line.trim().trim_end_matches(" kB").parse::<u64>();
        kib.expect("a number") << 10
    }

    fn line(&self, message: &str) -> Value {
        loop {
            let line = self.log.recv().expect("the server goes on; what it said is above");
            if line["message"] == message {
                return line;
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Reads the log to its end. What is worth a warning goes on to standard error.
fn follow(stderr: ChildStderr, told: &mpsc::Sender<Value>) {
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let fields: Value = serde_json::from_str(&line).unwrap_or_default();
        if fields["level"] != "INFO" {
            eprintln!("server: {line}");
        }
        // Nobody may wait for anything any more.
        let _ = told.send(fields);
    }
}

/// Clients of a server, each with a connection of its own.
pub(crate) async fn connect(url: &str) -> Vec<Client> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(Client::connect(url).await.expect("its port is open"));
    }
    clients
}

/// Makes a queue, and gives its name.
pub(crate) async fn create(client: &Client, name: &str, settings: &SettingsPatch) -> QueueName {
    let queue = QueueName::parse(name).expect("a good name");
    client.create_queue(&queue, settings).await.expect("it is new");
    queue
}

/// What the files of a directory take on the disk, in bytes. A file that goes meanwhile takes none.
pub(crate) fn used_bytes(directory: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(directory) else { return 0 };
    let used = |entry: std::io::Result<std::fs::DirEntry>| {
        let entry = entry.ok()?;
        let metadata = entry.metadata().ok()?;
        let is_directory = metadata.is_dir();
        Some(if is_directory { used_bytes(&entry.path()) } else { metadata.blocks() * 512 })
    };
    entries.filter_map(used).sum()
}

/// A number as one that can be divided.
#[expect(clippy::cast_precision_loss, reason = "figures are shown to three digits")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// Bytes as MB.
pub(crate) fn mb(bytes: u64) -> f64 {
    float(bytes) / 1e6
}

/// One figure beside the bound that it has to keep.
pub(crate) struct Bound {
    /// What it is.
    pub(crate) name: &'static str,
    /// What came out; `None` if there are no figures to judge.
    pub(crate) figure: Option<f64>,
    /// What is asked.
    pub(crate) limit: Limit,
}

/// What a figure has to be.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    /// Not more than this.
    AtMost(f64),
    /// Not less than this.
    AtLeast(f64),
}

/// Prints the bounds; the exit code: 1 if one is missed, 2 if one could not be judged.
pub(crate) fn judge(bounds: &[Bound]) -> i32 {
    println!("{:<56} {:>10} {:>10}", "bound", "figure", "limit");
    let (mut missed, mut unknown) = (false, false);
    for Bound { name, figure, limit } in bounds {
        let (sign, bound) = match limit {
            Limit::AtMost(bound) => ("<=", bound),
            Limit::AtLeast(bound) => (">=", bound),
        };
        let kept = figure.map(|figure| match limit {
            Limit::AtMost(bound) => figure <= *bound,
            Limit::AtLeast(bound) => figure >= *bound,
        });
        missed |= kept == Some(false);
        unknown |= kept.is_none();
        let figure = figure.map_or_else(|| "-".into(), |figure| format!("{figure:.3}"));
        let verdict = match kept {
            Some(true) => "kept",
            Some(false) => "MISSED",
            None => "not judged: no figures",
        };
        println!("{name:<56} {figure:>10} {sign:>3} {bound:>6.2}  {verdict}");
    }
    if missed { 1 } else { i32::from(unknown) * 2 }
}
