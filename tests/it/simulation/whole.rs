//! Long runs of everything at once, with faults of every kind by chance.

use std::sync::Mutex;

use super::{
    is_a_part,
    plan::{Plan, Workload},
    seeds,
    session::{Counts, run},
    shrink::run_or_shrink,
    sum_over,
};

const SEEDS_DEFAULT: u64 = 24;

#[test]
fn no_fault_of_a_long_run_breaks_a_promise() {
    let test = "no_fault_of_a_long_run_breaks_a_promise";
    let total = Mutex::new(Counts::default());
    let states = sum_over(&seeds(SEEDS_DEFAULT), |seed| {
        run_or_shrink(test, &Plan::new(Workload::Whole, seed), &|plan| {
            let counts = run(plan).whole.counts;
            let mut total = total.lock().expect("no thread panics with it");
            *total = *total + counts;
            counts.states
        })
    });
    let total = *total.lock().expect("no thread panics with it");
    eprintln!("{states} states: {total:?}");
    if is_a_part(SEEDS_DEFAULT) {
        return;
    }
    let Counts { crashes, crashes_of_starts, failures, full_disks, .. } = total;
    assert!(crashes > 100 && crashes_of_starts > 50, "{total:?}");
    assert!(failures > 30 && full_disks > 30, "{total:?}");
    assert!(total.clock_steps > 50 && total.backups > 5, "{total:?}");
    assert!(total.damages > 2, "{total:?}");
}
