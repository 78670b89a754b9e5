//! The broker's figures as programs read them.

use serde::Serialize;

use super::super::output::rfc3339;
use crate::types::{
    CheckpointStatus, CompactionStatus, FilesStatus, OutputId, RecoveryStatus, ScrubStatus, Status,
    WrittenStatus,
};

/// How the broker is.
#[derive(Serialize)]
pub(in crate::cli) struct StatusObject {
    now: String,
    applied_lsn: u64,
    durable_lsn: u64,
    next_sequence_number: u64,
    queue_count: u64,
    disk_full: bool,
    retention_held: bool,
    files: FilesObject,
    written: WrittenObject,
    checkpoint: Option<CheckpointObject>,
    checkpoint_before: Option<CheckpointObject>,
    checkpoint_under_way: bool,
    failed_checkpoint_count: u64,
    backups_under_way: u64,
    compaction: CompactionObject,
    scrub: ScrubObject,
    recovery: RecoveryObject,
}

/// What lies on the disk.
#[derive(Serialize)]
struct FilesObject {
    segment_count: u64,
    standby_count: u64,
    output_count: u64,
    size_bytes: u64,
    live_bytes: u64,
    dead_bytes: u64,
    live_count: u64,
    pinned_count: u64,
    reclaimed_count: u64,
}

/// What was written since the start; the ratio is null before anything was.
#[derive(Serialize)]
struct WrittenObject {
    frame_bytes: u64,
    footer_bytes: u64,
    checkpoint_bytes: u64,
    compaction_bytes: u64,
    zero_bytes: u64,
    write_amplification: Option<f64>,
}

/// One checkpoint.
#[derive(Serialize)]
pub(in crate::cli) struct CheckpointObject {
    lsn: u64,
    at: String,
    size_bytes: u64,
    took_ms: u64,
    max_pause_us: u64,
}

/// What the compactor did since the start.
#[derive(Serialize)]
struct CompactionObject {
    under_way: bool,
    switched_count: u64,
    failed_count: u64,
    copied_count: u64,
    last_output_id: Option<u64>,
}

/// The pass of the scrub that is under way, or the last.
#[derive(Serialize)]
pub(in crate::cli) struct ScrubObject {
    under_way: bool,
    read_bytes: u64,
    target_count: u64,
    targets_left_count: u64,
    found_count: u64,
    damaged_message_count: u64,
    passes_count: u64,
    ended_at: Option<String>,
}

/// How the start went.
#[derive(Serialize)]
struct RecoveryObject {
    checkpoint_lsn: u64,
    damaged_checkpoint_count: u64,
    indexed_message_count: u64,
    unindexed_file_count: u64,
    replayed_record_count: u64,
    replayed_bytes: u64,
    survey_ms: u64,
    load_ms: u64,
    replay_ms: u64,
}

impl StatusObject {
    pub(in crate::cli) fn new(status: &Status) -> Self {
        Self {
            now: rfc3339(status.now),
            applied_lsn: status.applied_lsn.get(),
            durable_lsn: status.durable_lsn.get(),
            next_sequence_number: status.next_seq.get(),
            queue_count: status.queue_count,
            disk_full: status.disk_full,
            retention_held: status.retention_held,
            files: FilesObject::new(&status.files),
            written: WrittenObject::new(&status.written),
            checkpoint: status.checkpoint.as_ref().map(CheckpointObject::new),
            checkpoint_before: status.checkpoint_before.as_ref().map(CheckpointObject::new),
            checkpoint_under_way: status.checkpoint_under_way,
            failed_checkpoint_count: status.checkpoints_failed,
            backups_under_way: status.backups_under_way,
            compaction: CompactionObject::new(&status.compaction),
            scrub: ScrubObject::new(&status.scrub),
            recovery: RecoveryObject::new(&status.recovery),
        }
    }
}

impl CheckpointObject {
    pub(in crate::cli) fn new(checkpoint: &CheckpointStatus) -> Self {
        Self {
            lsn: checkpoint.lsn.get(),
            at: rfc3339(checkpoint.at),
            size_bytes: checkpoint.bytes,
            took_ms: checkpoint.took.get(),
            max_pause_us: checkpoint.pause_us_max,
        }
    }
}

impl FilesObject {
    fn new(files: &FilesStatus) -> Self {
        Self {
            segment_count: files.segment_count,
            standby_count: files.standby_count,
            output_count: files.output_count,
            size_bytes: files.bytes,
            live_bytes: files.live_bytes,
            dead_bytes: files.dead_bytes,
            live_count: files.live_count,
            pinned_count: files.pinned_count,
            reclaimed_count: files.reclaimed_count,
        }
    }
}

impl WrittenObject {
    fn new(written: &WrittenStatus) -> Self {
        Self {
            frame_bytes: written.frame_bytes,
            footer_bytes: written.footer_bytes,
            checkpoint_bytes: written.checkpoint_bytes,
            compaction_bytes: written.compaction_bytes,
            zero_bytes: written.zero_bytes,
            write_amplification: written.amplification(),
        }
    }
}

impl CompactionObject {
    fn new(compaction: &CompactionStatus) -> Self {
        Self {
            under_way: compaction.under_way,
            switched_count: compaction.switched_count,
            failed_count: compaction.failed_count,
            copied_count: compaction.copied_count,
            last_output_id: compaction.last_output.map(OutputId::get),
        }
    }
}

impl ScrubObject {
    pub(in crate::cli) fn new(scrub: &ScrubStatus) -> Self {
        Self {
            under_way: scrub.under_way,
            read_bytes: scrub.bytes,
            target_count: scrub.targets_count,
            targets_left_count: scrub.targets_left_count,
            found_count: scrub.found_count,
            damaged_message_count: scrub.damaged_messages_count,
            passes_count: scrub.passes_count,
            ended_at: scrub.ended_at.map(rfc3339),
        }
    }
}

impl RecoveryObject {
    fn new(recovery: &RecoveryStatus) -> Self {
        Self {
            checkpoint_lsn: recovery.checkpoint_lsn.get(),
            damaged_checkpoint_count: recovery.checkpoints_damaged,
            indexed_message_count: recovery.summaries_count,
            unindexed_file_count: recovery.files_without_footer,
            replayed_record_count: recovery.records_count,
            replayed_bytes: recovery.frames_bytes,
            survey_ms: recovery.survey_took.get(),
            load_ms: recovery.load_took.get(),
            replay_ms: recovery.replay_took.get(),
        }
    }
}
