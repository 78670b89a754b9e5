//! Time as a test tells it.

use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering},
};

use ledgerq::{
    clock::Clock,
    types::{Millis, Timestamp},
};

/// When every test begins: some time in 2023.
pub(crate) const BEGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A clock that shows what it is told to. Clones are the same clock.
#[derive(Clone, Debug)]
pub(crate) struct ToldClock {
    now_ms: Arc<AtomicU64>,
    /// By how much the wall clock is wrong.
    stepped_ms: Arc<AtomicI64>,
}

impl ToldClock {
    pub(crate) fn new() -> Self {
        let now_ms = Arc::new(AtomicU64::new(BEGIN.as_millis()));
        Self { now_ms, stepped_ms: Arc::default() }
    }

    /// The time, if nobody had stepped the wall clock.
    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.now_ms.load(Ordering::SeqCst))
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.now_ms.store(now.as_millis(), Ordering::SeqCst);
    }

    /// Steps the wall clock, as an operator or a time server does.
    pub(crate) fn step_wall(&self, by_ms: i64) {
        self.stepped_ms.fetch_add(by_ms, Ordering::SeqCst);
    }

    /// Another clock that shows the same.
    pub(crate) fn copy(&self) -> Self {
        let copy = Self::new();
        copy.set(self.now());
        copy.step_wall(self.stepped_ms.load(Ordering::SeqCst));
        copy
    }
}

impl Clock for ToldClock {
    fn wall(&self) -> Timestamp {
        let stepped_ms = self.stepped_ms.load(Ordering::SeqCst);
        Timestamp::from_millis(self.now().as_millis().saturating_add_signed(stepped_ms))
    }

    fn elapsed(&self) -> Millis {
        Millis::new(self.now().as_millis())
    }
}
