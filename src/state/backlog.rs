//! Messages that can be received and never were: most of a deep queue.
//!
//! They are appended at the back and taken from the front, so a deque of blocks holds them: 24
//! bytes each, and no block is ever copied to make room. Taking one out of the middle, which a time
//! to live or a move task does, costs a search and the move of one block's rest.

use std::collections::VecDeque;

use crate::types::{Seq, Timestamp};

/// Entries of one block: 12 KiB of them.
const BLOCK_ENTRIES: usize = 512;
/// Room of the first block: a queue that is nearly empty does not pay for a whole one.
const FIRST_BLOCK_ENTRIES: usize = 4;

/// One message that was never received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) seq: Seq,
    pub(super) sent_at: Timestamp,
    /// Body and attributes, in bytes.
    pub(super) size: u32,
}

/// In ascending order of seq, hence of send time. No block is empty.
#[derive(Default)]
pub(super) struct Backlog {
    blocks: VecDeque<VecDeque<Waiting>>,
    count: u64,
}

impl Backlog {
    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    pub(super) fn front(&self) -> Option<&Waiting> {
        self.blocks.front()?.front()
    }

    pub(super) fn back(&self) -> Option<&Waiting> {
        self.blocks.back()?.back()
    }

    pub(super) fn push_back(&mut self, waiting: Waiting) {
        debug_assert!(self.back().is_none_or(|back| back.seq < waiting.seq), "seqs ascend");
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK_ENTRIES => block.push_back(waiting),
            _ => {
                let room = if self.count == 0 { FIRST_BLOCK_ENTRIES } else { BLOCK_ENTRIES };
                let mut block = VecDeque::with_capacity(room);
                block.push_back(waiting);
                self.blocks.push_back(block);
            }
        }
        self.count += 1;
    }

    pub(super) fn pop_front(&mut self) -> Option<Waiting> {
        let block = self.blocks.front_mut()?;
        let waiting = block.pop_front();
        if block.is_empty() {
            self.blocks.pop_front();
        }
        self.count -= u64::from(waiting.is_some());
        waiting
    }

    pub(super) fn pop_back(&mut self) -> Option<Waiting> {
        let block = self.blocks.back_mut()?;
        let waiting = block.pop_back();
        if block.is_empty() {
            self.blocks.pop_back();
        }
        self.count -= u64::from(waiting.is_some());
        waiting
    }

    /// Takes a message out, wherever it is.
    pub(super) fn remove(&mut self, seq: Seq) -> Option<Waiting> {
        let at = self.block_of(seq)?;
        let block = &mut self.blocks[at];
        let ordinal = block.binary_search_by_key(&seq, |waiting| waiting.seq).ok()?;
        let waiting = block.remove(ordinal);
        if block.is_empty() {
            self.blocks.remove(at);
        }
        self.count -= u64::from(waiting.is_some());
        waiting
    }

    /// The messages behind `after`, in order.
    pub(super) fn after(&self, after: Seq) -> impl Iterator<Item = &Waiting> {
        let first = self.block_of(after.next()).unwrap_or(self.blocks.len());
        let blocks = self.blocks.range(first..);
        blocks.flatten().skip_while(move |waiting| waiting.seq <= after)
    }

    /// Frees the first block, and tells the messages that were in it; whether there was one.
    pub(super) fn discard_block(&mut self, gone: &mut Vec<Seq>) -> bool {
        let Some(block) = self.blocks.pop_front() else { return false };
        self.count -= block.len() as u64;
        gone.extend(block.iter().map(|waiting| waiting.seq));
        true
    }

    /// The first block that ends at or behind `seq`.
    fn block_of(&self, seq: Seq) -> Option<usize> {
        let ends_before = |block: &VecDeque<Waiting>| block.back().is_some_and(|b| b.seq < seq);
        let at = self.blocks.partition_point(ends_before);
        (at < self.blocks.len()).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn waiting(seq: u64) -> Waiting {
        Waiting { seq: Seq::new(seq), sent_at: Timestamp::ZERO, size: 1 }
    }

    proptest! {
        #[test]
        fn it_behaves_like_an_ordered_set(
            steps in prop::collection::vec((0..6_u8, 0..3000_u64), 1..400),
        ) {
            let (mut backlog, mut set, mut next) = (Backlog::default(), BTreeSet::new(), 1);
            for (step, number) in steps {
                match step {
                    0..=2 => for _ in 0..number % 600 {
                        backlog.push_back(waiting(next));
                        set.insert(next);
                        next += 1;
                    },
                    3 => for _ in 0..number % 300 {
                        prop_assert_eq!(backlog.pop_front().map(|w| w.seq.get()), set.pop_first());
                    },
                    4 => {
                        let removed = backlog.remove(Seq::new(number)).is_some();
                        prop_assert_eq!(removed, set.remove(&number));
                    }
                    _ => prop_assert_eq!(backlog.pop_back().map(|w| w.seq.get()), set.pop_last()),
                }
                prop_assert_eq!(backlog.len(), set.len() as u64);
                prop_assert_eq!(backlog.front().map(|w| w.seq.get()), set.first().copied());
                let after = backlog.after(Seq::new(number)).take(5);
                let after: Vec<u64> = after.map(|waiting| waiting.seq.get()).collect();
                let expected: Vec<u64> = set.range(number + 1..).take(5).copied().collect();
                prop_assert_eq!(after, expected);
            }
        }
    }

    #[test]
    fn a_freed_block_takes_its_messages_and_their_count_with_it() {
        let mut backlog = Backlog::default();
        (1..=3000).for_each(|seq| backlog.push_back(waiting(seq)));
        let mut gone = Vec::new();
        while backlog.discard_block(&mut gone) {
            assert_eq!(backlog.len() + gone.len() as u64, 3000);
        }
        assert!(gone.into_iter().map(Seq::get).eq(1..=3000));
    }
}
