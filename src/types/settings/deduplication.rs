//! Settings of FIFO queues about duplicates and throughput.

/// Within what a deduplication id counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeduplicationScope {
    /// The whole queue.
    #[default]
    Queue,
    /// Each message group by itself.
    MessageGroup,
}

/// What a throughput limit would be for, in Amazon SQS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThroughputLimit {
    /// The whole queue.
    #[default]
    PerQueue,
    /// Each message group by itself.
    PerMessageGroup,
}
