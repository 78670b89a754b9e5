//! A disk in memory that remembers what is durable and what is not, and fails when told.
//!
//! A file has two images: what the medium holds, and what the page cache shows. A write changes
//! the cache; a sync carries it to the medium. Directory entries are the same: a name is durable
//! only when its directory was synced, whatever became of the file. From any moment there are:
//!
//! * [`SimDisk::crash`], the power cut: of every sector any version since the last sync may be
//!   kept, or none; directory changes are kept or not, but for the order in which changes of one
//!   name follow each other. A file may be as long as it was at any write, or end where a kept
//!   sector ends; what it lacks in between reads as it was before, or as zeros.
//! * [`SimDisk::kill`], the end of the process: the cache survives and is still not synced.
//! * [`Faults`], planned by the number of the operation: the end of the process, errors, short
//!   writes, syncs that fail, and then let a read show what will be gone after a power cut.
//!
//! Nothing here depends on time, addresses or threads: the same calls give the same bytes. Copies
//! share what neither has changed, so that thousands of crashes a second are cheap.
//!
//! What is not simulated: metadata other than names and lengths, sub-directories that vanish,
//! and a file system that loses what it has synced ([`SimDisk::corrupt`] and its neighbours do
//! that by hand).

mod choose;
mod faults;
mod file;
mod image;
mod inode;
mod names;
mod state;
mod tamper;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use choose::{Choice, EveryCrash, Random, keep_all, keep_none, keep_random};
pub use faults::{Counter, Fault, Faults};
pub use names::EntryChange;

use state::State;

/// A simulated disk. Clones are the same disk; [`SimDisk::snapshot`] makes another.
#[derive(Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

impl SimDisk {
    /// An empty disk without a limit.
    pub fn new() -> Self {
        Self::default()
    }

    /// The disk as it is now, to go its own way: with the same cache, plan of faults and counts,
    /// but with no file open and no lock taken.
    #[must_use]
    pub fn snapshot(&self) -> Self {
        let state = self.state();
        let mut copy = state.kill();
        copy.faults = state.faults.clone();
        Self::of(copy)
    }

    /// Ends the process (`kill -9`): every handle of this disk returns errors from now on, and the
    /// disk that is returned has the same cache, unsynced as it was, and no lock.
    #[must_use]
    pub fn kill(&self) -> Self {
        let mut state = self.state();
        state.faults.die();
        Self::of(state.kill())
    }

    /// A disk as a power cut now might leave it. This one stays as it is: it has many such futures.
    #[must_use]
    pub fn crash(&self, chooser: &mut dyn FnMut(Choice<'_>) -> bool) -> Self {
        // A copy, so that the chooser may use the disk.
        let state = self.state().clone();
        Self::of(state.crash(chooser))
    }

    /// Every disk that a power cut now might leave, but at most `count_max` of them.
    pub fn every_crash(&self, count_max: usize) -> EveryCrash {
        EveryCrash::new(self.snapshot(), count_max)
    }

    /// Plans the failures to come, in place of all before, and counts operations from zero again.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// How many operations there were that change or sync something, since the disk was made or
    /// [`SimDisk::set_faults`] was called.
    pub fn operation_count(&self) -> u64 {
        self.count(Counter::Changes)
    }

    /// How many operations a counter has counted.
    pub fn count(&self, counter: Counter) -> u64 {
        self.state().faults.count(counter)
    }

    /// How many of the planned failures have happened.
    pub fn fault_count(&self) -> u64 {
        self.state().faults.fired_count()
    }

    /// Whether the process has ended, by a fault or by [`SimDisk::kill`].
    pub fn is_dead(&self) -> bool {
        self.state().faults.is_dead()
    }

    /// Limits the sum of all file lengths; writes beyond it are short, then fail with `ENOSPC`.
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.state().capacity_bytes = capacity_bytes;
    }

    /// How many bytes the limit leaves; the largest number without a limit.
    pub fn free_bytes(&self) -> u64 {
        self.state().free_bytes().unwrap_or(u64::MAX)
    }

    /// How many sector versions, lengths and directory changes are not synced.
    pub fn unsynced_count(&self) -> usize {
        let state = self.state();
        let inodes = state.inodes.values().map(|inode| inode.unsynced_count());
        inodes.sum::<usize>() + state.names.pending.len()
    }

    fn of(state: State) -> Self {
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// A panic elsewhere says nothing about the state: every step either fails first or is done.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
