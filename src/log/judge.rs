//! Torn or corrupt: what lies behind the last whole frame of the log.
//!
//! Segments are zero before they are used, and a disk writes sectors of 512 bytes whole or not at
//! all. So a write that did not end left at least one sector zero that it would have filled, and
//! the frame's own header says which sectors it would have left zero. Damage to bytes that were
//! written leaves no such sector.

use super::{
    SECTOR_BYTES,
    footer::read_footer,
    frame::{FRAME_HEADER_BYTES, FrameHeader},
    le::{all_zero, salted_crc},
    position::Chain,
    scan::{FrameFault, SegmentBytes},
    zeros::lists_sector,
};

/// What lies behind the last whole frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Nothing.
    Clean,
    /// A write that did not end; so many bytes up to the last that is not zero.
    Torn { bytes: u64 },
    /// Damage to what had been written.
    Corrupt { found: String },
    /// A frame of a version that this program does not know.
    Newer { version: u16 },
}

/// Judges what lies at `at`, where the frame that continues `chain` would begin. There is no whole
/// frame, or one with a damaged body that no later frame proves.
pub(super) fn judge_rest(segment: SegmentBytes<'_>, at: u64, chain: Chain) -> Rest {
    let end = segment.bytes.len() as u64;
    let rest = segment.part(at, end);
    if all_zero(rest) {
        return Rest::Clean;
    }
    let verdict = match segment.frame(at, chain) {
        Err(FrameFault::Newer { version }) => return Rest::Newer { version },
        Ok(frame) => behind(segment, frame.end(), chain)
            .or_else(|| all_written(segment, at, &frame.header, "one of its bodies is")),
        Err(FrameFault::Records(header)) => {
            behind(segment, at + u64::from(header.frame_bytes), chain)
                .or_else(|| all_written(segment, at, &header, "its records are"))
        }
        Err(FrameFault::ZeroList(header)) => {
            behind(segment, at + u64::from(header.frame_bytes), chain)
                .or_else(|| list_written(segment, at, &header))
        }
        Err(FrameFault::Header | FrameFault::Lengths | FrameFault::Chain(_)) => {
            behind(segment, at, chain).or_else(|| header_written(segment, at))
        }
    };
    // A footer is written once the next segment has a durable frame, which is not there.
    let sealed = || {
        read_footer(segment.bytes, segment.salt)
            .map(|_| "the segment has its footer, but no later one is in use".to_owned())
    };
    let verdict = verdict.or_else(sealed);
    let used = rest.len() - rest.iter().rev().take_while(|byte| **byte == 0).count();
    verdict.map_or(Rest::Torn { bytes: used as u64 }, |found| Rest::Corrupt { found })
}

/// A frame is written only once the one before is durable. So if there is one behind the damage,
/// what is damaged had been written to its end.
fn behind(segment: SegmentBytes<'_>, from: u64, chain: Chain) -> Option<String> {
    let (offset, header) = segment.find_frame(from, chain.next_lsn)?;
    Some(format!(
        "the frame that begins here is not whole, although the frame at offset {offset}, \
                  LSN {}, was written after it",
        header.first_lsn
    ))
}

fn header_written(segment: SegmentBytes<'_>, at: u64) -> Option<String> {
    let sector_end = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
    (!all_zero(segment.part(at, sector_end)))
        .then(|| "the header of a frame is expected here and its sector was written".to_owned())
}

/// The list itself is damaged. It fills a part of each of its sectors with other bytes than zero.
fn list_written(segment: SegmentBytes<'_>, at: u64, header: &FrameHeader) -> Option<String> {
    let (from, to) = (at + header.zeros_at(), at + header.zeros_end());
    let mut sectors = own_sectors(at, header).filter(|(begin, end)| *begin < to && *end > from);
    sectors.all(|(begin, end)| !all_zero(segment.part(begin, end))).then(|| {
        "the zero-sector list of the frame is damaged and its sectors were written".to_owned()
    })
}

/// Whether no sector is zero but those that the list, which is whole, names.
fn all_written(
    segment: SegmentBytes<'_>,
    at: u64,
    header: &FrameHeader,
    what: &str,
) -> Option<String> {
    let list = segment.part(at + header.zeros_at(), at + header.zeros_end());
    debug_assert_eq!(salted_crc(segment.salt, &[list]), header.zeros_crc, "the list is whole");
    let mut sectors = (0..).zip(own_sectors(at, header));
    sectors
        .all(|(sector, (begin, end))| {
            lists_sector(list, sector) || !all_zero(segment.part(begin, end))
        })
        .then(|| format!("{what} damaged and every sector of the frame was written"))
}

/// The frame's part of each sector that it touches: from, to.
fn own_sectors(at: u64, header: &FrameHeader) -> impl Iterator<Item = (u64, u64)> {
    debug_assert!(at.is_multiple_of(FRAME_HEADER_BYTES as u64), "frames are aligned");
    let frame_end = at + u64::from(header.frame_bytes);
    let first = at / SECTOR_BYTES;
    (first..frame_end.div_ceil(SECTOR_BYTES)).map(move |sector| {
        (at.max(sector * SECTOR_BYTES), frame_end.min((sector + 1) * SECTOR_BYTES))
    })
}
