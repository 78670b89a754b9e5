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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        disk::{Disk, SimDisk},
        log::SegmentId,
        types::OutputId,
    };

    fn info(disk: &SimDisk, name: &str, bytes: u64) -> StoredInfo {
        StoredInfo::new(disk.create(name).expect("there is space"), bytes, 1, Lsn::new(1))
    }

    #[test]
    fn figures_follow_what_comes_and_goes() {
        let disk = SimDisk::new();
        let mut files = Files::default();
        let segment = FileId::Segment(SegmentId::new(1));
        let output = FileId::Output(OutputId::new(1));
        files.insert(segment, info(&disk, "a", 1000));
        files.insert(output, info(&disk, "b", 300));
        assert_eq!(files.dead_bytes, 1300);
        for length in [40, 2] {
            files.came(segment, length);
        }
        files.came(output, 7);
        assert_eq!(files.dead_bytes, 0);
        files.left(segment, 40);
        files.left(output, 7);
        assert_eq!(files.dead_bytes, 300);
        let expected = FilesStatus {
            segment_count: 1,
            output_count: 1,
            bytes: 1300,
            live_bytes: 2,
            live_count: 1,
            dead_bytes: 47,
            pinned_count: 1,
            ..FilesStatus::default()
        };
        assert_eq!(files.status(), expected);
        assert!(files.remove(output).is_some() && files.remove(output).is_none());
        assert!(files.remove(segment).is_some_and(|info| info.live_count == 1));
        assert_eq!((files.dead_bytes, files.status()), (0, FilesStatus::default()));
    }

    #[test]
    fn a_file_is_sparse_below_half() {
        let disk = SimDisk::new();
        let with =
            |live_bytes| StoredInfo { live_bytes, ..info(&disk, &format!("{live_bytes}"), 9) };
        assert!(with(4).is_sparse() && !with(5).is_sparse());
    }
}
