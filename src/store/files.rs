//! The files that hold payloads, and what is live in each.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    disk::File,
    log::FileId,
    types::{FilesStatus, Lsn},
};

/// One segment or compaction output.
pub(super) struct StoredInfo {
    /// Holds the file open; whoever reads a payload holds it too.
    pub(super) file: Arc<dyn File>,
    /// Length of the file, in bytes.
    pub(super) bytes: u64,
    pub(super) salt: u32,
    /// How often the messages in it were copied.
    pub(super) generation: u8,
    /// The last LSN in a segment; of an output, the LSN of the record that switched to it. While a
    /// kept checkpoint lies before it, a replay needs the file.
    pub(super) needed_to: Lsn,
    pub(super) live_count: u64,
    /// Payloads of live messages, in bytes.
    pub(super) live_bytes: u64,
    /// All payloads, in bytes.
    pub(super) payload_bytes: u64,
    /// A compaction could not read it: it is left as it is.
    pub(super) is_unfit: bool,
}

/// All files with payloads, and those that a kept checkpoint still needs.
#[derive(Default)]
pub(super) struct Files {
    pub(super) by_id: BTreeMap<FileId, StoredInfo>,
    /// Length of those without a live message, in bytes.
    pub(super) dead_bytes: u64,
}

impl StoredInfo {
    pub(super) fn new(file: Arc<dyn File>, bytes: u64, salt: u32, needed_to: Lsn) -> Self {
        Self {
            file,
            bytes,
            salt,
            generation: 0,
            needed_to,
            live_count: 0,
            live_bytes: 0,
            payload_bytes: 0,
            is_unfit: false,
        }
    }

    /// Whether less than half of the file is live.
    pub(super) fn is_sparse(&self) -> bool {
        self.live_bytes * 2 < self.bytes
    }
}

impl Files {
    /// A file is there from now on, without a live message so far.
    pub(super) fn insert(&mut self, id: FileId, info: StoredInfo) {
        self.remove(id);
        self.dead_bytes += info.bytes;
        self.by_id.insert(id, info);
    }

    /// A file is not there any more.
    pub(super) fn remove(&mut self, id: FileId) -> Option<StoredInfo> {
        let info = self.by_id.remove(&id)?;
        if info.live_count == 0 {
            self.dead_bytes -= info.bytes;
        }
        Some(info)
    }

    /// A payload of a live message is in this file from now on.
    pub(super) fn came(&mut self, id: FileId, length: u64) {
        if let Some(info) = self.by_id.get_mut(&id) {
            if info.live_count == 0 {
                self.dead_bytes -= info.bytes;
            }
            info.live_count += 1;
            info.live_bytes += length;
            info.payload_bytes += length;
        }
    }

    /// A payload in this file is of no message any more, or the message has another place.
    pub(super) fn left(&mut self, id: FileId, length: u32) {
        if let Some(info) = self.by_id.get_mut(&id) {
            info.live_count -= 1;
            info.live_bytes -= u64::from(length);
            if info.live_count == 0 {
                self.dead_bytes += info.bytes;
            }
        }
    }

    pub(super) fn status(&self) -> FilesStatus {
        let mut status = FilesStatus::default();
        for (id, info) in &self.by_id {
            match id {
                FileId::Segment(_) => status.segment_count += 1,
                FileId::Output(_) => status.output_count += 1,
            }
            status.bytes += info.bytes;
            status.live_bytes += info.live_bytes;
            status.live_count += info.live_count;
            status.dead_bytes += info.payload_bytes - info.live_bytes;
            status.pinned_count += u64::from(info.live_count == 0);
        }
        status
    }
}
