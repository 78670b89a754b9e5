//! How long a message that came back waits.

use super::within;
use crate::types::{Millis, Rejection, limits};

/// A wait that a message serves when its lease ran out or was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The wait after the first receive.
    pub first: Millis,
    /// Whether the wait doubles with each receive; else it is the same after all.
    pub doubles: bool,
    /// The longest wait.
    pub max: Millis,
}

impl Backoff {
    /// The wait after so many receives.
    pub fn after(&self, receive_count: u32) -> Millis {
        if !self.doubles {
            return self.first.min(self.max);
        }
        let doublings = receive_count.saturating_sub(1).min(63);
        let wait = u128::from(self.first.get()) << doublings;
        Millis::new(u64::try_from(wait).unwrap_or(u64::MAX)).min(self.max)
    }

    pub(super) fn check(&self) -> Result<(), Rejection> {
        let min = Millis::new(1);
        within("retry_backoff.first", self.first, min, limits::BACKOFF_MAX)?;
        within("retry_backoff.max", self.max, self.first, limits::BACKOFF_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubling_wait_grows_to_its_maximum_and_never_wraps() {
        let backoff = Backoff { first: Millis::new(100), doubles: true, max: Millis::new(1000) };
        let waits = [0, 1, 2, 3, 4, 5, 64, u32::MAX].map(|count| backoff.after(count).get());
        assert_eq!(waits, [100, 100, 200, 400, 800, 1000, 1000, 1000]);
    }
}
