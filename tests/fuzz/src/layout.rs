//! Frames, headers and footers as `docs/FORMAT.md` has them, put together here a second time: so
//! that what the log reads is compared with the text and not with the log's own writer, and so that
//! wrong lengths can stand under right checksums.

use arbitrary::Arbitrary;
use ledgerq::types::Lineage;

/// Where the frames begin, in bytes.
pub const PAGE_BYTES: usize = 4096;
/// Length of a frame's header, and what frames are aligned to, in bytes.
pub const FRAME_HEADER_BYTES: usize = 64;
const SECTOR_BYTES: usize = 512;
const MARK: u8 = 0xa5;
/// The lineage of every file.
pub const LINEAGE: Lineage = Lineage(*b"a log for fuzz..");
/// The salt of every file.
pub const SALT: u32 = 0x0102_0304;

/// CRC-32 (IEEE), begun from a salt.
pub fn crc(salt: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(salt);
    hasher.update(bytes);
    hasher.finalize()
}

/// Puts `value` at `at`; what lies beyond the end is left away.
pub fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    let Some(place) = bytes.get_mut(at..) else { return };
    let length = place.len().min(value.len());
    place[..length].copy_from_slice(&value[..length]);
}

/// A number that is often at the edge of something.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Number {
    /// A small one.
    Small(u8),
    /// One of 16 bits.
    Middle(u16),
    /// Any.
    Any(u32),
    /// The largest.
    Max,
}

impl Number {
    /// Its value.
    pub fn get(self) -> u32 {
        match self {
            Self::Small(value) => value.into(),
            Self::Middle(value) => value.into(),
            Self::Any(value) => value,
            Self::Max => u32::MAX,
        }
    }
}

/// Something of a frame that is not as it should be.
#[derive(Arbitrary, Clone, Copy, Debug)]
pub enum Lie {
    /// A field of the header, by its number; the header's CRC is right.
    Field(u8, Number),
    /// A field of the body table; the CRCs of the table and of the header are right.
    Table(u8, Number),
    /// A field of the zero-sector list; the CRCs of the list and of the header are right.
    Zeros(u8, Number),
    /// One byte of the whole, changed last; no CRC is made right.
    Byte(u16, u8),
}

/// What one frame holds.
#[derive(Arbitrary, Clone, Debug)]
pub struct Content {
    /// The records, which are opaque to the log.
    pub records: Vec<u8>,
    /// How many there are said to be, less one.
    pub record_count: u8,
    /// Broker time.
    pub now: u64,
    /// The bodies.
    pub bodies: Vec<Vec<u8>>,
    /// Zeros in a further body, in units of 64 bytes; none if 0.
    pub zeros: u8,
}

impl Content {
    /// The bodies with that of zeros.
    pub fn all_bodies(&self) -> Vec<Vec<u8>> {
        let zeros = (self.zeros > 0).then(|| vec![0; usize::from(self.zeros) * 64]);
        self.bodies.iter().cloned().chain(zeros).collect()
    }

    /// How many records there are.
    pub fn count(&self) -> u32 {
        u32::from(self.record_count) + 1
    }
}

/// What the next frame of a file goes on from.
#[derive(Clone, Copy, Debug)]
pub struct End {
    /// LSN of the first record.
    pub lsn: u64,
    /// The CRC of the frame before.
    pub crc: u32,
}

impl End {
    /// Before the first frame.
    pub const FIRST: Self = Self { lsn: 1, crc: 0 };
}

/// Appends a frame to the bytes of a file, and tells the next one.
pub fn append(file: &mut Vec<u8>, before: End, content: &Content, lies: &[Lie]) -> End {
    let bodies = content.all_bodies();
    let mut table: Vec<u8> = bodies.iter().flat_map(|body| table_entry(body)).collect();
    apply(&mut table, lies, |lie| match lie {
        Lie::Table(at, value) => Some((at, value)),
        _ => None,
    });
    let bodies = bodies.concat();
    let content_bytes = FRAME_HEADER_BYTES + table.len() + content.records.len() + bodies.len();
    let mut whole = vec![1; FRAME_HEADER_BYTES];
    whole.extend_from_slice(&table);
    whole.extend_from_slice(&content.records);
    whole.extend_from_slice(&bodies);
    let mut zeros = zero_sectors(file.len(), &whole);
    apply(&mut zeros, lies, |lie| match lie {
        Lie::Zeros(at, value) => Some((at, value)),
        _ => None,
    });
    whole.resize(content_bytes.next_multiple_of(8), 0);
    whole.extend_from_slice(&zeros);
    whole.resize((whole.len() + 1).next_multiple_of(FRAME_HEADER_BYTES), 0);
    if let Some(last) = whole.last_mut() {
        *last = MARK;
    }
    let mut header = [0; FRAME_HEADER_BYTES];
    put(&mut header, 0, b"LQFR");
    put(&mut header, 4, &2_u16.to_le_bytes());
    let records_from = FRAME_HEADER_BYTES + table.len();
    let records_crc = crc(SALT, &whole[FRAME_HEADER_BYTES..records_from + content.records.len()]);
    let fields = [
        (8, short(whole.len())),
        (12, short(zeros.len() / 8)),
        (16, short(table.len() / 8)),
        (20, content.count()),
        (24, short(content.records.len())),
        (28, before.crc),
        (48, crc(SALT, &zeros)),
        (52, records_crc),
        (56, short(bodies.len())),
    ];
    for (at, value) in fields {
        put(&mut header, at, &value.to_le_bytes());
    }
    put(&mut header, 32, &before.lsn.to_le_bytes());
    put(&mut header, 40, &content.now.to_le_bytes());
    apply(&mut header[..60], lies, |lie| match lie {
        Lie::Field(at, value) => Some((at, value)),
        _ => None,
    });
    let header_crc = crc(SALT, &header[..60]);
    put(&mut header, 60, &header_crc.to_le_bytes());
    put(&mut whole, 0, &header);
    for lie in lies {
        if let Lie::Byte(at, change) = lie {
            let at = usize::from(*at) % whole.len();
            whole[at] ^= change;
        }
    }
    file.extend_from_slice(&whole);
    End { lsn: before.lsn + u64::from(content.count()), crc: header_crc }
}

fn table_entry(body: &[u8]) -> Vec<u8> {
    [short(body.len()).to_le_bytes(), crc32fast::hash(body).to_le_bytes()].concat()
}

/// Writes those numbers that `pick` finds among the lies over fields of 4 bytes.
fn apply(bytes: &mut [u8], lies: &[Lie], pick: impl Fn(Lie) -> Option<(u8, Number)>) {
    for (field, value) in lies.iter().copied().filter_map(pick) {
        let count = bytes.len() / 4;
        if count > 0 {
            put(bytes, usize::from(field) % count * 4, &value.get().to_le_bytes());
        }
    }
}

/// The list of the sectors of a frame that are zero as written: first and count of each run.
fn zero_sectors(offset: usize, content: &[u8]) -> Vec<u8> {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let first_end = SECTOR_BYTES - offset % SECTOR_BYTES;
    let rest = content.get(first_end..).unwrap_or_default();
    for (sector, bytes) in (1..).zip(rest.chunks(SECTOR_BYTES)) {
        if bytes.iter().any(|byte| *byte != 0) {
            continue;
        }
        match runs.last_mut() {
            Some((first, count)) if *first + *count == sector => *count += 1,
            _ => runs.push((sector, 1)),
        }
    }
    runs.iter()
        .flat_map(|(first, count)| [first.to_le_bytes(), count.to_le_bytes()].concat())
        .collect()
}

/// The header page of output 1, whose file has so many bytes.
pub fn output_page(file_bytes: usize) -> Vec<u8> {
    let mut copy = header_copy(*b"LQOUTPUT", file_bytes);
    put(&mut copy, 48, &[1]);
    page(copy)
}

/// The header page of segment 1, which is in use and has so many bytes.
pub fn segment_page(file_bytes: usize) -> Vec<u8> {
    let mut copy = header_copy(*b"LQSEGMNT", file_bytes);
    put(&mut copy, 48, &1_u64.to_le_bytes());
    page(copy)
}

fn header_copy(magic: [u8; 8], file_bytes: usize) -> [u8; 64] {
    let mut copy = [0; 64];
    put(&mut copy, 0, &magic);
    put(&mut copy, 8, &1_u32.to_le_bytes());
    put(&mut copy, 12, &SALT.to_le_bytes());
    put(&mut copy, 16, &1_u64.to_le_bytes());
    put(&mut copy, 24, &LINEAGE.0);
    put(&mut copy, 40, &(file_bytes as u64).to_le_bytes());
    copy
}

fn page(mut copy: [u8; 64]) -> Vec<u8> {
    let crc = crc32fast::hash(&copy[..60]);
    put(&mut copy, 60, &crc.to_le_bytes());
    let mut page = vec![0; PAGE_BYTES];
    put(&mut page, 0, &copy);
    put(&mut page, 2048, &copy);
    page
}

/// A length, which is small here.
pub fn short(length: usize) -> u32 {
    u32::try_from(length).expect("inputs are short")
}
