//! The messages of one queue that can be received and never were: most of a deep queue.
//!
//! They are only ever appended at the back and taken from the front, so a deque of blocks holds
//! them: 24 bytes each, and no block is ever copied to make room.

use std::collections::VecDeque;

use crate::types::{Seq, Timestamp};

/// Entries of one block: 12 KiB of them.
const BLOCK_ENTRIES: usize = 512;

/// One message that was never received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting {
    pub(super) seq: Seq,
    pub(super) sent_at: Timestamp,
    /// Body and attributes, in bytes.
    pub(super) size: u32,
}

/// In ascending order of seq, hence of send time.
#[derive(Default)]
pub(super) struct Backlog {
    blocks: VecDeque<Vec<Waiting>>,
    /// Entries of the first block that were taken already.
    taken: usize,
    count: u64,
}

impl Backlog {
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    pub(super) fn front(&self) -> Option<&Waiting> {
        self.blocks.front()?.get(self.taken)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.blocks.iter().flatten().skip(self.taken)
    }

    pub(super) fn push_back(&mut self, waiting: Waiting) {
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK_ENTRIES => block.push(waiting),
            _ => {
                // A queue that is nearly empty does not pay for a whole block.
                let mut block = Vec::with_capacity(if self.count == 0 { 4 } else { BLOCK_ENTRIES });
                block.push(waiting);
                self.blocks.push_back(block);
            }
        }
        self.count += 1;
    }

    pub(super) fn pop_front(&mut self) -> Option<Waiting> {
        let block = self.blocks.front()?;
        let waiting = *block.get(self.taken)?;
        self.taken += 1;
        self.count -= 1;
        if self.taken == block.len() {
            self.blocks.pop_front();
            self.taken = 0;
        }
        Some(waiting)
    }

    /// Frees up to `blocks_max` blocks, whatever they hold; whether any is left.
    pub(super) fn discard(&mut self, blocks_max: usize) -> bool {
        let count = blocks_max.min(self.blocks.len());
        self.blocks.drain(..count);
        (self.taken, self.count) = (0, 0);
        !self.blocks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_out_in_the_order_they_went_in_over_many_blocks() {
        let mut backlog = Backlog::default();
        let (mut pushed, mut popped) = (0, 0);
        for round in 0..2000 {
            for _ in 0..(round % 7) {
                pushed += 1;
                let waiting = Waiting { seq: Seq::new(pushed), sent_at: Timestamp::ZERO, size: 1 };
                backlog.push_back(waiting);
            }
            for _ in 0..(round % 5) {
                let front = backlog.front().map(|waiting| waiting.seq);
                assert_eq!(front, backlog.iter().next().map(|waiting| waiting.seq));
                let taken = backlog.pop_front().map(|waiting| waiting.seq);
                assert_eq!(front, taken);
                popped += u64::from(taken.is_some());
                assert!(taken.is_none_or(|seq| seq == Seq::new(popped)));
            }
            assert_eq!(backlog.len(), pushed - popped);
        }
    }
}
