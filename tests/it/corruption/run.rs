//! Many damages, on as many threads as there are processors, counted by what became of them.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use ledgerq::disk::sim::Random;

use super::{
    damage::Damage,
    expect::Class,
    judge::{Verdict, audited, judge},
    served::{is_same, served},
    warnings,
    world::World,
};

/// Of so many damages, one is audited too: of a campaign of many thousands, of more.
const AUDIT_EVERY: u64 = 23;
/// Of so many damages, one is lived on with.
const SERVE_EVERY: u64 = 41;
/// From how many damages on samples are thinned out.
const MANY: u64 = 5000;

/// How many damages of one campaign there were, by the kind of file, of outcome and of part.
#[derive(Debug, Default)]
pub(super) struct Counts {
    outcomes: BTreeMap<(&'static str, Class, &'static str), u64>,
    /// Silent, and not told by an audit either, by what the damaged part is for.
    pub(super) untold: BTreeMap<&'static str, u64>,
    pub(super) audited: u64,
    pub(super) lived_on: u64,
}

impl Counts {
    pub(super) fn of(&self, class: Class) -> u64 {
        let of_class = self.outcomes.iter().filter(|((_, found, _), _)| *found == class);
        of_class.map(|(_, count)| count).sum()
    }

    pub(super) fn total(&self) -> u64 {
        self.outcomes.values().sum()
    }

    fn add(&mut self, damage: &Damage, verdict: &Verdict) {
        let key = (file_kind(damage.paths()[0]), verdict.class, verdict.why);
        *self.outcomes.entry(key).or_default() += 1;
    }

    fn merge(&mut self, other: Self) {
        for (key, count) in other.outcomes {
            *self.outcomes.entry(key).or_default() += count;
        }
        for (why, count) in other.untold {
            *self.untold.entry(why).or_default() += count;
        }
        self.audited += other.audited;
        self.lived_on += other.lived_on;
    }
}

fn file_kind(path: &str) -> &'static str {
    let kinds = [".seg", ".out", ".ckpt", ".ids", ".ids2", "IDENTITY", "RESERVE"];
    kinds.into_iter().find(|kind| path.ends_with(kind)).unwrap_or("other")
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().expect("the setting is a number"))
}

/// One of so many is tried.
fn stride(count: u64, sample_count: u64) -> u64 {
    let full = setting("CORRUPTION_FULL").filter(|full| *full != 0).map(|_| 1);
    let asked = setting("CORRUPTION_STRIDE").map(|stride| stride.max(1));
    full.or(asked).unwrap_or(count.div_ceil(sample_count.max(1)).max(1))
}

/// Tries a campaign of `count` damages: all of them, or about `sample_count` spread over it.
pub(super) fn campaign(
    name: &str,
    world: &World,
    count: u64,
    sample_count: u64,
    nth: &(dyn Fn(u64) -> Damage + Sync),
) -> Counts {
    let stride = stride(count, sample_count);
    let (next, failed) = (AtomicU64::new(0), AtomicBool::new(false));
    let total = Mutex::new(Counts::default());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let _listening = warnings::listen();
                let mut counts = Counts::default();
                loop {
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    let at = turn * stride + Random::new(turn).next_u64() % stride;
                    if turn * stride >= count || failed.load(Ordering::Relaxed) {
                        break;
                    }
                    let thinned = 1 + count / stride / MANY;
                    let audits = turn.is_multiple_of(AUDIT_EVERY * thinned);
                    let serves = turn.is_multiple_of(SERVE_EVERY * thinned);
                    let damage = nth(at.min(count - 1));
                    let tried = attempt(world, &damage, audits, serves, &mut counts);
                    if let Err(error) = tried {
                        failed.store(true, Ordering::Relaxed);
                        eprintln!("{error}\nto repeat it: {}", command(world, &damage));
                    }
                }
                total.lock().unwrap_or_else(PoisonError::into_inner).merge(counts);
            });
        }
    });
    let counts = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(name, world, &counts);
    assert!(!failed.into_inner(), "some damage had a wrong outcome, see above");
    counts
}

fn report(name: &str, world: &World, counts: &Counts) {
    let (total, audited, lived_on) = (counts.total(), counts.audited, counts.lived_on);
    eprintln!("{}, {name}: {total} damages, {audited} audited, {lived_on} lived on", world.name);
    for ((file, class, why), count) in &counts.outcomes {
        eprintln!("{count:>9} {file:<9} {class:<8} {why}", class = format!("{class:?}"));
    }
    for (why, count) in &counts.untold {
        eprintln!("{count:>9} that no audit tells: {why}");
    }
}

/// What repeats one damage.
fn command(world: &World, damage: &Damage) -> String {
    format!(
        "CORRUPTION_AT='{}:{damage}' cargo test --test it corruption::one_damage -- --nocapture",
        world.name
    )
}

/// Tries one damage, and in more ways if that is asked for. An error says what is wrong.
fn attempt(
    world: &World,
    damage: &Damage,
    audits: bool,
    serves: bool,
    counts: &mut Counts,
) -> Result<Verdict, String> {
    let tried = AssertUnwindSafe(|| attempt_unguarded(world, damage, audits, serves, counts));
    catch_unwind(tried).unwrap_or_else(|_| Err("it panicked, see above".to_owned()))
}

fn attempt_unguarded(
    world: &World,
    damage: &Damage,
    audits: bool,
    serves: bool,
    counts: &mut Counts,
) -> Result<Verdict, String> {
    let verdict = judge(world, damage)?;
    counts.add(damage, &verdict);
    if audits {
        counts.audited += 1;
        let is_told = audited(world, damage, &verdict)?;
        if verdict.class == Class::Silent && !is_told {
            *counts.untold.entry(verdict.why).or_default() += 1;
        }
    }
    if serves && !matches!(verdict.class, Class::Refused | Class::CutOff) {
        counts.lived_on += 1;
        let found = served(&damage.apply(world), world.now);
        let found = found.map_err(|error| format!("it does not start again: {error}"))?;
        is_same(&found, &world.served, &verdict.flagged)?;
    }
    Ok(verdict)
}

/// Tries the damage that `CORRUPTION_AT` names, if it is one of this directory, in every way.
pub(super) fn one(world: &World) {
    let Ok(text) = std::env::var("CORRUPTION_AT") else { return };
    let Some(text) = text.strip_prefix(&format!("{}:", world.name)) else { return };
    let damage: Damage = text.parse().expect("it is a damage");
    let _listening = warnings::listen();
    let mut counts = Counts::default();
    let verdict = attempt(world, &damage, true, true, &mut counts);
    eprintln!("{damage}: {verdict:?} {:?}", counts.untold);
    verdict.expect("the outcome is right");
}
