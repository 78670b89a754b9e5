//! The servers, each a process of its own on loopback, with its data in a directory of its own, set
//! so that what it acknowledges is on the disk; but for NATS, which cannot do that in Debian's
//! version.

use std::{
    fs::{self, File},
    net::TcpListener,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, geteuid, kill_process};
use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{sleep, timeout},
};

use crate::args::{Args, Peer};

/// How long a server may take to start, or to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to connect.
const PAUSE: Duration = Duration::from_millis(100);
/// Where Debian's packages have programs that are in no search path.
const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";
const POSTGRESQL: &str = "/usr/lib/postgresql";

/// A server that runs; killed when this goes.
pub(crate) struct Server {
    pub(crate) port: u16,
    process: Child,
    /// What to ask to end another process that came with it.
    afterwards: Option<Command>,
}

/// The program of a peer, or `None` if it is not installed.
pub(crate) fn program(peer: Peer, args: &Args) -> Option<PathBuf> {
    let in_path = |name: &str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directories = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
        directories.map(|directory| directory.join(name)).find(|path| path.is_file())
    };
    match peer {
        Peer::Ledgerq | Peer::LedgerqStreams => Some(args.ledgerq.clone()),
        Peer::Postgresql => {
            let versions = fs::read_dir(POSTGRESQL).ok()?.flatten();
            let programs = versions.map(|version| version.path().join("bin/postgres"));
            programs.filter(|path| path.is_file()).max()
        }
        Peer::Redis => in_path("redis-server"),
        Peer::Rabbitmq => Some(PathBuf::from(RABBITMQ)).filter(|path| path.is_file()),
        Peer::Beanstalkd => in_path("beanstalkd"),
        Peer::Nats => in_path("nats-server"),
    }
}

impl Server {
    /// Starts a peer's program with its data in a new directory, and waits for its port.
    pub(crate) async fn start(peer: Peer, program: &Path, data: &Path) -> Result<Self> {
        fs::create_dir(data)?;
        let port = free_port()?;
        let mut afterwards = None;
        let mut command = match peer {
            Peer::Ledgerq | Peer::LedgerqStreams => ledgerq(program, data, port),
            Peer::Postgresql => postgresql(program, data, port).await?,
            Peer::Redis => redis(program, data, port),
            Peer::Rabbitmq => {
                let (command, end) = rabbitmq(program, data, port)?;
                afterwards = Some(end);
                command
            }
            Peer::Beanstalkd => beanstalkd(program, data, port),
            Peer::Nats => nats(program, data, port),
        };
        let log = data.with_extension("log");
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let process = command.spawn().with_context(|| format!("{program:?} does not run"))?;
        let mut server = Self { port, process, afterwards };
        server.wait_for_port(&log).await?;
        Ok(server)
    }

    async fn wait_for_port(&mut self, log: &Path) -> Result<()> {
        let connected = async {
            while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
                sleep(PAUSE).await;
            }
        };
        let why = tokio::select! {
            connected = timeout(PATIENCE, connected) => match connected {
                Ok(()) => return Ok(()),
                Err(_) => "its port does not open".to_owned(),
            },
            ended = self.process.wait() => format!("it ended: {:?}", ended?),
        };
        bail!("{why}; it said: {}", fs::read_to_string(log)?)
    }

    /// Asks it to end, and kills it if it does not.
    pub(crate) async fn stop(mut self) {
        let pid = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        if let Some(pid) = pid
            && kill_process(pid, Signal::TERM).is_ok()
        {
            let _ = timeout(PATIENCE, self.process.wait()).await;
        }
        let _ = self.process.kill().await;
        if let Some(mut afterwards) = self.afterwards {
            let _ = afterwards.stdout(Stdio::null()).stderr(Stdio::null()).status().await;
        }
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A program as its package's user, which some insist on; a user who is not root is one already.
fn command_as(user: &str, program: &Path, data: &Path) -> Result<Command> {
    if !geteuid().is_root() {
        return Ok(Command::new(program));
    }
    let id = std::process::Command::new("id").args(["-u", user]).output()?;
    let id = String::from_utf8(id.stdout)?.trim().parse::<u32>();
    let id = id.with_context(|| format!("there is no user {user}"))?;
    chown(data, Some(id), None)?;
    let mut command = Command::new("setpriv");
    let id = id.to_string();
    command.args(["--reuid", &id, "--regid", user, "--clear-groups", "--"]).arg(program);
    Ok(command)
}

fn ledgerq(program: &Path, data: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(["serve", "--sqs-listen", "off", "--grpc-listen"]);
    command.arg(format!("127.0.0.1:{port}")).arg("--data-dir").arg(data);
    command
}

async fn postgresql(program: &Path, data: &Path, port: u16) -> Result<Command> {
    let mut initdb = command_as("postgres", &program.with_file_name("initdb"), data)?;
    initdb.arg("-D").arg(data).args(["-U", "bench", "-A", "trust"]);
    let made = initdb.output().await?;
    if !made.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&made.stderr));
    }
    let mut command = command_as("postgres", program, data)?;
    command.arg("-D").arg(data).args(["-p", &port.to_string()]);
    for setting in [
        "listen_addresses=127.0.0.1",
        "unix_socket_directories=",
        "synchronous_commit=on",
        "max_connections=1100",
        "shared_buffers=1GB",
        "max_wal_size=8GB",
    ] {
        command.args(["-c", setting]);
    }
    Ok(command)
}

fn redis(program: &Path, data: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
    command.args(["--appendonly", "yes", "--appendfsync", "always", "--dir"]).arg(data);
    command
}

/// Its runtime starts a daemon that finds nodes, which is ended afterwards.
fn rabbitmq(program: &Path, data: &Path, port: u16) -> Result<(Command, Command)> {
    let epmd_port = free_port()?.to_string();
    let mut command = command_as("rabbitmq", program, data)?;
    command
        .env("HOME", data)
        .env("ERL_EPMD_PORT", &epmd_port)
        .env("RABBITMQ_NODENAME", "bench@localhost")
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", port.to_string())
        .env("RABBITMQ_DIST_PORT", free_port()?.to_string())
        .env("RABBITMQ_CONFIG_FILE", data.join("none"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", data.join("plugins"))
        .env("RABBITMQ_PID_FILE", data.join("pid"))
        .env("RABBITMQ_MNESIA_BASE", data)
        .env("RABBITMQ_LOG_BASE", data);
    let mut end = Command::new("epmd");
    end.args(["-port", &epmd_port, "-kill"]);
    Ok((command, end))
}

fn beanstalkd(program: &Path, data: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(["-l", "127.0.0.1", "-p", &port.to_string(), "-z", "4194304", "-f", "0", "-b"]);
    command.arg(data);
    command
}

fn nats(program: &Path, data: &Path, port: u16) -> Command {
    let mut command = Command::new(program);
    command.args(["-a", "127.0.0.1", "-p", &port.to_string(), "-js", "-sd"]).arg(data);
    command
}
