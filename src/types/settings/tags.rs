//! Tags, words of the operator's own about a queue, and settings that are only stored.

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

/// Refuses stored settings beyond their limits.
pub(super) fn check_stored(stored: &BTreeMap<String, String>) -> Result<(), Rejection> {
    let (names_max, bytes_max) = (limits::STORED_NAME_CHARS_MAX, limits::STORED_VALUE_BYTES_MAX);
    in_range("stored", stored.len() as u64, 0, limits::STORED_MAX as u64, Unit::Count)?;
    for (name, value) in stored {
        let chars = name.chars().count() as u64;
        in_range("stored.name", chars, 1, names_max as u64, Unit::Count)?;
        in_range("stored.value", value.len() as u64, 0, bytes_max as u64, Unit::Bytes)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(count: usize, key: usize, value: usize) -> BTreeMap<String, String> {
        let key = |index: usize| format!("{index:>key$}");
        (0..count).map(|index| (key(index), "v".repeat(value))).collect()
    }

    #[test]
    fn tags_are_held_to_their_limits() {
        for (count, key, value) in [(0, 1, 0), (50, 128, 256), (1, 1, 0)] {
            assert_eq!(check_tags(&words(count, key, value)), Ok(()), "{count} {key} {value}");
        }
        for (count, key, value) in [(51, 8, 0), (10_000, 8, 0), (1, 129, 0), (1, 1, 257)] {
            assert!(check_tags(&words(count, key, value)).is_err(), "{count} {key} {value}");
        }
        assert!(check_tags(&[(String::new(), "v".to_owned())].into()).is_err());
    }

    #[test]
    fn stored_settings_are_held_to_their_limits() {
        for (count, name, value) in [(0, 1, 0), (16, 80, 16_384)] {
            assert_eq!(check_stored(&words(count, name, value)), Ok(()), "{count} {name} {value}");
        }
        for (count, name, value) in [(17, 8, 1), (1, 81, 1), (1, 1, 16_385), (1, 1, 1 << 20)] {
            assert!(check_stored(&words(count, name, value)).is_err(), "{count} {name} {value}");
        }
    }
}
