//! Receives that wait for a message: long polls.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::Waiter;
use crate::types::{QueueId, QueueName, ReceiveOptions, Timestamp};

/// One receive that waits.
pub(super) struct Poll<W> {
    pub(super) queue: QueueName,
    pub(super) options: ReceiveOptions,
    pub(super) waiter: W,
}

/// Names one poll, in the order in which they came.
type PollId = u64;

/// All receives that wait.
pub(super) struct Parked<W> {
    next: PollId,
    polls: BTreeMap<PollId, (QueueId, Timestamp, Poll<W>)>,
    /// For each queue, who came first; some may be gone already.
    queues: BTreeMap<QueueId, VecDeque<PollId>>,
    deadlines: BTreeSet<(Timestamp, PollId)>,
}

impl<W: Waiter> Parked<W> {
    pub(super) fn new() -> Self {
        Self {
            next: 0,
            polls: BTreeMap::new(),
            queues: BTreeMap::new(),
            deadlines: BTreeSet::new(),
        }
    }

    pub(super) fn park(&mut self, queue: QueueId, until: Timestamp, poll: Poll<W>) {
        let id = self.next;
        self.next += 1;
        self.polls.insert(id, (queue, until, poll));
        self.queues.entry(queue).or_default().push_back(id);
        self.deadlines.insert((until, id));
    }

    /// Parks a poll that was taken in vain, in front of all others.
    pub(super) fn park_again(&mut self, queue: QueueId, until: Timestamp, poll: Poll<W>) {
        self.park(queue, until, poll);
        if let Some(waiting) = self.queues.get_mut(&queue) {
            waiting.rotate_right(1);
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// Takes the poll of a queue that waits longest and whose client is still there, with the end
    /// of its wait.
    pub(super) fn take_first(&mut self, queue: QueueId) -> Option<(Poll<W>, Timestamp)> {
        loop {
            let id = self.queues.get_mut(&queue)?.pop_front();
            let Some(id) = id else {
                self.queues.remove(&queue);
                return None;
            };
            // Its deadline stays behind and finds nobody.
            if let Some((_, until, poll)) = self.polls.remove(&id)
                && !poll.waiter.is_gone()
            {
                return Some((poll, until));
            }
        }
    }

    /// Takes a poll that has waited for long enough.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<Poll<W>> {
        while let Some((at, id)) = self.deadlines.first().copied() {
            if at > now {
                return None;
            }
            self.deadlines.pop_first();
            if let Some((queue, _, poll)) = self.polls.remove(&id) {
                self.forget(queue, id);
                return Some(poll);
            }
        }
        None
    }

    /// Takes any poll, the oldest first.
    pub(super) fn take_any(&mut self) -> Option<Poll<W>> {
        self.deadlines.clear();
        self.queues.clear();
        self.polls.pop_first().map(|(_, (_, _, poll))| poll)
    }

    fn forget(&mut self, queue: QueueId, id: PollId) {
        let Some(waiting) = self.queues.get_mut(&queue) else { return };
        // With one wait for all, which is the rule, the first to come is the first to leave.
        if waiting.front() == Some(&id) {
            waiting.pop_front();
        }
        while let Some(front) = waiting.front()
            && !self.polls.contains_key(front)
        {
            waiting.pop_front();
        }
        if waiting.is_empty() {
            self.queues.remove(&queue);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Client {
        name: u32,
        gone: bool,
    }

    impl Waiter for Client {
        fn is_gone(&self) -> bool {
            self.gone
        }
    }

    fn poll(name: u32, gone: bool) -> Poll<Client> {
        let queue = QueueName::parse("jobs").expect("a good name");
        let waiter = Client { name, gone };
        Poll { queue, options: ReceiveOptions::new(1), waiter }
    }

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn who_came_first_is_served_first_and_who_is_gone_is_passed_over() {
        let mut parked = Parked::new();
        for (name, gone) in [(1, true), (2, false), (3, false)] {
            parked.park(QueueId::new(1), at(10), poll(name, gone));
        }
        let mut served = std::iter::from_fn(|| parked.take_first(QueueId::new(1)));
        assert_eq!(served.next().map(|(poll, _)| poll.waiter.name), Some(2));
        assert_eq!(served.next().map(|(poll, _)| poll.waiter.name), Some(3));
        assert!(served.next().is_none());
        assert!(parked.take_due(at(100)).is_none());
        assert_eq!(parked.next_deadline(), None);
    }

    #[test]
    fn polls_leave_at_their_deadlines_and_leave_nothing_behind() {
        let mut parked = Parked::new();
        for name in 1..=100 {
            let until = at(u64::from(1000 - name * 7 % 100));
            parked.park(QueueId::new(u64::from(name % 3)), until, poll(name, false));
        }
        assert!(parked.take_due(at(900)).is_none());
        let left = std::iter::from_fn(|| parked.take_due(at(1000))).count();
        assert_eq!(left, 100);
        assert!(parked.polls.is_empty() && parked.queues.is_empty());
    }
}
