//! What the writer wants done on the disk: each job runs on a thread of the owner's choice.

use std::{
    io::{self, IoSlice},
    sync::Arc,
};

use bytes::Bytes;

use crate::disk::{Access, Disk, File, write_all_at};

use super::{
    SEGMENTS_DIR, SegmentId,
    header::{HEADER_PAGE_BYTES, SegmentHeader},
    le::index,
};

/// How many zeros are written and made durable at once, in bytes. A frame that comes in between
/// waits for no more than these.
const ZERO_BYTES: usize = 1 << 20;

/// Writes one frame, and with the first of a segment the completed header, and syncs.
pub struct WriteJob {
    pub(super) file: Arc<dyn File>,
    pub(super) offset: u64,
    /// None is empty.
    pub(super) chunks: Vec<Bytes>,
}

impl WriteJob {
    /// One write, continued where it ended if it was short, and one sync. After an error nobody
    /// knows what the disk has: it must not be run again.
    pub fn run(&self) -> io::Result<()> {
        let mut slices: Vec<_> = self.chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
        write_all_at(&*self.file, self.offset, &mut slices)?;
        self.file.sync_data()
    }
}

/// Makes a segment ready for use: all zero, its header not completed.
pub struct PrepareJob {
    pub(super) header: SegmentHeader,
    /// A dead segment whose file is taken, if it is of the same length.
    pub(super) reuse: Option<SegmentId>,
}

/// A segment that is ready for use.
pub struct Prepared {
    pub(super) header: SegmentHeader,
    pub(super) file: Arc<dyn File>,
}

impl Prepared {
    /// Length of the segment, in bytes.
    pub fn bytes(&self) -> u64 {
        self.header.segment_bytes
    }
}

impl PrepareJob {
    /// The segment that is made.
    pub fn segment(&self) -> SegmentId {
        self.header.id
    }

    /// The dead segment whose file is taken for it.
    pub fn reused(&self) -> Option<SegmentId> {
        self.reuse
    }

    /// How much is written to make the segment ready, in bytes, all but its header zeros.
    pub fn zero_bytes(&self) -> u64 {
        self.header.segment_bytes
    }

    /// Writes the segment under a temporary name and gives it its own once it is durable. After an
    /// error, of which a full disk is the usual one, the job can be asked for and run again.
    pub fn run(&self, disk: &dyn Disk) -> io::Result<Prepared> {
        let temporary = self.header.id.temporary_path();
        let prepared = self.prepare(disk, &temporary);
        if prepared.is_err() {
            // Gives the space back. If this fails too, the next start removes the file.
            let _ = disk.unlink(&temporary);
        }
        prepared
    }

    fn prepare(&self, disk: &dyn Disk, temporary: &str) -> io::Result<Prepared> {
        let file = if let Some(file) = self.take_dead(disk, temporary)? {
            file
        } else {
            create_anew(disk, temporary)?;
            disk.open(temporary, Access::Direct { zero_from: u64::MAX })?
        };
        // Of a file that is reused, the old header is overwritten here too, in the same write.
        write_zeros(&*file, HEADER_PAGE_BYTES as u64, self.header.segment_bytes)?;
        write_all_at(&*file, 0, &mut [IoSlice::new(&self.header.encode())])?;
        file.sync_all()?;
        let path = self.header.id.path();
        disk.rename(temporary, &path)?;
        disk.sync_dir(SEGMENTS_DIR)?;
        let file = open_for_frames(disk, &path)?;
        Ok(Prepared { header: self.header.clone(), file })
    }
}

impl PrepareJob {
    /// R4: the dead segment's file under the temporary name, if nobody else has a name for it.
    ///
    /// Its own name is gone durably before it is written to: a rename that was lost would leave a
    /// segment whose bytes are neither old nor new. The links are counted only then, so that a copy
    /// that is made until then is seen.
    fn take_dead(&self, disk: &dyn Disk, temporary: &str) -> io::Result<Option<Arc<dyn File>>> {
        let Some(dead) = self.reuse else { return Ok(None) };
        match disk.rename(&dead.path(), temporary) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            renamed => renamed?,
        }
        disk.sync_dir(SEGMENTS_DIR)?;
        let file = disk.open(temporary, Access::Direct { zero_from: u64::MAX })?;
        let is_fit = file.len()? == self.header.segment_bytes && file.link_count()? == 1;
        Ok(is_fit.then_some(file))
    }
}

/// A segment whose header alone was written, to be written to.
pub(super) fn open_for_frames(disk: &dyn Disk, path: &str) -> io::Result<Arc<dyn File>> {
    disk.open(path, Access::Direct { zero_from: HEADER_PAGE_BYTES as u64 })
}

/// Makes a file, in place of one that has the name.
pub(super) fn create_anew(disk: &dyn Disk, path: &str) -> io::Result<Arc<dyn File>> {
    match disk.create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            disk.unlink(path)?;
            disk.create(path)
        }
        created => created,
    }
}

/// Piece by piece, each durable before the next but for the last one, which the caller syncs: a
/// disk has the log wait until all that it was given before is written.
fn write_zeros(file: &dyn File, mut offset: u64, end: u64) -> io::Result<()> {
    let zeros = vec![0; ZERO_BYTES.min(index(end))];
    while offset < end {
        let length = index(end - offset).min(zeros.len());
        write_all_at(file, offset, &mut [IoSlice::new(&zeros[..length])])?;
        offset += length as u64;
        if offset < end {
            file.sync_data()?;
        }
    }
    Ok(())
}

/// Writes the footer of a segment that is full.
pub struct SealJob {
    pub(super) segment: SegmentId,
    pub(super) file: Arc<dyn File>,
    pub(super) offset: u64,
    pub(super) footer: Vec<u8>,
}

impl SealJob {
    /// The segment that is sealed.
    pub fn segment(&self) -> SegmentId {
        self.segment
    }

    /// Length of the footer, in bytes.
    pub fn footer_bytes(&self) -> u64 {
        self.footer.len() as u64
    }

    /// Writes and syncs. The segment is whole without its footer, so that an error takes nothing
    /// from what is acknowledged.
    pub fn run(&self) -> io::Result<()> {
        write_all_at(&*self.file, self.offset, &mut [IoSlice::new(&self.footer)])?;
        self.file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{
        SimDisk,
        sim::{Counter, Fault, Faults},
    };

    #[test]
    fn zeros_are_made_durable_piece_by_piece() {
        let disk = SimDisk::new();
        let file = disk.create("zeros").expect("it is new");
        let end = 3 * ZERO_BYTES as u64 + 5;
        write_zeros(&*file, 4096, end).expect("nothing fails");
        assert_eq!(disk.count(Counter::Writes), 3);
        assert_eq!(disk.count(Counter::Syncs), 2, "the last one is the caller's");
        assert_eq!(file.len().expect("nothing fails"), end);
        disk.set_faults(Faults::none().at(Counter::Syncs, 3, Fault::Eio));
        assert!(write_zeros(&*file, 0, end).is_err(), "a piece that is not durable is told");
    }
}
