//! When time alone changes something.

use std::collections::BTreeSet;

use crate::types::{Digest, QueueId, Seq, Timestamp};

/// What happens at a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Due {
    /// A message's lease or delay ends.
    Message(QueueId, Seq),
    /// A message's time to live is over.
    Expiry(QueueId, Seq),
    /// The oldest message that waits for its FIFO queue's delay has waited for long enough.
    Arrival(QueueId),
    /// The oldest message of a queue may have been kept for long enough.
    Retention(QueueId),
    /// The oldest deduplication id of a queue stops counting.
    Deduplication(QueueId),
    /// An attempt of a FIFO receive stops counting.
    Attempt(QueueId, Digest),
}

/// All deadlines, in the order in which they pass.
///
/// An entry may be stale, because its message or queue is gone: whoever takes it looks before he
/// acts. None is ever missing.
#[derive(Default)]
pub(super) struct Deadlines {
    entries: BTreeSet<(Timestamp, Due)>,
}

impl Deadlines {
    pub(super) fn insert(&mut self, at: Timestamp, due: Due) {
        self.entries.insert((at, due));
    }

    pub(super) fn remove(&mut self, at: Timestamp, due: Due) {
        self.entries.remove(&(at, due));
    }

    pub(super) fn contains(&self, at: Timestamp, due: Due) -> bool {
        self.entries.contains(&(at, due))
    }

    pub(super) fn next(&self) -> Option<Timestamp> {
        self.entries.first().map(|(at, _)| *at)
    }

    /// Takes the first entry that is due at `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, Due)> {
        let first = *self.entries.first()?;
        if first.0 > now {
            return None;
        }
        self.entries.pop_first()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_there_from_its_insertion_to_its_removal() {
        let mut deadlines = Deadlines::default();
        let (at, later) = (Timestamp::from_millis(5), Timestamp::from_millis(6));
        let due = Due::Retention(QueueId::new(1));
        assert!(!deadlines.contains(at, due));
        deadlines.insert(at, due);
        assert!(deadlines.contains(at, due) && !deadlines.contains(later, due));
        deadlines.remove(at, due);
        assert!(!deadlines.contains(at, due));
    }
}
