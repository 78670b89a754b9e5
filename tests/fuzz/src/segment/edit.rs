//! What is done to a disk with a log, and how checksums are made right behind it.

use arbitrary::Arbitrary;
use ledgerq::disk::SimDisk;

use crate::layout::{FRAME_HEADER_BYTES, Number, PAGE_BYTES, crc, put};

const SECTOR_BYTES: u64 = 512;
/// Where the frames of these logs end, about, in bytes.
const USED_BYTES: u32 = 6144;

/// What is done to the disk. Files and frames are named by their number, modulo how many there are.
#[derive(Arbitrary, Debug)]
pub(super) enum Edit {
    Flip {
        file: u8,
        at: Place,
        bit: u8,
    },
    Set {
        file: u8,
        at: Place,
        bytes: [u8; 8],
    },
    Zero {
        file: u8,
        sector: u8,
    },
    Copy {
        from: u8,
        sector: u8,
        to: u8,
        to_sector: u8,
    },
    Truncate {
        file: u8,
        length: u32,
    },
    Erase {
        file: u8,
    },
    /// A field of a frame's header; its CRC and the chain behind it are right.
    Header {
        file: u8,
        frame: u8,
        field: u8,
        value: Number,
    },
    /// A byte of table or records; all CRCs are right.
    Records {
        file: u8,
        frame: u8,
        at: u8,
        change: u8,
    },
    /// A field of the footer, counted from its end; its CRC is right.
    Footer {
        file: u8,
        field: u8,
        value: Number,
    },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
pub(super) enum Place {
    /// Where most is.
    Used(u16),
    /// So many bytes before the end.
    End(u8),
    Any(u32),
}

impl Edit {
    /// Whether it makes checksums right.
    pub(super) fn is_forged(&self) -> bool {
        matches!(self, Self::Header { .. } | Self::Records { .. } | Self::Footer { .. })
    }

    /// `None` if it does not fit the disk.
    pub(super) fn apply(&self, disk: &SimDisk) -> Option<()> {
        let path = |file: u8| {
            let paths = disk.paths();
            paths.get(usize::from(file) % paths.len().max(1)).cloned()
        };
        let bytes = |path: &str| disk.file(path);
        match *self {
            Self::Flip { file, at, bit } => {
                let path = path(file)?;
                let at = at.within(bytes(&path)?.len());
                disk.corrupt(&path, at, |byte| byte ^ (1 << (bit % 8))).ok()
            }
            Self::Set { file, at, bytes: new } => {
                let path = path(file)?;
                let at = at.within(bytes(&path)?.len());
                (at..).zip(new).try_for_each(|(at, byte)| disk.corrupt(&path, at, |_| byte).ok())
            }
            Self::Zero { file, sector } => {
                let (path, begin) = (path(file)?, u64::from(sector) * SECTOR_BYTES);
                (begin..begin + SECTOR_BYTES).try_for_each(|at| disk.corrupt(&path, at, |_| 0).ok())
            }
            Self::Copy { from, sector, to, to_sector } => {
                let begin = u64::from(sector) * SECTOR_BYTES;
                let from = bytes(&path(from)?)?;
                let copied = from.get(usize::try_from(begin).ok()?..)?.iter().take(512);
                let (to, begin) = (path(to)?, u64::from(to_sector) * SECTOR_BYTES);
                (begin..)
                    .zip(copied)
                    .try_for_each(|(at, byte)| disk.corrupt(&to, at, |_| *byte).ok())
            }
            Self::Truncate { file, length } => {
                disk.truncate(&path(file)?, u64::from(length % 70_000)).ok()
            }
            Self::Erase { file } => disk.erase(&path(file)?).ok(),
            Self::Header { file, .. } | Self::Records { file, .. } | Self::Footer { file, .. } => {
                let path = path(file)?;
                let mut bytes = bytes(&path)?;
                self.forge(&mut bytes)?;
                disk.plant(&path, &bytes).ok()
            }
        }
    }

    /// Changes the bytes of a segment and makes its checksums right.
    fn forge(&self, bytes: &mut [u8]) -> Option<()> {
        let salt = number(bytes, 12)?;
        match *self {
            Self::Header { frame, field, value, .. } => {
                let at = frame_at(bytes, frame)?;
                put(bytes, at + usize::from(field % 15) * 4, &value.get().to_le_bytes());
                seal_from(bytes, at, salt)
            }
            Self::Records { frame, at: place, change, .. } => {
                let begin = frame_at(bytes, frame)?;
                let bodies = usize::try_from(number(bytes, begin + 16)?).ok()?;
                let records = usize::try_from(number(bytes, begin + 24)?).ok()?;
                let content = FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + 8 * bodies + records;
                let part = bytes.get_mut(begin + content.start..begin + content.end)?;
                let place = usize::from(place) % part.len().max(1);
                *part.get_mut(place)? ^= change;
                let crc = crc(salt, part);
                put(bytes, begin + 52, &crc.to_le_bytes());
                seal_from(bytes, begin, salt)
            }
            Self::Footer { field, value, .. } => {
                let trailer = bytes.len().checked_sub(64)?;
                let entries = usize::try_from(number(bytes, trailer + 12)?).ok()?;
                let summaries = usize::try_from(number(bytes, trailer + 24)?).ok()?;
                let begin =
                    trailer.checked_sub(entries.checked_mul(32)?.checked_add(summaries)?)?;
                let at = bytes.len().checked_sub(8 + usize::from(field) * 4)?;
                put(bytes, at, &value.get().to_le_bytes());
                let (end, length) = (bytes.len(), bytes.len() - 4);
                let crc = crc(salt, &bytes[begin..length]);
                put(bytes, end - 4, &crc.to_le_bytes());
                Some(())
            }
            _ => None,
        }
    }
}

impl Place {
    fn within(self, length: usize) -> u64 {
        let length = (length as u64).max(1);
        match self {
            Self::Used(at) => u64::from(u32::from(at) % USED_BYTES) % length,
            Self::End(before) => length.saturating_sub(1 + u64::from(before)),
            Self::Any(at) => u64::from(at) % length,
        }
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

/// Where the frame of this number begins, or the last.
fn frame_at(bytes: &[u8], nth: u8) -> Option<usize> {
    let mut at = PAGE_BYTES;
    for _ in 0..nth % 8 {
        let next = at.checked_add(usize::try_from(number(bytes, at + 8)?).ok()?)?;
        if bytes.get(next..next.checked_add(4)?) != Some(b"LQFR") {
            break;
        }
        at = next;
    }
    Some(at)
}

/// Makes the CRC of the header at `at` right, and the chain of those behind it.
fn seal_from(bytes: &mut [u8], mut at: usize, salt: u32) -> Option<()> {
    loop {
        let crc = crc(salt, bytes.get(at..at.checked_add(60)?)?);
        put(bytes, at + 60, &crc.to_le_bytes());
        let length = usize::try_from(number(bytes, at + 8)?).ok()?;
        at = at.checked_add(length.max(FRAME_HEADER_BYTES))?;
        if bytes.get(at..at.checked_add(4)?) != Some(b"LQFR") {
            return Some(());
        }
        put(bytes, at + 28, &crc.to_le_bytes());
    }
}
