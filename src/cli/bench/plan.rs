//! What load is to be made.

use std::{fmt, time::Duration};

use clap::ValueEnum;

/// Connections unless asked otherwise.
pub(super) const CONNECTIONS_DEFAULT: u32 = 8;
/// Messages that wait for each second of receiving, unless asked otherwise.
const BACKLOG_PER_SECOND: u32 = 100_000;
/// Bytes that the messages of a batch have at most, unless asked otherwise.
const BATCH_BYTES_DEFAULT_MAX: u64 = 1 << 20;

/// What each caller does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Send one message a call
    Unary,
    /// Send many messages a call
    Batch,
    /// Send batches on a stream, many of them under way
    SendStream,
    /// Receive and delete
    Receive,
    /// Receive on a stream, with acks
    ReceiveStream,
    /// Send, receive and delete
    Mixed,
}

/// A load. Each caller waits for its answer before it goes on.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What each caller does.
    pub shape: Shape,
    /// How many of them.
    pub callers: usize,
    /// Connections that they share.
    pub connections: usize,
    /// Bytes of a body.
    pub size: usize,
    /// Messages a call.
    pub batch: usize,
    /// How long it lasts.
    pub time: Duration,
    /// The queue, or how the names of several begin.
    pub queue: String,
    /// How many queues, which callers go round.
    pub queues: usize,
    /// Messages a second of all callers; as many as are answered if none is given.
    pub rate: Option<f64>,
}

impl Shape {
    /// Whether callers are streams.
    pub(super) fn is_stream(self) -> bool {
        match self {
            Self::Unary | Self::Batch | Self::Receive | Self::Mixed => false,
            Self::SendStream | Self::ReceiveStream => true,
        }
    }

    /// Whether what callers receive has to be there before.
    pub(super) fn needs_backlog(self) -> bool {
        match self {
            Self::Unary | Self::Batch | Self::SendStream | Self::Mixed => false,
            Self::Receive | Self::ReceiveStream => true,
        }
    }

    /// Callers unless asked otherwise.
    pub(super) fn callers_default(self) -> u32 {
        match self {
            Self::Unary | Self::Batch | Self::Receive | Self::Mixed => 64,
            Self::SendStream | Self::ReceiveStream => 4,
        }
    }

    /// Messages of this size a call, unless asked otherwise.
    pub(super) fn batch_default(self, size: u64) -> u32 {
        let fitting = u32::try_from(BATCH_BYTES_DEFAULT_MAX / size.max(1)).unwrap_or(u32::MAX);
        let usual = match self {
            Self::Unary | Self::Receive => 1,
            Self::Batch | Self::Mixed => 10,
            Self::SendStream => 100,
            Self::ReceiveStream => 1000,
        };
        usual.min(fitting.max(1))
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unary => "unary",
            Self::Batch => "batch",
            Self::SendStream => "send-stream",
            Self::Receive => "receive",
            Self::ReceiveStream => "receive-stream",
            Self::Mixed => "mixed",
        })
    }
}

impl Plan {
    /// The name of a queue, by a number that goes round.
    pub(super) fn queue(&self, number: usize) -> String {
        match self.queues {
            1 => self.queue.clone(),
            queues => format!("{}-{}", self.queue, number % queues),
        }
    }

    /// Messages that are to wait before, unless asked otherwise.
    pub(super) fn backlog_default(&self) -> u64 {
        if !self.shape.needs_backlog() {
            return 0;
        }
        let wanted = self.time.saturating_mul(BACKLOG_PER_SECOND).as_secs();
        wanted.max(self.batch as u64)
    }
}
