//! Ids that clients choose: of message groups, of duplicates, of attempts.

use std::{fmt, sync::Arc};

use super::{Rejection, limits::ID_CHARS_MAX};

/// A message group of a FIFO queue, or a tenant of a standard one: 1 to 128 characters, letters,
/// digits and punctuation. Cheap to clone; that it exists proves that it is well formed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(Arc<str>);

impl GroupId {
    /// Reads an id as a client sent it.
    pub fn parse(field: &'static str, raw: &str) -> Result<Self, Rejection> {
        check_id(field, raw)?;
        Ok(Self(raw.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Refuses what is no id of a client's choosing: 1 to 128 letters, digits and punctuation (ASCII).
pub fn check_id(field: &'static str, raw: &str) -> Result<(), Rejection> {
    let chars = raw.chars().count();
    if chars == 0 || chars > ID_CHARS_MAX {
        let problem = format!("it has 1 to {ID_CHARS_MAX} characters, this one has {chars}");
        return Err(Rejection::malformed(field, raw, problem));
    }
    match raw.chars().find(|c| !c.is_ascii_graphic()) {
        None => Ok(()),
        Some(found) => {
            let problem = format!("it has letters, digits and punctuation, not {found:?}");
            Err(Rejection::malformed(field, raw, problem))
        }
    }
}

/// A digest of an id that a client chose: 128 bits of SHA-256, so that two ids with one digest are
/// not to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

/// By what a message's duplicates are known, computed at the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deduplication {
    /// The digest of the id alone, for the scope of a whole queue.
    pub in_queue: Digest,
    /// The digest of group and id, for the scope of a message group.
    pub in_group: Digest,
    /// Whether the id is the digest of the body, since the sender gave none.
    pub from_content: bool,
}
