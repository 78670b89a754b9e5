//! Workloads so small that every outcome of every crash can be tried.

use super::{
    is_a_part,
    plan::{Plan, Workload},
    seeds,
    states::crash_everywhere,
    sum_over,
};

const SEEDS_DEFAULT: u64 = 24;
/// Crashes with more outcomes than this are sampled.
const EXHAUSTIVE_MAX: usize = 256;

#[test]
fn no_outcome_of_any_crash_of_a_small_workload_breaks_a_promise() {
    let test = "no_outcome_of_any_crash_of_a_small_workload_breaks_a_promise";
    let states = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        crash_everywhere(test, &Plan::new(Workload::Small, seed), EXHAUSTIVE_MAX)
    });
    eprintln!("{states} states");
    assert!(is_a_part(SEEDS_DEFAULT) || states > 5_000, "only {states} states were tried");
}
