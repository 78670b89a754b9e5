//! Images with right checksums that no state ever was: each is refused, and says what is wrong.

use ledgerq::{
    state::NotAnImage,
    types::{
        AttemptImage, BaseImage, DeduplicationBucket, ImageEntry, Lsn, Millis, MoveFilter,
        MoveImage, NameImage, PhaseImage, QueueId, QueueImage, QueueSettings, ReceiveOptions,
        Record, Seq, TaskId, Timestamp, TouchedImage,
    },
};

use super::{
    steps::{Step, message_of},
    world::{Taken, World, attempt},
};
use crate::commands::queue;

/// A checkpoint that has something of every kind: a queue that was purged, a dead letter, messages
/// of a FIFO queue under an attempt, one that is delayed, a task that runs, the name of a queue
/// that was deleted.
fn taken() -> Taken {
    let mut world = World::with_queues();
    let sent = |at, delay, id| Step::Send(message_of(at, delay, id));
    world.take(&sent(0, 0, None));
    world.purge("jobs");
    world.take(&sent(0, 0, None));
    let options = |millis| ReceiveOptions {
        visibility_timeout: Some(Millis::new(millis)),
        ..ReceiveOptions::new(1)
    };
    for _ in 0..3 {
        world.receive(&queue("jobs"), &options(1000));
        world.wait(5000);
    }
    world.take(&sent(0, 9000, None));
    for id in [1, 2] {
        world.take(&sent(2, 0, Some(id)));
    }
    let tried = ReceiveOptions { attempt: Some(attempt(1)), ..options(20_000) };
    world.receive(&queue("jobs.fifo"), &tried);
    let id = |name| world.state.queue_id(&queue(name)).expect("it is there");
    world.apply(Record::MoveStarted {
        task: TaskId::new(1),
        source: id("dead"),
        target: Some(id("jobs")),
        rate_max: None,
        filter: MoveFilter::default(),
    });
    let id = QueueId::new(5);
    let settings = QueueSettings::default();
    world.apply(Record::QueueCreated { queue: id, name: queue("was-here"), settings });
    world.apply(Record::QueueDeleted { queue: id });
    let mut taken = world.begin_image();
    while world.state.image_slice(100, &mut taken.entries) {}
    taken
}

/// How a changed checkpoint is refused, in words.
fn refusal(change: impl FnOnce(&mut Taken)) -> String {
    let mut taken = taken();
    change(&mut taken);
    taken.restored().err().map(|refused| refused.to_string()).unwrap_or_default()
}

/// How a checkpoint is refused in which this was done to an entry that it can be done to.
fn refusal_of(change: &dyn Fn(&mut ImageEntry) -> Option<()>) -> String {
    refusal(|taken| {
        let changed = taken.entries.iter_mut().find_map(change);
        changed.expect("there is such an entry");
    })
}

#[track_caller]
fn check(problem: &str, change: &dyn Fn(&mut ImageEntry) -> Option<()>) {
    let refused = refusal_of(change);
    assert!(refused.ends_with(problem), "{problem}: {refused:?}");
}

#[track_caller]
fn base(problem: &str, change: impl Fn(&mut BaseImage)) {
    check(problem, &|entry| {
        let ImageEntry::Base(base) = entry else { return None };
        change(base);
        Some(())
    });
}

#[track_caller]
fn queue_of(problem: &str, name: &str, change: impl Fn(&mut QueueImage)) {
    check(problem, &|entry| match entry {
        ImageEntry::Queue(image) if image.name.as_str() == name => {
            change(image);
            Some(())
        }
        _ => None,
    });
}

#[track_caller]
fn message(
    problem: &str,
    is_it: impl Fn(&TouchedImage) -> bool,
    change: impl Fn(&mut TouchedImage),
) {
    check(problem, &|entry| match entry {
        ImageEntry::Touched(image) if is_it(image) => {
            change(image);
            Some(())
        }
        _ => None,
    });
}

#[track_caller]
fn tried(problem: &str, change: impl Fn(&mut AttemptImage)) {
    check(problem, &|entry| {
        let ImageEntry::Attempt(image) = entry else { return None };
        change(image);
        Some(())
    });
}

#[track_caller]
fn task(problem: &str, change: impl Fn(&mut MoveImage)) {
    check(problem, &|entry| {
        let ImageEntry::Move(image) = entry else { return None };
        change(image);
        Some(())
    });
}

const NEVER: Timestamp = Timestamp::from_millis(u64::MAX);
const UNSENT: Seq = Seq::new(1 << 40);

#[test]
fn what_an_image_says_unchanged_is_a_state() {
    assert_eq!(refusal(|_| ()), "");
}

#[test]
fn a_base_whose_numbers_run_out_is_refused() {
    base("its LSN is none", |base| base.applied_lsn = Lsn::new(u64::MAX));
    for raw in [0, u64::MAX] {
        base("the next queue is none", |base| base.next_queue = QueueId::new(raw));
        base("the next message is none", |base| base.next_seq = Seq::new(raw));
        base("the next move task is none", |base| base.next_task = TaskId::new(raw));
    }
}

#[test]
fn a_queue_that_was_purged_of_messages_to_come_is_refused() {
    // Otherwise they are there until the next checkpoint, and gone behind it.
    let unsent = "queue 2: messages were purged that were not sent yet";
    queue_of(unsent, "jobs", |queue| queue.purged_below = UNSENT);
    let half = "only one half is told";
    queue_of(half, "jobs", |queue| queue.purged_below = Seq::default());
    queue_of(half, "dead", |queue| queue.purged_below = Seq::new(1));
    let late = "it was purged before it was created or after the checkpoint";
    queue_of(late, "jobs", |queue| queue.purged_at = Some(NEVER));
    queue_of(late, "jobs", |queue| queue.purged_at = Some(Timestamp::ZERO));
}

#[test]
fn a_queue_of_another_time_or_kind_is_refused() {
    queue_of("no queue has this id", "dead.fifo", |queue| queue.id = QueueId::default());
    queue_of("it was changed before it was created", "dead", |queue| queue.created_at = NEVER);
    let late = "it was changed after the checkpoint was taken";
    queue_of(late, "dead", |queue| queue.modified_at = NEVER);
    let in_groups = ledgerq::types::DeduplicationScope::MessageGroup;
    queue_of("no FIFO queue", "dead", |queue| queue.scope = in_groups);
    queue_of("one order", "dead.fifo", |queue| queue.prefers_returned = true);
}

#[test]
fn a_message_that_cannot_have_come_to_this_is_refused() {
    let any = |_: &TouchedImage| true;
    let dead = |message: &TouchedImage| message.source.is_some();
    let leased = |message: &TouchedImage| matches!(message.phase, PhaseImage::InFlight { .. });
    let delayed = |message: &TouchedImage| matches!(message.phase, PhaseImage::Delayed { .. });

    message("message 0: no message has this number", any, |m| m.seq = Seq::default());
    message("it was purged", delayed, |m| m.seq = Seq::new(1));
    message("it was kept before it was sent", any, |m| m.retained_from = Timestamp::ZERO);
    let late = "it was sent after the checkpoint was taken";
    message(late, any, |m| (m.sent_at, m.retained_from) = (NEVER, NEVER));
    message("its life ends before its send", any, |m| m.expires_at = Some(Timestamp::ZERO));
    message("it was received after the checkpoint was taken", leased, |m| m.leased_at = NEVER);
    message("before it was first received", leased, |m| m.leased_at = Timestamp::ZERO);
    message("it was received no time, at a time", leased, |m| m.receive_count = 0);
    message("less often than before", dead, |m| m.received_elsewhere = 1000);
    message("came from nowhere", leased, |m| m.received_elsewhere = 1);
    message("it came from no queue", dead, |m| m.source = Some(QueueId::new(1000)));

    let cannot = "it cannot be where it is in its life";
    let over = Timestamp::from_millis(1);
    message(cannot, leased, |m| m.phase = PhaseImage::InFlight { until: over });
    message(cannot, delayed, |m| m.phase = PhaseImage::Delayed { until: over });
    message(cannot, delayed, |m| m.phase = PhaseImage::InFlight { until: NEVER });
    message(cannot, leased, |m| m.phase = PhaseImage::Ready { turn: 1 });
    message(cannot, dead, |m| m.phase = PhaseImage::Ready { turn: i64::MAX });
}

#[test]
fn an_attempt_without_messages_or_groups_is_refused() {
    let (jobs, number) = (QueueId::new(2), Seq::default());
    tried("only receives of FIFO queues have attempts", |attempt| attempt.queue = jobs);
    tried("it received nothing", |attempt| attempt.seqs.clear());
    for seq in [number, UNSENT] {
        tried("it received what was not sent yet", |attempt| attempt.seqs[0] = seq);
    }
    tried("it was over before the checkpoint", |attempt| attempt.ends_at = Timestamp::ZERO);
}

#[test]
fn a_move_task_without_its_queues_is_refused() {
    let no_queue = QueueId::new(1000);
    task("no task has this id", |task| task.task = TaskId::default());
    task("its source was not given yet", |task| task.source = no_queue);
    task("it runs and its source is not there", |task| task.source = QueueId::new(2));
    task("its target was not given yet", |task| task.target = Some(no_queue));
    task("its target has only a name", |task| task.target = None);
    task("it was started after the checkpoint was taken", |task| task.started_at = NEVER);
    task("it moved a message that was not sent yet", |task| task.cursor = UNSENT);
    task("it moved more messages than were sent", |task| task.moved_count = 1000);
    task("it found more messages than were sent", |task| task.to_move_count = 1000);
}

#[test]
fn a_name_of_a_queue_that_was_not_just_deleted_is_refused() {
    let name = |problem: &str, deleted_at| {
        check(problem, &|entry| {
            let ImageEntry::Name(image) = entry else { return None };
            image.deleted_at = deleted_at;
            Some(())
        });
    };
    name("the deleted queue was-here: it was deleted after the checkpoint was taken", NEVER);
    name("it was deleted too long ago to be told", Timestamp::ZERO);
    for twice in ["was-here", "jobs"] {
        let refused = refusal(|taken| {
            let base = taken.entries.iter().find_map(|entry| match entry {
                ImageEntry::Base(base) => Some(base.now),
                _ => None,
            });
            let deleted_at = base.expect("there is one");
            let image = NameImage { name: queue(twice), deleted_at };
            taken.entries.push(ImageEntry::Name(image.into()));
        });
        assert_eq!(refused, NotAnImage::Name(queue(twice)).to_string());
    }
}

#[test]
fn a_message_that_is_gone_and_was_never_there_is_refused() {
    for seq in [Seq::default(), UNSENT] {
        let refused = refusal(|taken| taken.entries.push(ImageEntry::Gone(seq)));
        assert_eq!(refused, NotAnImage::Unknown(seq).to_string());
    }
}

#[test]
fn a_summary_of_a_later_time_is_refused() {
    let waits = |taken: &mut Taken| {
        let last = taken.live.last_mut().expect("the second of its group was not received");
        last.sent_at = NEVER;
    };
    assert!(refusal(waits).ends_with("it was sent after the checkpoint was taken"));
    let ends = |taken: &mut Taken| {
        let last = taken.live.last_mut().expect("it is there");
        last.expires_at = Some(Timestamp::ZERO);
    };
    assert!(refusal(ends).ends_with("its life ends before its send"));
}

#[test]
fn deduplication_ids_that_do_not_follow_each_other_are_refused() {
    type Ids = Vec<(Timestamp, Seq, ledgerq::types::Digest)>;
    let changed = |change: &dyn Fn(&mut Ids)| {
        refusal(|taken| {
            let bucket = &mut taken.buckets[0];
            let mut ids = bucket.ids.to_vec();
            assert_eq!(ids.len(), 2);
            change(&mut ids);
            bucket.ids = ids.into();
        })
    };
    let is_refused = |refused: String| assert!(refused.contains("are not valid"), "{refused:?}");
    is_refused(changed(&Vec::clear));
    is_refused(changed(&|ids| ids[0].1 = Seq::new(1)));
    is_refused(changed(&|ids| ids[1].1 = UNSENT));
    is_refused(changed(&|ids| ids[1].1 = next_seq()));
    is_refused(changed(&|ids| ids[1].1 = ids[0].1));
    is_refused(changed(&|ids| ids[1].0 = Timestamp::ZERO));
    // Those that are accepted later would stop to count before it.
    is_refused(changed(&|ids| ids[1].0 = ids[1].0.after(Millis::new(1))));
    is_refused(changed(&|ids| ids[1].2 = ids[0].2));
    let twice = |taken: &mut Taken| {
        let DeduplicationBucket { queue, first, ref ids } = taken.buckets[0];
        taken.buckets.push(DeduplicationBucket { queue, first, ids: ids.clone() });
    };
    is_refused(refusal(twice));
    let of_the_purged = |taken: &mut Taken| {
        let (id, first) = (QueueId::new(2), Seq::new(1));
        let ids = vec![(taken.buckets[0].ids[0].0, first, attempt(9))].into();
        taken.buckets.push(DeduplicationBucket { queue: id, first, ids });
    };
    is_refused(refusal(of_the_purged));
}

/// The number of the next message.
fn next_seq() -> Seq {
    let base = |entry: &ImageEntry| match entry {
        ImageEntry::Base(base) => Some(base.next_seq),
        _ => None,
    };
    taken().entries.iter().find_map(base).expect("it begins with one")
}

#[test]
fn a_task_that_was_where_no_message_is_yet_is_refused() {
    task("it moved a message that was not sent yet", |image| image.cursor = next_seq());
    let more = "it found more messages than were sent";
    task(more, |image| image.to_move_count = next_seq().get());
}

#[test]
fn two_queues_of_one_name_are_refused() {
    let refused = refusal(|taken| {
        let jobs = |entry: &ImageEntry| match entry {
            ImageEntry::Queue(image) if image.name == queue("jobs") => Some(image.clone()),
            _ => None,
        };
        let at = taken.entries.iter().position(|entry| jobs(entry).is_some()).expect("it is there");
        let mut again = jobs(&taken.entries[at]).expect("it was found");
        // Of a queue that is gone, so that it is nobody else's.
        again.id = QueueId::new(5);
        taken.entries.insert(at + 1, ImageEntry::Queue(again));
    });
    assert!(refused.contains('5'), "{refused:?}");
}

#[test]
fn a_queue_says_what_its_next_receive_looks_at_first() {
    let mut world = World::with_queues();
    let prefers = |world: &mut World| {
        let mut taken = world.begin_image();
        while world.state.image_slice(100, &mut taken.entries) {}
        let of_jobs = |entry: &ImageEntry| match entry {
            ImageEntry::Queue(image) if image.name == queue("jobs") => Some(image.prefers_returned),
            _ => None,
        };
        taken.entries.iter().find_map(of_jobs).expect("it is there")
    };
    let receive = |world: &mut World| {
        let lease = Some(Millis::new(1000));
        let options = ReceiveOptions { visibility_timeout: lease, ..ReceiveOptions::new(1) };
        world.receive(&queue("jobs"), &options);
    };
    world.take(&Step::Send(message_of(0, 0, None)));
    receive(&mut world);
    let before = prefers(&mut world);
    world.wait(5000);
    world.take(&Step::Send(message_of(0, 0, None)));
    receive(&mut world);
    assert_ne!(prefers(&mut world), before, "it goes from one to the other");
}
