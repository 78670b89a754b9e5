//! Logs of several segments that the library wrote, changed by hand.
//!
//! A start and an inspection agree, whatever was done. As long as no checksum was made right again,
//! a start is refused, or has what was written from the first frame on, but for bodies that it
//! tells as damaged; after a single flipped bit nothing is cut off. A second start finds the same.

mod edit;
mod log;

use arbitrary::{Arbitrary, Unstructured};
use ledgerq::disk::{SimDisk, sim::keep_none};

use crate::disk::{self, Frame};
use edit::Edit;
use log::{Base, Log, base, tick};

const EDITS_MAX: usize = 8;

#[derive(Arbitrary, Debug)]
struct Plan {
    log: Base,
    edits: Vec<Edit>,
}

/// Checks one input.
pub fn check(input: &[u8]) {
    let Ok(mut plan) = Plan::arbitrary_take_rest(Unstructured::new(input)) else { return };
    plan.edits.truncate(EDITS_MAX);
    thread_local! {
        static LOGS: [(SimDisk, Vec<Frame>); 2] = [base(Base::Long), base(Base::Short)];
    }
    let (disk, written) = LOGS
        .with(|[long, short]| if plan.log == Base::Long { long.clone() } else { short.clone() });
    let disk = disk.snapshot();
    for edit in &plan.edits {
        // What does not fit the disk as it has become changes nothing.
        let _ = edit.apply(&disk);
    }
    let Some(frames) = disk::agree(&disk) else { return };
    if !plan.edits.iter().any(Edit::is_forged) {
        assert!(frames.len() <= written.len(), "more is read than was written");
        for (found, written) in frames.iter().zip(&written) {
            assert!(found.is_but_for_damage(written), "{written:?} was written, {found:?} read");
        }
    }
    if let [Edit::Flip { .. }] = plan.edits[..] {
        assert_eq!(frames.len(), written.len(), "a flipped bit cuts off the log");
    }
    start_twice(&disk, &frames);
}

/// A start replays what was examined, and so does the next, which finds a frame more.
fn start_twice(disk: &SimDisk, examined: &[Frame]) {
    let (mut log, replayed) = Log::start(disk);
    assert_eq!(replayed, examined, "a start finds what was examined");
    log.append(tick(9));
    let again = disk::examine(&log.disk.crash(&mut keep_none())).expect("it started before");
    assert!(again.starts_with(examined), "{examined:?} {again:?}");
    assert_eq!(again.len(), examined.len() + 1);
}
