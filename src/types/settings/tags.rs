//! Words of the operator's own about a queue: tags, and settings that are stored unread.

use std::collections::BTreeMap;

use crate::types::{Rejection, Unit, limits, rejection::in_range};

/// Refuses tags beyond their limits.
pub fn check_tags(tags: &BTreeMap<String, String>) -> Result<(), Rejection> {
    in_range("tags", tags.len() as u64, 0, limits::TAGS_MAX as u64, Unit::Count)?;
    for (key, value) in tags {
        let (key_chars, value_chars) = (key.chars().count() as u64, value.chars().count() as u64);
        in_range("tags.key", key_chars, 1, limits::TAG_KEY_CHARS_MAX as u64, Unit::Count)?;
        in_range("tags.value", value_chars, 0, limits::TAG_VALUE_CHARS_MAX as u64, Unit::Count)?;
    }
    Ok(())
}

pub(super) fn check_stored(stored: &BTreeMap<String, String>) -> Result<(), Rejection> {
    let (name_max, value_max) = (limits::STORED_NAME_CHARS_MAX, limits::STORED_VALUE_BYTES_MAX);
    in_range("stored", stored.len() as u64, 0, limits::STORED_MAX as u64, Unit::Count)?;
    for (name, value) in stored {
        let (chars, bytes) = (name.chars().count() as u64, value.len() as u64);
        in_range("stored.name", chars, 1, name_max as u64, Unit::Count)?;
        in_range("stored.value", bytes, 0, value_max as u64, Unit::Bytes)?;
    }
    Ok(())
}
