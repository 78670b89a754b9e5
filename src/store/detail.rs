//! What an inspection tells of each file: what is live in it, and what keeps it.

use std::sync::Arc;

use super::{Place, Store};
use crate::{
    log::FileId,
    types::{Lsn, Seq},
};

/// Why a file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptBy {
    /// Messages in it are there.
    LiveMessages,
    /// Messages in it were there at the newest checkpoint, or the log goes on in it from there.
    NewestCheckpoint,
    /// The same of the older checkpoint.
    OlderCheckpoint,
    /// A replay from the older checkpoint reads it.
    LogAfterOlder,
    /// A replay from the older checkpoint reads the record that switched to it.
    SwitchRecord,
    /// There are fewer than two checkpoints: a start may have to read all of the log.
    TooFewCheckpoints,
}

/// One file with messages, or one that something else keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDetail {
    /// The file.
    pub id: FileId,
    /// Its length, in bytes.
    pub bytes: u64,
    /// How often its messages were copied.
    pub generation: u8,
    /// The last LSN in a segment; of an output, the LSN of the record that switched to it.
    pub needed_to: Lsn,
    /// How many of its messages are there.
    pub live_count: u64,
    /// Their payloads, in bytes.
    pub live_bytes: u64,
    /// What keeps it; nothing if the broker gives it back.
    pub kept_by: Vec<KeptBy>,
}

impl Store {
    /// All files that the store knows, segments first.
    pub fn file_details(&self) -> Vec<FileDetail> {
        let detail = |(id, info): (&FileId, &super::StoredInfo)| {
            let live = (info.live_count > 0).then_some(KeptBy::LiveMessages);
            let kept_by = live.into_iter().chain(self.kept.kept_by(*id, info.needed_to));
            FileDetail {
                id: *id,
                bytes: info.bytes,
                generation: info.generation,
                needed_to: info.needed_to,
                live_count: info.live_count,
                live_bytes: info.live_bytes,
                kept_by: kept_by.collect(),
            }
        };
        self.files.by_id.iter().map(detail).collect()
    }

    /// Files that nothing needs: their paths. The broker removes them, strays of the log only once
    /// it has taken a checkpoint.
    pub fn unneeded_paths(&self) -> impl Iterator<Item = &str> {
        self.spare.iter().chain(&self.strays).map(String::as_str)
    }

    /// The live messages of a file, ascending, each with the place of its payload.
    pub fn live_bodies(&self, id: FileId) -> Vec<(Seq, Place)> {
        let Some(info) = self.files.by_id.get(&id) else { return Vec::new() };
        let place = |(seq, slot): (Seq, super::Slot)| {
            let (offset, length, crc) = (u64::from(slot.offset), slot.length, slot.crc);
            (seq, Place { file: Arc::clone(&info.file), offset, length, crc })
        };
        self.places.survivors(id).into_iter().map(place).collect()
    }

    /// The file that holds a message's payload, and where in it, in bytes.
    pub fn place_of(&self, seq: Seq) -> Option<(FileId, u64)> {
        self.places.place(seq).map(|(id, slot)| (id, u64::from(slot.offset)))
    }
}
