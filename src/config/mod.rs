//! The configuration of `serve`: flags before environment before file before defaults.
//!
//! [`Layer`] is what one source says; [`Config`] is what holds, each value within its limits. Each
//! room has its own settings, made from these where the broker is started; nothing else reads the
//! environment or the file.

mod check;
mod error;
mod layer;
mod sqs;
mod units;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

pub use error::{ConfigError, Origin};
pub use layer::{KEYS, Layer, LogFormat, variable};
pub use sqs::{Account, Credentials, Listen};
pub use units::{Address, Count, Size, Span, Switch, UnitError};

use crate::types::{Millis, limits};

/// Where `serve` and the offline commands look for data unless told.
pub const DATA_DIR_DEFAULT: &str = "./ledgerq-data";
/// Where the gRPC API listens unless told.
pub const GRPC_LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7420);
/// With less than so many segments' size there is no room for a queue that is drained: one segment
/// is in use, two are prepared, as much is held back, and outputs and checkpoints are made.
const SEGMENTS_MIN: u64 = 8;
/// Where the SQS-compatible endpoint listens unless told.
pub const SQS_LISTEN_DEFAULT: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9324);
/// What is logged unless told.
pub const LOG_DEFAULT: &str = "info";

/// What the broker is run with, every value within its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Directory of the data.
    pub data_dir: PathBuf,
    /// Bytes of its file system that the data may take, if not all.
    pub data_bytes_max: Option<u64>,
    /// Where the gRPC API listens.
    pub grpc_listen: SocketAddr,
    /// Connections to the gRPC API at once.
    pub grpc_connections_max: u64,
    /// Where the SQS-compatible endpoint listens; nowhere if it is off.
    pub sqs_listen: Option<SocketAddr>,
    /// The account number in the URLs and ARNs of queues.
    pub sqs_account: Account,
    /// Who may sign SQS requests; everybody if there is none.
    pub sqs_credentials: Credentials,
    /// Connections to the SQS-compatible endpoint at once.
    pub sqs_connections_max: u64,
    /// Certificate and key, if the API is to speak TLS.
    pub tls: Option<Tls>,
    /// Size of one segment of the log, in bytes.
    pub segment_bytes: u64,
    /// Bytes of log after which a checkpoint is due at the earliest.
    pub checkpoint_bytes: u64,
    /// Bytes that compaction copies in a second at most.
    pub compaction_bytes_per_s: u64,
    /// Bytes that the scrub reads in a second at most; 0 for none.
    pub scrub_bytes_per_s: u64,
    /// How long after a pass of the scrub the next begins.
    pub scrub_interval: Millis,
    /// Dead segments that are kept to be used again.
    pub reclaim_pool: u64,
    /// Time without writes after which a sync frame is written.
    pub idle_sync_after: Millis,
    /// Memory for the newest payloads, in bytes.
    pub tail_cache_bytes: u64,
    /// Requests under way at once that are not long polls.
    pub requests_max: u64,
    /// Receives that wait at once.
    pub polls_max: u64,
    /// Bytes of messages in requests under way at once.
    pub requests_bytes_max: u64,
    /// Messages of one standard queue in flight at once.
    pub in_flight_max: u64,
    /// Deduplication ids that count at one time in one queue.
    pub deduplication_ids_max: u64,
    /// Whether the name of a deleted queue cannot be used again for a while.
    pub deleted_names_held: bool,
    /// How long requests under way may take to end at a shutdown.
    pub drain_timeout: Millis,
    /// What is logged: directives of `tracing_subscriber`'s `EnvFilter`.
    pub log: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Where the certificate of the API lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate chain, in PEM.
    pub cert: PathBuf,
    /// Its private key, in PEM.
    pub key: PathBuf,
}

impl Config {
    /// Reads the file, if there is one to read, and the environment, and lays the flags over them.
    /// `read` looks a variable of the environment up. A value that a stronger source overrides is
    /// held to its limits all the same.
    pub fn load(
        flags: Layer,
        file: Option<&Path>,
        read: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConfigError> {
        let in_env = Layer::from_env(read)?;
        let in_file = file.map(Layer::from_file).transpose()?.unwrap_or_default();
        flags.check(&Origin::Flag)?;
        in_env.check(&Origin::Env)?;
        in_file.check(&Origin::File(file.unwrap_or(Path::new("")).to_owned()))?;
        Self::settle(flags.or(in_env).or(in_file))
    }

    /// Fills in the defaults.
    fn settle(all: Layer) -> Result<Self, ConfigError> {
        let bytes = |given: Option<Size>, default: u64| given.map_or(default, |size| size.0);
        let count = |given: Option<Count>, default: u64| given.map_or(default, |count| count.0);
        let span = |given: Option<Span>, default: Millis| given.map_or(default, |span| span.0);
        let mebi = 1 << 20;
        let ids_default = limits::DEDUPLICATION_IDS_MAX_DEFAULT;
        let tls = match (all.tls_cert, all.tls_key) {
            (Some(cert), Some(key)) => Some(Tls { cert, key }),
            (None, None) => None,
            (Some(_), None) => return Err(ConfigError::TlsHalf("tls_cert", "tls_key")),
            (None, Some(_)) => return Err(ConfigError::TlsHalf("tls_key", "tls_cert")),
        };
        let segment_bytes = bytes(all.segment_bytes, 128 * mebi);
        let data_bytes_max = Some(bytes(all.data_bytes_max, 0)).filter(|bytes| *bytes > 0);
        if let Some(value) = data_bytes_max.filter(|max| *max < SEGMENTS_MIN * segment_bytes) {
            let (value, min) = (Size(value), Size(SEGMENTS_MIN * segment_bytes));
            return Err(ConfigError::NoRoom { value, min, segment_bytes: Size(segment_bytes) });
        }
        Ok(Self {
            data_bytes_max,
            data_dir: all.data_dir.unwrap_or_else(|| DATA_DIR_DEFAULT.into()),
            grpc_listen: all.grpc_listen.map_or(GRPC_LISTEN_DEFAULT, |address| address.0),
            grpc_connections_max: count(all.grpc_connections_max, 20_000),
            sqs_listen: all.sqs_listen.map_or(Some(SQS_LISTEN_DEFAULT), |listen| listen.0),
            sqs_account: all.sqs_account.unwrap_or_default(),
            sqs_credentials: all.sqs_credentials.unwrap_or_default(),
            sqs_connections_max: count(all.sqs_connections_max, 20_000),
            tls,
            segment_bytes,
            checkpoint_bytes: bytes(all.checkpoint_bytes, 256 * mebi),
            compaction_bytes_per_s: bytes(all.compaction_bytes_per_s, 64 * mebi),
            scrub_bytes_per_s: bytes(all.scrub_bytes_per_s, 10 * mebi),
            scrub_interval: span(all.scrub_interval, Millis::from_secs(7 * 24 * 3600)),
            reclaim_pool: count(all.reclaim_pool, 2),
            idle_sync_after: span(all.idle_sync_after, Millis::new(20)),
            tail_cache_bytes: bytes(all.tail_cache_bytes, 64 * mebi),
            requests_max: count(all.requests_max, 10_000),
            polls_max: count(all.polls_max, 200_000),
            requests_bytes_max: bytes(all.requests_bytes_max, 256 * mebi),
            in_flight_max: count(all.in_flight_max, limits::IN_FLIGHT_MAX_DEFAULT),
            deduplication_ids_max: count(all.deduplication_ids_max, ids_default),
            deleted_names_held: all.deleted_names_held.is_some_and(|held| held.0),
            drain_timeout: span(all.drain_timeout, Millis::from_secs(30)),
            log: all.log.unwrap_or_else(|| LOG_DEFAULT.into()),
            log_format: all.log_format.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests;
