//! The zero-sector list: which sectors of a frame are zero as written.

use bytes::Bytes;

use super::{
    SECTOR_BYTES,
    frame::ZERO_RANGE_BYTES,
    le::{all_zero, index, short, u32_at},
};

/// Finds the sectors, from the second on, in which the chunks have no byte but zero, and encodes
/// them. `offset` is where the first chunk will lie in the file.
///
/// Reads of each sector only up to its first byte that is not zero, and copies nothing.
pub(super) fn list_zero_sectors(offset: u64, chunks: &[Bytes]) -> Vec<u8> {
    let content_bytes: usize = chunks.iter().map(Bytes::len).sum();
    let sector_bytes = index(SECTOR_BYTES);
    let mut cursor = Cursor { chunks, at: 0 };
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let mut position = index(SECTOR_BYTES - offset % SECTOR_BYTES);
    cursor.skip(position.min(content_bytes));
    let mut sector: u32 = 1;
    while position < content_bytes {
        let length = sector_bytes.min(content_bytes - position);
        if cursor.take_is_zero(length) {
            match ranges.last_mut() {
                Some((start, count)) if *start + *count == sector => *count += 1,
                _ => ranges.push((sector, 1)),
            }
        }
        position += length;
        sector += 1;
    }
    let mut list = Vec::with_capacity(ranges.len() * ZERO_RANGE_BYTES);
    for (start, count) in ranges {
        list.extend_from_slice(&start.to_le_bytes());
        list.extend_from_slice(&count.to_le_bytes());
    }
    list
}

/// A place in a row of chunks.
struct Cursor<'a> {
    chunks: &'a [Bytes],
    /// In the first of the chunks.
    at: usize,
}

impl Cursor<'_> {
    fn skip(&mut self, mut count: usize) {
        while let Some(chunk) = self.chunks.first() {
            let left = chunk.len() - self.at;
            if count < left {
                self.at += count;
                return;
            }
            count -= left;
            self.at = 0;
            self.chunks = &self.chunks[1..];
        }
    }

    /// Whether the next `count` bytes are all zero; goes past them either way.
    fn take_is_zero(&mut self, mut count: usize) -> bool {
        while count > 0 {
            let Some(chunk) = self.chunks.first() else { return true };
            let part = &chunk[self.at..chunk.len().min(self.at + count)];
            if !all_zero(part) {
                self.skip(count);
                return false;
            }
            count -= part.len();
            self.skip(part.len());
        }
        true
    }
}

/// Whether the encoded list names `sector`. The ranges are in ascending order.
pub(super) fn lists_sector(list: &[u8], sector: u64) -> bool {
    let (ranges, _) = list.as_chunks::<ZERO_RANGE_BYTES>();
    let begun = ranges.partition_point(|range| u64::from(u32_at(range, 0)) <= sector);
    begun.checked_sub(1).is_some_and(|last| {
        let (start, count) = (u32_at(&ranges[last], 0), u32_at(&ranges[last], 4));
        sector - u64::from(start) < u64::from(count)
    })
}

/// How many ranges an encoded list has.
pub(super) fn range_count(list: &[u8]) -> u32 {
    short(list.len() / ZERO_RANGE_BYTES)
}
