//! What a start takes over of the files that a checkpoint lists, and what a compaction copies of
//! them.

use std::sync::Arc;

use bytes::Bytes;

use super::harness::{LINEAGE, disk, listed, manifest, store, write_output};
use crate::{
    disk::{Disk, SimDisk},
    log::FileId,
    store::{
        CompactionOutcome, CompactionPlan, CompactionTask, LoadReport, StoreError,
        compaction::{FRAME_BYTES, FRAME_COUNT_MAX},
    },
    types::{Lsn, OutputId},
};

const OUTPUT: FileId = FileId::Output(OutputId::new(5));

/// Loads an output of which the checkpoint calls these messages live.
fn load(disk: &SimDisk, live: &[u64]) -> Result<LoadReport, StoreError> {
    let there: Arc<dyn Disk> = Arc::new(disk.clone());
    let bytes = disk.file(&OUTPUT.path()).expect("it is durable").len();
    let manifest = manifest(OUTPUT, listed(bytes as u64, live));
    store(0).load(&there, &manifest, &mut |_| true, &mut |_, _| {})
}

fn messages(seqs: impl IntoIterator<Item = u64>, payload: &Bytes) -> Vec<(u64, Bytes)> {
    seqs.into_iter().map(|seq| (seq, payload.clone())).collect()
}

#[test]
fn live_messages_that_are_not_where_the_checkpoint_says_are_counted_and_refused() {
    let disk = disk();
    write_output(&disk, 5, &[messages([1, 3, 4], &Bytes::from_static(b"text"))]);
    assert!(load(&disk, &[1, 4]).is_ok_and(|report| report.summaries_count == 2));
    match load(&disk, &[1, 2, 3, 8, 9]) {
        Err(StoreError::MessagesMissing { path, missing }) => {
            assert_eq!((path, missing), (OUTPUT.path(), 3));
        }
        Err(error) => panic!("{error}"),
        Ok(report) => panic!("{report:?}"),
    }
}

#[test]
fn a_file_without_a_whole_footer_is_loaded_from_its_frames_and_counted() {
    let disk = disk();
    let output = write_output(&disk, 5, &[messages([1, 2], &Bytes::from_static(b"text"))]);
    let files_without_footer = 0;
    let whole = LoadReport { summaries_count: 2, files_without_footer };
    assert_eq!(load(&disk, &[1, 2]).expect("it is whole"), whole);
    disk.corrupt(&OUTPUT.path(), output.length - 1, |byte| !byte).expect("it is there");
    let rebuilt = LoadReport { files_without_footer: 1, ..whole };
    assert_eq!(load(&disk, &[1, 2]).expect("the frames say the same"), rebuilt);
}

/// Copies all of an output into another; the payload bytes of each frame.
fn copied(disk: &SimDisk, seqs: impl Iterator<Item = u64>) -> Vec<u64> {
    let plan = CompactionPlan {
        output: OutputId::new(6),
        lineage: LINEAGE,
        salt: 9,
        generation: 2,
        sources: vec![(OUTPUT, Lsn::new(1), seqs.collect())],
    };
    let mut task = CompactionTask::Begin(Box::new(plan));
    let mut frames = Vec::new();
    loop {
        match task.run(disk).expect("nothing fails") {
            CompactionOutcome::Ready(compactor, bytes) => {
                frames.push(bytes);
                task = CompactionTask::Copy(compactor);
            }
            CompactionOutcome::Finished(_) | CompactionOutcome::Abandoned => return frames,
        }
    }
}

#[test]
fn a_copied_frame_ends_with_the_message_that_fills_it() {
    let disk = disk();
    let payload = Bytes::from(vec![b'x'; 64 << 10]);
    write_output(&disk, 5, &[messages(1..=17, &payload)]);
    assert_eq!(copied(&disk, 1..=17), [0, FRAME_BYTES, 64 << 10]);
}

#[test]
fn a_copied_frame_has_a_limited_number_of_messages() {
    let disk = disk();
    let count_max = FRAME_COUNT_MAX as u64;
    let payload = Bytes::from_static(b"x");
    write_output(&disk, 5, &[messages(1..=count_max + 2, &payload)]);
    assert_eq!(copied(&disk, 1..=count_max + 2), [0, count_max, 2]);
}

#[test]
fn an_output_of_other_salt_is_another_file() {
    let disk = disk();
    let output = write_output(&disk, 5, &[messages([1], &Bytes::from_static(b"text"))]);
    let there: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut of_another = listed(output.length, &[1]);
    of_another.salt += 1;
    let manifest = manifest(OUTPUT, of_another);
    let refused = store(0).load(&there, &manifest, &mut |_| true, &mut |_, _| {});
    assert!(matches!(refused, Err(StoreError::OtherFile { .. })));
}
