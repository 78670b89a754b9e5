//! Torn or corrupt: what lies behind the last whole frame of the log.
//!
//! Segments are zero before they are used, and a write of one frame is cut short in two ways.
//!
//! * **The power goes.** A disk writes sectors of 512 bytes whole or not at all, in any order. So
//!   at least one sector is left zero that would have been filled, and the frame's own header says
//!   which it would have left zero.
//! * **The process ends.** A prefix is left in the page cache, which the next start makes durable.
//!   It may end in the middle of a sector, and then no sector tells. *(A kill 700 bytes into the
//!   write of a frame whose end lies in the second sector: records or a body lack their CRC,
//!   each sector has bytes, and the start was refused for ever, although nothing was
//!   acknowledged.)* But it lacks the end of the frame: its mark is zero. If it ends within the
//!   header, everything behind the header is zero.
//!
//! If the power goes before a prefix is durable, some of its sectors are zero as well; neither its
//! mark nor what lies behind it was ever filled, so the same two signs hold.
//!
//! **Damage is never taken for either**, unless it zeroes what was written. A whole frame of
//! version 2 has the mark for its last byte, and at least there it is not zero behind its header;
//! one of version 1 has records there, whose first byte is never zero. A flipped bit does not make
//! the mark zero, which has four bits, nor does damage anywhere else. So a zero mark under a whole
//! header, or nothing but zeros behind a damaged one, is a frame that was never written to its end,
//! or a medium that zeroed the end of the last frame, which nothing proves yet. The header's
//! version is under its CRC: no damage makes a frame of version 1 lack a mark.

use super::{
    SECTOR_BYTES,
    footer::read_evidence,
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
    // A footer is written once the next segment has a durable frame, which is not there.
    let sealed = || {
        read_evidence(segment.bytes, segment.salt)
            .map(|_| "the segment has its footer, but no later one is in use".to_owned())
    };
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
        // Where the frames end, the footer may begin in the same sector.
        Err(FrameFault::Header) => behind(segment, at, chain)
            .or_else(sealed)
            .or_else(|| header_written(segment, at).filter(|_| begun_behind_header(segment, at))),
        Err(FrameFault::Lengths | FrameFault::Chain(_)) => {
            behind(segment, at, chain).or_else(|| header_written(segment, at))
        }
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

/// Whether anything was written behind the header that would be at `at`. Behind every whole frame's
/// header something is: records, and from version 2 on the end mark.
fn begun_behind_header(segment: SegmentBytes<'_>, at: u64) -> bool {
    !all_zero(segment.part(at + FRAME_HEADER_BYTES as u64, segment.bytes.len() as u64))
}

/// Whether the frame's last byte was written, as far as it tells: without a mark, it may have.
fn end_written(segment: SegmentBytes<'_>, at: u64, header: &FrameHeader) -> bool {
    let mark = segment.part(at + header.padding_end(), at + u64::from(header.frame_bytes));
    mark.is_empty() || !all_zero(mark)
}

/// The list itself is damaged. It fills a part of each of its sectors with other bytes than zero.
fn list_written(segment: SegmentBytes<'_>, at: u64, header: &FrameHeader) -> Option<String> {
    let (from, to) = (at + header.zeros_at(), at + header.zeros_end());
    let mut sectors = own_sectors(at, header).filter(|(begin, end)| *begin < to && *end > from);
    let written = end_written(segment, at, header)
        && sectors.all(|(begin, end)| !all_zero(segment.part(begin, end)));
    written.then(|| {
        "the zero-sector list of the frame is damaged and its sectors were written".to_owned()
    })
}

/// Whether the end mark is there, and no sector is zero but those that the list, which is whole,
/// names.
fn all_written(
    segment: SegmentBytes<'_>,
    at: u64,
    header: &FrameHeader,
    what: &str,
) -> Option<String> {
    let list = segment.part(at + header.zeros_at(), at + header.zeros_end());
    debug_assert_eq!(salted_crc(segment.salt, &[list]), header.zeros_crc, "the list is whole");
    let mut sectors = (0..).zip(own_sectors(at, header));
    let written = end_written(segment, at, header)
        && sectors.all(|(sector, (begin, end))| {
            lists_sector(list, sector) || !all_zero(segment.part(begin, end))
        });
    written.then(|| format!("{what} damaged and every sector of the frame was written"))
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
