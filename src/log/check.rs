//! A sealed file read again, a part at a time, and compared with its checksums: what a medium has
//! changed since is found before somebody needs it.
//!
//! It changes nothing and judges nothing: whether a place that is not as written is needed by
//! anybody is for others to say.

use std::{io, sync::Arc};

use crate::{
    disk::{File, read_exact_at},
    types::Lsn,
};

use super::{
    FRAME_BYTES_MAX, FileId, Footer,
    footer::{footer_bytes, read_footer_of},
    frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead},
    header::{HEADER_PAGE_BYTES, HeaderPage, read_header_page, read_output_page},
    le::{all_zero, index, salted_crc},
    scan::SegmentBytes,
};

/// How much is looked through at once for a frame behind the last, in bytes.
const LOOK_BYTES: u64 = 1 << 20;

/// A place of a file that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file, within the data directory.
    pub path: String,
    /// Where, in bytes: of a body, where that begins.
    pub offset: u64,
    /// What was found there, in words.
    pub found: String,
}

/// A check of one file, as far as it is.
pub struct FileCheck {
    id: FileId,
    file: Arc<dyn File>,
    bytes: u64,
    salt: u32,
    /// No frame of the file begins behind this.
    until: Option<Lsn>,
    part: Part,
    damages: Vec<Damage>,
}

/// What is to be read next.
enum Part {
    Begin,
    /// The frames that the footer lists; how many were read.
    Listed(Footer, usize),
    /// The frame at this offset, with this LSN or a later.
    Frame(u64, Lsn),
    /// What is behind the last whole frame, at the first offset, from the second on: another frame
    /// there, of the LSN or a later one, proves that the one between is damaged.
    Behind(u64, u64, Lsn),
    End,
}

impl FileCheck {
    /// Begins with a file that is open and that nothing writes to.
    pub fn new(id: FileId, file: Arc<dyn File>, bytes: u64, salt: u32, until: Option<Lsn>) -> Self {
        Self { id, file, bytes, salt, until, part: Part::Begin, damages: Vec::new() }
    }

    /// The file.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Whether all is read.
    pub fn is_over(&self) -> bool {
        matches!(self.part, Part::End)
    }

    /// What was found so far.
    pub fn into_damages(self) -> Vec<Damage> {
        self.damages
    }

    /// Reads on until about so many bytes were read, or all is; how many they were. What cannot be
    /// read is damage too.
    pub fn step(&mut self, bytes_max: u64) -> u64 {
        let mut read_bytes = 0;
        while read_bytes < bytes_max && !self.is_over() {
            read_bytes += match std::mem::replace(&mut self.part, Part::End) {
                Part::Begin => self.begin(),
                Part::Listed(footer, at) => self.listed(footer, at),
                Part::Frame(at, lsn) => self.frame_at(at, lsn),
                Part::Behind(damaged_at, from, lsn) => self.behind(damaged_at, from, lsn),
                Part::End => 0,
            };
        }
        read_bytes
    }

    /// The header page and the footer. The page cache is dropped first: what is read from then on
    /// is what the device has.
    fn begin(&mut self) -> u64 {
        let mut page = vec![0; HEADER_PAGE_BYTES];
        let read = self.file.drop_cache().and_then(|()| read_exact_at(&*self.file, 0, &mut page));
        if let Err(error) = read {
            self.unreadable(0, &error);
            return HEADER_PAGE_BYTES as u64;
        }
        let (is_whole, blemished) = match self.id {
            FileId::Segment(_) => told(&read_header_page(&page)),
            FileId::Output(_) => told(&read_output_page(&page)),
        };
        if !is_whole {
            self.damage(0, "the header is not whole");
        } else if blemished {
            self.damage(0, "a part of the header page is not as written");
        }
        let footer = read_footer_of(&*self.file, self.bytes, self.salt);
        let mut trailer = [0; 64];
        let trailer_at = self.bytes.saturating_sub(footer_bytes(0, 0));
        self.part = match (footer, read_exact_at(&*self.file, trailer_at, &mut trailer)) {
            (Ok(Some(footer)), _) => Part::Listed(footer, 0),
            (Ok(None), Ok(())) => {
                let is_output = matches!(self.id, FileId::Output(_));
                if is_output || !all_zero(&trailer) {
                    self.damage(trailer_at, "the footer is not whole");
                }
                Part::Frame(HEADER_PAGE_BYTES as u64, Lsn::default())
            }
            (Err(error), _) | (Ok(None), Err(error)) => {
                self.unreadable(trailer_at, &error);
                Part::Frame(HEADER_PAGE_BYTES as u64, Lsn::default())
            }
        };
        HEADER_PAGE_BYTES as u64 + trailer.len() as u64
    }

    fn listed(&mut self, footer: Footer, at: usize) -> u64 {
        let Some(entry) = footer.entries.get(at).copied() else { return 0 };
        self.part = Part::Listed(footer, at + 1);
        let bytes = u64::from(entry.frame_bytes);
        match self.read(entry.offset, bytes) {
            Err(error) => self.unreadable(entry.offset, &error),
            Ok(frame) => match FrameHeader::read(&frame, self.salt) {
                HeaderRead::Whole(header) if header.crc == entry.crc => {
                    self.compare(entry.offset, header, &frame);
                }
                HeaderRead::Whole(_) | HeaderRead::Newer { .. } | HeaderRead::Not => {
                    self.damage(entry.offset, "the header of a frame is not as written");
                }
            },
        }
        bytes
    }

    fn frame_at(&mut self, at: u64, lsn: Lsn) -> u64 {
        let header_bytes = FRAME_HEADER_BYTES as u64;
        if at + header_bytes > self.bytes {
            return 0;
        }
        let header = match self.read(at, header_bytes) {
            Ok(bytes) => FrameHeader::read(&bytes, self.salt),
            Err(error) => {
                self.unreadable(at, &error);
                HeaderRead::Not
            }
        };
        let HeaderRead::Whole(header) = header else {
            self.part = Part::Behind(at, at, lsn);
            return header_bytes;
        };
        let end = at + u64::from(header.frame_bytes);
        let is_of_file = header.first_lsn >= lsn
            && self.until.is_none_or(|until| header.first_lsn <= until)
            && header.is_consistent()
            && end <= self.bytes;
        if !is_of_file {
            return header_bytes;
        }
        let next_lsn = header.chain_after().next_lsn;
        self.part = Part::Frame(end, next_lsn);
        match self.read(at, u64::from(header.frame_bytes)) {
            Ok(frame) => self.compare(at, header, &frame),
            Err(error) => self.unreadable(at, &error),
        }
        u64::from(header.frame_bytes)
    }

    fn behind(&mut self, damaged_at: u64, from: u64, lsn: Lsn) -> u64 {
        let bytes = LOOK_BYTES.min(self.bytes.saturating_sub(from));
        if bytes < FRAME_HEADER_BYTES as u64 {
            return 0;
        }
        self.part = Part::Behind(damaged_at, from + bytes, lsn);
        // What cannot be read there is no frame.
        let Ok(part) = self.read(from, bytes) else { return bytes };
        let segment = SegmentBytes { bytes: &part, salt: self.salt };
        let found = segment.find_frame(0, Lsn::new(lsn.get().max(1)));
        if let Some((place, header)) = found
            && self.until.is_none_or(|until| header.first_lsn <= until)
        {
            self.damage(damaged_at, "the frame that begins here is not whole");
            self.part = Part::Frame(from + place, header.first_lsn);
        }
        bytes
    }

    /// Compares a frame whose header is whole with its checksums.
    fn compare(&mut self, at: u64, header: FrameHeader, bytes: &[u8]) {
        let segment = SegmentBytes { bytes, salt: self.salt };
        let list = segment.part(header.zeros_at(), header.zeros_end());
        if salted_crc(self.salt, &[list]) != header.zeros_crc {
            self.damage(at + header.zeros_at(), "the list of zero sectors is not as written");
        }
        let Some(frame) = segment.with_records(0, header) else {
            return self.damage(at, "the records of a frame are not as written");
        };
        for body in frame.bodies().iter().filter(|body| body.damaged) {
            self.damage(at + body.offset, "a body does not have its CRC");
        }
    }

    fn read(&self, at: u64, bytes: u64) -> io::Result<Vec<u8>> {
        debug_assert!(bytes <= FRAME_BYTES_MAX, "a part is at most a frame");
        let mut part = vec![0; index(bytes)];
        read_exact_at(&*self.file, at, &mut part)?;
        Ok(part)
    }

    fn unreadable(&mut self, offset: u64, error: &io::Error) {
        self.damage(offset, &format!("it cannot be read: {error}"));
    }

    fn damage(&mut self, offset: u64, found: &str) {
        let (path, found) = (self.id.path(), found.to_owned());
        self.damages.push(Damage { path, offset, found });
    }
}

/// Whether a header is whole, and whether its page has harmless damage.
fn told<H>(page: &HeaderPage<H>) -> (bool, bool) {
    match page {
        HeaderPage::Read { blemished, .. } => (true, *blemished),
        HeaderPage::Newer { .. } | HeaderPage::Damaged { .. } => (false, false),
    }
}
