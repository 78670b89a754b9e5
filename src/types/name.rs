//! Queue names.

use std::{fmt, sync::Arc};

use super::limits::QUEUE_NAME_CHARS_MAX;

/// A queue's name: 1 to 80 of `[A-Za-z0-9_-]`, with the suffix `.fifo` (counted) on FIFO queues.
///
/// Cheap to clone. That it exists proves that it is well formed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueName(Arc<str>);

/// Why a string is not a queue name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is no name at all.
    #[error("a queue name is needed; it has 1 to {QUEUE_NAME_CHARS_MAX} characters")]
    Empty,
    /// Longer than the limit.
    #[error("a queue name has at most {QUEUE_NAME_CHARS_MAX} characters, this one has {chars}")]
    TooLong {
        /// How many characters were given.
        chars: usize,
    },
    /// A character that names do not have.
    #[error(
        "a queue name has letters, digits, '-' and '_' (and '.fifo' at the end of a FIFO queue's), not {found:?}"
    )]
    Character {
        /// The first such character.
        found: char,
    },
}

/// What the name of a FIFO queue ends in.
const FIFO_SUFFIX: &str = ".fifo";

impl QueueName {
    /// Reads a name as a client sent it.
    pub fn parse(raw: &str) -> Result<Self, NameError> {
        let chars = raw.chars().count();
        if chars > QUEUE_NAME_CHARS_MAX {
            return Err(NameError::TooLong { chars });
        }
        let stem = raw.strip_suffix(FIFO_SUFFIX).unwrap_or(raw);
        if stem.is_empty() {
            return Err(NameError::Empty);
        }
        let allowed = |c: &char| c.is_ascii_alphanumeric() || *c == '-' || *c == '_';
        match stem.chars().find(|c| !allowed(c)) {
            Some(found) => Err(NameError::Character { found }),
            None => Ok(Self(raw.into())),
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the name is that of a FIFO queue.
    pub fn is_fifo(&self) -> bool {
        self.0.ends_with(FIFO_SUFFIX)
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_within_the_rules_are_taken() {
        for raw in
            ["a", "Jobs_2-b", &"x".repeat(80), "jobs.fifo", &format!("{}.fifo", "x".repeat(75))]
        {
            assert_eq!(QueueName::parse(raw).as_ref().map(QueueName::as_str), Ok(raw));
        }
    }

    #[test]
    fn names_beyond_the_rules_are_refused_with_the_reason() {
        let cases = [
            ("", NameError::Empty),
            (".fifo", NameError::Empty),
            (&"x".repeat(81), NameError::TooLong { chars: 81 }),
            (&format!("{}.fifo", "x".repeat(76)), NameError::TooLong { chars: 81 }),
            ("a b", NameError::Character { found: ' ' }),
            ("a.b", NameError::Character { found: '.' }),
            ("../etc", NameError::Character { found: '.' }),
            ("jobs.fifo.fifo", NameError::Character { found: '.' }),
            ("sn\u{f6}", NameError::Character { found: '\u{f6}' }),
        ];
        for (raw, error) in cases {
            assert_eq!(QueueName::parse(raw), Err(error), "{raw:?}");
        }
    }
}
