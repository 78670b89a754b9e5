//! Whole files: of other lengths, missing, old, foreign, or in each other's place.

use ledgerq::log::FileId;

use super::{
    LARGE, SMALL, damage::Damage, expect::Class, layout::Part, run::campaign, world::World,
};

/// Every length that a file may be cut to, and some that it may grow to.
struct Lengths {
    /// Where each file's lengths begin, and where the last end.
    begins: Vec<u64>,
    files: Vec<(String, u64)>,
}

/// Lengths beyond that of a file.
const LONGER: [u64; 4] = [1, 512, 4096, 1 << 20];

impl Lengths {
    fn of(world: &World) -> Self {
        let files = world.files.iter().map(|(path, bytes)| (path.clone(), bytes.len() as u64));
        let files: Vec<_> = files.collect();
        let mut begins = vec![0];
        for (_, length) in &files {
            begins.push(begins.last().copied().unwrap_or_default() + length + LONGER.len() as u64);
        }
        Self { begins, files }
    }

    fn count(&self) -> u64 {
        self.begins.last().copied().unwrap_or_default()
    }

    fn nth(&self, nth: u64) -> Damage {
        let file = self.begins.partition_point(|begin| *begin <= nth) - 1;
        let ((path, bytes), at) = (self.files[file].clone(), nth - self.begins[file]);
        let longer = at.checked_sub(bytes).map(|more| bytes + LONGER[super::layout::place(more)]);
        Damage::Length { path, length: longer.unwrap_or(at) }
    }
}

#[test]
fn every_length_of_every_file() {
    for (world, sample_count) in [(&*SMALL, 300), (&*LARGE, 200)] {
        let lengths = Lengths::of(world);
        let counts =
            campaign("lengths", world, lengths.count(), sample_count, &|nth| lengths.nth(nth));
        assert_eq!(counts.of(Class::Flagged) + counts.of(Class::CutOff), 0);
        assert!(counts.of(Class::Refused) > counts.total() / 2);
    }
}

/// Around every place where something else begins.
#[test]
fn lengths_at_every_boundary() {
    for (world, sample_count) in [(&*SMALL, 400), (&*LARGE, 200)] {
        let mut lengths = Vec::new();
        for (path, layout) in &world.layouts {
            let bytes = world.length(path);
            for region in layout.regions.iter().filter(|region| region.part != Part::Padding) {
                let near = [region.from.saturating_sub(1), region.from, region.from + 1];
                let shorter = near.into_iter().filter(|length| *length < bytes);
                lengths.extend(shorter.map(|length| (path.clone(), length)));
            }
        }
        let count = lengths.len() as u64;
        campaign("lengths at boundaries", world, count, sample_count, &|nth| {
            let (path, length) = lengths[super::layout::place(nth)].clone();
            Damage::Length { path, length }
        });
    }
}

/// Every whole-file damage of a directory.
fn of_files(world: &World) -> Vec<Damage> {
    let mut damages: Vec<Damage> = Vec::new();
    for path in world.files.keys() {
        damages.push(Damage::Gone { path: path.clone() });
        if world.other.contains_key(path) {
            damages.push(Damage::Foreign { path: path.clone() });
        }
        for (moment, then) in world.moments.iter().enumerate() {
            let is_like = |from: &&String| {
                let from = *from;
                from == path || FileId::of_path(from).is_some() == FileId::of_path(path).is_some()
            };
            let old = then.keys().filter(is_like).cloned();
            damages.extend(old.map(|from| Damage::Old { moment, from, path: path.clone() }));
        }
        let others = world.files.keys().filter(|one| *one < path).cloned();
        damages.extend(others.map(|one| Damage::SwapFiles { one, path: path.clone() }));
    }
    damages
}

#[test]
fn files_missing_old_foreign_and_swapped() {
    for (world, sample_count) in [(&*SMALL, 100), (&*LARGE, 250)] {
        let damages = of_files(world);
        let count = damages.len() as u64;
        let counts = campaign("whole files", world, count, sample_count, &|nth| {
            damages[super::layout::place(nth)].clone()
        });
        assert!(counts.of(Class::Refused) > counts.total() / 3);
    }
}
