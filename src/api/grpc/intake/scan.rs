//! Counting the values of a request while its bytes come in, in pieces of any length.
//!
//! The wire format is that of protobuf (protobuf.dev/programming-guides/encoding): fields one
//! behind the other, each a key and what its type says. Nothing is decoded, no byte is kept. Bytes
//! that are no message are left to the decoder, which goes the same way and stops at the same byte.
//! The requests of a stream are counted each for itself.

use super::{
    PREFIX_BYTES,
    lists::{Field, Lists, Taken},
};
use crate::{api::grpc::ENCODED_BYTES_MAX, types::limits};

/// Values of lists within entries that one request has at most: ten times what a send of the most
/// entries with the most attributes has, so that one entry with too many is refused alone.
pub(super) const WITHIN_MAX: u64 = 10 * (limits::ENTRIES_MAX * limits::ATTRIBUTES_MAX) as u64;
/// Messages within messages, as deep as the decoder goes.
const DEPTH_MAX: usize = 100;
/// Bytes of the longest varint.
const VARINT_BYTES_MAX: u32 = 10;

/// What there is too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Excess {
    /// The list.
    pub(super) field: &'static str,
    /// How many values it has so far.
    pub(super) count: u64,
    /// How many it can have at least.
    pub(super) min: u64,
    /// How many it can have at most.
    pub(super) max: u64,
}

/// How far a request was read.
pub(super) struct Scan {
    lists: &'static Lists,
    /// The request, again and again if it is one of a stream.
    taken: Option<Taken>,
    /// Messages that the next byte lies in, the request first.
    levels: Vec<Level>,
    /// Values of the request's own lists.
    counts: Vec<(&'static Field, u64)>,
    /// Values of lists within them.
    within: u64,
    /// The first list that had too many.
    excess: Option<Excess>,
    /// Where the next byte is, from the first behind the prefix.
    at: u64,
    expected: Expected,
    /// The number that is being read.
    varint: u64,
    varint_bytes: u32,
}

/// A message.
#[derive(Clone, Copy)]
struct Level {
    message: usize,
    end: u64,
}

/// What the next byte belongs to.
#[derive(Clone, Copy)]
enum Expected {
    /// The prefix of gRPC: a flag and four bytes of length.
    Prefix(u64),
    Key,
    /// A number that says nothing here.
    Number,
    /// The length of this field.
    Length(u64),
    /// Bytes up to here that say nothing here.
    Bytes(u64),
    /// Nothing any more: the request is over, or cannot be read.
    Nothing,
}

impl Scan {
    /// Of a request to this path.
    pub(super) fn new(lists: &'static Lists, path: &str) -> Self {
        let mut scan = Self {
            lists,
            taken: lists.request(path),
            levels: Vec::new(),
            counts: Vec::new(),
            within: 0,
            excess: None,
            at: 0,
            expected: Expected::Nothing,
            varint: 0,
            varint_bytes: 0,
        };
        scan.begin();
        scan
    }

    /// The next byte is the first of a request.
    fn begin(&mut self) {
        let Some(Taken { message, .. }) = self.taken else { return };
        self.levels.push(Level { message, end: 0 });
        self.counts.clear();
        self.within = 0;
        self.at = 0;
        self.expected = Expected::Prefix(0);
    }

    /// Bytes of the request that is not over, its prefix counted; `None` if nobody knows where the
    /// one before ended.
    pub(super) fn unfinished_bytes(&self) -> Option<u64> {
        match self.expected {
            Expected::Prefix(read) => Some(read),
            Expected::Key | Expected::Number | Expected::Length(_) | Expected::Bytes(_) => {
                Some(PREFIX_BYTES + self.at)
            }
            Expected::Nothing => None,
        }
    }

    /// What there was too much of so far.
    pub(super) fn excess(&self) -> Option<Excess> {
        self.excess
    }

    /// Whether nothing can change any more.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.expected, Expected::Nothing)
    }

    /// The next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some((first, rest)) = bytes.split_first() {
            match self.expected {
                Expected::Nothing => return,
                Expected::Bytes(end) => {
                    let left = usize::try_from(end - self.at).unwrap_or(usize::MAX);
                    let skipped = left.min(bytes.len());
                    bytes = &bytes[skipped..];
                    self.at += skipped as u64;
                    if self.at == end {
                        self.expect_key();
                    }
                    continue;
                }
                Expected::Prefix(read) => self.prefix(read, *first),
                Expected::Key | Expected::Number | Expected::Length(_) => self.digit(*first),
            }
            bytes = rest;
        }
    }

    fn prefix(&mut self, read: u64, byte: u8) {
        if read > 0 {
            self.varint = self.varint << 8 | u64::from(byte);
        }
        self.expected = Expected::Prefix(read + 1);
        if read + 1 == PREFIX_BYTES {
            let length = std::mem::take(&mut self.varint);
            self.levels[0].end = length;
            // The decoder refuses what is longer, for its length.
            let is_read = length <= ENCODED_BYTES_MAX as u64;
            self.expected = Expected::Nothing;
            if is_read {
                self.expect_key();
            }
        }
    }

    /// One more digit of a number.
    fn digit(&mut self, byte: u8) {
        self.at += 1;
        let shift = 7 * self.varint_bytes;
        self.varint |= u64::from(byte & 0x7f) << shift;
        self.varint_bytes += 1;
        if byte & 0x80 != 0 {
            if self.varint_bytes == VARINT_BYTES_MAX {
                self.expected = Expected::Nothing;
            }
            return;
        }
        let number = std::mem::take(&mut self.varint);
        self.varint_bytes = 0;
        match self.expected {
            Expected::Key => self.key(number),
            Expected::Length(field) => self.length(field, number),
            Expected::Number => self.expect_key(),
            Expected::Prefix(_) | Expected::Bytes(_) | Expected::Nothing => {}
        }
    }

    fn key(&mut self, key: u64) {
        let field = key >> 3;
        match key & 7 {
            0 => {
                self.count(field, 1);
                self.expected = Expected::Number;
            }
            1 => self.fixed(field, 8),
            2 => self.expected = Expected::Length(field),
            5 => self.fixed(field, 4),
            // What lies in a group is counted as if it lay around it: no field of ours is one.
            3 | 4 => self.expect_key(),
            _ => self.expected = Expected::Nothing,
        }
    }

    fn fixed(&mut self, field: u64, bytes: u64) {
        self.count(field, 1);
        self.skip(bytes);
    }

    fn length(&mut self, number: u64, length: u64) {
        let Some(Level { message, end: level_end }) = self.levels.last().copied() else { return };
        let end = self.at.saturating_add(length);
        let Some(field) = self.lists.field(message, number) else {
            self.skip(length);
            return;
        };
        // One byte of a list in one piece is one value at most.
        self.count(number, if field.is_packed { length } else { 1 });
        match field.message {
            Some(message) if end <= level_end && self.levels.len() < DEPTH_MAX => {
                self.levels.push(Level { message, end });
                self.expect_key();
            }
            Some(_) | None => self.skip(length),
        }
    }

    fn skip(&mut self, bytes: u64) {
        let end = self.at.saturating_add(bytes);
        let fits = self.levels.last().is_some_and(|level| end <= level.end);
        self.expected = if fits { Expected::Bytes(end) } else { Expected::Nothing };
        if fits && bytes == 0 {
            self.expect_key();
        }
    }

    /// The next is a key, in the message that is not over.
    fn expect_key(&mut self) {
        while self.levels.last().is_some_and(|level| level.end <= self.at) {
            self.levels.pop();
        }
        let is_over = self.levels.is_empty();
        self.expected = if is_over { Expected::Nothing } else { Expected::Key };
        let is_stream = self.taken.is_some_and(|taken| taken.is_stream);
        if is_over && is_stream && self.excess.is_none() {
            self.begin();
        }
    }

    fn count(&mut self, number: u64, more: u64) {
        let Some(level) = self.levels.last() else { return };
        let Some(field) = self.lists.field(level.message, number) else { return };
        if !field.is_list {
            return;
        }
        let (count, min, max) = if self.levels.len() > 1 {
            self.within += more;
            (self.within, 0, WITHIN_MAX)
        } else {
            let known = self.counts.iter_mut().find(|(known, _)| std::ptr::eq(*known, field));
            let count = known.map(|(_, count)| {
                *count += more;
                *count
            });
            if count.is_none() {
                self.counts.push((field, more));
            }
            (count.unwrap_or(more), field.min, field.max)
        };
        let is_first = self.excess.is_none_or(|excess| excess.field == field.name);
        if count > max && is_first {
            self.excess = Some(Excess { field: &field.name, count, min, max });
        }
    }
}
