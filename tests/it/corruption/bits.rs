//! Changed bits and bytes, in every file.

use super::{
    LARGE, SMALL,
    damage::{At, Damage},
    expect::Class,
    run::campaign,
    world::World,
};

/// Places in files, one behind the other.
struct Places {
    /// Where each file begins, and where the last ends.
    begins: Vec<u64>,
    paths: Vec<String>,
}

impl Places {
    fn of(world: &World, endings: &[&str]) -> Self {
        let paths = world.paths(endings);
        let mut begins = vec![0];
        for path in &paths {
            begins.push(begins.last().copied().unwrap_or_default() + world.length(path));
        }
        Self { begins, paths }
    }

    fn count(&self) -> u64 {
        self.begins.last().copied().unwrap_or_default()
    }

    fn at(&self, nth: u64) -> At {
        let file = self.begins.partition_point(|begin| *begin <= nth) - 1;
        At { path: self.paths[file].clone(), offset: nth - self.begins[file] }
    }

    fn bit(&self, nth: u64) -> Damage {
        Damage::Xor { at: self.at(nth / 8), mask: 1 << (nth % 8) }
    }
}

#[test]
fn every_bit_of_a_small_log() {
    let places = Places::of(&SMALL, &[".seg"]);
    let bits = places.count() * 8;
    let counts = campaign("bits", &SMALL, bits, 1200, &|nth| places.bit(nth));
    for class in [Class::Refused, Class::Flagged, Class::Told, Class::Silent] {
        assert!(counts.of(class) > 0, "{class:?}");
    }
    assert_eq!(counts.of(Class::CutOff), 0);
}

#[test]
fn every_byte_of_a_large_log() {
    let places = Places::of(&LARGE, &[".seg"]);
    // One bit of the byte, and then all of it.
    let change = |nth: u64| {
        let at = places.at(nth / 2);
        let bit = 1 << (at.offset % 8);
        Damage::Xor { at, mask: if nth.is_multiple_of(2) { bit } else { 0xff } }
    };
    let counts = campaign("bytes", &LARGE, places.count() * 2, 700, &change);
    for class in [Class::Refused, Class::Flagged, Class::Told, Class::Silent] {
        assert!(counts.of(class) > 0, "{class:?}");
    }
    assert_eq!(counts.of(Class::CutOff), 0);
}

#[test]
fn every_bit_of_every_other_file() {
    let others = [".ckpt", ".ids", ".ids2", ".out", "IDENTITY", "RESERVE"];
    let places = Places::of(&LARGE, &others);
    let bits = places.count() * 8;
    let counts = campaign("bits", &LARGE, bits, 700, &|nth| places.bit(nth));
    for class in [Class::Flagged, Class::Older, Class::Told, Class::Silent] {
        assert!(counts.of(class) > 0, "{class:?}");
    }
    let identity = Places::of(&LARGE, &["IDENTITY"]);
    let bits = identity.count() * 8;
    let counts = campaign("bits", &LARGE, bits, bits, &|nth| identity.bit(nth));
    assert_eq!(counts.of(Class::Refused), counts.total());
}
