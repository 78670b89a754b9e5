//! Figures for operators.

use std::time::Duration;

use super::{Error, millis, timestamp};
use crate::{
    client::Backup,
    proto::v1,
    types::{
        BackupId, BackupPlan, CheckpointStatus, CompactionStatus, FilesStatus, Lsn, OutputId,
        RecoveryStatus, ScrubStatus, Seq, Status, WrittenStatus,
    },
};

/// How the broker is. A part that is not told has no figures yet.
pub(in crate::client) fn status(status: &v1::BrokerStatus) -> Result<Status, Error> {
    Ok(Status {
        now: timestamp(status.now, "broker time")?,
        applied_lsn: Lsn::new(status.applied_lsn),
        durable_lsn: Lsn::new(status.durable_lsn),
        next_seq: Seq::new(status.next_sequence_number),
        queue_count: status.queue_count,
        disk_full: status.disk_full,
        retention_held: status.retention_held,
        files: files(status.files.unwrap_or_default()),
        written: written(status.written.unwrap_or_default()),
        checkpoint: status.checkpoint.as_ref().map(checkpoint).transpose()?,
        checkpoint_before: status.checkpoint_before.as_ref().map(checkpoint).transpose()?,
        checkpoint_under_way: status.checkpoint_under_way,
        checkpoints_failed: status.failed_checkpoint_count,
        backups_under_way: status.backups_under_way,
        compaction: compaction(status.compaction.unwrap_or_default()),
        scrub: scrub(&status.scrub.unwrap_or_default())?,
        recovery: recovery(&status.recovery.unwrap_or_default())?,
    })
}

/// One checkpoint.
pub(in crate::client) fn checkpoint(
    checkpoint: &v1::CheckpointStatus,
) -> Result<CheckpointStatus, Error> {
    let pause = checkpoint.max_pause.and_then(|pause| Duration::try_from(pause).ok());
    let pause_us_max = pause.and_then(|pause| u64::try_from(pause.as_micros()).ok());
    Ok(CheckpointStatus {
        lsn: Lsn::new(checkpoint.lsn),
        at: timestamp(checkpoint.time, "a checkpoint's time")?,
        bytes: checkpoint.bytes,
        took: millis(checkpoint.took, "how long a checkpoint took")?,
        pause_us_max: pause_us_max.ok_or(Error::Answer("a checkpoint's pause"))?,
    })
}

/// A backup that has begun.
pub(in crate::client) fn backup(begun: v1::BeginBackupResponse) -> Result<Backup, Error> {
    let plan = BackupPlan {
        id: BackupId::new(begun.backup_id),
        lsn: Lsn::new(begun.lsn),
        last_frame_crc: begun.last_frame_crc,
        checkpoint_lsn: Lsn::new(begun.checkpoint_lsn),
        files: begun.files,
        until: timestamp(begun.expires_at, "when a backup ends by itself")?,
    };
    Ok(Backup { data_dir: begun.data_directory, plan })
}

fn files(files: v1::FilesStatus) -> FilesStatus {
    FilesStatus {
        segment_count: files.segment_count,
        standby_count: files.standby_count,
        output_count: files.output_count,
        bytes: files.bytes,
        live_bytes: files.live_bytes,
        dead_bytes: files.dead_bytes,
        live_count: files.live_count,
        pinned_count: files.pinned_count,
        reclaimed_count: files.reclaimed_count,
    }
}

/// The amplification is computed again from what it is made of.
fn written(written: v1::WrittenStatus) -> WrittenStatus {
    WrittenStatus {
        frame_bytes: written.frame_bytes,
        footer_bytes: written.footer_bytes,
        checkpoint_bytes: written.checkpoint_bytes,
        compaction_bytes: written.compaction_bytes,
        zero_bytes: written.zero_bytes,
    }
}

fn compaction(compaction: v1::CompactionStatus) -> CompactionStatus {
    CompactionStatus {
        under_way: compaction.under_way,
        switched_count: compaction.switched_count,
        failed_count: compaction.failed_count,
        copied_count: compaction.copied_count,
        last_output: compaction.last_output_id.map(OutputId::new),
    }
}

/// How the scrub is.
pub(in crate::client) fn scrub(scrub: &v1::ScrubStatus) -> Result<ScrubStatus, Error> {
    let ended = |at| timestamp(Some(at), "when a scrub ended");
    Ok(ScrubStatus {
        under_way: scrub.under_way,
        bytes: scrub.bytes,
        targets_count: scrub.target_count,
        targets_left_count: scrub.targets_left_count,
        found_count: scrub.found_count,
        damaged_messages_count: scrub.damaged_message_count,
        passes_count: scrub.passes_count,
        ended_at: scrub.ended_at.map(ended).transpose()?,
    })
}

fn recovery(recovery: &v1::RecoveryStatus) -> Result<RecoveryStatus, Error> {
    let took = |duration: Option<prost_types::Duration>| {
        millis(Some(duration.unwrap_or_default()), "how long a start took")
    };
    Ok(RecoveryStatus {
        checkpoint_lsn: Lsn::new(recovery.checkpoint_lsn),
        checkpoints_damaged: recovery.damaged_checkpoint_count,
        summaries_count: recovery.indexed_message_count,
        files_without_footer: recovery.unindexed_file_count,
        records_count: recovery.replayed_record_count,
        frames_bytes: recovery.replayed_bytes,
        survey_took: took(recovery.survey_took)?,
        load_took: took(recovery.load_took)?,
        replay_took: took(recovery.replay_took)?,
    })
}
