//! Which deduplication ids count at the moment.
//!
//! 5 minutes from the first acceptance, through receive, delete and restart. An id is kept as its
//! digest, with the message that it was accepted for. At its limit the window refuses; it never
//! forgets early.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
};

use crate::types::{Digest, Millis, Seq, Timestamp, limits::DEDUPLICATION_WINDOW};

/// The ids of one queue.
#[derive(Default)]
pub(super) struct Window {
    first: HashMap<Digest, Seq, BuildHasherDefault<DigestHasher>>,
    /// In the order in which they were accepted.
    ends: VecDeque<(Timestamp, Digest)>,
}

impl Window {
    /// The message that was accepted under this id.
    pub(super) fn get(&self, id: Digest) -> Option<Seq> {
        self.first.get(&id).copied()
    }

    pub(super) fn len(&self) -> u64 {
        self.ends.len() as u64
    }

    /// When the oldest id stops counting.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.ends.front().map(|(at, _)| *at)
    }

    /// How long until there is room for one more.
    pub(super) fn retry_after(&self, now: Timestamp) -> Millis {
        self.next_end().map_or(Millis::ZERO, |at| at.since(now))
    }

    pub(super) fn insert(&mut self, id: Digest, seq: Seq, now: Timestamp) {
        self.first.insert(id, seq);
        self.ends.push_back((now.after(DEDUPLICATION_WINDOW), id));
    }

    /// Forgets what stops counting at or before this time; whether there was any.
    pub(super) fn expire(&mut self, at: Timestamp) -> bool {
        let before = self.ends.len();
        while let Some((end, id)) = self.ends.front().copied()
            && end <= at
        {
            self.ends.pop_front();
            self.first.remove(&id);
        }
        if self.ends.is_empty() {
            // A burst of ids must not hold its memory for ever.
            *self = Self::default();
        }
        self.ends.len() != before
    }
}

/// A digest is as good as random: its low half is its hash.
#[derive(Default)]
struct DigestHasher(u64);

impl Hasher for DigestHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = self.0.rotate_left(5) ^ u64::from_le_bytes(word);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low half is as random as all of it")]
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_counts_for_five_minutes_and_not_longer() {
        let mut window = Window::default();
        let at = Timestamp::from_millis;
        window.insert(Digest(1), Seq::new(1), at(1000));
        window.insert(Digest(2), Seq::new(2), at(2000));
        assert!(!window.expire(at(300_999)));
        assert_eq!(window.get(Digest(1)), Some(Seq::new(1)));
        assert!(window.expire(at(301_000)));
        assert_eq!((window.get(Digest(1)), window.get(Digest(2))), (None, Some(Seq::new(2))));
        assert_eq!(window.retry_after(at(301_000)), Millis::new(1000));
    }
}
