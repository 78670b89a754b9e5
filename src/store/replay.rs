//! What a start takes over from the log behind the checkpoint.

use std::sync::Arc;

use super::{
    Store, StoreError,
    files::StoredInfo,
    places::Slot,
    stream::{Messages, open_stored},
};
use crate::{
    disk::Disk,
    log::{FileId, FrameView, LogError, SegmentInfo, StoredFile},
    types::{Lineage, Lsn, OutputId, Record, Seq},
};

impl Store {
    /// Takes over the bodies of a frame that a start has read.
    pub fn replayed(&mut self, view: &FrameView<'_>, first_seq: Seq) {
        let id = FileId::Segment(view.segment);
        let last_lsn = Lsn::new(view.first_lsn.get() + u64::from(view.record_count) - 1);
        if let Some(info) = self.files.by_id.get_mut(&id) {
            info.needed_to = last_lsn;
        } else {
            let file = Arc::clone(view.file);
            self.files.insert(id, StoredInfo::new(file, view.file_bytes, view.salt, last_lsn));
        }
        let slot =
            |body: &crate::log::BodyPlace| Slot::new(body.offset, u64::from(body.len), body.crc);
        self.places.extend(id, first_seq, view.bodies.iter().map(slot));
        for body in view.bodies {
            self.files.came(id, u64::from(body.len));
        }
    }

    /// A record of a switch was replayed. Its output may be gone, if all of its messages died
    /// before the checkpoint that let it go (R19 of the log's rules): then they keep their places.
    pub fn replay_switch(
        &mut self,
        disk: &Arc<dyn Disk>,
        record: &Record,
        lsn: Lsn,
    ) -> Result<(), StoreError> {
        let Record::Compacted { output, salt, length, footer_crc } = *record else {
            return Ok(());
        };
        self.next_output = self.next_output.max(output.next());
        let id = FileId::Output(output);
        let stored = match open_stored(disk, id, self.lineage, salt) {
            Ok(stored) => stored,
            Err(error) if error.is_missing() => return Ok(()),
            Err(error) => return Err(error),
        };
        let is_same = stored.bytes == length
            && stored.footer_crc().map_err(StoreError::io("read", &id.path()))? == Some(footer_crc);
        if !is_same {
            tracing::warn!(%output, "a compaction output is damaged: it is read frame by frame");
        }
        let mut messages = Messages::open(&stored, None)?;
        let mut places = Vec::new();
        while let Some(message) = messages.next()? {
            places.push((message.summary.seq, message.slot));
        }
        let mut info = StoredInfo::new(stored.file.clone(), stored.bytes, salt, lsn);
        info.generation = stored.generation;
        self.switch(output, info, &places);
        Ok(())
    }

    /// The replay is over: what else lies in the directory of the segments. `strays` are those that
    /// the log did not look at.
    pub fn replay_ended(&mut self, disk: &dyn Disk, segments: &[SegmentInfo], strays: Vec<String>) {
        for segment in segments {
            let id = FileId::Segment(segment.id);
            if segment.standby || self.files.by_id.contains_key(&id) {
                continue;
            }
            let file = Arc::clone(&segment.file);
            let info = StoredInfo::new(file, segment.bytes, segment.salt, segment.last_lsn);
            self.files.insert(id, info);
        }
        let known = |path: &String| self.files.by_id.keys().any(|id| id.path() == *path);
        self.strays = strays.into_iter().filter(|path| !known(path)).collect();
        let outputs = self.strays.iter().filter_map(|path| FileId::of_path(path));
        let last = outputs.filter_map(|id| match id {
            FileId::Output(id) => Some(id),
            FileId::Segment(_) => None,
        });
        let beyond = last.max().map_or(OutputId::new(1), OutputId::next);
        self.next_output = self.next_output.max(beyond);
        self.strays.retain(|path| is_ours(disk, path, self.lineage));
    }
}

/// Whether a file that nothing needs may be taken away: not if it is of another data directory, for
/// which it may be all there is.
fn is_ours(disk: &dyn Disk, path: &str, lineage: Lineage) -> bool {
    let Some(id) = FileId::of_path(path) else { return false };
    match StoredFile::open(disk, id, lineage) {
        Err(LogError::ForeignFiles { .. } | LogError::NewerFormat { .. }) => {
            tracing::warn!(path, "a file of another data directory or program was left alone");
            false
        }
        Ok(_) | Err(_) => true,
    }
}
