//! Instants and durations, both in whole milliseconds.
//!
//! A [`Timestamp`] is broker time: it never goes backwards, also not across a restart, and is the
//! only time that state and log know.

use std::fmt;

/// An instant of broker time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

/// A duration in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(u64);

impl Timestamp {
    /// The beginning of time, before anything was logged.
    pub const ZERO: Self = Self(0);

    /// An instant from milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The instant `duration` later, or the end of time.
    #[must_use]
    pub const fn after(self, duration: Millis) -> Self {
        Self(self.0.saturating_add(duration.0))
    }

    /// How long this instant is after `earlier`; zero if it is not.
    pub const fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }
}

impl Millis {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// A duration from milliseconds.
    pub const fn new(millis: u64) -> Self {
        Self(millis)
    }

    /// A duration from whole seconds.
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1000))
    }

    /// The duration in milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whether this is no time at all.
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// In the largest unit that divides it: `30s`, `1500ms`, `4d`.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] =
            [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1000, "s")];
        if self.0 == 0 {
            return f.write_str("0s");
        }
        for (millis, unit) in UNITS {
            if self.0.is_multiple_of(millis) {
                return write!(f, "{}{unit}", self.0 / millis);
            }
        }
        write!(f, "{}ms", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_print_in_the_largest_unit_that_divides_them() {
        let shown = [0, 1, 1500, 30_000, 90_000, 7_200_000, 345_600_000]
            .map(|millis| Millis::new(millis).to_string());
        assert_eq!(shown, ["0s", "1ms", "1500ms", "30s", "90s", "2h", "4d"]);
    }

    #[test]
    fn time_saturates_instead_of_wrapping() {
        let end = Timestamp::from_millis(u64::MAX);
        assert_eq!(end.after(Millis::new(1)), end);
        assert_eq!(Timestamp::ZERO.since(end), Millis::ZERO);
    }
}
