//! The log: a durable sequence of records. It knows nothing of queues.
//!
//! Records are appended in *frames*, one write and one sync each, to *segments*, files of fixed
//! size under `segments/`. A record's position is its [`Lsn`](crate::types::Lsn). Beside the log
//! lie *outputs*, with what a compaction has copied out of it. Read upwards:
//!
//! * `header`, `frame`, `footer`: what lies in a file, byte by byte; `file_id`: its name;
//! * `draft`, `encode`, `zeros`: a [`Draft`] becomes the bytes of a frame;
//! * `writer`, `jobs`: [`Writer`] plans, its jobs write; neither has a thread;
//! * `scan`, `judge`: pure functions over a segment's bytes: the frames, and what comes after them;
//! * `create`, `recover`, `replay`: a new log; a start, of all or behind a [`Position`];
//! * `stored`, `output`: a sealed file, read back; an output, made;
//! * `check`: a sealed file, compared with its checksums;
//! * `verify`, `inspection`: an inspection that changes nothing;
//! * `salvage`: what is left of a log.
//!
//! **Invariants.** A frame is written only once the one before is durable, so any valid frame
//! proves all before it. Segments are all zero before they are used, so zero means "never
//! written". Nothing that was found at a start is written to, but for a segment that reads all
//! zero, and one that its owner gives up to be reused. What was acknowledged is never silently cut
//! off: it is there, or the start is refused.

mod check;
mod contents;
mod create;
mod draft;
mod encode;
mod error;
mod file_id;
mod footer;
mod frame;
mod header;
mod inspection;
mod jobs;
mod judge;
mod le;
mod output;
mod position;
mod prove;
mod recover;
mod replay;
mod report;
mod salvage;
mod scan;
mod settings;
mod stored;
mod survey;
#[cfg(test)]
mod tests;
mod verify;
mod writer;
mod zeros;

pub use check::{Damage, FileCheck};
pub use contents::FileContents;
pub use create::create;
pub use draft::{Body, Draft};
pub use error::LogError;
pub use file_id::FileId;
pub use footer::{Footer, FooterEntry};
pub use header::FORMAT_VERSION;
pub use jobs::{PrepareJob, Prepared, SealJob, WriteJob};
pub use output::{FinishedOutput, OUTPUT_BYTES_MAX, OutputWriter};
pub use position::{BodyPlace, FramePlace, Position};
pub use prove::prove_end;
pub use recover::{Recovery, recover};
pub use report::{DamagedBody, FrameView, Progress, RecoveryReport, SegmentInfo, Sink, TornTail};
pub use salvage::{Hole, Listed, Piece, PieceSink, Salvaged, salvage, salvage_file};
pub use settings::{
    FRAME_BYTES_MAX, SECTOR_BYTES, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN,
    SEGMENT_BYTES_STEP, SEGMENTS_DIR, SegmentId, Settings,
};
pub use stored::{FrameRecords, StoredFile};
pub use survey::lineage_told;
pub use verify::{
    Finding, FindingKind, FooterState, OutputSummary, SegmentSummary, VerifyReport, verify,
};
pub use writer::{Appended, SyncReport, Writer};
