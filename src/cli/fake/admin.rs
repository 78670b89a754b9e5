//! The fake server's figures.

use prost_types::Duration;
use tonic::{Request, Response, Status};

use super::{Fake, now};
use crate::proto::v1::{self, admin_service_server::AdminService};

/// A broker in the middle of its life.
fn busy() -> v1::BrokerStatus {
    v1::BrokerStatus {
        now: Some(now()),
        applied_lsn: 120,
        durable_lsn: 118,
        next_sequence_number: 51,
        queue_count: 2,
        files: Some(v1::FilesStatus {
            segment_count: 4,
            standby_count: 1,
            output_count: 1,
            bytes: 5 << 27,
            live_bytes: 300 << 20,
            dead_bytes: 40 << 20,
            live_count: 300_000,
            pinned_count: 2,
            reclaimed_count: 17,
        }),
        written: Some(v1::WrittenStatus {
            frame_bytes: 1 << 30,
            footer_bytes: 1 << 20,
            checkpoint_bytes: 2 << 20,
            compaction_bytes: 64 << 20,
            zero_bytes: 2 << 30,
            write_amplification: Some(1.5),
        }),
        checkpoint: Some(checkpoint(100, 60)),
        checkpoint_before: Some(v1::CheckpointStatus {
            took: Some(Duration::default()),
            max_pause: Some(Duration::default()),
            ..checkpoint(50, 3700)
        }),
        checkpoint_under_way: true,
        backups_under_way: 1,
        compaction: Some(v1::CompactionStatus {
            switched_count: 1,
            copied_count: 5000,
            last_output_id: Some(1),
            ..Default::default()
        }),
        scrub: Some(v1::ScrubStatus {
            bytes: 5 << 27,
            target_count: 7,
            found_count: 2,
            damaged_message_count: 1,
            passes_count: 1,
            ended_at: Some(prost_types::Timestamp { seconds: now().seconds - 90, nanos: 0 }),
            ..Default::default()
        }),
        recovery: Some(v1::RecoveryStatus {
            checkpoint_lsn: 50,
            indexed_message_count: 40,
            replayed_record_count: 12,
            replayed_bytes: 6144,
            survey_took: Some(millis(20)),
            load_took: Some(millis(300)),
            replay_took: Some(millis(7)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn checkpoint(lsn: u64, age_seconds: i64) -> v1::CheckpointStatus {
    let time = prost_types::Timestamp { seconds: now().seconds - age_seconds, nanos: 0 };
    v1::CheckpointStatus {
        lsn,
        time: Some(time),
        bytes: 3 << 20,
        took: Some(millis(250)),
        max_pause: Some(Duration { seconds: 0, nanos: 1_500_000 }),
    }
}

fn millis(millis: i32) -> Duration {
    Duration { seconds: 0, nanos: millis * 1_000_000 }
}

#[tonic::async_trait]
impl AdminService for Fake {
    async fn get_status(
        &self,
        _: Request<v1::GetStatusRequest>,
    ) -> Result<Response<v1::GetStatusResponse>, Status> {
        let young = v1::BrokerStatus {
            now: Some(now()),
            disk_full: true,
            retention_held: true,
            recovery: Some(v1::RecoveryStatus {
                damaged_checkpoint_count: 2,
                ..Default::default()
            }),
            ..Default::default()
        };
        let status = if self.state(|state| state.is_new) { young } else { busy() };
        Ok(Response::new(v1::GetStatusResponse { status: Some(status) }))
    }

    async fn checkpoint(
        &self,
        _: Request<v1::CheckpointRequest>,
    ) -> Result<Response<v1::CheckpointResponse>, Status> {
        let refused = self.state(|state| state.statuses.pop_front());
        let checkpoint = Some(checkpoint(100, 0));
        refused.map_or(Ok(Response::new(v1::CheckpointResponse { checkpoint })), Err)
    }

    async fn compact(
        &self,
        _: Request<v1::CompactRequest>,
    ) -> Result<Response<v1::CompactResponse>, Status> {
        let copied_count = if self.state(|state| state.is_new) { 0 } else { 5000 };
        Ok(Response::new(v1::CompactResponse { copied_count }))
    }

    async fn scrub(
        &self,
        _: Request<v1::ScrubRequest>,
    ) -> Result<Response<v1::ScrubResponse>, Status> {
        // The pass that the status tells of comes after it.
        Ok(Response::new(v1::ScrubResponse { scrub: Some(v1::ScrubStatus::default()) }))
    }

    async fn begin_backup(
        &self,
        _: Request<v1::BeginBackupRequest>,
    ) -> Result<Response<v1::BeginBackupResponse>, Status> {
        if let Some(refused) = self.state(|state| state.statuses.pop_front()) {
            return Err(refused);
        }
        // A broker on another machine.
        let data_directory = "/no/such/directory".to_owned();
        let expires_at = Some(now());
        Ok(Response::new(v1::BeginBackupResponse {
            backup_id: 7,
            data_directory,
            expires_at,
            ..Default::default()
        }))
    }

    async fn end_backup(
        &self,
        request: Request<v1::EndBackupRequest>,
    ) -> Result<Response<v1::EndBackupResponse>, Status> {
        self.state(|state| state.ended.push(request.into_inner().backup_id));
        Ok(Response::new(v1::EndBackupResponse {}))
    }
}
