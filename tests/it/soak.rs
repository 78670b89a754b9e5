//! What the soak of `benches/soak` judges by: its checker sees what it is for, and its figures are
//! those that it says.

#[expect(dead_code, reason = "the soak uses all of it")]
#[path = "../../benches/soak/figures.rs"]
mod figures;
#[path = "../../benches/soak/history.rs"]
mod history;
#[expect(dead_code, clippy::print_stdout, reason = "the benches use all of it, and tell")]
#[path = "../../benches/support/mod.rs"]
mod support;

use ledgerq::{
    config::{Config, Layer},
    types::{CheckpointStatus, FilesStatus, Lsn, Status, WrittenStatus},
};

use self::{
    figures::Figures,
    history::History,
    support::{Bound, Limit, judge},
};

const MIB: u64 = 1 << 20;
/// A segment.
const SEGMENT: u64 = 128 * MIB;
/// The reserve, and the pool of dead segments.
const RESERVE: u64 = (6 + 2) * SEGMENT;

#[test]
fn what_was_accepted_and_is_not_there_is_lost_unless_nobody_knows_of_its_delete() {
    let history = History::new();
    for _ in 0..5 {
        history.begin();
    }
    // 0: deleted; 1: lost; 2: its delete is unknown; 3: refused; 4: its send is unknown.
    for number in 0..3 {
        history.sent(number, true);
    }
    history.sent(3, false);
    history.deleting(&[0, 2]);
    history.deleted(0, true);
    let verdict = history.verdict();
    assert_eq!((verdict.accepted, verdict.sends_unknown), (3, 1));
    assert_eq!((verdict.deleted, verdict.deletes_unknown, verdict.lost), (1, 1, 1));
    // A later lease has it: this delete did nothing.
    history.deleted(2, false);
    assert_eq!(history.verdict().lost, 2);
}

#[test]
fn what_comes_after_its_delete_was_answered_has_come_back() {
    let history = History::new();
    let (number, body) = history.begin();
    history.sent(number, true);
    let asked_before = history.now();
    history.deleting(&[number]);
    history.deleted(number, true);
    assert_eq!(history.received(&body, asked_before), Some(number));
    assert_eq!(history.verdict().wrong.resurrected, 0);
    let deleted_at = history.now();
    let asked_after = std::iter::repeat_with(|| history.now()).find(|now| *now > deleted_at);
    history.received(&body, asked_after.expect("time passes"));
    assert_eq!(history.verdict().wrong.resurrected, 1);
}

#[test]
fn a_body_that_nobody_sent_is_strange() {
    let history = History::new();
    let (number, body) = history.begin();
    let mut changed = body.to_vec();
    changed[1000] ^= 1;
    for wrong in [&changed[..], &body[8..], &[]] {
        assert_eq!(history.received(wrong, history.now()), None);
    }
    history.unavailable(2);
    // The send was refused.
    history.sent(number, false);
    assert_eq!(history.received(&body, history.now()), None);
    let wrong = history.verdict().wrong;
    assert_eq!((wrong.strange, wrong.unavailable), (4, 2));
}

#[test]
fn a_missed_bound_weighs_more_than_one_that_cannot_be_judged() {
    let code = |figures: &[Option<f64>]| {
        let bound = |limit, figure: &Option<f64>| Bound { name: "", figure: *figure, limit };
        let most = figures.iter().map(|figure| bound(Limit::AtMost(1.0), figure));
        let least = figures.iter().map(|figure| bound(Limit::AtLeast(1.0), figure));
        [judge(&most.collect::<Vec<_>>()), judge(&least.collect::<Vec<_>>())]
    };
    assert_eq!(code(&[Some(1.0)]), [0, 0]);
    assert_eq!(code(&[Some(1.1)]), [1, 0]);
    assert_eq!(code(&[Some(0.9)]), [0, 1]);
    assert_eq!(code(&[Some(1.0), None]), [2, 2]);
    assert_eq!(code(&[Some(0.9), None, Some(1.1)]), [1, 1]);
}

fn figures() -> Figures {
    let config = Config::load(Layer::default(), None, &|_| None).expect("the defaults");
    Figures::new(&config)
}

fn status(lsn: u64, frame_bytes: u64) -> Status {
    Status {
        durable_lsn: Lsn::new(lsn),
        files: FilesStatus { live_bytes: 100 * MIB, ..FilesStatus::default() },
        written: WrittenStatus { frame_bytes, ..WrittenStatus::default() },
        ..Status::default()
    }
}

fn checkpoint(lsn: u64) -> CheckpointStatus {
    CheckpointStatus { lsn: Lsn::new(lsn), ..CheckpointStatus::default() }
}

#[track_caller]
fn allowed(figures: &mut Figures, expected: u64) {
    let ratio = figures.disk(expected).expect("there are figures");
    assert!((ratio - 1.0).abs() < 1e-9, "{ratio}");
}

#[test]
fn the_disk_may_hold_twice_what_lives_and_the_log_since_the_older_checkpoint() {
    let mut figures = figures();
    assert_eq!(figures.disk(1), None);
    figures.tick(Some(status(10, 1000 * MIB)), &[]);
    // Without two checkpoints nothing can go: all of the log.
    allowed(&mut figures, 200 * MIB + RESERVE + 1000 * MIB);
    figures.tick(Some(status(20, 1500 * MIB)), &[]);
    let (checkpoint, checkpoint_before) = (Some(checkpoint(15)), Some(checkpoint(10)));
    let at = Status { checkpoint, checkpoint_before, ..status(30, 1800 * MIB) };
    figures.tick(Some(at.clone()), &[]);
    allowed(&mut figures, 200 * MIB + RESERVE + 800 * MIB);
    // A start goes on in a segment of its own, and counts from 0.
    figures.restarted();
    figures.tick(
        Some(Status {
            durable_lsn: Lsn::new(40),
            written: WrittenStatus { frame_bytes: 50 * MIB, ..WrittenStatus::default() },
            ..at
        }),
        &[],
    );
    allowed(&mut figures, 200 * MIB + RESERVE + 850 * MIB + SEGMENT);
    assert_eq!(figures.amplification(), Some(1.0));
}

#[test]
fn sends_during_maintenance_and_just_after_it_are_told_apart() {
    let mut figures = figures();
    for _ in 0..40 {
        figures.tick(Some(status(1, 1)), &[100]);
    }
    assert_eq!(figures.p99_ratio(), None);
    let busy = Status { checkpoint_under_way: true, ..status(2, 2) };
    figures.tick(Some(busy), &[300]);
    figures.tick(Some(Status { checkpoint: Some(checkpoint(2)), ..status(3, 3) }), &[300]);
    figures.tick(Some(Status { checkpoint: Some(checkpoint(2)), ..status(4, 4) }), &[300]);
    figures.tick(Some(Status { checkpoint: Some(checkpoint(2)), ..status(5, 5) }), &[100]);
    // A tick without an answer counts for neither.
    figures.tick(None, &[9000]);
    assert_eq!((figures.send_counts(), figures.checkpoint_count), ([11, 3], 1));
    let ratio = figures.p99_ratio().expect("there are both");
    assert!((ratio - 3.0).abs() < 0.05, "{ratio}");
}
