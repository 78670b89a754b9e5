//! The workload: callers that send, or receive and delete, each waiting for its answer.

use std::time::{Duration, Instant};

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

/// One caller of one peer, with what it needs of a connection.
#[async_trait]
pub(crate) trait Caller: Send {
    /// Sends these messages, and waits until all of them are acknowledged.
    async fn send(&mut self, bodies: &[Bytes]) -> Result<()>;

    /// Receives up to so many messages and deletes them; how many. 0 if there is none.
    async fn take(&mut self, count_max: usize) -> Result<usize>;

    /// Ends it in good order, where that takes more than dropping it.
    async fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What callers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Send,
    Take,
}

/// What came of it.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) messages_per_s: f64,
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
}

/// What one caller counted.
struct Counted {
    messages: u64,
    /// When its last messages were done, from the begin of all.
    ended: Duration,
    latency_us: Histogram<u64>,
}

/// Lets all of them do one thing, with so many messages a call, until the time is over or nothing
/// is left to receive. They come back for the next thing.
pub(crate) async fn run(
    callers: Vec<Box<dyn Caller>>,
    verb: Verb,
    bodies: &[Bytes],
    time: Duration,
) -> Result<(Vec<Box<dyn Caller>>, Figures)> {
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for mut caller in callers {
        let bodies = bodies.to_vec();
        tasks.spawn(async move {
            let counted = one(&mut *caller, verb, &bodies, began, time).await?;
            anyhow::Ok((caller, counted))
        });
    }
    let (mut back, mut messages, mut ended) = (Vec::new(), 0, Duration::ZERO);
    let mut latency_us = Histogram::<u64>::new(3)?;
    while let Some(task) = tasks.join_next().await {
        let (caller, counted) = task??;
        back.push(caller);
        messages += counted.messages;
        ended = ended.max(counted.ended);
        latency_us.add(&counted.latency_us)?;
    }
    anyhow::ensure!(messages > 0, "there was not one message");
    let figures = Figures {
        messages_per_s: messages as f64 / ended.as_secs_f64(),
        p50_us: latency_us.value_at_quantile(0.5),
        p99_us: latency_us.value_at_quantile(0.99),
    };
    Ok((back, figures))
}

async fn one(
    caller: &mut dyn Caller,
    verb: Verb,
    bodies: &[Bytes],
    began: Instant,
    time: Duration,
) -> Result<Counted> {
    let latency_us = Histogram::new(3)?;
    let mut counted = Counted { messages: 0, ended: Duration::ZERO, latency_us };
    while began.elapsed() < time {
        let call = Instant::now();
        let count = match verb {
            Verb::Send => caller.send(bodies).await.map(|()| bodies.len())?,
            Verb::Take => caller.take(bodies.len()).await?,
        };
        if count == 0 {
            break;
        }
        counted.messages += count as u64;
        counted.ended = began.elapsed();
        counted.latency_us.record(call.elapsed().as_micros() as u64)?;
    }
    Ok(counted)
}
