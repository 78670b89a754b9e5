//! What a purge or a queue's deletion left behind, freed in bounded slices, so that one record
//! costs the owner the same at any depth.

use std::collections::{BTreeSet, VecDeque, btree_map};

use super::{
    attempts::{Attempt, Attempts},
    backlog::Backlog,
    cow::{CowMap, Saved},
    deadlines::{Deadlines, Due},
    lanes::{Groups, Lanes, Slot, Tenants},
    queue::{Counts, Queue},
    touched::Touched,
    window::Window,
};
use crate::types::{Digest, QueueId, Seq, Timestamp};

/// Blocks of a backlog freed at once.
const BLOCKS_MAX: usize = 8;
/// Of all that is smaller than a block, so many are freed at once.
const ITEMS_MAX: usize = 1024;

/// What comes out of parts that are freed one by one. Most are gone by being taken.
pub(super) enum Freed {
    Nothing,
    Backlog(Backlog),
    Message(Seq),
    Expiry(Timestamp, Seq),
}

/// Parts that are freed by being taken.
pub(super) type Parts = Box<dyn Iterator<Item = Freed> + Send>;

/// Messages that are gone and whose memory is not.
#[derive(Default)]
pub(super) struct Garbage {
    heaps: VecDeque<Heap>,
    /// Old values of images that were given up.
    saved: VecDeque<Parts>,
}

/// The messages of one queue.
struct Heap {
    queue: QueueId,
    parts: Parts,
    /// The backlog that is being freed.
    backlog: Backlog,
    window: Window,
    maps: Maps,
}

/// The part of a queue's messages that an image may have yet to tell.
#[derive(Default)]
pub(super) struct Maps {
    pub(super) touched: CowMap<Seq, Touched>,
    pub(super) attempts: CowMap<Digest, Attempt>,
}

impl Maps {
    pub(super) fn is_imaged(&self) -> bool {
        self.touched.is_imaged() || self.attempts.is_imaged()
    }
}

impl Queue {
    /// Leaves the queue without messages, duplicates and attempts. What an image may have yet to
    /// tell comes back.
    pub(super) fn empty(&mut self, garbage: &mut Garbage) -> Maps {
        let fresh = match &self.lanes {
            Lanes::Standard(_) => Lanes::Standard(Tenants::default()),
            Lanes::Fifo(_) => Lanes::Fifo(Groups::default()),
        };
        let lanes = std::mem::replace(&mut self.lanes, fresh).into_parts();
        let ages: BTreeSet<_> = std::mem::take(&mut self.ages);
        let mortal: btree_map::IntoIter<Seq, (Timestamp, Slot)> =
            std::mem::take(&mut self.mortal).into_iter();
        let small = ages.into_iter().map(|_| Freed::Nothing);
        let small = small.chain(mortal.map(|(seq, (at, _))| Freed::Expiry(at, seq)));
        garbage.heaps.push_back(Heap {
            queue: self.id,
            parts: Box::new(lanes.chain(small)),
            backlog: Backlog::default(),
            window: std::mem::take(&mut self.window),
            maps: Maps::default(),
        });
        self.counts = Counts::default();
        let Attempts { by_id: attempts } = std::mem::take(&mut self.attempts);
        Maps { touched: std::mem::take(&mut self.touched), attempts }
    }
}

impl Garbage {
    /// Takes what no image has to tell any more.
    pub(super) fn take_maps(&mut self, queue: QueueId, maps: Maps) {
        debug_assert!(!maps.is_imaged(), "an image tells them first");
        self.heaps.push_back(Heap {
            queue,
            parts: Box::new(std::iter::empty()),
            backlog: Backlog::default(),
            window: Window::default(),
            maps,
        });
    }

    /// Takes the old values of an image that was given up.
    pub(super) fn take_saved<K, V>(&mut self, saved: Saved<K, V>)
    where
        K: Send + 'static,
        V: Send + 'static,
    {
        if !saved.is_empty() {
            self.saved.push_back(Box::new(saved.into_iter().map(|_| Freed::Nothing)));
        }
    }

    /// Gives out the touched messages that are not freed yet, for an image to look at.
    pub(super) fn lend_touched(&mut self) -> impl Iterator<Item = (QueueId, Maps)> {
        let heaps = self.heaps.iter_mut().filter(|heap| !heap.maps.touched.is_empty());
        heaps.map(|heap| (heap.queue, std::mem::take(&mut heap.maps)))
    }

    /// Frees a slice, and tells the messages that were in it; whether more is left.
    pub(super) fn collect(&mut self, deadlines: &mut Deadlines, gone: &mut Vec<Seq>) -> bool {
        if let Some(heap) = self.heaps.front_mut()
            && !heap.free_slice(deadlines, gone)
        {
            self.heaps.pop_front();
        }
        if let Some(saved) = self.saved.front_mut()
            && saved.by_ref().take(ITEMS_MAX).count() < ITEMS_MAX
        {
            self.saved.pop_front();
        }
        !self.heaps.is_empty() || !self.saved.is_empty()
    }
}

impl Heap {
    /// Frees a slice; whether more is left.
    fn free_slice(&mut self, deadlines: &mut Deadlines, gone: &mut Vec<Seq>) -> bool {
        let parts = self.free_parts(deadlines, gone);
        let window = self.window.discard();
        let maps = self.free_maps(deadlines, gone);
        parts || window || maps
    }

    fn free_parts(&mut self, deadlines: &mut Deadlines, gone: &mut Vec<Seq>) -> bool {
        let mut blocks = BLOCKS_MAX;
        for _ in 0..ITEMS_MAX {
            while blocks > 0 && self.backlog.discard_block(gone) {
                blocks -= 1;
            }
            if blocks == 0 {
                return true;
            }
            match self.parts.next() {
                None => return false,
                Some(Freed::Nothing) => {}
                Some(Freed::Backlog(backlog)) => self.backlog = backlog,
                Some(Freed::Message(seq)) => gone.push(seq),
                Some(Freed::Expiry(at, seq)) => {
                    deadlines.remove(at, Due::Expiry(self.queue, seq));
                }
            }
        }
        true
    }

    fn free_maps(&mut self, deadlines: &mut Deadlines, gone: &mut Vec<Seq>) -> bool {
        for _ in 0..ITEMS_MAX {
            if let Some((seq, touched)) = self.maps.touched.pop_first() {
                gone.push(seq);
                if let Some(until) = touched.until() {
                    deadlines.remove(until, Due::Message(self.queue, seq));
                }
                if let Some(at) = touched.expires_at {
                    deadlines.remove(at, Due::Expiry(self.queue, seq));
                }
            } else if self.maps.attempts.pop_first().is_none() {
                // Its deadline stays: by now another attempt of the id may have the same.
                return false;
            }
        }
        true
    }
}
