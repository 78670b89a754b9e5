//! What is done to a directory's checkpoints. Files and blocks are named by their number, modulo
//! how many there are.

use arbitrary::Arbitrary;
use ledgerq::disk::SimDisk;

use super::file::CheckpointFile;
use crate::layout::{Number, put, short};

/// The kind of block that has entries of the state.
const ENTRIES: u8 = 2;

/// One change.
#[derive(Arbitrary, Debug)]
pub(super) enum Edit {
    /// A byte of a file of the directory of checkpoints; no checksum is made right.
    Byte { file: u8, at: u16, change: u8 },
    /// Another length.
    Truncate { file: u8, length: u16 },
    /// No file.
    Erase { file: u8 },
    /// The content of a block.
    Content { newest: bool, block: u8, change: Change },
    /// The blocks themselves.
    Blocks { newest: bool, block: u8, change: BlockChange },
    /// A field of 4 bytes of the header.
    Header { newest: bool, field: u8, value: Number },
    /// One more entry of the state, behind all others.
    Entry { newest: bool, kind: u8, fields: Vec<u8> },
    /// Deduplication ids, in both copies, and their checksum in every checkpoint.
    Ids { file: u8, change: Change },
}

/// A change of bytes.
#[derive(Arbitrary, Debug)]
pub(super) enum Change {
    Byte(u16, u8),
    Number(u16, Number),
    Insert(u16, Vec<u8>),
    Remove(u16, u8),
}

/// A change of the list of blocks.
#[derive(Arbitrary, Debug)]
pub(super) enum BlockChange {
    Drop,
    Repeat,
    ToEnd,
    Kind(u8),
}

impl Edit {
    /// Whether it makes checksums right.
    pub(super) fn is_forged(&self) -> bool {
        !matches!(self, Self::Byte { .. } | Self::Truncate { .. } | Self::Erase { .. })
    }

    /// `None` if it does not fit the disk.
    pub(super) fn apply(&self, disk: &SimDisk) -> Option<()> {
        match self {
            Self::Byte { file, at, change } => {
                let path = nth(disk, *file, "")?;
                let length = disk.file(&path)?.len().max(1);
                let at = usize::from(*at) % length;
                disk.corrupt(&path, at as u64, |byte| byte ^ change).ok()
            }
            Self::Truncate { file, length } => {
                disk.truncate(&nth(disk, *file, "")?, (*length).into()).ok()
            }
            Self::Erase { file } => disk.erase(&nth(disk, *file, "")?).ok(),
            Self::Content { newest, block, change } => forge(disk, *newest, |file| {
                let at = usize::from(*block) % file.blocks.len().max(1);
                change.apply(&mut file.blocks.get_mut(at)?.1)
            }),
            Self::Blocks { newest, block, change } => forge(disk, *newest, |file| {
                let at = usize::from(*block) % file.blocks.len().max(1);
                change.apply(&mut file.blocks, at)
            }),
            Self::Header { newest, field, value } => forge(disk, *newest, |file| {
                put(&mut file.header, usize::from(field % 15) * 4, &value.get().to_le_bytes());
                Some(())
            }),
            Self::Entry { newest, kind, fields } => forge(disk, *newest, |file| {
                let (_, content) = file.blocks.iter_mut().rfind(|(kind, _)| *kind == ENTRIES)?;
                content.push(*kind);
                content.extend_from_slice(&short(fields.len()).to_le_bytes());
                content.extend_from_slice(fields);
                Some(())
            }),
            Self::Ids { file, change } => forge_ids(disk, *file, change),
        }
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) -> Option<()> {
        let place = |at: u16| usize::from(at) % bytes.len().max(1);
        match self {
            Self::Byte(at, change) => {
                let at = place(*at);
                *bytes.get_mut(at)? ^= change;
            }
            Self::Number(at, value) => {
                let at = place(*at);
                put(bytes, at, &value.get().to_le_bytes());
            }
            Self::Insert(at, new) => {
                let at = place(*at);
                bytes.splice(at..at, new.iter().copied());
            }
            Self::Remove(at, count) => {
                let at = place(*at);
                let end = bytes.len().min(at + usize::from(*count));
                bytes.drain(at..end);
            }
        }
        Some(())
    }
}

impl BlockChange {
    fn apply(&self, blocks: &mut Vec<(u8, Vec<u8>)>, at: usize) -> Option<()> {
        match self {
            Self::Drop => drop(blocks.remove(at)),
            Self::Repeat => blocks.insert(at, blocks.get(at)?.clone()),
            Self::ToEnd => {
                let block = blocks.remove(at);
                blocks.push(block);
            }
            Self::Kind(kind) => blocks.get_mut(at)?.0 = *kind,
        }
        Some(())
    }
}

/// The file of this number among those of the directory of checkpoints that end so.
fn nth(disk: &SimDisk, nth: u8, ending: &str) -> Option<String> {
    let is_one = |path: &String| path.starts_with("checkpoints/") && path.ends_with(ending);
    let paths: Vec<String> = disk.paths().into_iter().filter(is_one).collect();
    paths.get(usize::from(nth) % paths.len().max(1)).cloned()
}

fn forge(
    disk: &SimDisk,
    newest: bool,
    change: impl FnOnce(&mut CheckpointFile) -> Option<()>,
) -> Option<()> {
    let path = nth(disk, newest.into(), ".ckpt")?;
    let mut file = CheckpointFile::read(&disk.file(&path)?)?;
    if file.blocks.is_empty() {
        return None;
    }
    change(&mut file)?;
    disk.plant(&path, &file.bytes()).ok()
}

fn forge_ids(disk: &SimDisk, file: u8, change: &Change) -> Option<()> {
    let path = nth(disk, file, ".ids")?;
    let mut ids = disk.file(&path)?;
    change.apply(&mut ids)?;
    disk.plant(&path, &ids).ok()?;
    disk.plant(&format!("{path}2"), &ids).ok()?;
    let digits = path.strip_prefix("checkpoints/")?.strip_suffix(".ids")?;
    let lsn = digits.parse().ok()?;
    for newest in [false, true] {
        // A checkpoint without any of these buckets stays as it is.
        let _ = forge(disk, newest, |file| file.reseal_buckets(lsn, &ids));
    }
    Some(())
}
