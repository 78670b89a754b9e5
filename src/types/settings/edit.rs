//! A change of some words of a setting, while others may change the rest of it.

use std::collections::BTreeMap;

use super::{QueueSettings, SettingsPatch};

/// What is to become of some words, whatever the others are by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingsEdit {
    /// Tags that are put among the others, by key; `None` takes one away.
    Tags(BTreeMap<String, Option<String>>),
    /// A value of [`QueueSettings::stored`] that becomes another if nobody has changed it; an empty
    /// text is none.
    Stored {
        /// Its name.
        name: String,
        /// What the new value was made from.
        before: String,
        /// The new value.
        after: String,
    },
}

impl QueueSettings {
    /// What the edit comes to with these settings; `None` if it was made from what is not so any
    /// more.
    pub fn edited(&self, edit: &SettingsEdit) -> Option<SettingsPatch> {
        match edit {
            SettingsEdit::Tags(changed) => {
                let mut tags = self.tags.clone();
                for (key, value) in changed {
                    match value {
                        Some(value) => tags.insert(key.clone(), value.clone()),
                        None => tags.remove(key),
                    };
                }
                Some(SettingsPatch { tags: Some(tags), ..SettingsPatch::default() })
            }
            SettingsEdit::Stored { name, before, after } => {
                let now = self.stored.get(name).map_or("", String::as_str);
                let stored = [(name.clone(), after.clone())].into();
                (now == before).then(|| SettingsPatch { stored, ..SettingsPatch::default() })
            }
        }
    }
}

impl SettingsEdit {
    /// Bytes of the words that it puts, each with its length.
    pub fn bytes(&self) -> u64 {
        let words = match self {
            Self::Tags(changed) => {
                let put = changed.iter().filter_map(|(key, value)| Some((key, value.as_ref()?)));
                put.map(|(key, value)| key.len() + value.len() + 4).sum()
            }
            Self::Stored { name, after, .. } => name.len() + after.len() + 4,
        };
        words as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn single_tags_are_put_among_the_others_and_taken_away() {
        let tags = words(&[("a", "1"), ("b", "2")]);
        let settings = QueueSettings { tags, ..QueueSettings::default() };
        let changed = [("b", None), ("c", Some("")), ("none", None)];
        let changed = changed.map(|(key, value)| (key.to_owned(), value.map(str::to_owned)));
        let patch = settings.edited(&SettingsEdit::Tags(changed.into())).expect("it can be made");
        assert_eq!(settings.patched(&patch).tags, words(&[("a", "1"), ("c", "")]));
    }

    #[test]
    fn a_stored_value_is_changed_if_it_is_as_it_was() {
        let stored = words(&[("Policy", "{}")]);
        let settings = QueueSettings { stored, ..QueueSettings::default() };
        let edited = |name: &str, before: &str, after: &str| {
            let (name, before, after) = (name.into(), before.into(), after.into());
            let patch = settings.edited(&SettingsEdit::Stored { name, before, after })?;
            Some(settings.patched(&patch).stored)
        };
        assert_eq!(edited("Policy", "{}", "[]"), Some(words(&[("Policy", "[]")])));
        assert_eq!(edited("Policy", "{}", ""), Some(words(&[])));
        assert_eq!(edited("Key", "", "k"), Some(words(&[("Key", "k"), ("Policy", "{}")])));
        assert_eq!(edited("Policy", "", "[]"), None);
        assert_eq!(edited("Key", "k", ""), None);
    }
}
