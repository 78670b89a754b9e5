//! What the checkpoints of a directory are good for when a start is refused.

use std::collections::BTreeMap;

use super::super::{
    StoreError,
    checkpoint::{self, BadCheckpoint, Manifest, read},
};
use crate::{
    disk::Disk,
    types::{ImageEntry, Lineage, Lsn, QueueId, QueueName, QueueSettings},
};

/// Checkpoints, each list with the newest first.
#[derive(Default)]
pub struct Bases {
    /// Whole ones.
    pub whole: Vec<Manifest>,
    /// Those that lack nothing but deduplication ids.
    pub without_ids: Vec<Manifest>,
    /// Those that are damaged, each with why.
    pub damaged: Vec<(String, BadCheckpoint)>,
    /// Queues of which damaged ones tell.
    pub queues: BTreeMap<QueueId, (QueueName, QueueSettings)>,
    /// The last LSN that any checkpoint holds, as its name says.
    pub last_lsn: Lsn,
}

/// Reads all checkpoints as far as they can be read.
pub fn bases(disk: &dyn Disk, lineage: Lineage) -> Result<Bases, StoreError> {
    let found = checkpoint::find(disk, lineage)?;
    let mut bases = Bases::default();
    bases.whole = found.good.into_iter().map(|good| good.manifest).collect();
    bases.last_lsn = bases.whole.first().map(|whole| whole.position.lsn).unwrap_or_default();
    for (path, bad) in found.damaged {
        let Some(lsn) = checkpoint::lsn_of_path(&path) else { continue };
        if !matches!(bad, BadCheckpoint::Foreign) {
            bases.last_lsn = bases.last_lsn.max(lsn);
            match read::verify_entries(disk, lsn, lineage) {
                Ok(manifest) => bases.without_ids.push(manifest),
                Err(_) => bases.tell(disk, lsn, lineage),
            }
        }
        bases.damaged.push((path, bad));
    }
    Ok(bases)
}

impl Bases {
    /// Takes what a damaged checkpoint tells before its damage.
    fn tell(&mut self, disk: &dyn Disk, lsn: Lsn, lineage: Lineage) {
        let mut take = |entry| {
            match entry {
                // Newer checkpoints come first.
                ImageEntry::Queue(queue) => {
                    self.queues.entry(queue.id).or_insert((queue.name, queue.settings));
                }
                ImageEntry::Base(_)
                | ImageEntry::Touched(_)
                | ImageEntry::Attempt(_)
                | ImageEntry::Move(_)
                | ImageEntry::Name(_)
                | ImageEntry::Gone(_) => {}
            }
            Ok(())
        };
        // It is damaged, so this ends with an error.
        let _ = read::entries(disk, lsn, lineage, &mut take);
    }
}
