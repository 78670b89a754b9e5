//! Crashes and failing disks: a small workload is stopped at every operation of its disk, and what
//! a start finds on everything that the disk may hold then is held against what clients were told.
//!
//! `CRASH_SEEDS=1000` runs as many workloads; `CRASH_SEED=7` and `CRASH_AT=42` run one workload
//! and one operation of it, as a failure says.

mod bad_histories;
mod checker;
mod equivalence;
mod faults;
mod history;
mod recovery;
mod session;
mod states;
mod upkeep;

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("the setting is a number"))
}

/// The seeds to run: one that is asked for, or as many as are asked for, or a default.
fn seeds(count_default: u64) -> Vec<u64> {
    match setting("CRASH_SEED") {
        Some(seed) => vec![seed],
        None => (1..=setting("CRASH_SEEDS").unwrap_or(count_default)).collect(),
    }
}

/// Runs one job for each seed on as many threads as there are processors, and sums up.
fn sum_over(seeds: &[u64], job: impl Fn(u64) -> u64 + Sync) -> u64 {
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    let (next, sum) = (AtomicUsize::new(0), AtomicU64::new(0));
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed)) {
                    sum.fetch_add(job(*seed), Ordering::Relaxed);
                }
            });
        }
    });
    sum.into_inner()
}
