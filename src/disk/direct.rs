//! A file that is written past the page cache, with `O_DIRECT`.
//!
//! Through the page cache every byte is copied once more and each sync has to find what it is
//! about. Past it the device takes the bytes from where they are, but whole blocks of them alone,
//! from memory that is aligned. So what is written goes to such memory first, with what else its
//! first and last block hold: the end of the write before, which is remembered, and zeros. Where
//! neither is known, or a file system does not take it, a write goes through the page cache. Linux
//! keeps the two in step: what it has cached of blocks that are written past it is let go.
//!
//! The beginning of a block that is written again has the bytes that it had, sector by sector,
//! which is what writing through the page cache does to it as well.
#![expect(clippy::disallowed_types, reason = "this room owns the file system")]

use std::{
    cell::RefCell,
    fs::File as SystemFile,
    io::{self, IoSlice},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use rustix::io::{Errno, pwritev};

use super::{File, real::RealFile};

/// What devices and file systems take at least: all of today's take multiples of this.
const BLOCK_BYTES: usize = 4096;
/// What is written by one call at most, in bytes.
const WRITE_BYTES_MAX: usize = 1 << 20;

thread_local! {
    /// Memory for what a thread writes, grown to what it needed, and for its alignment.
    static MEMORY: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// A file, opened twice.
pub(super) struct DirectFile {
    cached: RealFile,
    known: Mutex<Known>,
}

/// What is known of the file without reading it.
struct Known {
    /// The file without the page cache, for as long as there may be something to write.
    direct: Option<SystemFile>,
    /// The file's length: blocks are filled up with zeros no further, in bytes.
    file_bytes: u64,
    /// From here on there are only zeros.
    zero_from: u64,
    /// The bytes before that, of the block that it lies in.
    tail: Vec<u8>,
}

impl DirectFile {
    /// The file behind both, which has only zeros from `zero_from` on.
    pub(super) fn new(cached: RealFile, direct: SystemFile, zero_from: u64) -> io::Result<Self> {
        let file_bytes = cached.len()?;
        let zero_from = zero_from.checked_next_multiple_of(BLOCK_BYTES as u64);
        let known = Known {
            direct: Some(direct),
            file_bytes,
            zero_from: zero_from.unwrap_or(u64::MAX),
            tail: Vec::new(),
        };
        Ok(Self { cached, known: Mutex::new(known) })
    }
}

/// One write of whole blocks.
struct Blocks {
    /// Where the first begins in the file.
    start: u64,
    /// What stands in it before the bytes of the caller.
    before: usize,
    /// How many of the caller's bytes there are.
    bytes: usize,
    /// Length of the blocks.
    length: usize,
}

impl Known {
    /// The blocks of as much as one call takes, if it is known what to fill them up with.
    fn blocks(&self, offset: u64, wanted: usize) -> Option<Blocks> {
        let before = below_block(offset);
        let start = offset - before as u64;
        let bytes = wanted.min(WRITE_BYTES_MAX - before);
        let length = (before + bytes).next_multiple_of(BLOCK_BYTES);
        let has_zeros_behind =
            offset + bytes as u64 >= self.zero_from && start + length as u64 <= self.file_bytes;
        let is_known_before = before == 0 || offset >= self.zero_from;
        let is_known_behind = length == before + bytes || has_zeros_behind;
        let is_known = bytes > 0 && is_known_before && is_known_behind;
        is_known.then_some(Blocks { start, before, bytes, length })
    }

    /// Writes past the page cache, if that can be done.
    fn write(&mut self, offset: u64, chunks: &[IoSlice<'_>]) -> Option<io::Result<usize>> {
        let wanted = chunks.iter().map(|chunk| chunk.len()).sum();
        let Blocks { start, before, bytes, length } = self.blocks(offset, wanted)?;
        let direct = self.direct.take()?;
        let outcome = MEMORY.with_borrow_mut(|memory| {
            let blocks = aligned(memory, length);
            let is_after_tail = before > 0 && start < self.zero_from;
            let tail = if is_after_tail { &self.tail[..] } else { &[] };
            fill(blocks, tail, before, bytes, chunks);
            let written = pwritev(&direct, &[IoSlice::new(blocks)], start)?;
            let done = written.saturating_sub(before).min(bytes);
            self.wrote(offset + done as u64, &blocks[..before + done]);
            Ok(done)
        });
        if matches!(outcome, Err(Errno::INVAL)) {
            // The file system takes it in another form, or not at all.
            return None;
        }
        // What is full stays open for its readers, perhaps for long.
        self.direct = (self.zero_from != self.file_bytes).then_some(direct);
        Some(outcome.map_err(io::Error::from))
    }

    /// What was written ends with `blocks`, at `end`.
    fn wrote(&mut self, end: u64, blocks: &[u8]) {
        self.file_bytes = self.file_bytes.max(end);
        if end >= self.zero_from {
            self.zero_from = end;
            self.tail.clear();
            self.tail.extend_from_slice(&blocks[blocks.len() - below_block(end)..]);
        }
    }

    /// A write up to `end` went through the page cache.
    fn wrote_cached(&mut self, end: u64) {
        self.file_bytes = self.file_bytes.max(end);
        if end > self.zero_from - self.tail.len() as u64 {
            self.zero_from = u64::MAX;
            self.tail.clear();
        }
    }
}

/// How far into its block an offset lies.
fn below_block(offset: u64) -> usize {
    #[expect(clippy::cast_possible_truncation, reason = "it is less than a block")]
    let below = (offset % BLOCK_BYTES as u64) as usize;
    below
}

/// So many bytes of the memory that begin where a block may.
fn aligned(memory: &mut Vec<u8>, bytes: usize) -> &mut [u8] {
    let needed = bytes + BLOCK_BYTES;
    if memory.len() < needed {
        memory.resize(needed, 0);
    }
    let skip = memory.as_ptr().align_offset(BLOCK_BYTES);
    &mut memory[skip..skip + bytes]
}

/// Fills blocks: `before` bytes that begin with the tail, `bytes` of the chunks; else zeros.
fn fill(blocks: &mut [u8], tail: &[u8], before: usize, bytes: usize, chunks: &[IoSlice<'_>]) {
    let (head, rest) = blocks.split_at_mut(before);
    let (known, zeros) = head.split_at_mut(tail.len());
    known.copy_from_slice(tail);
    zeros.fill(0);
    let (mut body, zeros) = rest.split_at_mut(bytes);
    for chunk in chunks {
        let length = chunk.len().min(body.len());
        let (part, behind) = std::mem::take(&mut body).split_at_mut(length);
        part.copy_from_slice(&chunk[..length]);
        body = behind;
    }
    zeros.fill(0);
}

impl File for DirectFile {
    fn len(&self) -> io::Result<u64> {
        self.cached.len()
    }

    fn link_count(&self) -> io::Result<u64> {
        self.cached.link_count()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.cached.read_at(offset, buffer)
    }

    fn read_cached_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.cached.read_cached_at(offset, buffer)
    }

    fn write_at(&self, offset: u64, chunks: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = known.write(offset, chunks) {
            return outcome;
        }
        let bytes: u64 = chunks.iter().map(|chunk| chunk.len() as u64).sum();
        known.wrote_cached(offset + bytes);
        self.cached.write_at(offset, chunks)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.cached.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.cached.sync_all()
    }

    fn drop_cache(&self) -> io::Result<()> {
        self.cached.drop_cache()
    }

    fn will_need(&self, offset: u64, len: u64) -> io::Result<()> {
        self.cached.will_need(offset, len)
    }

    fn map(&self) -> io::Result<Bytes> {
        self.cached.map()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::disk::{Access, Disk, RealDisk, read_exact_at, sim::Random, write_all_at};

    const FILE_BYTES: usize = 40 * BLOCK_BYTES;

    /// A disk on which the page cache can be gone past, or a word that there is none.
    fn disk() -> Option<(tempfile::TempDir, RealDisk)> {
        let root = tempfile::tempdir().expect("it can be made");
        let disk = RealDisk::new(root.path()).expect("the directory is there");
        disk.create("probe").expect("the name is free");
        let flags = rustix::fs::OFlags::DIRECT | rustix::fs::OFlags::WRONLY;
        let opened = rustix::fs::open(root.path().join("probe"), flags, 0.into());
        if opened.is_err() {
            eprintln!("skipped: this file system has no O_DIRECT");
        }
        opened.is_ok().then_some((root, disk))
    }

    /// A file of zeros behind a first block.
    fn zeros(disk: &RealDisk) -> Vec<u8> {
        let mut bytes = vec![0; FILE_BYTES];
        bytes[..BLOCK_BYTES].fill(9);
        let file = disk.create("a").expect("the name is free");
        write_all_at(&*file, 0, &mut [IoSlice::new(&bytes)]).expect("there is space");
        file.sync_all().expect("it is durable");
        bytes
    }

    fn opened(disk: &RealDisk, zero_from: u64) -> Arc<dyn File> {
        disk.open("a", Access::Direct { zero_from }).expect("it is there")
    }

    fn byte(random: &mut Random) -> u8 {
        u8::try_from(random.below(256)).expect("it is a byte")
    }

    fn content(file: &dyn File) -> Vec<u8> {
        let length = file.len().expect("it is open");
        let mut bytes = vec![0; usize::try_from(length).expect("it is short")];
        read_exact_at(file, 0, &mut bytes).expect("it is whole");
        bytes
    }

    #[test]
    fn what_follows_one_another_is_there_as_it_was_written() {
        let Some((_root, disk)) = disk() else { return };
        let mut expected = zeros(&disk);
        let file = opened(&disk, BLOCK_BYTES as u64);
        let mut random = Random::new(1);
        let mut at = 0;
        for length in [BLOCK_BYTES + 64, 64, 4032, 1, 8192, 4095, 12_289, 3] {
            let bytes: Vec<u8> = (0..length).map(|_| byte(&mut random)).collect();
            let mut chunks = bytes.chunks(1000).map(IoSlice::new).collect::<Vec<_>>();
            write_all_at(&*file, at as u64, &mut chunks).expect("there is space");
            expected[at..at + length].copy_from_slice(&bytes);
            at += length;
            // What was cached before is not what is read then.
            assert!(content(&*file) == expected, "up to {at}");
        }
    }

    #[test]
    fn whatever_is_written_wherever_is_there() {
        let Some((_root, disk)) = disk() else { return };
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let mut expected = zeros(&disk);
            let file = opened(&disk, [BLOCK_BYTES as u64, u64::MAX][random.below(2)]);
            let mut end = BLOCK_BYTES;
            for step in 0..60 {
                let at = match random.below(4) {
                    0 => random.below(FILE_BYTES),
                    1 => random.below(40) * BLOCK_BYTES,
                    _ => end,
                };
                let length = [64, 4096, 6000, 20_000][random.below(4)].min(FILE_BYTES - at);
                let bytes = vec![byte(&mut random); length];
                write_all_at(&*file, at as u64, &mut [IoSlice::new(&bytes)]).expect("space");
                expected[at..at + length].copy_from_slice(&bytes);
                end = at + length;
                assert!(content(&*file) == expected, "seed {seed}, step {step}: {length} at {at}");
            }
            disk.unlink("a").expect("it is there");
        }
    }

    #[test]
    fn a_file_that_is_being_filled_with_whole_blocks_grows_by_them_alone() {
        let Some((_root, disk)) = disk() else { return };
        disk.create("a").expect("the name is free");
        let file = opened(&disk, u64::MAX);
        let bytes = vec![7; 3 * BLOCK_BYTES];
        write_all_at(&*file, 0, &mut [IoSlice::new(&bytes)]).expect("there is space");
        write_all_at(&*file, bytes.len() as u64, &mut [IoSlice::new(&bytes[..5])]).expect("space");
        assert_eq!(content(&*file), vec![7; 3 * BLOCK_BYTES + 5]);
    }

    #[test]
    fn more_than_one_call_takes_is_written_by_several() {
        let Some((_root, disk)) = disk() else { return };
        disk.create("a").expect("the name is free");
        let file = opened(&disk, u64::MAX);
        let bytes = vec![7; 2 * WRITE_BYTES_MAX + BLOCK_BYTES];
        let written = file.write_at(0, &[IoSlice::new(&bytes)]).expect("there is space");
        assert_eq!(written, WRITE_BYTES_MAX);
        write_all_at(&*file, 0, &mut [IoSlice::new(&bytes)]).expect("there is space");
        assert!(content(&*file) == bytes);
    }

    #[test]
    fn known_zeros_and_whole_blocks_go_past_the_cache_and_nothing_else() {
        let known = Known {
            direct: None,
            file_bytes: 5 * BLOCK_BYTES as u64,
            zero_from: 10_000,
            tail: vec![1; 10_000 - 2 * BLOCK_BYTES],
        };
        let goes = |offset, bytes| known.blocks(offset, bytes).is_some();
        assert!(goes(10_000, 1), "behind what was written");
        assert!(goes(11_000, 9480), "up to the end of the file");
        assert!(!goes(11_000, 9481), "a file does not grow by more than was asked for");
        assert!(goes(0, 4096) && goes(4096, 8192), "whole blocks");
        assert!(!goes(9999, 1) && !goes(4096, 4095) && !goes(100, 20_000), "what is not known");
        assert!(!goes(10_000, 0));
    }
}
