//! A driver for each peer.

mod beanstalkd;
mod ledgerq;
mod nats;
mod postgresql;
mod rabbitmq;
mod redis;
mod streams;

use anyhow::Result;
use async_trait::async_trait;

use crate::{args::Peer, workload::Caller};

/// Connections that callers share where a client can do that.
const CONNECTIONS: usize = 8;

/// A peer that runs.
#[async_trait]
pub(crate) trait Driver: Send + Sync {
    /// Makes a queue.
    async fn create(&self, queue: &str) -> Result<()>;

    /// Callers of a queue that is there.
    async fn callers(&self, queue: &str, count: usize) -> Result<Vec<Box<dyn Caller>>>;

    /// Removes a queue and what is in it, and does what else was put off.
    async fn remove(&self, queue: &str) -> Result<()>;
}

/// The driver of a peer that serves on this port of loopback.
pub(crate) async fn connect(peer: Peer, port: u16) -> Result<Box<dyn Driver>> {
    Ok(match peer {
        Peer::Ledgerq => Box::new(ledgerq::Ledgerq::connect(port).await?),
        Peer::LedgerqStreams => Box::new(streams::Streams::connect(port).await?),
        Peer::Postgresql => Box::new(postgresql::Postgresql::connect(port).await?),
        Peer::Redis => Box::new(redis::Redis::connect(port).await?),
        Peer::Rabbitmq => Box::new(rabbitmq::Rabbitmq::connect(port).await?),
        Peer::Beanstalkd => Box::new(beanstalkd::Beanstalkd::connect(port).await?),
        Peer::Nats => Box::new(nats::Nats::connect(port).await?),
    })
}
