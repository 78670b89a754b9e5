//! The checkpoint that a repair goes on from, with what is left of its messages.

use std::collections::BTreeMap;

use super::{BaseUsed, Loss, Lost};
use crate::{
    broker::start::{Settings, StartError},
    disk::Disk,
    log::{FileId, Position},
    state::{Restoring, State},
    store::{self, Bases, FoundMessage, Manifest},
    types::{ImageEntry, Lineage, QueueId, Seq, Summary, Timestamp, limits::PRIORITY_DEFAULT},
};

/// What a repair goes on from.
#[derive(Default)]
pub(super) struct Base {
    /// `None` without a checkpoint.
    pub(super) state: Option<State>,
    pub(super) kept: BTreeMap<Seq, FoundMessage>,
    pub(super) lost: Vec<Lost>,
    pub(super) used: BaseUsed,
    pub(super) position: Option<Position>,
    /// Of the files that checkpoints name.
    pub(super) salts: BTreeMap<FileId, u32>,
    /// Files of which it needs a part that is not there, each with what is wrong.
    pub(super) damage: Damage,
}

/// What entries say of a message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Told {
    Touched,
    Gone,
}

/// The messages that a checkpoint calls live, and where they were found.
type Live = BTreeMap<Seq, (FileId, Option<FoundMessage>)>;

impl Base {
    /// The newest checkpoint that can be used: one that is whole before one that lacks ids.
    pub(super) fn take(
        settings: &Settings,
        disk: &dyn Disk,
        lineage: Lineage,
        bases: &Bases,
    ) -> Result<Self, StartError> {
        let whole = bases.whole.iter().map(|manifest| (manifest, false));
        let others = bases.without_ids.iter().map(|manifest| (manifest, true));
        let mut taken = Self::default();
        for (manifest, lacks_ids) in whole.chain(others) {
            let Some(loaded) = load(settings, disk, lineage, manifest, lacks_ids)? else {
                continue;
            };
            taken = loaded;
            break;
        }
        let all = bases.whole.iter().chain(&bases.without_ids).flat_map(|it| &it.files);
        taken.salts = all.map(|(id, listed)| (*id, listed.salt)).collect();
        Ok(taken)
    }
}

/// `None` if the checkpoint is whole and yet no state.
fn load(
    settings: &Settings,
    disk: &dyn Disk,
    lineage: Lineage,
    manifest: &Manifest,
    lacks_ids: bool,
) -> Result<Option<Base>, StartError> {
    let (mut restoring, mut told) = (Restoring::new(settings.state), BTreeMap::new());
    let read = store::read_entries(disk, lineage, manifest, &mut |entry| {
        match &entry {
            ImageEntry::Touched(touched) => drop(told.insert(touched.seq, Told::Touched)),
            ImageEntry::Gone(seq) => drop(told.insert(*seq, Told::Gone)),
            ImageEntry::Base(_)
            | ImageEntry::Queue(_)
            | ImageEntry::Attempt(_)
            | ImageEntry::Move(_)
            | ImageEntry::Name(_) => {}
        }
        restoring.entry(entry).map_err(|error| error.to_string())
    });
    if read.is_err() {
        return Ok(None);
    }
    let mut bucket = |bucket| restoring.bucket(bucket).map_err(|error| error.to_string());
    if !lacks_ids && store::read_buckets(disk, manifest, &mut bucket).is_err() {
        return Ok(None);
    }
    let (mut kept, mut lost) = (BTreeMap::new(), Vec::new());
    let (live, damage) = live_messages(disk, lineage, manifest)?;
    for (seq, (id, found)) in live {
        if let Some(found) = found {
            if restoring.message(&found.summary) {
                kept.insert(seq, found);
            }
            continue;
        }
        match told.get(&seq) {
            Some(Told::Gone) => continue,
            // Its entry says all; it is taken out of the state once that is whole.
            Some(Told::Touched) => drop(restoring.message(&nothing_but(seq))),
            None => {}
        }
        let (path, why) = (id.path(), Loss::File);
        lost.push(Lost { first: seq, last: seq, queue: None, path, offset: 0, why });
    }
    let lsn = manifest.position.lsn;
    let state = restoring.finish().ok().filter(|state| state.applied_lsn() == lsn);
    Ok(state.map(|state| Base {
        state: Some(state),
        kept,
        lost,
        used: BaseUsed::Checkpoint { lsn, lacks_ids },
        position: Some(manifest.position),
        salts: BTreeMap::new(),
        damage,
    }))
}

type Damage = Vec<(String, String)>;

/// Looks for the live messages where the checkpoint says that they are, and for those that are not
/// there in every other file.
fn live_messages(
    disk: &dyn Disk,
    lineage: Lineage,
    manifest: &Manifest,
) -> Result<(Live, Damage), StartError> {
    let (mut live, mut damage) = (Live::new(), Damage::new());
    for (id, listed) in &manifest.files {
        live.extend(listed.live.iter().map(|seq| (Seq::new(seq), (*id, None))));
    }
    for (id, listed) in manifest.files.iter().filter(|(_, listed)| !listed.live.is_empty()) {
        let mut take = |found: FoundMessage| {
            if listed.live.contains(found.summary.seq.get())
                && let Some((_, place)) = live.get_mut(&found.summary.seq)
            {
                place.get_or_insert(found);
            }
        };
        let (salt, until) = (Some(listed.salt), Some(listed.needed_to));
        let found = store::messages_left(disk, *id, lineage, salt, until, &mut take)?;
        damage.extend(found.map(|found| (id.path(), found)));
    }
    let lacking: Vec<Seq> =
        live.iter().filter(|(_, (_, place))| place.is_none()).map(|(seq, _)| *seq).collect();
    if !lacking.is_empty() {
        let is_wanted = |_, seq: Seq| lacking.binary_search(&seq).is_ok();
        store::elsewhere(disk, lineage, &is_wanted, &mut |found| {
            if let Some((_, place)) = live.get_mut(&found.summary.seq) {
                place.get_or_insert(found);
            }
        })?;
    }
    Ok((live, damage))
}

/// Stands for the summary of a touched message, of which the checkpoint says all but the place.
fn nothing_but(seq: Seq) -> Summary {
    let (queue, sent_at, priority) = (QueueId::default(), Timestamp::ZERO, PRIORITY_DEFAULT);
    Summary { seq, queue, sent_at, size: 0, expires_at: None, priority, group: None }
}
