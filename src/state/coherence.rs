//! Whether an image agrees with itself: what no state can ever say is refused.
//!
//! Checksums protect an image against accidents. These rules are for what has right checksums and
//! was yet never a state, which a start would read in one way and the next start in another. Limits
//! of requests are no rules here: a program that lowers one still has the queues that were made
//! before.

use super::{deleted_names::is_held, restore::NotAnImage};
use crate::types::{
    AttemptImage, BaseImage, DeduplicationBucket, MoveImage, NameImage, PhaseImage, QueueId,
    QueueImage, Seq, Summary, TaskId, Timestamp, TouchedImage, limits::DEDUPLICATION_WINDOW,
};

/// Above this no number is given any more: long before it a disk is full, and up to it each has a
/// next.
const NUMBER_MAX: u64 = u64::MAX / 2;
/// The same for places among those that came back, which are counted to both sides of zero.
const TURN_MAX: u64 = NUMBER_MAX / 2;

/// What must be true, and what is wrong if it is not.
type Rule = (bool, &'static str);

fn hold(of: impl FnOnce() -> String, rules: &[Rule]) -> Result<(), NotAnImage> {
    match rules.iter().find(|(holds, _)| !holds) {
        None => Ok(()),
        Some((_, problem)) => Err(NotAnImage::Contradiction { of: of(), problem }),
    }
}

fn is_number(next: u64) -> bool {
    (1..=NUMBER_MAX).contains(&next)
}

/// Whether a queue was ever there.
fn was_given(base: &BaseImage, queue: QueueId) -> bool {
    queue > QueueId::default() && queue < base.next_queue
}

/// Whether a message was ever accepted.
fn was_sent(base: &BaseImage, seq: Seq) -> bool {
    seq > Seq::default() && seq < base.next_seq
}

pub(super) fn base(image: &BaseImage) -> Result<(), NotAnImage> {
    let rules = [
        (image.applied_lsn.get() <= NUMBER_MAX, "its LSN is none"),
        (is_number(image.next_queue.get()), "the number of the next queue is none"),
        (is_number(image.next_seq.get()), "the number of the next message is none"),
        (is_number(image.next_task.get()), "the number of the next move task is none"),
    ];
    hold(|| "its base".to_owned(), &rules)
}

pub(super) fn queue(image: &QueueImage, base: &BaseImage) -> Result<(), NotAnImage> {
    let (now, is_fifo) = (base.now, image.name.is_fifo());
    let was_purged = image.purged_below > Seq::default();
    let purge_is_later = image.purged_at.is_none_or(|at| at >= image.created_at && at <= now);
    let in_groups = image.scope == crate::types::DeduplicationScope::MessageGroup;
    let rules = [
        (image.id > QueueId::default(), "no queue has this id"),
        (image.created_at <= image.modified_at, "it was changed before it was created"),
        (image.modified_at <= now, "it was changed after the checkpoint was taken"),
        (was_purged == image.purged_at.is_some(), "of its purge only one half is told"),
        (purge_is_later, "it was purged before it was created or after the checkpoint"),
        (image.purged_below <= base.next_seq, "messages were purged that were not sent yet"),
        (is_fifo || !in_groups, "it has groups and is no FIFO queue"),
        (!is_fifo || !image.prefers_returned, "a FIFO queue has one order"),
    ];
    hold(|| format!("queue {}", image.id), &rules)
}

pub(super) fn name(image: &NameImage, base: &BaseImage) -> Result<(), NotAnImage> {
    let rules = [
        (image.deleted_at <= base.now, "it was deleted after the checkpoint was taken"),
        (is_held(image.deleted_at, base.now), "it was deleted too long ago to be told"),
    ];
    hold(|| format!("the deleted queue {}", image.name), &rules)
}

/// A message, and up to where its queue was purged.
pub(super) fn touched(
    image: &TouchedImage,
    base: &BaseImage,
    purged_below: Seq,
    is_fifo: bool,
) -> Result<(), NotAnImage> {
    let (now, is_received) = (base.now, image.receive_count > 0);
    let came = image.source.is_some();
    let phase_holds = match image.phase {
        PhaseImage::Delayed { until } => until >= now,
        PhaseImage::InFlight { until } => until >= now && is_received,
        PhaseImage::Ready { turn } if is_fifo => turn == 0,
        PhaseImage::Ready { turn } => turn.unsigned_abs() <= TURN_MAX,
    };
    let received_first = image.first_received_at;
    let rules = [
        (image.seq > Seq::default(), "no message has this number"),
        (came || image.seq >= purged_below, "it was purged"),
        (image.sent_at <= image.retained_from, "it was kept before it was sent"),
        (image.retained_from <= now, "it was sent after the checkpoint was taken"),
        (image.expires_at.is_none_or(|at| at >= image.sent_at), "its life ends before its send"),
        (image.leased_at <= now, "it was received after the checkpoint was taken"),
        (received_first <= image.leased_at, "it was last received before it was first received"),
        (is_received || received_first == Timestamp::ZERO, "it was received no time, at a time"),
        (image.received_elsewhere <= image.receive_count, "it was received less often than before"),
        (came || image.received_elsewhere == 0, "it was received elsewhere and came from nowhere"),
        (image.source.is_none_or(|id| was_given(base, id)), "it came from no queue"),
        (phase_holds, "it cannot be where it is in its life"),
    ];
    hold(|| format!("message {}", image.seq), &rules)
}

/// What a footer says of a message that was never touched.
pub(super) fn untouched(summary: &Summary, now: Timestamp) -> Result<(), NotAnImage> {
    let rules = [
        (summary.sent_at <= now, "it was sent after the checkpoint was taken"),
        (
            summary.expires_at.is_none_or(|at| at >= summary.sent_at),
            "its life ends before its send",
        ),
    ];
    hold(|| format!("message {}", summary.seq), &rules)
}

pub(super) fn gone(seq: Seq, base: &BaseImage) -> Result<(), NotAnImage> {
    if was_sent(base, seq) { Ok(()) } else { Err(NotAnImage::Unknown(seq)) }
}

pub(super) fn attempt(
    image: &AttemptImage,
    base: &BaseImage,
    is_fifo: bool,
) -> Result<(), NotAnImage> {
    let rules = [
        (is_fifo, "only receives of FIFO queues have attempts"),
        (!image.seqs.is_empty(), "it received nothing"),
        (image.seqs.iter().all(|seq| was_sent(base, *seq)), "it received what was not sent yet"),
        (image.ends_at >= base.now, "it was over before the checkpoint"),
    ];
    hold(|| format!("an attempt of queue {}", image.queue), &rules)
}

/// A move task, without the queues that it needs.
pub(super) fn task(image: &MoveImage, base: &BaseImage) -> Result<(), NotAnImage> {
    let next_seq = base.next_seq;
    let has_target = image.target.is_none_or(|target| was_given(base, target));
    let rules = [
        (image.task > TaskId::default(), "no task has this id"),
        (was_given(base, image.source), "its source was not given yet"),
        (has_target, "its target was not given yet"),
        (image.spec.target.is_none() || image.target.is_some(), "its target has only a name"),
        (image.started_at <= base.now, "it was started after the checkpoint was taken"),
        (image.cursor < next_seq, "it moved a message that was not sent yet"),
        (image.moved_count < next_seq.get(), "it moved more messages than were sent"),
        (image.to_move_count < next_seq.get(), "it found more messages than were sent"),
    ];
    hold(|| format!("move task {}", image.task), &rules)
}

/// That a task which runs has its source.
pub(super) fn running(task: TaskId, has_source: bool) -> Result<(), NotAnImage> {
    hold(|| format!("move task {task}"), &[(has_source, "it runs and its source is not there")])
}

/// Deduplication ids, by themselves, of a queue that was purged up to a message. None counts for
/// longer than one that is accepted now: those to come stand behind them.
pub(super) fn bucket(
    bucket: &DeduplicationBucket,
    base: &BaseImage,
    purged_below: Seq,
) -> Result<(), NotAnImage> {
    let DeduplicationBucket { queue, first, ref ids } = *bucket;
    let is_first = ids.first().is_some_and(|(_, seq, _)| *seq == first);
    let ascends = ids.windows(2).all(|pair| pair[0].0 <= pair[1].0 && pair[0].1 < pair[1].1);
    let last_end = base.now.after(DEDUPLICATION_WINDOW);
    let was_sent = ids.last().is_some_and(|(end, seq, _)| *seq < base.next_seq && *end <= last_end);
    let was_purged = first == Seq::default() || first < purged_below;
    let holds = is_first && ascends && was_sent && !was_purged;
    if holds { Ok(()) } else { Err(NotAnImage::Bucket { queue, first }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Lsn, TaskId, Timestamp};

    #[test]
    fn only_what_was_given_a_number_below_the_next_was_ever_there() {
        let base = BaseImage {
            applied_lsn: Lsn::new(1),
            now: Timestamp::ZERO,
            next_queue: QueueId::new(3),
            next_seq: Seq::new(3),
            next_task: TaskId::new(1),
            retention_held: false,
        };
        let queues = [0, 1, 2, 3].map(|id| was_given(&base, QueueId::new(id)));
        let messages = [0, 1, 2, 3].map(|seq| was_sent(&base, Seq::new(seq)));
        let expected = [false, true, true, false];
        assert_eq!((queues, messages), (expected, expected));
    }
}
