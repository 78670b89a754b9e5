//! Tags: words of the operator's own about a queue.

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
