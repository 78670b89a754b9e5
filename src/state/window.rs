//! Which deduplication ids count at the moment.
//!
//! 5 minutes from the first acceptance, through receive, delete and restart. An id is kept as its
//! digest, with the message that it was accepted for. At its limit the window refuses; it never
//! forgets early.
//!
//! Ids lie in buckets, in the order of their acceptance. All but the last are closed and do not
//! change any more, so that a checkpoint shares them instead of copying them.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use crate::types::{
    DeduplicationBucket, Digest, Millis, QueueId, Seq, Timestamp, limits::DEDUPLICATION_WINDOW,
};

/// Ids of one bucket: 128 KiB of them.
const BUCKET_IDS: usize = 4096;

/// When an id stops counting, the message it was accepted for, and the id.
type Entry = (Timestamp, Seq, Digest);

/// The ids of one queue.
#[derive(Default)]
pub(super) struct Window {
    first: HashMap<Digest, Seq, BuildHasherDefault<DigestHasher>>,
    /// The oldest first; none is empty.
    closed: VecDeque<Arc<Vec<Entry>>>,
    open: Vec<Entry>,
    /// How many ids of the oldest bucket do not count any more.
    past: usize,
    len: u64,
}

impl Window {
    /// A window of buckets in the order of their acceptance, at this time; what the first bucket
    /// begins with that does not go with those before it.
    pub(super) fn restored(buckets: Vec<DeduplicationBucket>, now: Timestamp) -> Result<Self, Seq> {
        let mut window = Self::default();
        let (mut last_end, mut last_seq) = (Timestamp::ZERO, Seq::default());
        for bucket in buckets {
            let ends = bucket.ids.first().zip(bucket.ids.last());
            if let Some(((first_end, first_seq, _), (end, seq, _))) = ends {
                if *first_end < last_end || *first_seq <= last_seq {
                    return Err(bucket.first);
                }
                (last_end, last_seq) = (*end, *seq);
            }
            let past = bucket.ids.partition_point(|(end, _, _)| *end <= now);
            let counting = &bucket.ids[past..];
            if counting.is_empty() {
                continue;
            }
            if window.closed.is_empty() {
                window.past = past;
            }
            window.len += counting.len() as u64;
            window.first.extend(counting.iter().map(|(_, seq, id)| (*id, *seq)));
            if window.first.len() as u64 != window.len {
                // An id that counts was accepted twice.
                return Err(bucket.first);
            }
            window.closed.push_back(bucket.ids);
        }
        Ok(window)
    }

    /// The message that was accepted under this id.
    pub(super) fn get(&self, id: Digest) -> Option<Seq> {
        self.first.get(&id).copied()
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// When the oldest id stops counting.
    pub(super) fn next_end(&self) -> Option<Timestamp> {
        self.oldest().map(|(at, _, _)| *at)
    }

    /// How long until there is room for one more.
    pub(super) fn retry_after(&self, now: Timestamp) -> Millis {
        self.next_end().map_or(Millis::ZERO, |at| at.since(now))
    }

    pub(super) fn insert(&mut self, id: Digest, seq: Seq, now: Timestamp) {
        self.first.insert(id, seq);
        self.open.push((now.after(DEDUPLICATION_WINDOW), seq, id));
        self.len += 1;
        if self.open.len() == BUCKET_IDS {
            self.close();
        }
    }

    /// Forgets what stops counting at or before this time; whether there was any.
    pub(super) fn expire(&mut self, at: Timestamp) -> bool {
        let before = self.len;
        while let Some((end, _, id)) = self.oldest().copied()
            && end <= at
        {
            self.first.remove(&id);
            self.len -= 1;
            self.past += 1;
            if self.closed.front().is_some_and(|oldest| self.past == oldest.len()) {
                self.closed.pop_front();
                self.past = 0;
            }
        }
        let changed = self.len != before;
        if self.len == 0 {
            // A burst of ids must not hold its memory for ever.
            *self = Self::default();
        }
        changed
    }

    /// Closes the open bucket, and tells all that have ids which count.
    pub(super) fn buckets(&mut self, queue: QueueId, out: &mut Vec<DeduplicationBucket>) {
        if !self.open.is_empty() {
            self.close();
        }
        out.extend(self.closed.iter().filter_map(|ids| {
            let (_, first, _) = *ids.first()?;
            Some(DeduplicationBucket { queue, first, ids: Arc::clone(ids) })
        }));
    }

    /// Frees one bucket, and the index behind the last; whether anything is left.
    pub(super) fn discard(&mut self) -> bool {
        let more = self.closed.pop_front().is_some();
        if !more {
            *self = Self::default();
        }
        more
    }

    fn oldest(&self) -> Option<&Entry> {
        let bucket = self.closed.front().map_or(&self.open, |ids| &**ids);
        bucket.get(self.past)
    }

    fn close(&mut self) {
        let mut ids = std::mem::take(&mut self.open);
        ids.shrink_to_fit();
        self.closed.push_back(Arc::new(ids));
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

    #[test]
    fn a_closed_bucket_is_shared_and_makes_the_same_window_again() {
        let mut window = Window::default();
        let at = Timestamp::from_millis;
        let queue = QueueId::new(1);
        let ids = BUCKET_IDS as u64 + 10;
        (1..=ids).for_each(|id| window.insert(Digest(id.into()), Seq::new(id), at(id)));
        let ends_of = |id: u64| at(id).after(DEDUPLICATION_WINDOW);
        window.expire(ends_of(5));
        let (mut buckets, mut again) = (Vec::new(), Vec::new());
        window.buckets(queue, &mut buckets);
        window.buckets(queue, &mut again);
        assert_eq!(buckets.iter().map(|bucket| bucket.ids.len()).collect::<Vec<_>>(), [4096, 10]);
        assert!(buckets.iter().zip(&again).all(|(one, two)| Arc::ptr_eq(&one.ids, &two.ids)));

        let mut restored = Window::restored(buckets, ends_of(5)).expect("they go together");
        for window in [&mut window, &mut restored] {
            assert_eq!((window.len(), window.get(Digest(5))), (ids - 5, None));
            assert_eq!(window.next_end(), Some(ends_of(6)));
            assert_eq!(window.get(Digest(6)), Some(Seq::new(6)));
            assert!(window.expire(ends_of(4097)));
            window.insert(Digest(0), Seq::new(ids + 1), ends_of(4097));
            assert_eq!((window.len(), window.next_end()), (10, Some(ends_of(4098))));
        }
        let restored = Window::restored(again, ends_of(ids)).expect("they go together");
        assert_eq!(restored.len(), 0);
    }

    #[test]
    fn buckets_that_do_not_follow_each_other_are_no_window() {
        let at = Timestamp::from_millis;
        let restored = |second: (u64, u64)| {
            let bucket = |number: u128, (end, seq): (u64, u64)| DeduplicationBucket {
                queue: QueueId::new(1),
                first: Seq::new(seq),
                ids: vec![(at(end), Seq::new(seq), Digest(number))].into(),
            };
            let buckets = vec![bucket(1, (10, 5)), bucket(2, second)];
            Window::restored(buckets, at(1)).map(|window| window.len())
        };
        assert_eq!(restored((10, 6)), Ok(2));
        assert_eq!(restored((9, 6)), Err(Seq::new(6)), "its id ends before the last one");
        assert_eq!(restored((10, 5)), Err(Seq::new(5)), "its message is the last one's");
        assert_eq!(restored((11, 4)), Err(Seq::new(4)), "its message was sent before the last one");
    }
}
