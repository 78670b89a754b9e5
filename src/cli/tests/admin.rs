//! What operators see of a broker.

use expect_test::{Expect, expect};

use super::{
    super::{
        fake::{self, Fake, Shared},
        *,
    },
    lines::parse,
};

async fn run(line: &str, to: Session) -> Result<(), Failure> {
    match parse(line).expect("a line that is taken").command {
        Command::Status => status::run(to).await,
        Command::Checkpoint => status::checkpoint(to).await,
        Command::Compact => status::compact(to).await,
        Command::Scrub => status::scrub_now(to).await,
        Command::Backup(args) => backup::run(args, to).await,
        other => panic!("{other:?} is none of these"),
    }
}

/// What a command prints before a broker in the middle of its life, or a new one.
async fn prints(line: &str, is_new: bool, json: bool, expected: Expect) {
    let (fake, sink) = (Fake::default(), Shared::default());
    fake.state(|state| state.is_new = is_new);
    run(line, fake.session(sink.clone(), json).await).await.expect("it is answered");
    // One line for programs; cut here to the width of this file.
    let cut = |text: String| text.replace("},", "},\n").replace(":{", ":{\n");
    expected.assert_eq(&if json { cut(sink.text()) } else { sink.text() });
}

#[tokio::test]
async fn a_status_is_a_table_of_figures() {
    prints("status", false, false, expect![[r#"
        broker               2023-11-14T22:13:20.000Z
        queues               2
        messages             300000 of 300.0 MiB
        log                  applied to LSN 120, durable to LSN 118
        next number          51
        disk                 640.0 MiB, 40.0 MiB of it dead
        files                4 segments, 1 prepared, 1 compaction output
        dead files           17 given back, 2 kept without a live message
        written              log 1.0 GiB, indexes 1.0 MiB, checkpoints 2.0 MiB, compaction 64.0 MiB, zeros 2.0 GiB
        write amplification  1.065
        checkpoint           LSN 100, 3.0 MiB, 1m ago, took 250ms, longest pause 1ms 500us
        the one before       LSN 50, 3.0 MiB, 1h 1m 40s ago, taken before the start
        checkpoints          one under way, 0 failed
        backups              1 under way
        compaction           at rest, 1 run done, 0 failed, 5000 messages copied
        scrub                1m 30s ago, 640.0 MiB, 2 damaged places, 1 message damaged
        started from         the checkpoint at LSN 50
        start read           40 messages from indexes, 0 files without, 12 records (6.0 KiB) replayed
        start took           survey 20ms, load 300ms, replay 7ms
    "#]]).await;
}

#[tokio::test]
async fn what_there_is_nothing_of_is_told_as_well_as_what_is_wrong() {
    prints(
        "status",
        true,
        false,
        expect![[r#"
            broker               2023-11-14T22:13:20.000Z
            queues               0
            messages             0 of 0 B
            log                  applied to LSN 0, durable to LSN 0
            next number          0
            disk full            sends are refused; receives and deletes go on
            clock                in doubt: nothing expires (see serve --accept-clock)
            disk                 0 B, 0 B of it dead
            files                0 segments, 0 prepared, 0 compaction outputs
            dead files           0 given back, 0 kept without a live message
            written              log 0 B, indexes 0 B, checkpoints 0 B, compaction 0 B, zeros 0 B
            write amplification  -
            checkpoint           none
            the one before       none
            checkpoints          none under way, 0 failed
            compaction           at rest, 0 runs done, 0 failed, 0 messages copied
            scrub                none since the start
            started from         the log's first record; 2 damaged ones passed over
            start read           0 messages from indexes, 0 files without, 0 records (0 B) replayed
            start took           survey 0s, load 0s, replay 0s
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_status_is_one_object() {
    prints(
        "status",
        false,
        true,
        expect![[r#"
            {"now":"2023-11-14T22:13:20.000Z","applied_lsn":120,"durable_lsn":118,"next_sequence_number":51,"queue_count":2,"disk_full":false,"retention_held":false,"files":{
            "segment_count":4,"standby_count":1,"output_count":1,"size_bytes":671088640,"live_bytes":314572800,"dead_bytes":41943040,"live_count":300000,"pinned_count":2,"reclaimed_count":17},
            "written":{
            "frame_bytes":1073741824,"footer_bytes":1048576,"checkpoint_bytes":2097152,"compaction_bytes":67108864,"zero_bytes":2147483648,"write_amplification":1.0654296875},
            "checkpoint":{
            "lsn":100,"at":"2023-11-14T22:12:20.000Z","size_bytes":3145728,"took_ms":250,"max_pause_us":1500},
            "checkpoint_before":{
            "lsn":50,"at":"2023-11-14T21:11:40.000Z","size_bytes":3145728,"took_ms":0,"max_pause_us":0},
            "checkpoint_under_way":true,"failed_checkpoint_count":0,"backups_under_way":1,"compaction":{
            "under_way":false,"switched_count":1,"failed_count":0,"copied_count":5000,"last_output_id":1},
            "scrub":{
            "under_way":false,"read_bytes":671088640,"target_count":7,"targets_left_count":0,"found_count":2,"damaged_message_count":1,"passes_count":1,"ended_at":"2023-11-14T22:11:50.000Z"},
            "recovery":{
            "checkpoint_lsn":50,"damaged_checkpoint_count":0,"indexed_message_count":40,"unindexed_file_count":0,"replayed_record_count":12,"replayed_bytes":6144,"survey_ms":20,"load_ms":300,"replay_ms":7}}
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_checkpoint_tells_what_it_took() {
    prints(
        "checkpoint",
        false,
        false,
        expect![[r#"
            checkpoint published: LSN 100, 3.0 MiB, took 250ms, longest pause 1ms 500us
        "#]],
    )
    .await;
    prints(
        "checkpoint",
        false,
        true,
        expect![[r#"
            {"lsn":100,"at":"2023-11-14T22:13:20.000Z","size_bytes":3145728,"took_ms":250,"max_pause_us":1500}
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_compaction_tells_what_it_copied() {
    prints(
        "compact",
        false,
        false,
        expect![[r#"
        compacted: 5000 messages copied
    "#]],
    )
    .await;
    prints(
        "compact",
        true,
        false,
        expect![[r#"
        there was nothing to compact
    "#]],
    )
    .await;
    prints(
        "compact",
        false,
        true,
        expect![[r#"
            {"copied_count":5000}
        "#]],
    )
    .await;
}

#[tokio::test]
async fn a_scrub_that_found_something_ends_with_5() {
    let fake = Fake::default();
    let sink = Shared::default();
    let failure = run("scrub", fake.session(sink.clone(), false).await).await.expect_err("damage");
    assert_eq!(failure.exit, Exit::Corrupt);
    expect![[r#"
        read 640.0 MiB in 7 files: 2 damaged places, 1 message damaged
    "#]]
    .assert_eq(&sink.text());
}

#[tokio::test]
async fn a_checkpoint_that_failed_is_a_line_and_a_code() {
    let fake = Fake::default();
    let failed = fake::status(tonic::Code::Internal, "MAINTENANCE_FAILED", "no space");
    fake.state(|state| state.statuses.push_back(failed));
    let session = fake.session(Shared::default(), false).await;
    let failure = run("checkpoint", session).await.expect_err("it failed");
    assert_eq!(failure.exit, Exit::Refused);
    assert!(failure.line.expect("a line").starts_with("no space"));
}

#[tokio::test]
async fn a_backup_of_a_broker_elsewhere_is_refused_and_ended() {
    let outside = tempfile::tempdir().expect("a temporary directory can be made");
    let (fake, sink) = (Fake::default(), Shared::default());
    let to = outside.path().join("backup");
    let line = format!("backup --to {}", to.display());
    let refused = run(&line, fake.session(sink.clone(), false).await).await;
    let failure = refused.expect_err("its files are not to be read");
    let line = failure.line.expect("a line");
    assert!(line.contains("/no/such/directory, which cannot be read from here"), "{line}");
    assert_eq!(fake.state(|state| state.ended.clone()), [7], "the broker need not keep anything");

    std::fs::write(to.join("note"), b"mine").expect("the directory was made");
    let line = format!("backup --to {}", to.display());
    let refused = run(&line, fake.session(sink, false).await).await.expect_err("it is not empty");
    assert_eq!(refused.exit, Exit::CannotStart);
    assert_eq!(fake.state(|state| state.ended.len()), 1, "nothing was begun");
}
