//! Which part of the log is there.

use std::fmt;

use crate::types::Lsn;

/// The LSNs of the records that are there, as ranges: behind the older checkpoint without a gap,
/// before it as far as segments are still kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::cli) struct Reach {
    /// First and last of each, ascending.
    ranges: Vec<(u64, u64)>,
}

impl Reach {
    /// Adds the next records, by the first and the last LSN.
    pub(in crate::cli) fn add(&mut self, first: Lsn, last: Lsn) {
        match self.ranges.last_mut() {
            Some((_, end)) if first.get() <= *end + 1 => *end = last.get().max(*end),
            _ => self.ranges.push((first.get(), last.get())),
        }
    }

    /// Whether no record of the log is missing, from the first on.
    pub(in crate::cli) fn is_whole(&self) -> bool {
        matches!(self.ranges[..], [] | [(1, _)])
    }

    /// The first record that is there.
    pub(in crate::cli) fn first(&self) -> Option<u64> {
        self.ranges.first().map(|(first, _)| *first)
    }

    /// The ranges, for programs.
    pub(in crate::cli) fn ranges(&self) -> &[(u64, u64)] {
        &self.ranges
    }
}

/// `LSN 1 to 20, 41 to 60`
impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.ranges.iter().enumerate() {
            let before = if at == 0 { "LSN " } else { ", " };
            write!(f, "{before}{first} to {last}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(ranges: &[(u64, u64)]) -> Reach {
        let mut reach = Reach::default();
        for (first, last) in ranges {
            reach.add(Lsn::new(*first), Lsn::new(*last));
        }
        reach
    }

    #[test]
    fn what_follows_on_is_one_range() {
        let whole = reach(&[(1, 5), (6, 9)]);
        assert_eq!((whole.to_string().as_str(), whole.is_whole()), ("LSN 1 to 9", true));
        let gaps = reach(&[(1, 5), (8, 9), (10, 12)]);
        let text = "LSN 1 to 5, 8 to 12";
        assert_eq!((gaps.to_string().as_str(), gaps.is_whole()), (text, false));
        assert!(!reach(&[(3, 4)]).is_whole(), "the beginning is missing");
    }
}
