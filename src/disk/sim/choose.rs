//! What a power cut chooses between, and who chooses.
//!
//! A chooser is asked once for each thing that may or may not have reached the medium, always in
//! the same order, and only where the answer makes a difference. So the answers given are a
//! state's name: [`EveryCrash`] counts through them, and a seed repeats them.

use super::{SimDisk, names::EntryChange};

/// A thing that was not synced when the power went. Keep it?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// A change of a directory's entries. Asked oldest first; one that is lost takes with it the
    /// later ones of the same names, which are not asked.
    Entry(&'a EntryChange),
    /// A sector of a file. Asked newest version first, until one is kept.
    Sector {
        /// The file's inode number.
        file: u64,
        /// The sector's number within the file.
        sector: u64,
        /// How many newer versions there are.
        age: usize,
    },
    /// A length that the file had grown to. Asked longest first, until one is kept.
    Length {
        /// The file's inode number.
        file: u64,
        /// The length in bytes.
        length: u64,
    },
}

/// Loses all that was not synced.
pub fn keep_none() -> impl FnMut(Choice<'_>) -> bool {
    |_| false
}

/// Keeps everything: all was written out just before the power went.
pub fn keep_all() -> impl FnMut(Choice<'_>) -> bool {
    |_| true
}

/// Keeps what chance keeps, the same for the same seed: one seed loses most, another keeps most.
pub fn keep_random(seed: u64) -> impl FnMut(Choice<'_>) -> bool {
    let mut random = Random::new(seed);
    let kept_of_16 = [1, 8, 15][random.below(3)];
    move |_| random.below(16) < kept_of_16
}

/// A small generator of random numbers: `SplitMix64` (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next number, any of 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next number, below a bound that is not zero.
    pub fn below(&mut self, bound: usize) -> usize {
        let remainder = self.next_u64() % (bound as u64);
        usize::try_from(remainder).unwrap_or(usize::MAX)
    }
}

/// Every state that a power cut can leave, up to a limit, each exactly once.
pub struct EveryCrash {
    disk: SimDisk,
    /// The answers that lead to the next state; behind them, all is lost. `None` after the last.
    answers: Option<Vec<bool>>,
    left: usize,
}

impl EveryCrash {
    pub(super) fn new(disk: SimDisk, count_max: usize) -> Self {
        Self { disk, answers: Some(Vec::new()), left: count_max }
    }

    /// Whether every state was given, rather than the limit reached first.
    pub fn is_complete(&self) -> bool {
        self.answers.is_none()
    }
}

impl Iterator for EveryCrash {
    type Item = SimDisk;

    fn next(&mut self) -> Option<SimDisk> {
        self.left = self.left.checked_sub(1)?;
        let mut answers = self.answers.take()?;
        let mut asked = 0;
        let crashed = self.disk.crash(&mut |_| {
            if asked == answers.len() {
                answers.push(false);
            }
            asked += 1;
            answers[asked - 1]
        });
        // The next in order: the last "lost" becomes "kept", and what hung on it is asked anew.
        while answers.pop_if(|kept| *kept).is_some() {}
        if let Some(last) = answers.last_mut() {
            *last = true;
            self.answers = Some(answers);
        }
        Some(crashed)
    }
}
