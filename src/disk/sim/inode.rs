//! One file without its names: what is durable, what a read shows, and the difference.
//!
//! Invariant: a sector in which the two images differ is either dirty (it has versions that a
//! sync would write) or lost (a failed sync has let go of them).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    choose::Choice,
    image::{Image, SECTOR_BYTES, Sector, sector_of_bytes, to_index},
};

/// A sector as one write left it, not synced yet.
#[derive(Clone)]
struct Version {
    sector: Sector,
    /// Where the sector, or in its last one the file, ends: a file whose sector is on the medium
    /// reaches at least that far.
    end: u64,
}

/// A file's bytes on both sides of the page cache.
#[derive(Clone, Default)]
pub(super) struct Inode {
    durable: Arc<Image>,
    cached: Arc<Image>,
    /// The dirty sectors, each with every version since the last sync, oldest first.
    dirty: BTreeMap<u64, Vec<Version>>,
    /// The lengths that the file has grown to since the last sync, ascending.
    lengths: Vec<u64>,
    /// Sectors that a failed sync has marked clean although they never reached the medium.
    lost: BTreeSet<u64>,
    /// Sectors that the medium cannot read; a write makes them good.
    unreadable: BTreeSet<u64>,
    /// Whether a read has to wait for the device.
    cold: bool,
}

impl Inode {
    /// A file that the medium holds.
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let image = Arc::new(Image::of_bytes(bytes));
        Self { durable: Arc::clone(&image), cached: image, ..Self::default() }
    }

    pub(super) fn len(&self) -> u64 {
        self.cached.len()
    }

    pub(super) fn is_cold(&self) -> bool {
        self.cold
    }

    /// A read has brought the file into the cache.
    pub(super) fn warm(&mut self) {
        self.cold = false;
    }

    pub(super) fn durable_bytes(&self) -> Vec<u8> {
        self.durable.to_bytes()
    }

    pub(super) fn cached_bytes(&self) -> Vec<u8> {
        self.cached.to_bytes()
    }

    /// How many sector versions and lengths a power cut would choose from.
    pub(super) fn unsynced_count(&self) -> usize {
        self.dirty.values().map(Vec::len).sum::<usize>() + self.lengths.len()
    }

    /// Reads what the cache shows; `None` if the medium cannot read one of the sectors.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Option<usize> {
        let end = offset.saturating_add(buffer.len() as u64).min(self.cached.len());
        if !self.unreadable.is_empty() && offset < end {
            let sectors = offset / SECTOR_BYTES as u64..end.div_ceil(SECTOR_BYTES as u64);
            if self.unreadable.range(sectors).next().is_some() {
                return None;
            }
        }
        Some(self.cached.read_at(offset, buffer))
    }

    /// Writes to the cache alone.
    pub(super) fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = offset + bytes.len() as u64;
        let cached = Arc::make_mut(&mut self.cached);
        if end > cached.len() {
            cached.extend(end);
            self.lengths.push(end);
        }
        let mut rest = bytes;
        let mut position = offset;
        while !rest.is_empty() {
            let index = position / SECTOR_BYTES as u64;
            let within = to_index(position % SECTOR_BYTES as u64);
            let (part, behind) = rest.split_at(rest.len().min(SECTOR_BYTES - within));
            let sector = if part.len() == SECTOR_BYTES {
                sector_of_bytes(part)
            } else {
                let mut sector = cached.sector(index).map_or([0; SECTOR_BYTES], |old| *old);
                sector[within..within + part.len()].copy_from_slice(part);
                sector_of_bytes(&sector)
            };
            cached.set_sector(index, sector.clone());
            let end = ((index + 1) * SECTOR_BYTES as u64).min(cached.len());
            self.dirty.entry(index).or_default().push(Version { sector, end });
            self.lost.remove(&index);
            self.unreadable.remove(&index);
            position += part.len() as u64;
            rest = behind;
        }
    }

    /// Makes everything that is dirty durable. What is lost is clean, so it stays lost.
    pub(super) fn sync(&mut self) {
        if self.unsynced_count() == 0 {
            return;
        }
        let durable = Arc::make_mut(&mut self.durable);
        for (index, mut versions) in std::mem::take(&mut self.dirty) {
            if let Some(newest) = versions.pop() {
                durable.set_sector(index, newest.sector);
                durable.extend(newest.end);
            }
        }
        // The write that made the file longer made its last sector dirty too.
        self.lengths.clear();
        debug_assert!(durable.len() <= self.cached.len(), "the medium is never ahead of the cache");
    }

    /// A sync that fails: the kernel marks everything clean. Only the sectors for which `lands`
    /// says so have reached the medium; the file's length has not.
    pub(super) fn sync_failing(&mut self, lands: &mut dyn FnMut() -> bool) {
        self.lengths.clear();
        for (index, mut versions) in std::mem::take(&mut self.dirty) {
            let Some(newest) = versions.pop() else { continue };
            if lands() {
                let durable = Arc::make_mut(&mut self.durable);
                durable.set_sector(index, newest.sector);
                durable.extend(newest.end);
            } else {
                self.lost.insert(index);
            }
        }
    }

    /// Reads the clean sectors from the medium again: the lost ones show what is really there. The
    /// length belongs to the inode and not to the page cache, so it stays as it was.
    pub(super) fn drop_cache(&mut self) {
        let lost = std::mem::take(&mut self.lost);
        if !lost.is_empty() {
            let cached = Arc::make_mut(&mut self.cached);
            for index in lost {
                cached.set_sector(index, self.durable.sector(index));
            }
        }
        self.cold = true;
    }

    /// The file after a power cut. Of each sector, and of the length, the newest version that the
    /// chooser keeps is there, and else what was durable before.
    pub(super) fn crash(&self, file: u64, chooser: &mut dyn FnMut(Choice<'_>) -> bool) -> Self {
        let mut durable = Arc::clone(&self.durable);
        for (&sector, versions) in &self.dirty {
            let newest_first = versions.iter().rev().enumerate();
            for (age, version) in newest_first {
                if chooser(Choice::Sector { file, sector, age }) {
                    let image = Arc::make_mut(&mut durable);
                    image.set_sector(sector, version.sector.clone());
                    image.extend(version.end);
                    break;
                }
            }
        }
        for &length in self.lengths.iter().rev() {
            // A sector that was kept may reach this far already.
            if length <= durable.len() {
                break;
            }
            if chooser(Choice::Length { file, length }) {
                Arc::make_mut(&mut durable).extend(length);
                break;
            }
        }
        let unreadable = self.unreadable.clone();
        Self { cached: Arc::clone(&durable), durable, unreadable, cold: true, ..Self::default() }
    }

    /// Changes the medium itself, and the cache where it only mirrors the medium.
    pub(super) fn tamper_sector(&mut self, index: u64, change: impl FnOnce(&mut [u8])) {
        let mut sector = self.durable.sector(index).map_or([0; SECTOR_BYTES], |old| *old);
        change(&mut sector);
        let sector = sector_of_bytes(&sector);
        Arc::make_mut(&mut self.durable).set_sector(index, sector.clone());
        if !self.dirty.contains_key(&index) && !self.lost.contains(&index) {
            Arc::make_mut(&mut self.cached).set_sector(index, sector);
        }
    }

    /// Cuts the file on both sides; a longer length appends zeros.
    pub(super) fn tamper_length(&mut self, length: u64) {
        let mut image = Image::clone(&self.durable);
        image.set_len(length);
        *self =
            Self { durable: Arc::new(image.clone()), cached: Arc::new(image), ..Self::default() };
    }

    /// The length on the medium.
    pub(super) fn durable_len(&self) -> u64 {
        self.durable.len()
    }

    /// Makes reads of a sector fail until it is written.
    pub(super) fn tamper_unreadable(&mut self, index: u64) {
        self.unreadable.insert(index);
    }
}
