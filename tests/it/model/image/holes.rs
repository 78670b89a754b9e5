//! Places where an image could go wrong, one by one.

use ledgerq::{
    state::{NotAnImage, Restoring, State},
    types::{
        ImageEntry, LeaseRef, Millis, MoveTaskView, PhaseImage, ReceiveOptions, Record, Sending,
        Seq, Summary, TouchedImage,
    },
};

use super::world::{Taken, World, attempt, follow, seen};
use crate::{
    broker::state_settings,
    commands::{group, queue},
};

impl World {
    /// A message of a group, in a queue of any kind.
    fn put(&mut self, name: &str, group_id: &str) -> Seq {
        self.put_for(name, group_id, None)
    }

    fn put_for(&mut self, name: &str, group_id: &str, time_to_live: Option<Millis>) -> Seq {
        let id = self.state.queue_id(&queue(name)).expect("it is there");
        let seq = self.state.next_seq();
        let sending = Sending {
            group: Some(group(group_id)),
            expires_at: time_to_live.map(|time| self.now.after(time)),
            ..Sending::plain(id, seq, self.now, 5)
        };
        self.apply(Record::MessageSent(sending));
        seq
    }

    fn get(&mut self, name: &str, count_max: usize) -> Vec<Seq> {
        self.receive(&queue(name), &ReceiveOptions::new(count_max))
    }

    fn delete(&mut self, name: &str, seq: Seq) {
        let queue = self.state.queue_id(&queue(name)).expect("it is there");
        self.apply(Record::MessageDeleted { queue, seq });
    }

    /// A message that was received too often and lies in the dead-letter queue.
    fn put_dead_letter(&mut self) -> Seq {
        let seq = self.put("jobs", "a");
        for _ in 0..3 {
            let visibility_timeout = Some(Millis::from_secs(1));
            let options = ReceiveOptions { visibility_timeout, ..ReceiveOptions::new(1) };
            self.receive(&queue("jobs"), &options);
            self.wait(4000);
        }
        seq
    }

    /// Takes the state apart, with this meanwhile, and sees what comes of it: it is as it was.
    fn check(&mut self, meanwhile: impl FnOnce(&mut Self)) -> (Vec<ImageEntry>, State) {
        let mut twin = State::new(state_settings());
        follow(&mut twin, &self.events);
        let mut taken = self.begin_image();
        assert!(self.state.image_slice(1, &mut taken.entries));
        meanwhile(self);
        while self.state.image_slice(1, &mut taken.entries) {}
        let entries = taken.entries.clone();
        let mut restored = taken.restored().expect("it was just taken");
        assert_eq!(seen(&mut restored), seen(&mut twin));
        self.check_live();
        (entries, restored)
    }

    fn taken(&mut self) -> Taken {
        let mut taken = self.begin_image();
        while self.state.image_slice(100, &mut taken.entries) {}
        taken
    }
}

fn touched(entries: &[ImageEntry]) -> Vec<&TouchedImage> {
    let touched = entries.iter().filter_map(|entry| match entry {
        ImageEntry::Touched(touched) => Some(&**touched),
        _ => None,
    });
    touched.collect()
}

#[test]
fn messages_that_are_purged_during_an_image_are_in_it() {
    let mut world = World::with_queues();
    for group in ["a", "b", "c"] {
        world.put("jobs.fifo", group);
        world.put("jobs.fifo", group);
    }
    assert_eq!(world.get("jobs.fifo", 4).len(), 4);
    let (entries, restored) = world.check(|world| {
        world.purge("jobs.fifo");
        while world.collect() {}
        // Once more, and with another message: none of that belongs to the image.
        world.put("jobs.fifo", "a");
        world.get("jobs.fifo", 1);
        world.purge("jobs.fifo");
        while world.collect() {}
    });
    assert_eq!(touched(&entries).len(), 4);
    let counts = restored.queue(&queue("jobs.fifo")).expect("it is there").counts;
    assert_eq!((counts.ready, counts.in_flight), (2, 4));
}

#[test]
fn a_queue_that_is_deleted_and_made_again_during_an_image_is_in_it_as_it_was() {
    let mut world = World::with_queues();
    let first = world.put("jobs", "a");
    assert_eq!(world.get("jobs", 1), [first]);
    let (entries, _) = world.check(|world| {
        world.delete_queue("jobs");
        world.create(0);
        world.put("jobs", "b");
        world.get("jobs", 1);
        while world.collect() {}
    });
    assert_eq!(touched(&entries).iter().map(|t| t.seq).collect::<Vec<_>>(), [first]);
}

#[test]
fn a_group_is_told_although_its_lane_has_another_by_now() {
    let mut world = World::with_queues();
    let first = world.put("jobs.fifo", "a");
    world.get("jobs.fifo", 1);
    let (entries, _) = world.check(|world| {
        world.delete("jobs.fifo", first);
        world.put("jobs.fifo", "b");
        world.get("jobs.fifo", 1);
    });
    let touched = touched(&entries);
    assert_eq!((touched.len(), touched[0].group.as_ref()), (1, Some(&group("a"))));
}

#[test]
fn an_attempt_that_is_made_anew_during_an_image_is_in_it_as_it_was() {
    let mut world = World::with_queues();
    let first = world.put("jobs.fifo", "a");
    let options = ReceiveOptions { attempt: Some(attempt(1)), ..ReceiveOptions::new(1) };
    assert_eq!(world.receive(&queue("jobs.fifo"), &options), [first]);
    world.put("jobs.fifo", "b");
    let (entries, _) = world.check(|world| {
        world.delete("jobs.fifo", first);
        assert_eq!(world.receive(&queue("jobs.fifo"), &options).len(), 1);
    });
    let attempts = entries.iter().filter_map(|entry| match entry {
        ImageEntry::Attempt(attempt) => Some(attempt.seqs.clone()),
        _ => None,
    });
    assert_eq!(attempts.collect::<Vec<_>>(), [[first]]);
}

#[test]
fn a_lease_that_ends_during_an_image_is_in_it() {
    let mut world = World::with_queues();
    world.put("jobs", "a");
    world.get("jobs", 1);
    let (entries, _) = world.check(|world| world.wait(31_000));
    assert!(matches!(touched(&entries)[0].phase, PhaseImage::InFlight { .. }));
}

#[test]
fn a_dead_letter_that_was_purged_and_not_freed_does_not_come_back() {
    for is_deleted in [false, true] {
        let mut world = World::with_queues();
        let dead = world.put_dead_letter();
        assert_eq!(world.state.queue(&queue("dead")).expect("it is there").counts.ready, 1);
        if is_deleted {
            world.delete_queue("dead");
        } else {
            world.purge("dead");
        }
        // The source is there, and was not purged: nothing but the entry says that it is gone.
        let (entries, restored) = world.check(|world| {
            world.collect();
        });
        assert!(entries.contains(&ImageEntry::Gone(dead)));
        assert_eq!(restored.queue(&queue("jobs")).expect("it is there").counts.ready, 0);
    }
}

#[test]
fn a_purge_frees_a_slice_at_a_time_and_tells_each_message_once() {
    let mut world = World::with_queues();
    for _ in 0..20_000 {
        world.put_for("jobs", "a", Some(Millis::new(1000)));
        world.put("jobs.fifo", "a");
    }
    while world.state.queue(&queue("jobs")).expect("it is there").counts.in_flight < 5000 {
        assert!(!world.get("jobs", 1000).is_empty());
    }
    world.take_gone();
    world.purge("jobs");
    world.delete_queue("jobs.fifo");
    let (mut slices, mut all) = (0, Vec::new());
    while world.collect() {
        let mut gone = Vec::new();
        world.state.take_gone(&mut gone);
        assert!(gone.len() <= 8 * 512 + 1024, "{}", gone.len());
        all.append(&mut gone);
        slices += 1;
    }
    world.state.take_gone(&mut all);
    all.sort_unstable();
    assert!(slices >= 10);
    assert_eq!(all, (1..=40_000).map(Seq::new).collect::<Vec<_>>());
    // Nothing is left of the ends of their lives and leases.
    assert!(world.state.next_deadline() >= Some(world.now.after(Millis::from_secs(60))));
}

#[test]
fn an_image_that_is_given_up_for_another_leaves_no_trace() {
    let mut world = World::with_queues();
    world.put("jobs", "a");
    let second = world.put("jobs", "a");
    world.get("jobs", 2);
    world.state.begin_image();
    assert!(world.state.image_slice(6, &mut Vec::new()));
    world.delete("jobs", second);
    world.check(|world| world.purge("jobs"));
    world.state.begin_image();
    world.state.cancel_image();
    assert!(!world.state.image_slice(1, &mut Vec::new()));
}

#[test]
fn messages_of_a_purge_that_was_not_freed_are_no_part_of_the_state() {
    let mut world = World::with_queues();
    let old = world.put("jobs", "a");
    world.purge("jobs");
    let new = world.put("jobs", "a");
    let Taken { entries, live, .. } = world.taken();
    let mut restoring = Restoring::new(state_settings());
    for entry in entries {
        restoring.entry(entry).expect("it was just taken");
    }
    let told: Vec<_> = live.iter().map(|s| (s.seq, restoring.message(s))).collect();
    assert_eq!(told, [(old, false), (new, true)]);
    assert!(restoring.finish().is_ok());
}

#[test]
fn a_move_task_goes_on_where_it_was() {
    let mut world = World::with_queues();
    world.put("jobs", "a");
    let (source, target) = ("jobs", "dead");
    let id = |name| world.state.queue_id(&queue(name)).expect("it is there");
    let (source, target) = (id(source), id(target));
    let started = Record::MoveStarted {
        task: ledgerq::types::TaskId::new(1),
        source,
        target: Some(target),
        rate_max: None,
        filter: ledgerq::types::MoveFilter::default(),
    };
    world.apply(started);
    let (_, restored) = world.check(|_| {});
    let tasks: Vec<MoveTaskView> = restored.move_tasks(None, 10);
    assert_eq!((tasks.len(), tasks[0].to_move_count), (1, 1));
    assert_eq!(restored.running_moves().count(), 1);
}

/// What becomes of a checkpoint that was changed.
fn refusal(change: impl FnOnce(&mut Vec<ImageEntry>, &mut Vec<Summary>)) -> NotAnImage {
    let mut world = World::with_queues();
    for group in ["a", "b"] {
        world.put("jobs", group);
        world.put("jobs.fifo", group);
    }
    assert_eq!((world.get("jobs", 1).len(), world.get("jobs.fifo", 1).len()), (1, 1));
    let lease: LeaseRef = world.leases[0].1;
    world.apply(Record::LeaseReturned { queue: lease.queue, seq: lease.seq });
    let Taken { mut entries, mut live, .. } = world.taken();
    change(&mut entries, &mut live);
    let mut restoring = Restoring::new(state_settings());
    for entry in entries {
        if let Err(refusal) = restoring.entry(entry) {
            return refusal;
        }
    }
    for summary in &live {
        restoring.message(summary);
    }
    restoring.finish().err().expect("it is not as it was")
}

#[test]
fn what_does_not_belong_together_is_refused() {
    use NotAnImage::{
        Base, NoGroup, NoQueue, NoSummary, NoTurn, OutOfOrder, Queue, Twice, Unknown,
    };

    let (one, two) = (Seq::new(1), Seq::new(2));
    let first_touched = |entries: &[ImageEntry]| {
        let at = entries.iter().position(|entry| matches!(entry, ImageEntry::Touched(_)));
        at.expect("there is one")
    };
    assert_eq!(refusal(|entries, _| entries.clear()), Base);
    assert_eq!(refusal(|entries, _| entries.swap(0, 1)), Base);
    assert_eq!(refusal(|entries, _| entries.push(entries[0].clone())), Base);
    let queue = |refusal| matches!(refusal, Queue(_));
    assert!(queue(refusal(|entries, _| entries.push(entries[1].clone()))));
    let no_queue = |refusal| matches!(refusal, NoQueue(_));
    assert!(no_queue(refusal(|entries, _| drop(entries.remove(2)))));
    assert_eq!(refusal(|_, live| drop(live.remove(0))), NoSummary(one));
    assert_eq!(refusal(|_, live| live.swap(2, 3)), OutOfOrder(Seq::new(3)));
    assert_eq!(refusal(|_, live| live[3].group = None), NoGroup(Seq::new(4)));
    let unknown = Seq::new(5);
    assert_eq!(refusal(|_, live| live[3].seq = unknown), Unknown(unknown));
    let again =
        |entries: &mut Vec<ImageEntry>| entries.push(entries[first_touched(entries)].clone());
    assert_eq!(refusal(|entries, _| again(entries)), Twice(one));
    let same_turn = |entries: &mut Vec<ImageEntry>| {
        let mut entry = entries[first_touched(entries)].clone();
        if let ImageEntry::Touched(touched) = &mut entry {
            touched.seq = two;
        }
        entries.push(entry);
    };
    assert_eq!(refusal(|entries, _| same_turn(entries)), NoTurn(two));
}
