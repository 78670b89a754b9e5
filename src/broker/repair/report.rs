//! What a repair keeps and loses.

use crate::types::{Lsn, QueueName, Seq, Timestamp};

/// What is left of a directory, and what is not.
#[derive(Clone, Debug, Default)]
pub struct RepairReport {
    /// From where the state comes.
    pub base: BaseUsed,
    /// How many messages are left.
    pub kept_count: u64,
    /// Every queue that is left, and those of lost messages that are not, by name.
    pub queues: Vec<QueueKept>,
    /// Messages that are lost, ascending.
    pub lost: Vec<Lost>,
    /// Records that are lost, in the order of the log.
    pub lost_records: Vec<LostRecords>,
    /// Records that could not be followed, since they name what is lost.
    pub passed_over_count: u64,
    /// Queues that were made although the record that made them is lost.
    pub queues_made: Vec<QueueName>,
    /// Checkpoints that are damaged, each with what is wrong.
    pub damaged_checkpoints: Vec<(String, String)>,
    /// Files of which the base needs a part that is not there, each with what is wrong.
    pub damaged_files: Vec<(String, String)>,
}

/// From where a state comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BaseUsed {
    /// A checkpoint at an LSN.
    Checkpoint {
        /// Which.
        lsn: Lsn,
        /// Whether it lacks its deduplication ids.
        lacks_ids: bool,
    },
    /// The log alone, as far as it is there.
    #[default]
    Log,
}

/// One queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueKept {
    /// Its name.
    pub name: QueueName,
    /// How many messages it keeps.
    pub kept_count: u64,
    /// How many are known to be lost of it.
    pub lost_count: u64,
}

/// Messages that are lost, which follow on each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first.
    pub first: Seq,
    /// The last.
    pub last: Seq,
    /// Their queue, if it is known.
    pub queue: Option<QueueName>,
    /// The file with the damage, within the data directory.
    pub path: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// Why they are lost.
    pub why: Loss,
}

/// Why a message is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Its payload is damaged: it was there.
    Payload,
    /// A checkpoint says that it was there, and the file that had it does not.
    File,
    /// It was sent in a record that is lost; it may have been deleted again.
    Records,
}

/// Records that are lost: what was sent in them is, and what was deleted in them may come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostRecords {
    /// The first of them.
    pub first_lsn: Lsn,
    /// The last; `None` if the log ends with them, and nobody knows how many there were.
    pub last_lsn: Option<Lsn>,
    /// Broker time of the last record before them, if there is one.
    pub after: Option<Timestamp>,
    /// Broker time of the first record behind them, if there is one.
    pub before: Option<Timestamp>,
    /// The file with the damage, within the data directory.
    pub path: String,
    /// Where in it, in bytes.
    pub offset: u64,
    /// What was found there, in words.
    pub found: String,
    /// The first message that was sent behind them.
    pub sent_below: Seq,
    /// Whether every message that was sent in them is listed: something tells how many there were.
    pub is_counted: bool,
    /// How many of the kept messages were sent before their end, so that each of them may have
    /// been deleted in them.
    pub older_count: u64,
}

impl Lost {
    /// How many they are.
    pub fn count(&self) -> u64 {
        self.last.get() - self.first.get() + 1
    }
}

impl RepairReport {
    /// How many messages are known to be lost.
    pub fn lost_count(&self) -> u64 {
        self.lost.iter().map(Lost::count).sum()
    }

    /// Whether nothing is lost, as far as can be known.
    pub fn is_whole(&self) -> bool {
        self.lost.is_empty() && self.lost_records.is_empty() && self.passed_over_count == 0
    }

    /// Whether every message that is lost is listed.
    pub fn is_counted(&self) -> bool {
        self.lost_records.iter().all(|lost| lost.is_counted)
    }

    /// How many of the kept messages may have been deleted in records that are lost.
    pub fn may_come_back_count(&self) -> u64 {
        self.lost_records.iter().map(|lost| lost.older_count).max().unwrap_or_default()
    }
}
