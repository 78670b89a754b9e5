//! The footer of a sealed file: where its frames lie, and what they say of their messages.
//!
//! It ends at the file's last byte. A segment's is written in the background, once the first frame
//! of the next segment is durable, and may be missing or damaged at any time: it is rebuilt from
//! the frames (R3). All numbers are little-endian. The entries come first, in the order of the
//! frames:
//!
//! ```text
//! offset  bytes
//!      0      8  LSN of the frame's first record
//!      8      4  where the frame begins in the file, in bytes
//!     12      4  length of the frame, in bytes
//!     16      4  CRC of the frame's header
//!     20      4  where the frame's first body begins, in bytes from the frame's beginning
//!     24      4  number of the frame's bodies
//!     28      4  length of the frame's summary, in bytes
//! ```
//!
//! then the summaries, one behind the other without a gap, opaque here; and then, as the last 64
//! bytes of the file:
//!
//! ```text
//!      0      8  magic "LQFOOTER"
//!      8      4  version, 2
//!     12      4  number of entries
//!     16      8  the first LSN behind the file's frames
//!     24      4  length of all summaries, in bytes
//!     28     32  zero
//!     60      4  CRC of entries, summaries and bytes 0 to 59, begun from the file's salt
//! ```
//!
//! Footers of version 1, which are not written any more, have no summaries: they say nothing of
//! messages, so that they serve as evidence alone. Their entries have 24 bytes, with an offset of
//! 8 bytes and nothing behind the CRC.
//!
//! A segment's footer is written only after the first frame of the next segment was durable, so a
//! valid one proves that there was such a frame.

use std::io;

use bytes::Bytes;

use crate::{
    disk::{File, read_exact_at},
    types::Lsn,
};

use super::{
    frame::FRAME_HEADER_BYTES,
    header::HEADER_PAGE_BYTES,
    le::{index, put, salted_crc, short, u32_at, u64_at},
};

/// Length of what follows entries and summaries, in bytes.
const TRAILER_BYTES: usize = 64;
/// Length of one entry, in bytes.
const ENTRY_BYTES: usize = 32;
/// Length of one entry of version 1, in bytes.
const ENTRY_BYTES_V1: usize = 24;
const MAGIC: &[u8; 8] = b"LQFOOTER";
const VERSION: u32 = 2;

/// Where one frame of a sealed file lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FooterEntry {
    /// LSN of the frame's first record.
    pub first_lsn: Lsn,
    /// Where the frame begins in the file, in bytes.
    pub offset: u64,
    /// Length of the frame, in bytes.
    pub frame_bytes: u32,
    /// CRC of the frame's header.
    pub crc: u32,
    /// Where the first body begins, in bytes from the frame's beginning.
    pub bodies_at: u32,
    /// How many bodies the frame has.
    pub body_count: u32,
    /// Length of what the footer says of the frame's messages, in bytes.
    pub summary_bytes: u32,
}

/// The index of a sealed file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Footer {
    /// One for each frame, in order.
    pub entries: Vec<FooterEntry>,
    /// The summaries of all frames, one behind the other: [`super::Draft::summary`].
    pub summaries: Bytes,
    /// The first LSN behind the file's frames.
    pub next_lsn: Lsn,
}

impl Footer {
    /// Each frame with its summary, in order.
    pub fn frames(&self) -> impl Iterator<Item = (&FooterEntry, &[u8])> {
        let mut rest = &self.summaries[..];
        self.entries.iter().map(move |entry| {
            let length = rest.len().min(entry.summary_bytes as usize);
            let (summary, behind) = rest.split_at(length);
            rest = behind;
            (entry, summary)
        })
    }

    /// Whether the frames lie one behind the other between the header and the footer, and their
    /// summaries fill what the footer has of them. With a right CRC it always is so, unless a
    /// program wrote it wrong.
    fn is_consistent(&self, footer_at: u64) -> bool {
        let (mut end, mut summaries_bytes) = (HEADER_PAGE_BYTES as u64, 0);
        let mut lsn = Lsn::new(0);
        for entry in &self.entries {
            let within = entry.bodies_at >= short(FRAME_HEADER_BYTES)
                && entry.bodies_at <= entry.frame_bytes;
            if !within || entry.offset < end || entry.first_lsn <= lsn {
                return false;
            }
            end = entry.offset + u64::from(entry.frame_bytes);
            lsn = entry.first_lsn;
            summaries_bytes += u64::from(entry.summary_bytes);
        }
        end <= footer_at && lsn < self.next_lsn && summaries_bytes == self.summaries.len() as u64
    }
}

/// The last 64 bytes of a file, read as the end of a footer of this version.
#[derive(Clone, Copy)]
struct Trailer {
    entries_bytes: usize,
    summaries_bytes: usize,
    next_lsn: Lsn,
    crc: u32,
}

impl Trailer {
    fn read(bytes: &[u8]) -> Option<Self> {
        if bytes[..8] != *MAGIC || u32_at(bytes, 8) != VERSION {
            return None;
        }
        Some(Self {
            entries_bytes: (u32_at(bytes, 12) as usize).checked_mul(ENTRY_BYTES)?,
            summaries_bytes: u32_at(bytes, 24) as usize,
            next_lsn: Lsn::new(u64_at(bytes, 16)),
            crc: u32_at(bytes, 60),
        })
    }

    /// Length of the whole footer, in bytes.
    fn footer_bytes(&self) -> usize {
        self.entries_bytes.saturating_add(self.summaries_bytes).saturating_add(TRAILER_BYTES)
    }
}

/// Length of a footer for so many frames and so many bytes of summaries, in bytes.
pub(super) fn footer_bytes(frame_count: usize, summaries_bytes: u64) -> u64 {
    (frame_count * ENTRY_BYTES + TRAILER_BYTES) as u64 + summaries_bytes
}

/// The footer's bytes.
pub(super) fn encode_footer(footer: &Footer, salt: u32) -> Vec<u8> {
    let length = footer_bytes(footer.entries.len(), footer.summaries.len() as u64);
    let mut bytes = Vec::with_capacity(index(length));
    for entry in &footer.entries {
        bytes.extend_from_slice(&entry.first_lsn.get().to_le_bytes());
        let numbers = [
            short(index(entry.offset)),
            entry.frame_bytes,
            entry.crc,
            entry.bodies_at,
            entry.body_count,
            entry.summary_bytes,
        ];
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    bytes.extend_from_slice(&footer.summaries);
    let at = bytes.len();
    bytes.resize(at + TRAILER_BYTES, 0);
    put(&mut bytes, at, MAGIC);
    put(&mut bytes, at + 8, &VERSION.to_le_bytes());
    put(&mut bytes, at + 12, &short(footer.entries.len()).to_le_bytes());
    put(&mut bytes, at + 16, &footer.next_lsn.get().to_le_bytes());
    put(&mut bytes, at + 24, &short(footer.summaries.len()).to_le_bytes());
    let crc = salted_crc(salt, &[&bytes[..at + 60]]);
    put(&mut bytes, at + 60, &crc.to_le_bytes());
    bytes
}

/// The CRC that a footer's bytes end with.
pub(super) fn crc_of(footer: &[u8]) -> u32 {
    u32_at(footer, footer.len() - 4)
}

/// Reads the footer of a file with the given bytes; `None` if there is no valid one.
pub(super) fn read_footer(bytes: &[u8], salt: u32) -> Option<Footer> {
    let trailer_at = bytes.len().checked_sub(TRAILER_BYTES)?;
    let trailer = Trailer::read(&bytes[trailer_at..])?;
    let footer_at = bytes.len().checked_sub(trailer.footer_bytes())?;
    parse(&bytes[footer_at..], trailer, salt, footer_at as u64)
}

/// Reads the footer of a file, and no more of the file than that; `None` if there is no valid one.
pub(super) fn read_footer_of(
    file: &dyn File,
    file_bytes: u64,
    salt: u32,
) -> io::Result<Option<Footer>> {
    let Some(trailer) = read_trailer(file, file_bytes)? else { return Ok(None) };
    let Some(footer_at) = file_bytes.checked_sub(trailer.footer_bytes() as u64) else {
        return Ok(None);
    };
    let mut bytes = vec![0; trailer.footer_bytes()];
    read_exact_at(file, footer_at, &mut bytes)?;
    Ok(parse(&bytes, trailer, salt, footer_at))
}

/// The CRC of a file's footer, as the file's last bytes tell it; `None` if they are no footer's.
pub(super) fn read_footer_crc(file: &dyn File, file_bytes: u64) -> io::Result<Option<u32>> {
    Ok(read_trailer(file, file_bytes)?.map(|trailer| trailer.crc))
}

fn read_trailer(file: &dyn File, file_bytes: u64) -> io::Result<Option<Trailer>> {
    let Some(at) = file_bytes.checked_sub(TRAILER_BYTES as u64) else { return Ok(None) };
    let mut bytes = [0; TRAILER_BYTES];
    read_exact_at(file, at, &mut bytes)?;
    Ok(Trailer::read(&bytes))
}

/// Reads the bytes of a footer, which begins at `footer_at` of its file and ends with `trailer`.
fn parse(bytes: &[u8], trailer: Trailer, salt: u32, footer_at: u64) -> Option<Footer> {
    let crc_at = bytes.len() - 4;
    if crc_of(bytes) != trailer.crc || trailer.crc != salted_crc(salt, &[&bytes[..crc_at]]) {
        return None;
    }
    let (entries, rest) = bytes.split_at(trailer.entries_bytes);
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES>();
    let entries = entries.iter().map(|entry| FooterEntry {
        first_lsn: Lsn::new(u64_at(entry, 0)),
        offset: u64::from(u32_at(entry, 8)),
        frame_bytes: u32_at(entry, 12),
        crc: u32_at(entry, 16),
        bodies_at: u32_at(entry, 20),
        body_count: u32_at(entry, 24),
        summary_bytes: u32_at(entry, 28),
    });
    let footer = Footer {
        entries: entries.collect(),
        summaries: Bytes::copy_from_slice(&rest[..trailer.summaries_bytes]),
        next_lsn: trailer.next_lsn,
    };
    footer.is_consistent(footer_at).then_some(footer)
}

/// What a footer of any version says of the frames alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Evidence {
    /// For each frame: LSN, offset, length and CRC of the header.
    pub(super) frames: Vec<(Lsn, u64, u32, u32)>,
    pub(super) next_lsn: Lsn,
    /// Where the footer begins in the file, in bytes.
    pub(super) at: u64,
}

/// Reads a footer of any version.
pub(super) fn read_evidence(bytes: &[u8], salt: u32) -> Option<Evidence> {
    let Some(footer) = read_footer(bytes, salt) else { return read_version_1(bytes, salt) };
    let footer_bytes = footer_bytes(footer.entries.len(), footer.summaries.len() as u64);
    let places = footer.entries.iter();
    Some(Evidence {
        frames: places.map(|at| (at.first_lsn, at.offset, at.frame_bytes, at.crc)).collect(),
        next_lsn: footer.next_lsn,
        at: bytes.len() as u64 - footer_bytes,
    })
}

fn read_version_1(bytes: &[u8], salt: u32) -> Option<Evidence> {
    let trailer_at = bytes.len().checked_sub(TRAILER_BYTES)?;
    let trailer = &bytes[trailer_at..];
    if trailer[..8] != *MAGIC || u32_at(trailer, 8) != 1 {
        return None;
    }
    let count = u32_at(trailer, 12) as usize;
    let begin = trailer_at.checked_sub(count.checked_mul(ENTRY_BYTES_V1)?)?;
    let entries = &bytes[begin..trailer_at];
    if u32_at(trailer, 60) != salted_crc(salt, &[entries, &trailer[..60]]) {
        return None;
    }
    let (entries, _) = entries.as_chunks::<ENTRY_BYTES_V1>();
    let frame = |entry: &[u8; ENTRY_BYTES_V1]| {
        (Lsn::new(u64_at(entry, 0)), u64_at(entry, 8), u32_at(entry, 16), u32_at(entry, 20))
    };
    let next_lsn = Lsn::new(u64_at(trailer, 16));
    Some(Evidence { frames: entries.iter().map(frame).collect(), next_lsn, at: begin as u64 })
}
