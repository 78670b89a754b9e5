//! `ledgerq serve`: from the command line to a running broker.
//!
//! The order matters: the configuration is right before anything is touched, and the port is ours
//! before the recovery begins, so that two brokers never read one directory for a port's sake and
//! health answers from the first moment.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tonic::transport::Identity;

use super::{Exit, Failure, signals::Signals, start};
use crate::{
    api::{self, sqs::KeyPair},
    clock::TestClock,
    config::{Config, ConfigError, Layer, Tls},
    server, telemetry,
};

/// How to run the broker. A setting is a flag here, a variable `LEDGERQ_...` of the environment, or
/// a key of the file, in this order.
#[derive(Debug, Args)]
pub(super) struct ServeArgs {
    /// Configuration file, in TOML
    #[arg(long, env = "LEDGERQ_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Agree with the wall clock although it is more than 7 days past the last logged time:
    /// messages expire by it. Without this, such a start keeps every message until it is told so
    #[arg(long)]
    accept_clock: bool,
    /// For tests of programs: let clients move the clock (`ledgerq clock advance 5m`). Only on
    /// loopback addresses, and not with data that anybody needs
    #[arg(long)]
    test_clock: bool,
    /// Only show what is in the data directory, and change nothing: queues, peek, status. Requests
    /// that would change something, receives among them, are refused
    #[arg(long, conflicts_with_all = ["accept_clock", "test_clock"])]
    read_only: bool,
    #[command(flatten)]
    settings: Layer,
}

/// The certificate chain and the key of the API, in PEM.
struct Pem {
    cert: Vec<u8>,
    key: Vec<u8>,
}

pub(super) fn run(args: ServeArgs) -> Result<(), Failure> {
    let read = |name: &str| std::env::var(name).ok();
    let config = Config::load(args.settings, args.config.as_deref(), &read)?;
    if args.test_clock {
        only_loopback(&config)?;
    }
    telemetry::init(&config.log, config.log_format)?;
    raise_open_files_max();
    let pem = config.tls.as_ref().map(read_pem).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    runtime.block_on(async {
        let listener = bind(config.grpc_listen, "--grpc-listen").await?;
        let sqs_listener = match config.sqs_listen {
            Some(address) => Some(bind(address, "--sqs-listen").await?),
            None => None,
        };
        let signals =
            Signals::catch().map_err(|error| Failure::start(Exit::CannotStart, &error))?;
        let sqs = sqs_listener.map(|listener| sqs(&config, listener, pem.as_ref())).transpose()?;
        let tls = pem.map(|pem| Identity::from_pem(pem.cert, pem.key));
        let address = listener.local_addr().map_err(|e| Failure::start(Exit::CannotStart, &e))?;
        let data_dir = config.data_dir.display();
        tracing::info!(%address, %data_dir, tls = tls.is_some(), "listening");
        if let Some(sqs) = &sqs {
            let signed = !sqs.settings.endpoint.keys.is_empty();
            tracing::info!(address = sqs.settings.endpoint.host, signed, "listening for SQS");
        }
        let clocks = start::Clocks {
            accept_jump: args.accept_clock,
            test: args.test_clock.then(|| Arc::new(TestClock::default())),
        };
        let mode = if args.read_only { start::Mode::Looks } else { start::Mode::Serves(clocks) };
        let doors = start::Doors { grpc: listener, tls, sqs };
        start::serve(&config, mode, doors, signals).await
    })
}

/// Whoever can connect to a broker with a test clock can let its messages expire.
fn only_loopback(config: &Config) -> Result<(), Failure> {
    let sqs = config.sqs_listen.map(|address| ("sqs_listen", address));
    let mut listeners = [("grpc_listen", config.grpc_listen)].into_iter().chain(sqs);
    let open = listeners.find(|(_, address)| !address.ip().is_loopback());
    open.map_or(Ok(()), |(key, address)| {
        let line = format!(
            "--test-clock lets every client move the clock, but {key} is {address}, which others \
             can reach; listen on 127.0.0.1 or [::1]"
        );
        Err(Failure::new(Exit::Config, line))
    })
}

/// Takes as many open files as this process may have: each segment of the log is one, and each
/// connection. The soft limit, which most systems set to 1,024, is one for programs that use
/// `select(2)`.
fn raise_open_files_max() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        tracing::warn!(%error, "the limit of open files stays as it is; see `ulimit -n`");
    }
}

/// What the SQS-compatible endpoint is served with.
fn sqs(
    config: &Config,
    listener: TcpListener,
    pem: Option<&Pem>,
) -> Result<start::SqsDoor, Failure> {
    let address = listener.local_addr();
    let address = address.map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    let tls = pem.map(|pem| server::sqs::tls(&pem.cert, &pem.key)).transpose();
    let tls = tls.map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    let pairs = config.sqs_credentials.pairs();
    let keys = pairs.map(|(id, secret)| KeyPair { id: id.into(), secret: secret.into() });
    let endpoint = api::sqs::Settings {
        account: config.sqs_account.as_str().to_owned(),
        keys: keys.collect(),
        incoming_bytes_max: config.requests_bytes_max,
        body_time_max: api::sqs::BODY_TIME_MAX,
        is_tls: tls.is_some(),
        host: address.to_string(),
    };
    let connections_max = usize::try_from(config.sqs_connections_max).unwrap_or(usize::MAX);
    let drain_max = Duration::from_millis(config.drain_timeout.get());
    let times = server::sqs::Times::default();
    let settings = server::sqs::Settings { endpoint, tls, times, connections_max, drain_max };
    Ok(start::SqsDoor { listener, settings })
}

async fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let hint = match error.kind() {
            std::io::ErrorKind::AddrInUse => "another process listens there; choose another port",
            std::io::ErrorKind::PermissionDenied => "ports below 1024 are for root",
            _ => "is it an address of this machine?",
        };
        let line = format!("cannot listen on {address}: {error}; {hint} ({flag})");
        Failure::new(Exit::CannotStart, line)
    })
}

fn read_pem(tls: &Tls) -> Result<Pem, ConfigError> {
    let read = |key, path: &PathBuf| {
        std::fs::read(path).map_err(|source| ConfigError::TlsRead {
            key,
            path: path.clone(),
            source,
        })
    };
    Ok(Pem { cert: read("tls_cert", &tls.cert)?, key: read("tls_key", &tls.key)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log;

    /// `config` knows no log, so that this holds the two together.
    #[test]
    fn the_settings_of_the_log_are_within_its_limits() {
        let load = |bytes: u64| {
            let settings =
                Layer { segment_bytes: Some(crate::config::Size(bytes)), ..Layer::default() };
            Config::load(settings, None, &|_| None).map(|config| config.segment_bytes).ok()
        };
        let default = Config::load(Layer::default(), None, &|_| None).expect("the defaults");
        assert_eq!(default.segment_bytes, log::SEGMENT_BYTES_DEFAULT);
        let (min, max) = (log::SEGMENT_BYTES_MIN, log::SEGMENT_BYTES_MAX);
        let step = log::SEGMENT_BYTES_STEP;
        for bytes in [min, min + step, max] {
            assert_eq!(load(bytes), Some(bytes));
        }
        for bytes in [min - step, min + step - 1, min + 1, max + step] {
            assert_eq!(load(bytes), None, "{bytes}");
        }
    }

    #[test]
    fn a_test_clock_is_for_loopback_alone() {
        let mut config = Config::load(Layer::default(), None, &|_| None).expect("the defaults");
        for address in ["127.0.0.1:0", "127.1.2.3:7420", "[::1]:7420"] {
            config.grpc_listen = address.parse().expect("an address");
            assert!(only_loopback(&config).is_ok(), "{address}");
        }
        for address in ["0.0.0.0:7420", "[::]:7420", "192.0.2.1:7420"] {
            config.grpc_listen = address.parse().expect("an address");
            let failure = only_loopback(&config).expect_err("others can reach it");
            assert_eq!(failure.exit, Exit::Config);
            let line = failure.line.expect("a line");
            assert!(line.contains(&format!("grpc_listen is {address}")), "{line}");
        }
        config.grpc_listen = crate::config::GRPC_LISTEN_DEFAULT;
        config.sqs_listen = Some("0.0.0.0:9324".parse().expect("an address"));
        assert!(only_loopback(&config).is_err());
        config.sqs_listen = None;
        assert!(only_loopback(&config).is_ok());
    }

    #[tokio::test]
    async fn a_port_in_use_is_told_with_what_to_do() {
        let taken = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = taken.local_addr().expect("its address");
        let failure = bind(address, "--grpc-listen").await.expect_err("it is taken");
        assert_eq!(failure.exit, Exit::CannotStart);
        let line = failure.line.expect("a line");
        assert!(line.ends_with("; choose another port (--grpc-listen)"), "{line}");
    }
}
