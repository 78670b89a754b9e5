//! Blocks that are zero, in another place, doubled, old or not to be read.

use ledgerq::disk::sim::Random;

use super::{
    LARGE, SMALL,
    damage::{At, Damage},
    expect::Class,
    layout::{Part, Role, place},
    run::{Counts, campaign},
    world::World,
};

/// The sizes of a sector and of a page.
const BLOCK_BYTES: [u64; 2] = [512, 4096];
/// Partners that each block is swapped with.
const PARTNERS: u64 = 4;

/// A block of a file, and a CRC of what it holds.
#[derive(Clone, Debug)]
struct Block {
    at: At,
    bytes: u64,
    crc: u32,
}

/// Every block of every file, the last of each as long as it is.
fn blocks(world: &World) -> Vec<Block> {
    let mut blocks = Vec::new();
    for size in BLOCK_BYTES {
        for (path, file) in &world.files {
            for (at, bytes) in file.chunks(place(size)).enumerate() {
                let (offset, crc) = (at as u64 * size, crc32fast::hash(bytes));
                let at = At { path: path.clone(), offset };
                blocks.push(Block { at, bytes: bytes.len() as u64, crc });
            }
        }
    }
    blocks
}

/// Whether every byte of a block is zero.
fn is_zero(block: &Block) -> bool {
    block.crc == crc32fast::hash(&vec![0; place(block.bytes)])
}

fn pick<'a, T>(from: &'a [T], random: &mut Random) -> &'a T {
    &from[random.below(from.len())]
}

/// What happens only if the log ends where it is damaged.
fn check_cut_off(counts: &Counts) {
    assert!(counts.of(Class::CutOff) <= counts.total() / 10, "it is rare");
    for class in [Class::Refused, Class::Flagged, Class::Told] {
        assert!(counts.of(class) > 0, "{class:?}");
    }
}

fn zeroed_and_unreadable(world: &World, sample_count: u64) -> Counts {
    let mut blocks = blocks(world);
    // What is zero already is only to be read.
    blocks.sort_by_key(is_zero);
    let zeroed = blocks.iter().filter(|block| !is_zero(block)).count() as u64;
    let count = blocks.len() as u64 + zeroed;
    campaign("zeroed or unreadable blocks", world, count, sample_count, &|nth| match nth
        .checked_sub(zeroed)
    {
        None => {
            let Block { at, bytes, .. } = blocks[place(nth)].clone();
            Damage::Zero { at, bytes }
        }
        Some(nth) => Damage::Unreadable { at: blocks[place(nth)].at.clone() },
    })
}

#[test]
fn zeroed_and_unreadable_blocks() {
    check_cut_off(&zeroed_and_unreadable(&SMALL, 300));
    check_cut_off(&zeroed_and_unreadable(&LARGE, 150));
}

/// Blocks over others: a neighbour's, and swapped with one of the same file or of another.
fn moved(world: &World, sample_count: u64) -> Counts {
    let blocks = blocks(world);
    let kinds = 2 + PARTNERS;
    let count = blocks.len() as u64 * kinds;
    campaign("doubled and swapped blocks", world, count, sample_count, &|nth| {
        let mut random = Random::new(nth);
        let Block { at, bytes, crc } = blocks[place(nth / kinds)].clone();
        let fits = |block: &&Block| block.bytes == bytes && block.crc != crc;
        let beside = |block: &&Block| {
            block.at.path == at.path && block.at.offset.abs_diff(at.offset) == bytes
        };
        let mut others: Vec<&Block> = blocks.iter().filter(fits).collect();
        match nth % kinds {
            0 | 1 => others.retain(beside),
            2 | 3 => others.retain(|block| block.at.path == at.path),
            _ => others.retain(|block| block.at.path != at.path),
        }
        if others.is_empty() {
            return Damage::Zero { at, bytes };
        }
        let one = pick(&others, &mut random).at.clone();
        if nth % kinds < 2 {
            Damage::Copy { from: one, at, bytes }
        } else {
            Damage::Swap { one, at, bytes }
        }
    })
}

#[test]
fn doubled_and_swapped_blocks() {
    check_cut_off(&moved(&SMALL, 300));
    check_cut_off(&moved(&LARGE, 150));
}

/// Blocks as they were at each earlier moment, in the same place of the same file or of another,
/// which may have been the life before of this one.
fn stale(world: &World, sample_count: u64) -> Counts {
    let blocks = blocks(world);
    let moments = world.moments.len() as u64;
    let kinds = 2 * moments;
    let count = blocks.len() as u64 * kinds;
    campaign("stale blocks", world, count, sample_count, &|nth| {
        let mut random = Random::new(nth);
        let Block { at, bytes, .. } = blocks[place(nth / kinds)].clone();
        let moment = place(nth % kinds / 2);
        let then = &world.moments[moment];
        let range = place(at.offset)..place(at.offset + bytes);
        let own = &world.bytes(&at.path)[range.clone()];
        let differs = |old: &[u8]| old.get(range.clone()).is_some_and(|old| old != own);
        let is_own = nth.is_multiple_of(2) && then.get(&at.path).is_some_and(|old| differs(old));
        let fits =
            |(path, old): &(&String, &Vec<u8>)| (**path == at.path) == is_own && differs(old);
        let paths: Vec<&String> = then.iter().filter(fits).map(|(path, _)| path).collect();
        if paths.is_empty() {
            return Damage::Zero { at, bytes };
        }
        let path = (*pick(&paths, &mut random)).clone();
        let from = At { path, offset: at.offset };
        Damage::Stale { moment, from, at, bytes }
    })
}

#[test]
fn stale_blocks() {
    check_cut_off(&stale(&SMALL, 300));
    check_cut_off(&stale(&LARGE, 150));
}

/// The one damage that nothing can tell: a medium that zeroes a sector in which the last frame
/// lies. With it go those that end in the same sector, and none that ended before it.
#[test]
fn only_sectors_of_the_last_frame_can_be_zeroed_without_a_word() {
    let world = &LARGE;
    let is_last = |role: Role| matches!(role, Role::Behind { is_last: true });
    let mut layouts = world.layouts.iter();
    let (path, layout) = layouts.find(|(_, layout)| is_last(layout.role)).expect("it is used");
    let frames = layout.frames();
    let last = *frames.last().expect("it has frames");
    let end = layout.regions.iter().filter(|r| r.part == Part::Mark).map(|r| r.to).max();
    let of_last = last / 512..=(end.expect("every frame has a mark") - 1) / 512;
    let _listening = super::warnings::listen();
    let mut lost_counts = Vec::new();
    for sector in 0..world.length(path) / 512 {
        let at = At { path: path.clone(), offset: sector * 512 };
        let verdict = super::judge::judge(world, &Damage::Zero { at, bytes: 512 });
        let verdict = verdict.unwrap_or_else(|error| panic!("sector {sector}: {error}"));
        if verdict.class == Class::CutOff {
            assert!(of_last.contains(&sector), "sector {sector}, {of_last:?}");
            lost_counts.push(verdict.lost_count);
        }
    }
    // The last one is a tick, and begins where the frame before it ends.
    assert!(lost_counts.iter().max() > Some(&1), "{lost_counts:?}");
}
