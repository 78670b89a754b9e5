//! A log of one file on a simulated disk, and what a start and an inspection say of it.

use std::collections::BTreeSet;

use ledgerq::{
    disk::{Disk, SimDisk},
    log::{
        self, FileId, LogError, Recovery, SEGMENT_BYTES_MIN, SEGMENTS_DIR, SegmentId, Settings,
        VerifyReport,
    },
    types::OutputId,
};

use crate::layout::{LINEAGE, PAGE_BYTES, output_page, segment_page};

/// The longest text of a finding, in bytes.
const TEXT_BYTES_MAX: usize = 1000;
/// The output of every disk here that has one.
pub const OUTPUT: FileId = FileId::Output(OutputId::new(1));

/// One frame as it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// LSN of its first record.
    pub lsn: u64,
    /// How many records there are.
    pub record_count: u32,
    /// Broker time, in milliseconds since 1970.
    pub now: u64,
    /// The records.
    pub records: Vec<u8>,
    /// The bodies; `None` for one that is damaged.
    pub bodies: Vec<Option<Vec<u8>>>,
}

impl Frame {
    /// Reads what is seen of a frame; everything lies within the file.
    pub fn of(view: &log::FrameView<'_>) -> Self {
        let end = view.offset + view.frame_bytes;
        assert!(end <= view.file_bytes, "a frame ends at {end} of {} bytes", view.file_bytes);
        let body = |place: &log::BodyPlace| {
            let end = place.offset + u64::from(place.len);
            assert!(end <= view.offset + view.frame_bytes, "a body lies within its frame");
            let mut bytes = vec![0; place.len as usize];
            ledgerq::disk::read_exact_at(&**view.file, place.offset, &mut bytes)
                .expect("it lies in the file");
            let is_whole = crc32fast::hash(&bytes) == place.crc;
            assert_eq!(is_whole, !place.damaged, "damage is told");
            is_whole.then_some(bytes)
        };
        Self {
            lsn: view.first_lsn.get(),
            record_count: view.record_count,
            now: view.now.as_millis(),
            records: view.records.to_vec(),
            bodies: view.bodies.iter().map(body).collect(),
        }
    }

    /// Whether it is `written`, but for bodies that are told as damaged.
    pub fn is_but_for_damage(&self, written: &Self) -> bool {
        let bodies = self.bodies.iter().zip(&written.bodies);
        self.bodies.len() == written.bodies.len()
            && bodies.clone().all(|(found, written)| found.is_none() || found == written)
            && Self { bodies: written.bodies.clone(), ..self.clone() } == *written
    }
}

/// A disk with one output of these frames and this end, which is where its footer is.
pub fn with_output(frames: &[u8], footer: &[u8]) -> SimDisk {
    let used = PAGE_BYTES + frames.len() + footer.len();
    let bytes = used.next_multiple_of(PAGE_BYTES);
    with_file(&OUTPUT.path(), output_page(bytes), frames, footer, bytes)
}

/// A disk with one segment of these frames and this end; frames that are too long are cut off.
pub fn with_segment(frames: &[u8], footer: &[u8]) -> SimDisk {
    let bytes = usize::try_from(SEGMENT_BYTES_MIN).expect("it is small");
    let room = bytes.saturating_sub(PAGE_BYTES + footer.len());
    let frames = &frames[..frames.len().min(room)];
    with_file(&SegmentId::FIRST.path(), segment_page(bytes), frames, footer, bytes)
}

fn with_file(path: &str, page: Vec<u8>, frames: &[u8], footer: &[u8], bytes: usize) -> SimDisk {
    let mut file = page;
    file.extend_from_slice(frames);
    file.resize(bytes.saturating_sub(footer.len()).max(file.len()), 0);
    file.extend_from_slice(footer);
    file.truncate(bytes);
    let disk = SimDisk::new();
    disk.create_dir(SEGMENTS_DIR).expect("nothing fails");
    disk.plant(path, &file).expect("the directory is there");
    disk
}

/// What the log is set to.
pub fn settings() -> Settings {
    Settings { segment_bytes: SEGMENT_BYTES_MIN, lineage: LINEAGE, standby_count: 1 }
}

/// The frames that a start would replay; it changes nothing but what it makes durable.
pub fn examine(disk: &SimDisk) -> Result<Vec<Frame>, LogError> {
    let mut frames = Vec::new();
    let mut sink = |view: log::FrameView<'_>| {
        frames.push(Frame::of(&view));
        Ok(())
    };
    let recovery = Recovery::open(disk, &settings(), None, &BTreeSet::new())?;
    recovery.examine(&mut sink, &mut |_| {})?;
    Ok(frames)
}

/// What an inspection tells, and the frames that it finds.
pub fn inspect(disk: &SimDisk) -> (VerifyReport, Vec<Frame>) {
    let mut frames = Vec::new();
    let mut sink = |view: log::FrameView<'_>| {
        frames.push(Frame::of(&view));
        Ok(())
    };
    let report = log::verify(disk, Some(LINEAGE), None, &mut sink, &mut |_| {});
    (report.expect("the disk can be read"), frames)
}

/// A start and an inspection say the same; the frames of the start, if it is not refused.
pub fn agree(disk: &SimDisk) -> Option<Vec<Frame>> {
    let (report, inspected) = inspect(disk);
    let started = examine(disk);
    let is_refused = started.is_err();
    assert_eq!(report.refuses_start(), is_refused, "{:?} {:?}", report.findings, started.err());
    for finding in &report.findings {
        let length = finding.found.len();
        assert!(length > 0 && length <= TEXT_BYTES_MAX, "{finding:?} is not to be read");
    }
    let frames = started.ok()?;
    assert_eq!(frames, inspected, "they read the same");
    Some(frames)
}
