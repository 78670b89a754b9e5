//! Figures in the words of the proto files. Every figure is named here, so that a new one is not
//! forgotten.

use crate::{
    api::grpc::convert::{duration, duration_us, timestamp},
    proto::v1,
    types::{
        self, CheckpointStatus, CompactionStatus, FilesStatus, OutputId, RecoveryStatus,
        ScrubStatus, Status,
    },
};

/// How the broker is.
pub(super) fn status(status: &Status) -> v1::BrokerStatus {
    let Status {
        now,
        applied_lsn,
        durable_lsn,
        next_seq,
        queue_count,
        disk_full,
        retention_held,
        files,
        written,
        checkpoint: newest,
        checkpoint_before,
        checkpoint_under_way,
        checkpoints_failed,
        backups_under_way,
        compaction,
        scrub: pass,
        recovery,
    } = status;
    v1::BrokerStatus {
        now: Some(timestamp(*now)),
        applied_lsn: applied_lsn.get(),
        durable_lsn: durable_lsn.get(),
        next_sequence_number: next_seq.get(),
        queue_count: *queue_count,
        disk_full: *disk_full,
        retention_held: *retention_held,
        files: Some(self::files(files)),
        written: Some(self::written(written)),
        checkpoint: newest.as_ref().map(checkpoint),
        checkpoint_before: checkpoint_before.as_ref().map(checkpoint),
        checkpoint_under_way: *checkpoint_under_way,
        failed_checkpoint_count: *checkpoints_failed,
        backups_under_way: *backups_under_way,
        compaction: Some(self::compaction(compaction)),
        scrub: Some(scrub(pass)),
        recovery: Some(self::recovery(recovery)),
    }
}

/// One checkpoint.
pub(super) fn checkpoint(checkpoint: &CheckpointStatus) -> v1::CheckpointStatus {
    let CheckpointStatus { lsn, at, bytes, took, pause_us_max } = *checkpoint;
    v1::CheckpointStatus {
        lsn: lsn.get(),
        time: Some(timestamp(at)),
        bytes,
        took: Some(duration(took)),
        max_pause: Some(duration_us(pause_us_max)),
    }
}

fn files(files: &FilesStatus) -> v1::FilesStatus {
    let FilesStatus {
        segment_count,
        standby_count,
        output_count,
        bytes,
        live_bytes,
        dead_bytes,
        live_count,
        pinned_count,
        reclaimed_count,
    } = *files;
    v1::FilesStatus {
        segment_count,
        standby_count,
        output_count,
        bytes,
        live_bytes,
        dead_bytes,
        live_count,
        pinned_count,
        reclaimed_count,
    }
}

fn written(written: &types::WrittenStatus) -> v1::WrittenStatus {
    let types::WrittenStatus {
        frame_bytes,
        footer_bytes,
        checkpoint_bytes,
        compaction_bytes,
        zero_bytes,
    } = *written;
    v1::WrittenStatus {
        frame_bytes,
        footer_bytes,
        checkpoint_bytes,
        compaction_bytes,
        zero_bytes,
        write_amplification: written.amplification(),
    }
}

fn compaction(compaction: &CompactionStatus) -> v1::CompactionStatus {
    let CompactionStatus { under_way, switched_count, failed_count, copied_count, last_output } =
        *compaction;
    v1::CompactionStatus {
        under_way,
        switched_count,
        failed_count,
        copied_count,
        last_output_id: last_output.map(OutputId::get),
    }
}

/// How the scrub is.
pub(super) fn scrub(scrub: &ScrubStatus) -> v1::ScrubStatus {
    let ScrubStatus {
        under_way,
        bytes,
        targets_count,
        targets_left_count,
        found_count,
        damaged_messages_count,
        passes_count,
        ended_at,
    } = *scrub;
    v1::ScrubStatus {
        under_way,
        bytes,
        target_count: targets_count,
        targets_left_count,
        found_count,
        damaged_message_count: damaged_messages_count,
        passes_count,
        ended_at: ended_at.map(timestamp),
    }
}

fn recovery(recovery: &RecoveryStatus) -> v1::RecoveryStatus {
    let RecoveryStatus {
        checkpoint_lsn,
        checkpoints_damaged,
        summaries_count,
        files_without_footer,
        records_count,
        frames_bytes,
        survey_took,
        load_took,
        replay_took,
    } = *recovery;
    v1::RecoveryStatus {
        checkpoint_lsn: checkpoint_lsn.get(),
        damaged_checkpoint_count: checkpoints_damaged,
        indexed_message_count: summaries_count,
        unindexed_file_count: files_without_footer,
        replayed_record_count: records_count,
        replayed_bytes: frames_bytes,
        survey_took: Some(duration(survey_took)),
        load_took: Some(duration(load_took)),
        replay_took: Some(duration(replay_took)),
    }
}
