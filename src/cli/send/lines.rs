//! Lines become batches of bounded size, however long the file.

use std::io::{self, BufRead, BufReader, Read};

use bytes::Bytes;

use crate::types::limits;

/// Lines in one request, at most.
const BATCH_LINES_MAX: usize = 500;
/// Bytes of messages in one request, at most, unless it is of one message.
const BATCH_BYTES_MAX: u64 = 1 << 20;
/// How much is read ahead, in bytes.
const READ_BYTES: usize = 1 << 20;

/// How lines become messages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// What every message has beside its line, in bytes.
    pub(super) overhead_bytes: u64,
    /// Empty lines are left out; otherwise they are an error.
    pub(super) skip_empty: bool,
}

/// One request's worth of lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Batch {
    /// Each line with its number, from 1, without its end.
    pub(super) lines: Vec<(u64, Bytes)>,
    /// How much of the source was read up to here, in bytes.
    pub(super) bytes_read: u64,
}

/// Why there is no further line.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error(
        "the line is empty, and a message has at least 1 byte; --skip-empty-lines leaves it out"
    )]
    Empty,
    #[error("the line is too long: a message has at most {bytes_max} bytes, attributes included")]
    TooLong { bytes_max: u64 },
    #[error("cannot read on: {0}")]
    Read(io::Error),
}

/// Reads batches from a source.
pub(super) struct Lines<R> {
    source: BufReader<R>,
    rules: Rules,
    /// The number of the line before.
    number: u64,
    bytes_read: u64,
}

impl<R: Read> Lines<R> {
    pub(super) fn new(source: R, rules: Rules) -> Self {
        let source = BufReader::with_capacity(READ_BYTES, source);
        Self { source, rules, number: 0, bytes_read: 0 }
    }

    /// The next lines, none at the end of the source; an error comes with its line, and with the
    /// lines before it.
    ///
    /// It waits for the source only for a first line: what a slow producer has written goes out.
    pub(super) fn next_batch(&mut self) -> (Batch, Option<(u64, LineError)>) {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let problem = loop {
            match self.next_line() {
                Ok(None) => break None,
                Ok(Some(line)) => {
                    bytes += line.len() as u64 + self.rules.overhead_bytes;
                    batch.lines.push((self.number, line));
                }
                Err(error) => break Some((self.number, error)),
            }
            let full = batch.lines.len() == BATCH_LINES_MAX || bytes >= BATCH_BYTES_MAX;
            if full || self.source.buffer().is_empty() {
                break None;
            }
        };
        batch.bytes_read = self.bytes_read;
        (batch, problem)
    }

    /// The next line that is a message; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Bytes>, LineError> {
        let bytes_max = limits::MESSAGE_BYTES_MAX_MAX.saturating_sub(self.rules.overhead_bytes);
        loop {
            let mut line = Vec::new();
            // Room for the two characters of a line's end.
            let mut bounded = (&mut self.source).take(bytes_max + 2);
            let read = bounded.read_until(b'\n', &mut line);
            self.number += 1;
            let length = read.map_err(LineError::Read)?;
            if length == 0 {
                return Ok(None);
            }
            self.bytes_read += length as u64;
            if line.last() == Some(&b'\n') {
                line.pop();
                if line.last() == Some(&b'\r') {
                    line.pop();
                }
            }
            match line.len() as u64 {
                0 if self.rules.skip_empty => {}
                0 => return Err(LineError::Empty),
                length if length > bytes_max => return Err(LineError::TooLong { bytes_max }),
                _ => return Ok(Some(line.into())),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives the whole source in one read.
    fn lines(source: &[u8], skip_empty: bool) -> Lines<&[u8]> {
        Lines::new(source, Rules { overhead_bytes: 0, skip_empty })
    }

    fn numbered(batch: &Batch) -> Vec<(u64, &[u8])> {
        batch.lines.iter().map(|(number, line)| (*number, &line[..])).collect()
    }

    #[test]
    fn lines_lose_their_ends_and_keep_their_numbers() {
        let (batch, problem) = lines(b"one\ntwo\r\nthree", false).next_batch();
        assert!(problem.is_none());
        assert_eq!(numbered(&batch), [(1, &b"one"[..]), (2, b"two"), (3, b"three")]);
        assert_eq!(batch.bytes_read, 14);
    }

    #[test]
    fn an_empty_line_is_an_error_unless_it_is_to_be_left_out() {
        let source = b"one\n\nthree\n";
        let (batch, problem) = lines(source, false).next_batch();
        assert_eq!(numbered(&batch), [(1, &b"one"[..])]);
        assert!(matches!(problem, Some((2, LineError::Empty))));
        let (batch, problem) = lines(source, true).next_batch();
        assert_eq!(numbered(&batch), [(1, &b"one"[..]), (3, b"three")]);
        assert!(problem.is_none());
    }

    #[test]
    fn a_line_is_at_most_as_long_as_a_message_without_its_attributes() {
        let rules = Rules { overhead_bytes: 10, skip_empty: false };
        let longest = usize::try_from(limits::MESSAGE_BYTES_MAX_MAX - 10).expect("a small number");
        for (length, end, taken) in
            [(longest, "\n", true), (longest, "\r\n", true), (longest + 1, "\n", false)]
        {
            let source = "x".repeat(length) + end;
            let (batch, problem) = Lines::new(source.as_bytes(), rules).next_batch();
            assert_eq!((batch.lines.len() == 1, problem.is_none()), (taken, taken), "{length}");
        }
    }

    #[test]
    fn a_batch_is_bounded_in_lines_and_in_bytes() {
        let many = "x\n".repeat(BATCH_LINES_MAX + 1);
        let mut reader = lines(many.as_bytes(), false);
        let sizes = [0; 3].map(|_| reader.next_batch().0.lines.len());
        assert_eq!(sizes, [BATCH_LINES_MAX, 1, 0]);
        let large = ("x".repeat(1 << 19) + "\n").repeat(3);
        let mut reader = lines(large.as_bytes(), false);
        assert!(reader.next_batch().0.lines.len() <= 2);
    }
}
