//! One layer of the configuration: what one source says, which may be nothing.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::{Table, Value};

use super::{Account, Address, ConfigError, Count, Credentials, Listen, Size, Span, Switch};

/// How log lines look on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Every setting, each by one name: the key `grpc_listen` of the file is the variable
/// `LEDGERQ_GRPC_LISTEN` of the environment and the flag `--grpc-listen`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Layer {
    /// Directory of the data, made if it is not there [default: ./ledgerq-data]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Bytes of its file system that the data may take; 0B for all of them [default: 0B]
    #[arg(long, value_name = "SIZE")]
    pub data_bytes_max: Option<Size>,
    /// Address and port of the gRPC API [default: 127.0.0.1:7420]
    #[arg(long, value_name = "ADDRESS")]
    pub grpc_listen: Option<Address>,
    /// Connections to the gRPC API at once [default: 20000]
    #[arg(long, value_name = "COUNT")]
    pub grpc_connections_max: Option<Count>,
    /// Address and port of the SQS-compatible endpoint, or off [default: 127.0.0.1:9324]
    #[arg(long, value_name = "ADDRESS")]
    pub sqs_listen: Option<Listen>,
    /// Account number in the URLs and ARNs of queues [default: 000000000000]
    #[arg(long, value_name = "DIGITS")]
    pub sqs_account: Option<Account>,
    /// Access keys that may sign SQS requests, as ID:SECRET,ID:SECRET; without any, signatures are
    /// not looked at. Better in the file or the environment than here
    #[arg(long, value_name = "KEYS")]
    pub sqs_credentials: Option<Credentials>,
    /// Connections to the SQS-compatible endpoint at once [default: 20000]
    #[arg(long, value_name = "COUNT")]
    pub sqs_connections_max: Option<Count>,
    /// Certificate chain in PEM; with it the APIs speak TLS alone
    #[arg(long, value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(long, value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
    /// Size of one segment of the log [default: 128MiB]
    #[arg(long, value_name = "SIZE")]
    pub segment_bytes: Option<Size>,
    /// Bytes of log after which a checkpoint is due at the earliest [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub checkpoint_bytes: Option<Size>,
    /// Bytes that compaction copies in a second at most [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub compaction_bytes_per_s: Option<Size>,
    /// Bytes that are read again in a second at most to find damage; 0B for none [default: 10MiB]
    #[arg(long, value_name = "SIZE")]
    pub scrub_bytes_per_s: Option<Size>,
    /// How long after such a pass the next begins [default: 7d]
    #[arg(long, value_name = "DURATION")]
    pub scrub_interval: Option<Span>,
    /// Dead segments that are kept to be used again, the others are unlinked [default: 2]
    #[arg(long, value_name = "COUNT")]
    pub reclaim_pool: Option<Count>,
    /// Time without writes after which the last one is confirmed in the log [default: 20ms]
    #[arg(long, value_name = "DURATION")]
    pub idle_sync_after: Option<Span>,
    /// Memory for the newest messages, read from there and not from disk [default: 64MiB]
    #[arg(long, value_name = "SIZE")]
    pub tail_cache_bytes: Option<Size>,
    /// Requests under way at once, long polls not counted [default: 10000]
    #[arg(long, value_name = "COUNT")]
    pub requests_max: Option<Count>,
    /// Receives that wait at once [default: 200000]
    #[arg(long, value_name = "COUNT")]
    pub polls_max: Option<Count>,
    /// Bytes of messages in requests under way at once [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    pub requests_bytes_max: Option<Size>,
    /// Messages of one queue in flight at once [default: 120000]
    #[arg(long, value_name = "COUNT")]
    pub in_flight_max: Option<Count>,
    /// Deduplication ids of the last 5 minutes that one queue keeps [default: 10000000]
    #[arg(long, value_name = "COUNT")]
    pub deduplication_ids_max: Option<Count>,
    /// Whether the name of a deleted queue cannot be used again for 60 s, as in Amazon SQS
    /// [default: off]
    #[arg(long, value_name = "ON|OFF")]
    pub deleted_names_held: Option<Switch>,
    /// Time for requests under way to end at a shutdown [default: 30s]
    #[arg(long, value_name = "DURATION")]
    pub drain_timeout: Option<Span>,
    /// What to log: a level, or directives like `info,ledgerq::log=debug` [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// How log lines look [default: text]
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

/// The keys of [`Layer`], in its order.
pub const KEYS: [&str; 27] = [
    "data_dir",
    "data_bytes_max",
    "grpc_listen",
    "grpc_connections_max",
    "sqs_listen",
    "sqs_account",
    "sqs_credentials",
    "sqs_connections_max",
    "tls_cert",
    "tls_key",
    "segment_bytes",
    "checkpoint_bytes",
    "compaction_bytes_per_s",
    "scrub_bytes_per_s",
    "scrub_interval",
    "reclaim_pool",
    "idle_sync_after",
    "tail_cache_bytes",
    "requests_max",
    "polls_max",
    "requests_bytes_max",
    "in_flight_max",
    "deduplication_ids_max",
    "deleted_names_held",
    "drain_timeout",
    "log",
    "log_format",
];

/// The environment's variable for a key.
pub fn variable(key: &str) -> String {
    format!("LEDGERQ_{}", key.to_ascii_uppercase())
}

impl Layer {
    /// What a configuration file says.
    pub(super) fn from_file(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        Self::from_toml(&text, path)
    }

    pub(super) fn from_toml(text: &str, path: &Path) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..start).unwrap_or_default();
            let number = before.matches('\n').count() + 1;
            ConfigError::File {
                path: path.to_owned(),
                number,
                line: text.lines().nth(number - 1).unwrap_or_default().trim().to_owned(),
                problem: error.message().replace('\n', ", "),
            }
        })
    }

    /// What the environment says; `read` looks a variable up.
    pub(super) fn from_env(read: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut all = Self::default();
        for key in KEYS {
            let name = variable(key);
            let Some(value) = read(&name).filter(|value| !value.is_empty()) else { continue };
            let one = Self::deserialize(Table::from_iter([(key.into(), Value::String(value))]));
            all = all.or(one
                .map_err(|error| ConfigError::Env { name, problem: error.message().to_owned() })?);
        }
        Ok(all)
    }

    /// What this layer says, and where it says nothing, what `lower` says.
    #[must_use]
    pub(super) fn or(self, lower: Self) -> Self {
        Self {
            data_dir: self.data_dir.or(lower.data_dir),
            data_bytes_max: self.data_bytes_max.or(lower.data_bytes_max),
            grpc_listen: self.grpc_listen.or(lower.grpc_listen),
            grpc_connections_max: self.grpc_connections_max.or(lower.grpc_connections_max),
            sqs_listen: self.sqs_listen.or(lower.sqs_listen),
            sqs_account: self.sqs_account.or(lower.sqs_account),
            sqs_credentials: self.sqs_credentials.or(lower.sqs_credentials),
            sqs_connections_max: self.sqs_connections_max.or(lower.sqs_connections_max),
            tls_cert: self.tls_cert.or(lower.tls_cert),
            tls_key: self.tls_key.or(lower.tls_key),
            segment_bytes: self.segment_bytes.or(lower.segment_bytes),
            checkpoint_bytes: self.checkpoint_bytes.or(lower.checkpoint_bytes),
            compaction_bytes_per_s: self.compaction_bytes_per_s.or(lower.compaction_bytes_per_s),
            scrub_bytes_per_s: self.scrub_bytes_per_s.or(lower.scrub_bytes_per_s),
            scrub_interval: self.scrub_interval.or(lower.scrub_interval),
            reclaim_pool: self.reclaim_pool.or(lower.reclaim_pool),
            idle_sync_after: self.idle_sync_after.or(lower.idle_sync_after),
            tail_cache_bytes: self.tail_cache_bytes.or(lower.tail_cache_bytes),
            requests_max: self.requests_max.or(lower.requests_max),
            polls_max: self.polls_max.or(lower.polls_max),
            requests_bytes_max: self.requests_bytes_max.or(lower.requests_bytes_max),
            in_flight_max: self.in_flight_max.or(lower.in_flight_max),
            deduplication_ids_max: self.deduplication_ids_max.or(lower.deduplication_ids_max),
            deleted_names_held: self.deleted_names_held.or(lower.deleted_names_held),
            drain_timeout: self.drain_timeout.or(lower.drain_timeout),
            log: self.log.or(lower.log),
            log_format: self.log_format.or(lower.log_format),
        }
    }
}
