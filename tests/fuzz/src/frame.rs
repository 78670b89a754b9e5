//! Frames: honest ones are read exactly as they were put together; behind the first that lies, any
//! lengths and checksums lead to no panic, and what is read lies within the file.
//!
//! Each input is read as an output, which is scanned, and as a segment, which is judged.

use arbitrary::{Arbitrary, Unstructured};
use ledgerq::log::StoredFile;

use crate::{
    disk::{self, Frame, OUTPUT},
    layout::{Content, End, LINEAGE, Lie, PAGE_BYTES, append},
};

const FRAMES_MAX: usize = 8;

/// A file of frames, some of which are not what they say.
#[derive(Arbitrary, Debug)]
struct Plan {
    frames: Vec<(Content, Vec<Lie>)>,
    /// What lies behind them.
    rest: Vec<u8>,
}

/// Checks one input.
pub fn check(input: &[u8]) {
    let Ok(plan) = Plan::arbitrary_take_rest(Unstructured::new(input)) else { return };
    let (frames, honest) = lay_out(&plan);
    let output = disk::with_output(&frames, &[]);
    let mut scanned = Vec::new();
    let stored = StoredFile::open(&output, OUTPUT, LINEAGE).expect("its header is right");
    let mut sink = |view: ledgerq::log::FrameView<'_>| {
        scanned.push(Frame::of(&view));
        Ok(())
    };
    stored.scan(None, &mut sink).expect("it can be read");
    assert!(scanned.starts_with(&honest), "{honest:?} were written, {scanned:?} read");
    assert_eq!(stored.footer().expect("it can be read"), None, "there is none");
    let _ = stored.contents(None);
    let segment = disk::with_segment(&frames, &[]);
    let is_whole = frames.len() + PAGE_BYTES <= segment_bytes();
    if let Some(replayed) = disk::agree(&segment) {
        assert!(!is_whole || replayed.starts_with(&honest), "{honest:?} {replayed:?}");
    } else {
        let all_honest = honest.len() == plan.frames.len().min(FRAMES_MAX);
        assert!(!all_honest || !is_whole || has_rest(&plan), "honest frames are refused");
    }
}

fn segment_bytes() -> usize {
    usize::try_from(disk::settings().segment_bytes).expect("it is small")
}

fn has_rest(plan: &Plan) -> bool {
    plan.rest.iter().any(|byte| *byte != 0)
}

/// The bytes of the frames and of what lies behind them, and those frames that are true.
fn lay_out(plan: &Plan) -> (Vec<u8>, Vec<Frame>) {
    let mut file = vec![0; PAGE_BYTES];
    let (mut end, mut honest, mut is_honest) = (End::FIRST, Vec::new(), true);
    for (content, lies) in plan.frames.iter().take(FRAMES_MAX) {
        is_honest &= lies.is_empty();
        if is_honest {
            honest.push(Frame {
                lsn: end.lsn,
                record_count: content.count(),
                now: content.now,
                records: content.records.clone(),
                bodies: content.all_bodies().into_iter().map(Some).collect(),
            });
        }
        end = append(&mut file, end, content, lies);
    }
    file.extend_from_slice(&plan.rest);
    (file.split_off(PAGE_BYTES), honest)
}
