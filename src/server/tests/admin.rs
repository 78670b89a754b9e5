//! The figures of a broker on their way to its operators, and what they can ask for.

use tonic::Code;
use tonic_types::StatusExt;

use super::*;
use crate::{
    client::Client,
    proto::v1::{self, admin_service_client::AdminServiceClient},
    types::{
        BackupId, BackupPlan, CheckpointStatus, CompactionStatus, FilesStatus, Lsn, Millis,
        OutputId, RecoveryStatus, ScrubStatus, Status, WrittenStatus,
    },
};

fn checkpoint(lsn: u64) -> CheckpointStatus {
    CheckpointStatus {
        lsn: Lsn::new(lsn),
        at: Timestamp::from_millis(1234),
        bytes: 11,
        took: Millis::new(12),
        pause_us_max: 1_000_013,
    }
}

/// A status of which no two figures are the same.
fn status() -> Status {
    Status {
        now: Timestamp::from_millis(1_700_000_000_123),
        applied_lsn: Lsn::new(1),
        durable_lsn: Lsn::new(2),
        next_seq: Seq::new(3),
        queue_count: 4,
        disk_full: true,
        retention_held: false,
        files: FilesStatus {
            segment_count: 5,
            standby_count: 6,
            output_count: 7,
            bytes: 8,
            live_bytes: 9,
            dead_bytes: 10,
            live_count: 14,
            pinned_count: 15,
            reclaimed_count: 16,
        },
        written: WrittenStatus {
            frame_bytes: 100,
            footer_bytes: 4,
            checkpoint_bytes: 5,
            compaction_bytes: 16,
            zero_bytes: 1000,
        },
        checkpoint: Some(checkpoint(17)),
        checkpoint_before: Some(checkpoint(18)),
        checkpoint_under_way: false,
        checkpoints_failed: 19,
        backups_under_way: 33,
        compaction: CompactionStatus {
            under_way: true,
            switched_count: 20,
            failed_count: 21,
            copied_count: 22,
            last_output: Some(OutputId::new(23)),
        },
        scrub: ScrubStatus {
            under_way: true,
            bytes: 34,
            targets_count: 35,
            targets_left_count: 36,
            found_count: 37,
            damaged_messages_count: 38,
            passes_count: 39,
            ended_at: Some(Timestamp::from_millis(40)),
        },
        recovery: RecoveryStatus {
            checkpoint_lsn: Lsn::new(24),
            checkpoints_damaged: 25,
            summaries_count: 26,
            files_without_footer: 27,
            records_count: 28,
            frames_bytes: 29,
            survey_took: Millis::new(30),
            load_took: Millis::new(31),
            replay_took: Millis::new(3200),
        },
    }
}

/// What operators are answered by a broker like this.
async fn told(status: Status) -> Status {
    let (served, asked) = serve(move |_| reply(Reply::Status(Box::new(status.clone())))).await;
    let client = Client::connect(&served.url).await.expect("the port is open");
    let told = client.status().await.expect("it is answered");
    assert_eq!(asked.recv(), Ok(Command::GetStatus));
    told
}

#[tokio::test]
async fn every_figure_arrives_as_it_is() {
    let bare = Status { retention_held: true, checkpoint_under_way: true, ..Status::default() };
    for status in [status(), bare] {
        assert_eq!(told(status.clone()).await, status);
    }
}

#[tokio::test]
async fn the_write_amplification_leaves_zeros_out_and_is_none_before_the_first_write() {
    let ratio = async |status: Status| {
        let (served, _) = serve(move |_| reply(Reply::Status(Box::new(status.clone())))).await;
        let mut client = AdminServiceClient::new(served.channel.clone());
        let answer = client.get_status(v1::GetStatusRequest {}).await.expect("it is answered");
        let status = answer.into_inner().status.expect("a status");
        status.written.expect("what was written").write_amplification
    };
    assert_eq!(ratio(status()).await, Some(1.25));
    assert_eq!(ratio(Status::default()).await, None);
}

#[tokio::test]
async fn a_checkpoint_and_a_compaction_are_asked_for_and_told_of() {
    let (served, asked) = serve(|command| match command {
        Command::Checkpoint => reply(Reply::Checkpointed(checkpoint(7))),
        _ => reply(Reply::Compacted { copied_count: 5 }),
    })
    .await;
    let client = Client::connect(&served.url).await.expect("the port is open");
    assert_eq!(client.checkpoint().await, Ok(checkpoint(7)));
    assert_eq!(client.compact().await, Ok(5));
    let commands: Vec<_> = asked.try_iter().collect();
    assert_eq!(commands, [Command::Checkpoint, Command::Compact]);
}

#[tokio::test]
async fn maintenance_that_failed_is_told_with_its_reason_and_not_repeated() {
    let (served, asked) = serve(|_| {
        let (what, reason) = ("checkpoint", "no space".to_owned());
        refuse(Rejection::MaintenanceFailed { what, reason })
    })
    .await;
    let mut admin = AdminServiceClient::new(served.channel.clone());
    let status = admin.checkpoint(v1::CheckpointRequest {}).await.expect_err("it failed");
    assert_eq!(status.code(), Code::Unavailable);
    let info = status.get_details_error_info().expect("it has a reason");
    assert_eq!(info.reason, "MAINTENANCE_FAILED");
    let client = Client::connect(&served.url).await.expect("the port is open");
    let error = client.compact().await.expect_err("it failed");
    assert!(error.to_string().contains("no space"), "{error}");
    assert_eq!(asked.try_iter().count(), 2);
}

#[tokio::test]
async fn a_backup_is_begun_with_its_plan_and_ended_by_its_id() {
    let plan = BackupPlan {
        id: BackupId::new(u64::MAX - 1),
        lsn: Lsn::new(9),
        last_frame_crc: u32::MAX - 2,
        checkpoint_lsn: Lsn::new(8),
        files: vec!["segments/00000000000000000001.seg".to_owned()],
        until: Timestamp::from_millis(77),
    };
    let begun = plan.clone();
    let (served, asked) = serve(move |command| match command {
        Command::BeginBackup { .. } => reply(Reply::BackupBegun(Box::new(begun.clone()))),
        _ => refuse(Rejection::BackupNotFound),
    })
    .await;
    let client = Client::connect(&served.url).await.expect("the port is open");
    let hold = Millis::from_secs(90);
    assert_eq!(client.begin_backup(Some(hold)).await.map(|begun| begun.plan), Ok(plan.clone()));
    let error = client.end_backup(plan.id).await.expect_err("it is over");
    assert!(error.to_string().contains("not under way any more"), "{error}");
    let commands: Vec<_> = asked.try_iter().collect();
    let end = Command::EndBackup { backup: plan.id };
    assert_eq!(commands, [Command::BeginBackup { hold }, end]);
    let error = client.begin_backup(Some(Millis::ZERO)).await.expect_err("it is too short");
    assert!(error.to_string().contains("hold is 0s, it can be 1s to 1d"), "{error}");
}
