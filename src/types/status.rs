//! How the broker is: figures for operators.

use super::{Lsn, Millis, OutputId, Seq, Timestamp};

/// How the broker is now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Broker time.
    pub now: Timestamp,
    /// The last record that was applied.
    pub applied_lsn: Lsn,
    /// The last record that is durable.
    pub durable_lsn: Lsn,
    /// The identity that the next message gets.
    pub next_seq: Seq,
    /// How many queues there are.
    pub queue_count: u64,
    /// Whether no space can be had for another segment, so that sends are refused.
    pub disk_full: bool,
    /// Whether messages outlive their retention, because the clock is in doubt.
    pub retention_held: bool,
    /// What lies on the disk.
    pub files: FilesStatus,
    /// What was written since the start.
    pub written: WrittenStatus,
    /// The newest checkpoint, if there is one.
    pub checkpoint: Option<CheckpointStatus>,
    /// The one before, if there is one.
    pub checkpoint_before: Option<CheckpointStatus>,
    /// Whether a checkpoint is being taken.
    pub checkpoint_under_way: bool,
    /// Checkpoints that failed since the start.
    pub checkpoints_failed: u64,
    /// Backups whose files are kept, or will be.
    pub backups_under_way: u64,
    /// What the compactor did since the start.
    pub compaction: CompactionStatus,
    /// How the scrub is.
    pub scrub: ScrubStatus,
    /// How the start went.
    pub recovery: RecoveryStatus,
}

/// The pass of the scrub that is under way, or the last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScrubStatus {
    /// Whether one is under way.
    pub under_way: bool,
    /// How many bytes it has read.
    pub bytes: u64,
    /// How many files and checkpoints it reads.
    pub targets_count: u64,
    /// How many of them it has not begun.
    pub targets_left_count: u64,
    /// Places that it found damaged.
    pub found_count: u64,
    /// Those of them that are the body of a message that is there.
    pub damaged_messages_count: u64,
    /// Passes that have ended since the start.
    pub passes_count: u64,
    /// When the last of them did.
    pub ended_at: Option<Timestamp>,
}

/// Files of the log, and what is live in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FilesStatus {
    /// Segments, the active one among them and those prepared not.
    pub segment_count: u64,
    /// Segments that wait to be used.
    pub standby_count: u64,
    /// Compaction outputs.
    pub output_count: u64,
    /// Length of all of these files, in bytes.
    pub bytes: u64,
    /// Payloads of messages that are there, in bytes.
    pub live_bytes: u64,
    /// Payloads of messages that are gone, in bytes.
    pub dead_bytes: u64,
    /// Messages that are there.
    pub live_count: u64,
    /// Files without a live message that a checkpoint or the log after it still needs.
    pub pinned_count: u64,
    /// Files that were given back since the start: unlinked or used again.
    pub reclaimed_count: u64,
}

/// Bytes written since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenStatus {
    /// Frames.
    pub frame_bytes: u64,
    /// Footers of segments.
    pub footer_bytes: u64,
    /// Checkpoints and deduplication buckets.
    pub checkpoint_bytes: u64,
    /// Compaction outputs.
    pub compaction_bytes: u64,
    /// Zeros by which segments were prepared.
    pub zero_bytes: u64,
}

/// One checkpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CheckpointStatus {
    /// The last record that it holds.
    pub lsn: Lsn,
    /// Broker time at that record.
    pub at: Timestamp,
    /// Its length, in bytes.
    pub bytes: u64,
    /// How long it took from its begin to its publication; zero if a start before took it.
    pub took: Millis,
    /// The longest that it held the owner at once, in microseconds.
    pub pause_us_max: u64,
}

/// What the compactor did since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactionStatus {
    /// Whether one is under way.
    pub under_way: bool,
    /// Runs that were switched to.
    pub switched_count: u64,
    /// Runs that failed.
    pub failed_count: u64,
    /// Messages that were copied.
    pub copied_count: u64,
    /// The output that was switched to last.
    pub last_output: Option<OutputId>,
}

/// How the start went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryStatus {
    /// The checkpoint that it began from; 0 if from the log's first record.
    pub checkpoint_lsn: Lsn,
    /// Checkpoints that were passed over because they are damaged.
    pub checkpoints_damaged: u64,
    /// Messages that were taken from footers.
    pub summaries_count: u64,
    /// Files without a footer, whose messages were taken from their frames.
    pub files_without_footer: u64,
    /// Records that were replayed.
    pub records_count: u64,
    /// Length of the frames that were replayed, in bytes.
    pub frames_bytes: u64,
    /// How long it took to sync what was found and to read the headers.
    pub survey_took: Millis,
    /// How long it took to load the checkpoint and the footers.
    pub load_took: Millis,
    /// How long the replay took.
    pub replay_took: Millis,
}

impl WrittenStatus {
    /// What was written, but for zeros, over the bytes of frames; `None` before the first.
    pub fn amplification(&self) -> Option<f64> {
        let all =
            self.frame_bytes + self.footer_bytes + self.checkpoint_bytes + self.compaction_bytes;
        #[expect(clippy::cast_precision_loss, reason = "a ratio for people")]
        let ratio = all as f64 / self.frame_bytes as f64;
        (self.frame_bytes > 0).then_some(ratio)
    }
}
