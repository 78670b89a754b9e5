//! A file of the log, opened although its header may be damaged.
//!
//! Without a whole header the salt is missing, and with it every CRC. Two others know it: a
//! checkpoint that lists the file, and a frame without zero sectors, since the CRC of its empty
//! list is the salt, which the CRC of its own header then confirms.

use std::{io, sync::Arc};

use crate::{
    disk::{Access, Disk, File, PageBuffer, read_exact_at},
    types::Lineage,
};

use super::super::{
    FORMAT_VERSION, FileId, LogError, SegmentId,
    frame::{FRAME_HEADER_BYTES, FrameHeader, HeaderRead},
    header::{HEADER_PAGE_BYTES, HeaderPage, read_header_page, read_output_page},
    le::{all_zero, index, u32_at},
    position::Chain,
    scan::SegmentBytes,
    settings::SEGMENT_BYTES_MAX,
};

/// What cannot be read is read again in pieces of so many bytes.
const PIECE_BYTES: u64 = 4096;

/// A file, as far as it could be opened.
pub(super) enum Opened {
    Usable(Usable),
    /// It was never used.
    Blank,
    /// Nothing of it can be told, and why.
    Unusable(String),
}

/// A file whose salt is known.
pub(super) struct Usable {
    pub(super) id: FileId,
    pub(super) file: Arc<dyn File>,
    /// Length of the file, in bytes.
    pub(super) bytes: u64,
    pub(super) salt: u32,
    /// What its first frame continues, as far as that is known.
    pub(super) opening: Option<Chain>,
    /// Whether the file is shorter than its header says.
    pub(super) is_cut_off: bool,
}

/// What a header tells.
struct Told {
    id: FileId,
    lineage: Lineage,
    bytes: u64,
    salt: u32,
    opening: Option<Chain>,
}

/// Opens a file of this name; `salt` is what a checkpoint says of it.
pub(super) fn open(
    disk: &dyn Disk,
    id: FileId,
    lineage: Lineage,
    salt: Option<u32>,
) -> Result<Opened, LogError> {
    let unusable = |found: String| Ok(Opened::Unusable(found));
    let file = match disk.open(&id.path(), Access::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return unusable("the file is missing".to_owned());
        }
        Err(error) => return unusable(format!("it cannot be opened: {error}")),
    };
    let bytes = match file.len() {
        Ok(bytes) => bytes.min(SEGMENT_BYTES_MAX),
        Err(error) => return unusable(format!("it cannot be measured: {error}")),
    };
    let mut begin = vec![0; HEADER_PAGE_BYTES + FRAME_HEADER_BYTES];
    begin.truncate(index(bytes));
    read_pieces(&*file, &mut begin);
    let first_frame = begin.get(HEADER_PAGE_BYTES..).unwrap_or_default();
    let told = match page(id, &begin) {
        HeaderPage::Read { header, .. } => header,
        HeaderPage::Newer { version } => {
            let (path, known) = (id.path(), FORMAT_VERSION);
            return Err(LogError::NewerFormat { path, version, known });
        }
        HeaderPage::Damaged { found } => {
            let Some(salt) = salt.or_else(|| salt_told(first_frame)) else {
                let is_blank = is_zero(&*file, bytes);
                return if is_blank { Ok(Opened::Blank) } else { unusable(found.to_owned()) };
            };
            Told { id, lineage, bytes, salt, opening: None }
        }
    };
    if told.lineage != lineage {
        return unusable("it is of another data directory".to_owned());
    }
    if told.id != id {
        return unusable(format!("its header is that of {}", told.id));
    }
    if salt.is_some_and(|salt| salt != told.salt) {
        return unusable("it is another file than the checkpoint names: its salt is".to_owned());
    }
    let opening = told.opening.or_else(|| opening_of(first_frame, told.salt));
    let (salt, is_cut_off) = (told.salt, bytes < told.bytes);
    Ok(Opened::Usable(Usable { id, file, bytes, salt, opening, is_cut_off }))
}

impl Usable {
    /// Where the first frame begins, in bytes.
    pub(super) const FIRST_FRAME: u64 = HEADER_PAGE_BYTES as u64;

    /// The segment, as frames are told to be in it.
    pub(super) fn segment(&self) -> SegmentId {
        match self.id {
            FileId::Segment(id) => id,
            FileId::Output(_) => SegmentId::default(),
        }
    }

    /// All bytes of the file; zeros where they cannot be read.
    pub(super) fn read(&self) -> io::Result<PageBuffer> {
        let mut bytes = PageBuffer::new(index(self.bytes.max(1)))?;
        read_pieces(&*self.file, &mut bytes[..index(self.bytes)]);
        Ok(bytes)
    }

    pub(super) fn frames<'a>(&self, bytes: &'a [u8]) -> SegmentBytes<'a> {
        SegmentBytes { bytes: &bytes[..index(self.bytes).min(bytes.len())], salt: self.salt }
    }
}

fn page(id: FileId, begin: &[u8]) -> HeaderPage<Told> {
    let told = |page| match page {
        HeaderPage::Read { header, blemished } => {
            let super::super::header::SegmentHeader { salt, id, lineage, segment_bytes, opening } =
                header;
            let (id, bytes) = (FileId::Segment(id), segment_bytes);
            HeaderPage::Read { header: Told { id, lineage, bytes, salt, opening }, blemished }
        }
        HeaderPage::Newer { version } => HeaderPage::Newer { version },
        HeaderPage::Damaged { found } => HeaderPage::Damaged { found },
    };
    match id {
        FileId::Segment(_) => told(read_header_page(begin)),
        FileId::Output(_) => match read_output_page(begin) {
            HeaderPage::Read { header, blemished } => {
                let (id, bytes) = (FileId::Output(header.id), header.output_bytes);
                let (salt, lineage, opening) =
                    (header.salt, header.lineage, Some(Chain::default()));
                HeaderPage::Read { header: Told { id, lineage, bytes, salt, opening }, blemished }
            }
            HeaderPage::Newer { version } => HeaderPage::Newer { version },
            HeaderPage::Damaged { found } => HeaderPage::Damaged { found },
        },
    }
}

/// The salt that a frame without zero sectors tells.
fn salt_told(frame: &[u8]) -> Option<u32> {
    let has_no_list = frame.len() >= FRAME_HEADER_BYTES && u32_at(frame, 12) == 0;
    let salt = has_no_list.then(|| u32_at(frame, 48))?;
    matches!(FrameHeader::read(frame, salt), HeaderRead::Whole(_)).then_some(salt)
}

fn opening_of(frame: &[u8], salt: u32) -> Option<Chain> {
    match FrameHeader::read(frame, salt) {
        HeaderRead::Whole(header) => {
            Some(Chain { next_lsn: header.first_lsn, crc: header.previous_crc })
        }
        HeaderRead::Newer { .. } | HeaderRead::Not => None,
    }
}

/// Whether nothing but the header page was ever written.
fn is_zero(file: &dyn File, bytes: u64) -> bool {
    let mut piece = vec![0; 1 << 20];
    let mut at = HEADER_PAGE_BYTES as u64;
    while at < bytes {
        let length = index((bytes - at).min(1 << 20));
        if read_exact_at(file, at, &mut piece[..length]).is_err() || !all_zero(&piece[..length]) {
            return false;
        }
        at += length as u64;
    }
    true
}

/// Reads from the begin of a file; pieces that cannot be read stay zero.
fn read_pieces(file: &dyn File, bytes: &mut [u8]) {
    if read_exact_at(file, 0, bytes).is_ok() {
        return;
    }
    let pieces = (0..).step_by(index(PIECE_BYTES)).zip(bytes.chunks_mut(index(PIECE_BYTES)));
    for (at, piece) in pieces {
        if read_exact_at(file, at, piece).is_err() {
            piece.fill(0);
        }
    }
}
