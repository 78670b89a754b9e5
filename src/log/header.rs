//! The header of a segment or an output: the first 4096 bytes of its file.
//!
//! ```text
//! offset  bytes
//!      0     64  the header
//!     64   1984  zero
//!   2048     64  the header again, in another sector
//!   2112   1984  zero
//!   4096         frames
//! ```
//!
//! One copy, all numbers little-endian:
//!
//! ```text
//!      0      8  magic "LQSEGMNT"
//!      8      4  format version, 1
//!     12      4  salt: every other checksum of the segment begins from it
//!     16      8  segment id, as in the file's name
//!     24     16  lineage
//!     40      8  length of the file in bytes
//!     48      8  first LSN; 0 while the segment is prepared and not in use
//!     56      4  CRC of the frame before, 0 if there is none
//!     60      4  CRC-32 (IEEE) of bytes 0 to 59, not salted
//! ```
//!
//! An output (R5) has magic "LQOUTPUT", its own id, and, in place of the last two fields before the
//! CRC, at 48 one byte: how often its messages were copied; then zeros. Its header is written last
//! and never changed.
//!
//! Magic, version and CRC stay where they are in every later version, so that an older program can
//! tell a newer file from a damaged one. The header is *completed* (first LSN, CRC of the frame
//! before) by the same write as the first frame. That write begins only once the frame before is
//! durable, so a completed header proves all frames before its first LSN as a frame does.

use crate::types::{Lineage, Lsn, OutputId};

use super::{
    SegmentId,
    le::{all_zero, put, u32_at, u64_at},
    position::Chain,
};

/// The newest format version that this program reads, and the one that it writes.
pub const FORMAT_VERSION: u32 = 1;
/// Where the frames begin, in bytes.
pub(super) const HEADER_PAGE_BYTES: usize = 4096;
/// Where the second copy begins, in bytes.
const SECOND_COPY_AT: usize = 2048;
/// Length of one copy, in bytes.
const COPY_BYTES: usize = 64;
const MAGIC: [u8; 8] = *b"LQSEGMNT";
const OUTPUT_MAGIC: [u8; 8] = *b"LQOUTPUT";

/// What one segment says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) salt: u32,
    pub(super) id: SegmentId,
    pub(super) lineage: Lineage,
    pub(super) segment_bytes: u64,
    /// Where the log was when the segment was taken into use; `None` if it was not.
    pub(super) opening: Option<Chain>,
}

/// The header page as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum HeaderPage<H = SegmentHeader> {
    /// At least one copy is whole.
    Read {
        header: H,
        /// The other copy, or the zero bytes about them, are not as written. Harmless.
        blemished: bool,
    },
    /// No copy is whole, but one is of a newer version.
    Newer { version: u32 },
    /// No copy is whole, or the two contradict each other.
    Damaged { found: &'static str },
}

enum Copy<H> {
    Whole(H),
    Newer(u32),
    Bad,
}

impl SegmentHeader {
    /// The header page.
    pub(super) fn encode(&self) -> Vec<u8> {
        let opening = self.opening.unwrap_or_default();
        let next_lsn = self.opening.map_or(0, |chain| chain.next_lsn.get());
        let mut copy = [0; COPY_BYTES];
        put(&mut copy, 0, &MAGIC);
        put(&mut copy, 8, &FORMAT_VERSION.to_le_bytes());
        put(&mut copy, 12, &self.salt.to_le_bytes());
        put(&mut copy, 16, &self.id.get().to_le_bytes());
        put(&mut copy, 24, &self.lineage.0);
        put(&mut copy, 40, &self.segment_bytes.to_le_bytes());
        put(&mut copy, 48, &next_lsn.to_le_bytes());
        put(&mut copy, 56, &opening.crc.to_le_bytes());
        page_of(copy)
    }
}

/// What one output says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OutputHeader {
    pub(super) salt: u32,
    pub(super) id: OutputId,
    pub(super) lineage: Lineage,
    pub(super) output_bytes: u64,
    pub(super) generation: u8,
}

impl OutputHeader {
    /// The header page.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut copy = [0; COPY_BYTES];
        put(&mut copy, 0, &OUTPUT_MAGIC);
        put(&mut copy, 8, &FORMAT_VERSION.to_le_bytes());
        put(&mut copy, 12, &self.salt.to_le_bytes());
        put(&mut copy, 16, &self.id.get().to_le_bytes());
        put(&mut copy, 24, &self.lineage.0);
        put(&mut copy, 40, &self.output_bytes.to_le_bytes());
        put(&mut copy, 48, &[self.generation]);
        page_of(copy)
    }
}

/// The page with both copies of a header, which lacks its CRC.
fn page_of(mut copy: [u8; COPY_BYTES]) -> Vec<u8> {
    let crc = crc32fast::hash(&copy[..60]);
    put(&mut copy, 60, &crc.to_le_bytes());
    let mut page = vec![0; HEADER_PAGE_BYTES];
    put(&mut page, 0, &copy);
    put(&mut page, SECOND_COPY_AT, &copy);
    page
}

/// Reads the header page of a segment; never panics, whatever the bytes.
///
/// The two sectors of a header are written together but may be torn apart: then one copy is
/// completed and the other is still as prepared. The completed one counts.
pub(super) fn read_header_page(page: &[u8]) -> HeaderPage {
    read_page(page, MAGIC, segment_header, |first, second| {
        let opening = first.opening.or(second.opening);
        first.opening = first.opening.or(opening);
        second.opening = second.opening.or(opening);
    })
}

/// Reads the header page of an output; never panics, whatever the bytes.
pub(super) fn read_output_page(page: &[u8]) -> HeaderPage<OutputHeader> {
    read_page(page, OUTPUT_MAGIC, output_header, |_, _| {})
}

/// Reads both copies of a header; `reconcile` undoes what may differ between whole ones.
fn read_page<H: PartialEq>(
    page: &[u8],
    magic: [u8; 8],
    header: fn(&[u8]) -> H,
    reconcile: fn(&mut H, &mut H),
) -> HeaderPage<H> {
    if page.len() < HEADER_PAGE_BYTES {
        return HeaderPage::Damaged { found: "the file ends within its header" };
    }
    let first = read_copy(&page[..COPY_BYTES], magic, header);
    let second = read_copy(&page[SECOND_COPY_AT..SECOND_COPY_AT + COPY_BYTES], magic, header);
    let stray = !all_zero(&page[COPY_BYTES..SECOND_COPY_AT])
        || !all_zero(&page[SECOND_COPY_AT + COPY_BYTES..HEADER_PAGE_BYTES]);
    match (first, second) {
        (Copy::Whole(mut first), Copy::Whole(mut second)) => {
            reconcile(&mut first, &mut second);
            if first == second {
                return HeaderPage::Read { header: first, blemished: stray };
            }
            HeaderPage::Damaged { found: "the two copies of its header contradict each other" }
        }
        (Copy::Whole(header), _) | (_, Copy::Whole(header)) => {
            HeaderPage::Read { header, blemished: true }
        }
        (Copy::Newer(version), _) | (_, Copy::Newer(version)) => HeaderPage::Newer { version },
        (Copy::Bad, Copy::Bad) => {
            HeaderPage::Damaged { found: "neither copy of its header is whole" }
        }
    }
}

fn read_copy<H>(copy: &[u8], magic: [u8; 8], header: fn(&[u8]) -> H) -> Copy<H> {
    if copy[..8] != magic || u32_at(copy, 60) != crc32fast::hash(&copy[..60]) {
        return Copy::Bad;
    }
    let version = u32_at(copy, 8);
    if version > FORMAT_VERSION {
        return Copy::Newer(version);
    }
    Copy::Whole(header(copy))
}

fn segment_header(copy: &[u8]) -> SegmentHeader {
    let chain = Chain { next_lsn: Lsn::new(u64_at(copy, 48)), crc: u32_at(copy, 56) };
    SegmentHeader {
        salt: u32_at(copy, 12),
        id: SegmentId::new(u64_at(copy, 16)),
        lineage: lineage(copy),
        segment_bytes: u64_at(copy, 40),
        opening: (chain.next_lsn.get() != 0).then_some(chain),
    }
}

fn output_header(copy: &[u8]) -> OutputHeader {
    OutputHeader {
        salt: u32_at(copy, 12),
        id: OutputId::new(u64_at(copy, 16)),
        lineage: lineage(copy),
        output_bytes: u64_at(copy, 40),
        generation: copy[48],
    }
}

fn lineage(copy: &[u8]) -> Lineage {
    let mut lineage = [0; 16];
    lineage.copy_from_slice(&copy[24..40]);
    Lineage(lineage)
}
