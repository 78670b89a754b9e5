//! The bytes of a file as one side sees them, in sectors that copies share.

use std::sync::Arc;

/// What the medium writes whole or not at all, in bytes.
pub(super) const SECTOR_BYTES: usize = 512;

/// One sector; `None` is all zero, so that a zero-filled file costs next to nothing.
pub(super) type Sector = Option<Arc<[u8; SECTOR_BYTES]>>;

/// A file's length and bytes. Whatever lies behind the length is zero.
#[derive(Clone, Default)]
pub(super) struct Image {
    length: u64,
    /// May end before the length does: the rest is zero.
    sectors: Vec<Sector>,
}

impl Image {
    pub(super) fn of_bytes(bytes: &[u8]) -> Self {
        let sectors = bytes.chunks(SECTOR_BYTES).map(sector_of_bytes).collect();
        Self { length: bytes.len() as u64, sectors }
    }

    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Lengthens the image with zeros; a length it has passed changes nothing.
    pub(super) fn extend(&mut self, length: u64) {
        self.length = self.length.max(length);
    }

    /// Sets the length, and clears what then lies behind it.
    pub(super) fn set_len(&mut self, length: u64) {
        self.length = length;
        let whole = to_index(length / SECTOR_BYTES as u64);
        let rest = to_index(length % SECTOR_BYTES as u64);
        if let Some(sector) = self.sectors.get(whole) {
            let kept = sector.as_ref().map_or(&[][..], |sector| &sector[..rest]);
            self.sectors[whole] = sector_of_bytes(kept);
            self.sectors.truncate(whole + 1);
        }
    }

    pub(super) fn sector(&self, index: u64) -> Sector {
        self.sectors.get(to_index(index)).cloned().flatten()
    }

    pub(super) fn set_sector(&mut self, index: u64, sector: Sector) {
        let index = to_index(index);
        if index >= self.sectors.len() {
            if sector.is_none() {
                return;
            }
            self.sectors.resize(index + 1, None);
        }
        self.sectors[index] = sector;
    }

    /// Copies from `offset` on into the buffer; returns how much there was.
    pub(super) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let rest = usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = rest.min(buffer.len());
        let mut done = 0;
        while done < count {
            let position = offset + done as u64;
            let within = to_index(position % SECTOR_BYTES as u64);
            let step = (SECTOR_BYTES - within).min(count - done);
            let part = &mut buffer[done..done + step];
            match self.sectors.get(to_index(position / SECTOR_BYTES as u64)) {
                Some(Some(sector)) => part.copy_from_slice(&sector[within..within + step]),
                Some(None) | None => part.fill(0),
            }
            done += step;
        }
        count
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; to_index(self.length)];
        self.read_at(0, &mut bytes);
        bytes
    }
}

/// The sector that begins with the bytes, at most a sector's worth, and is zero behind them.
pub(super) fn sector_of_bytes(bytes: &[u8]) -> Sector {
    if bytes.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut sector = [0; SECTOR_BYTES];
    sector[..bytes.len()].copy_from_slice(bytes);
    Some(Arc::new(sector))
}

/// A simulated file is in memory, so its places fit into an index.
pub(super) fn to_index(value: u64) -> usize {
    usize::try_from(value).expect("a simulated file fits into memory")
}
