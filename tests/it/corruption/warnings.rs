//! How many warnings the program's log would have.

use std::cell::Cell;

use tracing::{
    Event, Level, Metadata, Subscriber,
    span::{Attributes, Id, Record},
    subscriber::DefaultGuard,
};

thread_local! {
    static WARNINGS: Cell<u64> = const { Cell::new(0) };
}

/// Counts what is logged by this thread, as a warning or worse.
struct Counting;

/// As long as this lives, what this thread logs is counted.
pub(super) fn listen() -> DefaultGuard {
    tracing::subscriber::set_default(Counting)
}

/// Runs something; how many warnings it logged, if this thread listens.
pub(super) fn counted<T>(act: impl FnOnce() -> T) -> (T, u64) {
    WARNINGS.set(0);
    let outcome = act();
    (outcome, WARNINGS.get())
}

impl Subscriber for Counting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        WARNINGS.set(WARNINGS.get() + 1);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}
