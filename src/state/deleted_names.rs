//! Names of queues that were deleted a short while ago. Whether they can be used again at once is a
//! setting; they are kept whatever it says, so that the same log makes the same state.
//!
//! **Invariant**: no queue has one of these names, and there are at most [`DELETED_NAMES_MAX`].

use std::collections::{BTreeMap, BTreeSet};

use crate::types::{
    Millis, NameImage, QueueName, Timestamp,
    limits::{DELETED_NAME_HELD, DELETED_NAMES_MAX},
};

/// The names, each with the time of its deletion.
#[derive(Debug, Default)]
pub(super) struct DeletedNames {
    by_name: BTreeMap<QueueName, Timestamp>,
    oldest_first: BTreeSet<(Timestamp, QueueName)>,
}

impl DeletedNames {
    /// The queue of this name was deleted.
    pub(super) fn insert(&mut self, name: QueueName, now: Timestamp) {
        self.remove(&name);
        self.by_name.insert(name.clone(), now);
        self.oldest_first.insert((now, name));
        while let Some((at, name)) = self.oldest_first.first()
            && (!is_held(*at, now) || self.by_name.len() > DELETED_NAMES_MAX)
        {
            let name = name.clone();
            self.remove(&name);
        }
    }

    /// There is a queue of this name.
    pub(super) fn remove(&mut self, name: &QueueName) {
        if let Some((name, at)) = self.by_name.remove_entry(name) {
            self.oldest_first.remove(&(at, name));
        }
    }

    /// Whether the name is here, however long ago its queue was deleted.
    pub(super) fn contains(&self, name: &QueueName) -> bool {
        self.by_name.contains_key(name)
    }

    /// For how long the name is held from now on; `None` if it is not.
    pub(super) fn held_for(&self, name: &QueueName, now: Timestamp) -> Option<Millis> {
        let at = self.by_name.get(name)?;
        is_held(*at, now).then(|| at.after(DELETED_NAME_HELD).since(now))
    }

    /// Those that are held.
    pub(super) fn images(&self, now: Timestamp) -> impl Iterator<Item = NameImage> {
        let held = self.by_name.iter().filter(move |(_, at)| is_held(**at, now));
        held.map(|(name, at)| NameImage { name: name.clone(), deleted_at: *at })
    }
}

/// Whether a name is still held whose queue was deleted at this time.
pub(super) fn is_held(deleted_at: Timestamp, now: Timestamp) -> bool {
    deleted_at.after(DELETED_NAME_HELD) > now
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(number: usize) -> QueueName {
        QueueName::parse(&format!("jobs{number}")).expect("it is a name")
    }

    #[test]
    fn a_name_is_held_for_a_minute_since_its_last_deletion() {
        let mut names = DeletedNames::default();
        let at = |millis| Timestamp::from_millis(millis);
        names.insert(name(1), at(1000));
        assert_eq!(names.held_for(&name(1), at(1000)), Some(Millis::from_secs(60)));
        assert_eq!(names.held_for(&name(1), at(60_999)), Some(Millis::new(1)));
        assert_eq!(names.held_for(&name(1), at(61_000)), None);
        assert_eq!(names.held_for(&name(2), at(1000)), None);
        names.insert(name(1), at(5000));
        assert_eq!(names.held_for(&name(1), at(61_000)), Some(Millis::new(4000)));
        names.remove(&name(1));
        assert_eq!(names.held_for(&name(1), at(5000)), None);
    }

    #[test]
    fn the_oldest_are_forgotten_when_they_are_held_no_more_or_are_too_many() {
        let mut names = DeletedNames::default();
        let count = |names: &DeletedNames, now| names.images(Timestamp::from_millis(now)).count();
        for number in 0..=DELETED_NAMES_MAX {
            names.insert(name(number), Timestamp::from_millis(number as u64 / 1000));
        }
        assert!(!names.contains(&name(0)) && names.contains(&name(1)));
        assert_eq!(count(&names, 10), DELETED_NAMES_MAX);
        assert_eq!(count(&names, 60_000), DELETED_NAMES_MAX - 999);
        names.insert(name(0), Timestamp::from_millis(60_000));
        assert_eq!(names.by_name.len(), DELETED_NAMES_MAX - 998);
        assert_eq!(names.oldest_first.len(), names.by_name.len());
    }
}
