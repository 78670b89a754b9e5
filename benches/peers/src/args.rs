//! What to measure.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures ledgerq and other queues with one workload, in turns.
#[derive(Debug, Parser)]
#[command(name = "run.sh")]
pub(crate) struct Args {
    /// Which; one that is not installed is left out
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Peer::ALL)]
    pub(crate) peers: Vec<Peer>,
    /// Callers at once; each waits for its answer
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) callers: u32,
    /// Bytes of a message's body
    #[arg(long, default_value_t = 1024, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    pub(crate) size: u32,
    /// Seconds that each figure is taken for, in each round
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) seconds: u32,
    /// Rounds, of which the median counts
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Where the scratch directory is made: the disk there is measured
    #[arg(long, default_value = "target")]
    pub(crate) directory: PathBuf,
    /// The program ledgerq
    #[arg(long)]
    pub(crate) ledgerq: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Peer {
    Ledgerq,
    /// The same program over its streams.
    LedgerqStreams,
    Postgresql,
    Redis,
    Rabbitmq,
    Beanstalkd,
    Nats,
}

impl Peer {
    pub(crate) const ALL: [Self; 7] = [
        Self::Ledgerq,
        Self::LedgerqStreams,
        Self::Postgresql,
        Self::Redis,
        Self::Rabbitmq,
        Self::Beanstalkd,
        Self::Nats,
    ];

    /// Its name, and how it is set.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Ledgerq => "ledgerq, calls",
            Self::LedgerqStreams => "ledgerq, callers share streams",
            Self::Postgresql => "PostgreSQL, SKIP LOCKED queue",
            Self::Redis => "Redis streams, appendfsync always",
            Self::Rabbitmq => "RabbitMQ quorum queue, confirms",
            Self::Beanstalkd => "beanstalkd -f0",
            Self::Nats => "NATS JetStream, file store",
        }
    }

    /// Whether what it acknowledges is on the disk.
    pub(crate) fn is_durable(self) -> bool {
        // It syncs every two minutes.
        self != Self::Nats
    }

    /// Whether it is ledgerq.
    pub(crate) fn is_own(self) -> bool {
        matches!(self, Self::Ledgerq | Self::LedgerqStreams)
    }

    /// How the command line and the JSON call it.
    pub(crate) fn key(self) -> String {
        let value = self.to_possible_value().expect("each has a name");
        value.get_name().to_owned()
    }
}

impl std::fmt::Display for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.key())
    }
}
