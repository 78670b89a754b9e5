//! A rate that is asked for: when each caller begins its calls.

use std::time::Duration;

use crate::cli::bench::plan::Plan;

/// When the next call of one caller is due, from the begin of the load.
#[derive(Debug)]
pub(super) struct Pace {
    next: Duration,
    every: Duration,
}

impl Pace {
    /// The pace of one of a plan's callers, if it asks for a rate. They take turns.
    #[expect(clippy::cast_precision_loss, reason = "a pace is as exact as a float")]
    pub(super) fn new(plan: &Plan, caller: usize) -> Option<Self> {
        let calls_per_s = plan.rate? / plan.batch as f64;
        let due = |calls: usize| Duration::from_secs_f64(calls as f64 / calls_per_s);
        Some(Self { next: due(caller), every: due(plan.callers) })
    }

    /// When a call is due; the next one is due later.
    pub(super) fn take(&mut self) -> Duration {
        let due = self.next;
        self.next += self.every;
        due
    }
}
