//! A whole broker from one seed: its disk, its clock, its chance and its clients.
//!
//! A workload runs on the simulated disk, which crashes or fails where it is told to; starts
//! follow on what may be left, and what they find is held against what clients were told, by the
//! checker in `history`. Small workloads meet each fault at each operation, long ones meet all of
//! them by chance. docs/TESTING.md has the settings (`SIM_...`) and what each test shows.

mod equivalence;
mod faults;
mod plan;
mod recovery;
mod session;
mod shrink;
mod small;
mod states;
mod upkeep;
mod whole;

/// A text from the environment.
fn setting_text(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    Some(setting_text(name)?.parse().expect("the setting is a number"))
}

/// The seeds to run: one that is asked for, or as many as are asked for, or a default. `SIM_FROM`
/// is the first.
fn seeds(count_default: u64) -> Vec<u64> {
    if let Some(seed) = setting("SIM_SEED") {
        return vec![seed];
    }
    let from = setting("SIM_FROM").unwrap_or(1);
    (from..from + setting("SIM_SEEDS").unwrap_or(count_default)).collect()
}

/// Whether this is less than what is run by default, so that nothing can be said about counts.
fn is_a_part(count_default: u64) -> bool {
    let is_less = (seeds(count_default).len() as u64) < count_default;
    is_less || setting_text("SIM_AT").is_some() || setting_text("SIM_ROUNDS").is_some()
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
