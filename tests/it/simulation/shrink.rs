//! A run that fails is made smaller, and told with the one command that repeats it.

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

use super::plan::{Plan, Planned};

/// Runs that may be spent on making one smaller.
const TRIES_MAX: u32 = 400;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs a job on a plan. If it fails, looks for fewer rounds with which it fails too, prints the
/// command that repeats that, and fails.
pub(super) fn run_or_shrink(test: &str, plan: &Plan, job: &dyn Fn(&Plan) -> u64) -> u64 {
    match panic::catch_unwind(AssertUnwindSafe(|| job(plan))) {
        Ok(count) => count,
        Err(failure) => {
            let command = |plan: &Plan| format!("{} cargo test --test it {test}", plan.repeat());
            eprintln!("repeat with:\n  {}", command(plan));
            let small = shrink(plan, &|plan| fails(plan, job));
            eprintln!(
                "the same with {} of {} rounds:\n  {}\n{}",
                small.rounds.len(),
                plan.rounds.len(),
                command(&small),
                quietly(|| panic::catch_unwind(AssertUnwindSafe(|| job(&small))))
                    .err()
                    .map_or_else(String::new, |failure| text_of(&*failure))
            );
            panic::resume_unwind(failure)
        }
    }
}

/// Leaves out rounds, many at once and then fewer, for as long as it still fails.
pub(super) fn shrink(plan: &Plan, fails: &dyn Fn(&Plan) -> Option<Plan>) -> Plan {
    let mut best = plan.clone();
    let mut tries_left = TRIES_MAX;
    let mut chunk = best.rounds.len().div_ceil(2).max(1);
    loop {
        let (mut at, mut is_smaller) = (0, false);
        while at < best.rounds.len() && tries_left > 0 {
            tries_left -= 1;
            let mut rounds = best.rounds.clone();
            rounds.drain(at..(at + chunk).min(rounds.len()));
            match fails(&Plan { rounds, ..best.clone() }) {
                Some(failing) => (best, is_smaller) = (failing, true),
                None => at += chunk,
            }
        }
        if tries_left == 0 || chunk == 1 && !is_smaller {
            return best;
        }
        chunk = chunk.div_ceil(2);
    }
}

/// The plan, if it fails; with its fault at another operation of the same round, if need be.
fn fails(plan: &Plan, job: &dyn Fn(&Plan) -> u64) -> Option<Plan> {
    let try_one =
        |plan: &Plan| quietly(|| panic::catch_unwind(AssertUnwindSafe(|| job(plan)))).is_err();
    if try_one(plan) {
        return Some(plan.clone());
    }
    let planned = plan.planned?;
    let near = (1..=planned.place.nth + 4).rev().take(12).map(|nth| {
        let place = super::plan::Place { nth, ..planned.place };
        plan.with(Planned { place, ..planned })
    });
    near.into_iter().find(|plan| try_one(plan))
}

/// Without a message for each failure.
fn quietly<T>(job: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                before(info);
            }
        }));
    });
    let was_quiet = IS_QUIET.replace(true);
    let outcome = job();
    IS_QUIET.set(was_quiet);
    outcome
}

fn text_of(failure: &(dyn Any + Send)) -> String {
    let text = failure.downcast_ref::<String>().cloned();
    text.or_else(|| failure.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::plan::Workload;

    #[test]
    fn only_the_rounds_that_a_failure_needs_are_left() {
        let mut plan = Plan::new(Workload::Upkeep, 1);
        plan.rounds = (1..=70).collect();
        let needs = |wanted: &'static [usize]| {
            move |plan: &Plan| {
                wanted.iter().all(|round| plan.rounds.contains(round)).then(|| plan.clone())
            }
        };
        for wanted in [&[][..], &[1], &[70], &[3, 41, 42, 69]] {
            assert_eq!(shrink(&plan, &needs(wanted)).rounds, wanted);
        }
    }

    #[test]
    fn a_failure_is_found_again_at_another_operation_of_its_round() {
        let job = |plan: &Plan| {
            let nth = plan.planned.expect("one is planned").place.nth;
            assert!(plan.rounds != [5] || nth != 3, "it fails here alone");
            1
        };
        let mut plan = Plan::new(Workload::Upkeep, 1);
        plan.rounds = vec![5];
        let planned = Planned {
            counter: ledgerq::disk::sim::Counter::Changes,
            place: crate::simulation::plan::Place { round: 5, nth: 6 },
            fault: ledgerq::disk::sim::Fault::Crash,
        };
        let found = fails(&plan.with(planned), &job).expect("it fails");
        assert_eq!(found.planned.expect("one is planned").place.nth, 3);
    }
}
