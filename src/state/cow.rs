//! An ordered map that can be looked at as it was, a slice at a time, while it goes on changing.
//!
//! **Invariant**: of a key that the image has not reached, the map has the old value, or `saved`
//! has it. Without an image a change costs one branch more than that of a plain map.

use std::{
    collections::BTreeMap,
    ops::{Bound, Deref},
};

/// An ordered map. Whoever only reads it sees the plain one.
pub(super) struct CowMap<K, V> {
    now: BTreeMap<K, V>,
    image: Option<Box<Image<K, V>>>,
}

/// What is left of the map as it was.
struct Image<K, V> {
    /// All keys up to this were told.
    reached: Option<K>,
    /// The last key that there was.
    last: K,
    /// Keys behind `reached` that changed since, with what they had, if they were there.
    saved: BTreeMap<K, Option<V>>,
}

/// Old values that nobody is going to ask for.
pub(super) type Saved<K, V> = BTreeMap<K, Option<V>>;

impl<K, V> Default for CowMap<K, V> {
    fn default() -> Self {
        Self { now: BTreeMap::new(), image: None }
    }
}

impl<K, V> Deref for CowMap<K, V> {
    type Target = BTreeMap<K, V>;

    fn deref(&self) -> &BTreeMap<K, V> {
        &self.now
    }
}

impl<K: Ord + Copy, V: Clone> CowMap<K, V> {
    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        if self.image.is_some() {
            self.save(key);
        }
        self.now.get_mut(key)
    }

    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if self.image.is_some() {
            self.save(&key);
        }
        self.now.insert(key, value)
    }

    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        if self.image.is_some() {
            self.save(key);
        }
        self.now.remove(key)
    }

    /// Takes the first of a map that has no image.
    pub(super) fn pop_first(&mut self) -> Option<(K, V)> {
        debug_assert!(self.image.is_none(), "an image keeps what it has not told");
        self.now.pop_first()
    }

    /// Begins an image of the map as it is. None is under way.
    pub(super) fn begin_image(&mut self) {
        debug_assert!(self.image.is_none(), "there is one image at a time");
        let last = self.now.last_key_value().map(|(last, _)| *last);
        let begun = |last| Box::new(Image { reached: None, last, saved: BTreeMap::new() });
        self.image = last.map(begun);
    }

    /// Whether an image has something left to tell.
    pub(super) fn is_imaged(&self) -> bool {
        self.image.is_some()
    }

    /// Gives the image up: old values to be freed at leisure.
    pub(super) fn cancel_image(&mut self) -> Saved<K, V> {
        self.image.take().map(|image| image.saved).unwrap_or_default()
    }

    /// Looks at up to `count_max` keys of the image, and tells those that were there; at how many
    /// it looked.
    pub(super) fn image_slice(&mut self, count_max: usize, tell: &mut dyn FnMut(K, &V)) -> usize {
        let Some(image) = &mut self.image else { return 0 };
        let from = image.reached.map_or(Bound::Unbounded, Bound::Excluded);
        let mut now = self.now.range((from, Bound::Included(image.last))).peekable();
        for count in 0..count_max {
            let saved = image.saved.first_key_value().map(|(key, _)| *key);
            let unchanged = now.next_if(|(key, _)| saved.is_none_or(|saved| **key < saved));
            if let Some((key, value)) = unchanged {
                tell(*key, value);
                image.reached = Some(*key);
                continue;
            }
            let Some((key, before)) = image.saved.pop_first() else {
                self.image = None;
                return count;
            };
            now.next_if(|(other, _)| **other == key);
            if let Some(before) = &before {
                tell(key, before);
            }
            image.reached = Some(key);
        }
        if now.peek().is_none() && image.saved.is_empty() {
            self.image = None;
        }
        count_max
    }

    #[cold]
    fn save(&mut self, key: &K) {
        let Some(image) = &mut self.image else { return };
        let is_told = image.reached.is_some_and(|reached| *key <= reached);
        if !is_told && *key <= image.last && !image.saved.contains_key(key) {
            image.saved.insert(*key, self.now.get(key).cloned());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_image_is_the_map_as_it_was(
            before in prop::collection::btree_map(0..60_u8, 0..9_u8, 0..40),
            steps in prop::collection::vec((0..5_u8, 0..60_u8, 0..9_u8), 0..120),
        ) {
            let mut map = CowMap::default();
            for (key, value) in &before {
                map.insert(*key, *value);
            }
            let (mut expected, mut told) = (before.clone(), BTreeMap::new());
            map.begin_image();
            let mut tell = |key: u8, value: &u8| assert_eq!(told.insert(key, *value), None);
            for (step, key, value) in steps {
                match step {
                    0 => prop_assert_eq!(map.insert(key, value), expected.insert(key, value)),
                    1 => prop_assert_eq!(map.remove(&key), expected.remove(&key)),
                    2 => if let Some(found) = map.get_mut(&key) {
                        *found = value;
                        expected.insert(key, value);
                    },
                    _ => prop_assert!(map.image_slice(value.into(), &mut tell) <= value.into()),
                }
                prop_assert_eq!(&*map, &expected);
            }
            while map.is_imaged() {
                map.image_slice(7, &mut tell);
            }
            prop_assert_eq!(told, before);
        }
    }

    #[test]
    fn a_cancelled_image_saves_nothing_more() {
        let mut map = CowMap::default();
        map.insert(1, 'a');
        map.begin_image();
        map.insert(1, 'b');
        assert_eq!(map.cancel_image(), BTreeMap::from([(1, Some('a'))]));
        map.insert(1, 'c');
        assert!(!map.is_imaged());
        assert_eq!(map.cancel_image(), BTreeMap::new());
    }
}
