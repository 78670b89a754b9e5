//! The only reader of the system's clocks.
//!
//! Broker time starts at the wall clock, or at the last logged time if that is later, and from
//! then on advances by the boot-time clock alone, which counts suspended time and is never set. So
//! a stepped wall clock neither ends a lease early nor stalls a timer.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use crate::types::{Millis, Timestamp};

/// Where time comes from.
pub trait Clock: Send + Sync {
    /// What the wall clock shows.
    fn wall(&self) -> Timestamp;
    /// Time since some fixed instant, suspended time included; never goes backwards.
    fn elapsed(&self) -> Millis;
}

/// The system's clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_millis(read(rustix::time::ClockId::Realtime).get())
    }

    fn elapsed(&self) -> Millis {
        read(rustix::time::ClockId::Boottime)
    }
}

fn read(clock: rustix::time::ClockId) -> Millis {
    let time = rustix::time::clock_gettime(clock);
    // A wall clock before 1970 counts as 1970.
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let millis = u64::try_from(time.tv_nsec / 1_000_000).unwrap_or(0);
    Millis::new(seconds.saturating_mul(1000).saturating_add(millis))
}

/// The system's clocks, and what was let pass by hand: the days of queue semantics pass at once in
/// tests of programs that use a broker.
#[derive(Debug, Default)]
pub struct TestClock {
    advanced_ms: AtomicU64,
}

impl TestClock {
    /// Lets time pass; how much was let pass in all. At the end of time it stays.
    pub fn advance(&self, by: Millis) -> Millis {
        let add = |before: u64| before.saturating_add(by.get());
        let before = self.advanced_ms.update(Ordering::SeqCst, Ordering::SeqCst, add);
        Millis::new(add(before))
    }

    fn advanced(&self) -> Millis {
        Millis::new(self.advanced_ms.load(Ordering::SeqCst))
    }
}

impl Clock for TestClock {
    fn wall(&self) -> Timestamp {
        SystemClock.wall().after(self.advanced())
    }

    fn elapsed(&self) -> Millis {
        let elapsed = SystemClock.elapsed().get();
        Millis::new(elapsed.saturating_add(self.advanced().get()))
    }
}

/// Measures how long something took, for reports; nothing is decided by it.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// A watch that runs from now on.
    #[expect(clippy::disallowed_methods, reason = "this room reads the system's clocks")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// How long it has been running.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Broker time.
#[derive(Clone)]
pub struct BrokerClock {
    clock: Arc<dyn Clock>,
    started_at: Timestamp,
    elapsed_at_start: Millis,
}

impl BrokerClock {
    /// Broker time that starts now, not before `last_logged`.
    pub fn start(clock: Arc<dyn Clock>, last_logged: Timestamp) -> Self {
        let started_at = clock.wall().max(last_logged);
        let elapsed_at_start = clock.elapsed();
        Self { clock, started_at, elapsed_at_start }
    }

    /// The broker time now.
    pub fn now(&self) -> Timestamp {
        let elapsed = self.clock.elapsed().get().saturating_sub(self.elapsed_at_start.get());
        self.started_at.after(Millis::new(elapsed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Shows what it is told to.
    struct Told(Mutex<(u64, u64)>);

    impl Clock for Told {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(self.0.lock().expect("no test panics with it").0)
        }
        fn elapsed(&self) -> Millis {
            Millis::new(self.0.lock().expect("no test panics with it").1)
        }
    }

    #[test]
    fn a_stepped_wall_clock_does_not_move_broker_time() {
        let told = Arc::new(Told(Mutex::new((1_000_000, 50))));
        let clock = BrokerClock::start(told.clone(), Timestamp::ZERO);
        for wall in [0, 1_000_000, u64::MAX / 2] {
            *told.0.lock().expect("no test panics with it") = (wall, 80);
            assert_eq!(clock.now(), Timestamp::from_millis(1_000_030));
        }
    }

    #[test]
    fn broker_time_starts_no_earlier_than_the_last_logged_time() {
        let told = Arc::new(Told(Mutex::new((1_000, 0))));
        let last_logged = Timestamp::from_millis(5_000);
        assert_eq!(BrokerClock::start(told, last_logged).now(), last_logged);
    }

    #[test]
    fn a_test_clock_lets_time_pass_and_stays_at_its_end() {
        let test = Arc::new(TestClock::default());
        let clock = BrokerClock::start(test.clone(), Timestamp::ZERO);
        let before = clock.now();
        assert_eq!(test.advance(Millis::from_secs(86_400)), Millis::from_secs(86_400));
        assert_eq!(test.advance(Millis::from_secs(1)), Millis::from_secs(86_401));
        assert!(clock.now() >= before.after(Millis::from_secs(86_401)));
        assert_eq!(test.advance(Millis::new(u64::MAX)), Millis::new(u64::MAX));
        assert!(clock.now() >= before.after(Millis::from_secs(86_401)));
    }

    #[test]
    fn the_system_clock_runs() {
        assert!(SystemClock.wall() > Timestamp::from_millis(1_700_000_000_000));
        assert!(SystemClock.elapsed() > Millis::ZERO);
    }
}
