//! How long the owner looks for its next event before it lets itself be put to sleep.
//!
//! To wake a thread takes as long as a fast disk takes to sync, above all where its processor has
//! gone to sleep too: a caller alone would wait for that with each request. Looking takes a
//! processor, and in vain if nobody comes. So the owner looks as long as the next request is to be
//! expected by how the last ones came, and not at all if they come seldom.

use std::time::Duration;

/// How long is looked at least, if at all: about what callers on this machine take from one answer
/// to their next request. To be woken costs as much.
const LOOK_MIN: Duration = Duration::from_micros(80);
/// How long is looked at most. Who asks again later is waited for asleep.
const LOOK_MAX: Duration = Duration::from_micros(300);

/// What the owner knows of how requests come.
pub(super) struct Patience {
    /// How long it waited for an event, on average, the last ones above all.
    wait: Duration,
}

impl Patience {
    /// Before anybody came.
    pub(super) fn new() -> Self {
        Self { wait: LOOK_MAX * 2 }
    }

    /// How long to look for the next event.
    pub(super) fn look(&self) -> Duration {
        if self.wait > LOOK_MAX {
            Duration::ZERO
        } else {
            (self.wait * 2).clamp(LOOK_MIN, LOOK_MAX)
        }
    }

    /// An event came after so long.
    pub(super) fn waited(&mut self, wait: Duration) {
        // One long pause is forgotten within some requests.
        self.wait = (self.wait * 7 + wait.min(LOOK_MAX * 4)) / 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(waits: &[(u64, usize)]) -> Duration {
        let mut patience = Patience::new();
        for (micros, count) in waits {
            (0..*count).for_each(|_| patience.waited(Duration::from_micros(*micros)));
        }
        patience.look()
    }

    #[test]
    fn who_comes_soon_is_looked_for_and_who_comes_seldom_is_not() {
        assert_eq!(after(&[]), Duration::ZERO);
        assert_eq!(after(&[(5, 30)]), LOOK_MIN);
        assert_eq!(after(&[(200, 30)]), LOOK_MAX);
        assert!((LOOK_MIN..LOOK_MAX).contains(&after(&[(100, 30)])));
        assert_eq!(after(&[(1000, 30)]), Duration::ZERO);
    }

    #[test]
    fn a_pause_is_forgotten_soon_however_long_it_was() {
        let hour = 3_600_000_000;
        assert!(after(&[(200, 30), (hour, 1), (200, 15)]) > Duration::ZERO);
        assert_eq!(after(&[(200, 30), (hour, 10)]), Duration::ZERO);
    }
}
