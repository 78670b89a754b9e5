//! What a drill found, for people and for programs.

use std::{collections::BTreeMap, io, time::Duration};

use serde_json::{Value, json};

use super::{
    history::{Broken, Promise, Tally},
    profile::{Fault, LeftOut},
};
use crate::cli::{Output, output::counted};

/// How many broken promises are listed.
const LISTED_MAX: usize = 20;
/// The longest bar of the histogram, in characters.
const BAR_MAX: u64 = 40;

/// What a drill was, as it began.
#[derive(Clone, Debug)]
pub(super) struct Setup {
    pub(super) seed: u64,
    pub(super) profile: &'static str,
    pub(super) medium: &'static str,
    pub(super) left_out: Vec<LeftOut>,
}

/// One cycle.
#[derive(Clone, Debug)]
pub(super) struct Cycle {
    pub(super) number: u64,
    pub(super) fault: Fault,
    /// How the broker ended if it did so by itself.
    pub(super) ended: Option<i32>,
    /// The last start: from its beginning until it served.
    pub(super) recovery: Duration,
    /// What was noted within the cycle.
    pub(super) tally: Tally,
}

/// Everything that a drill found.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) setup: Setup,
    pub(super) cycles: Vec<Cycle>,
    /// Starts in all, those that were interrupted too.
    pub(super) starts: u64,
    pub(super) tally: Tally,
    /// Sends that were refused for lack of space.
    pub(super) disk_full: u64,
    pub(super) broken: Vec<Broken>,
    /// Messages that were in a copied directory: before and after.
    pub(super) others: Option<(u64, u64)>,
    /// What kept the drill from its end.
    pub(super) failed: Option<String>,
    /// Where everything is left, if something was found.
    pub(super) kept: Option<String>,
    pub(super) took: Duration,
}

impl Report {
    /// Of a drill that begins.
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            setup,
            cycles: Vec::new(),
            starts: 0,
            tally: Tally::default(),
            disk_full: 0,
            broken: Vec::new(),
            others: None,
            failed: None,
            kept: None,
            took: Duration::ZERO,
        }
    }

    /// Whether it came to its end and no promise was broken.
    pub(super) fn is_good(&self) -> bool {
        self.broken.is_empty() && self.failed.is_none()
    }

    fn count(&self, promise: Promise) -> usize {
        self.broken.iter().filter(|broken| broken.promise == promise).count()
    }

    /// The last line for programs.
    pub(super) fn object(&self) -> Value {
        let Setup { seed, profile, medium, left_out } = &self.setup;
        let Tally { acknowledged, deleted, redelivered, .. } = self.tally;
        let others = Promise::ALL.map(|promise| (promise.name(), self.count(promise)));
        let broken: BTreeMap<&str, usize> = others.into_iter().filter(|(_, n)| *n > 0).collect();
        let left_out = left_out.iter().map(|it| json!({ "fault": it.fault.name(), "why": it.why }));
        json!({
            "kind": "drill",
            "profile": profile,
            "seed": seed,
            "medium": medium,
            "left_out": left_out.collect::<Vec<_>>(),
            "cycles": self.cycles.len(),
            "faults": self.by(|cycle| cycle.fault.name().to_owned()),
            "ended": self.by_end(),
            "starts": self.starts,
            "acknowledged": acknowledged,
            "sends_unknown": self.tally.sends_unknown,
            "refused_disk_full": self.disk_full,
            "deleted": deleted,
            "deletes_unknown": self.tally.deletes_unknown,
            "received": self.tally.received,
            "redelivered": redelivered,
            "lost": self.count(Promise::Lost),
            "resurrected": self.count(Promise::Resurrected),
            "broken": broken,
            "others_before": self.others.map(|(before, _)| before),
            "others_after": self.others.map(|(_, after)| after),
            "recovery_ms": times(&self.recoveries_ms()),
            "failed": self.failed,
            "kept": self.kept,
            "took_ms": millis(self.took),
        })
    }

    /// The report for people.
    pub(super) fn text(&self, out: &mut Output) -> io::Result<()> {
        let Setup { seed, profile, medium, left_out } = &self.setup;
        let cycles = counted(self.cycles.len() as u64, "cycle", "cycles");
        let took = humantime::format_duration(Duration::from_millis(millis(self.took)));
        out.line(&format!("{cycles} of profile {profile} on {medium}, seed {seed}, in {took}"))?;
        let faults = self.by(|cycle| cycle.fault.name().to_owned());
        let faults: Vec<String> = faults.iter().map(|(name, n)| format!("{name} {n}")).collect();
        out.line(&format!("faults: {}; {} starts", faults.join(", "), self.starts))?;
        for LeftOut { fault, why } in left_out {
            out.line(&format!("left out: {}, since {why}", fault.name()))?;
        }
        let Tally { acknowledged, sends_unknown, deleted, deletes_unknown, .. } = self.tally;
        let Tally { received, redelivered, .. } = self.tally;
        let unknown = |count: u64| format!("and {count} whose answer never came");
        let refused = format!("{} requests refused for lack of space", self.disk_full);
        let rows = [
            ["acknowledged".into(), acknowledged.to_string(), unknown(sends_unknown)],
            ["deleted".into(), deleted.to_string(), unknown(deletes_unknown)],
            ["redelivered".into(), redelivered.to_string(), format!("of {received} receives")],
            ["lost".into(), self.count(Promise::Lost).to_string(), String::new()],
            ["resurrected".into(), self.count(Promise::Resurrected).to_string(), String::new()],
        ];
        out.table(["MESSAGES", "", ""], rows)?;
        if self.disk_full > 0 {
            out.line(&refused)?;
        }
        if let Some((before, after)) = self.others {
            out.line(&format!(
                "messages that were there before: {before}, and {after} at the end; they can only \
                 be fewer if their time was over"
            ))?;
        }
        self.histogram(out)?;
        for broken in self.broken.iter().take(LISTED_MAX) {
            out.line(&format!("BROKEN: {broken}"))?;
        }
        if let Some(failed) = &self.failed {
            out.line(&format!("FAILED: {failed}"))?;
        }
        if let Some(kept) = &self.kept {
            out.line(&format!("everything is left in {kept}"))?;
        }
        out.line(if self.is_good() {
            "every promise was kept"
        } else {
            "PROMISES WERE BROKEN, or the drill did not come to its end"
        })
    }

    /// How long the starts took, in classes that double.
    fn histogram(&self, out: &mut Output) -> io::Result<()> {
        let mut classes: BTreeMap<u32, u64> = BTreeMap::new();
        for recovery_ms in self.recoveries_ms() {
            *classes.entry(recovery_ms.max(1).ilog2()).or_default() += 1;
        }
        let most = classes.values().copied().max().unwrap_or(1);
        let rows = classes.into_iter().map(|(class, count)| {
            let bar = (count * BAR_MAX).div_ceil(most);
            let bar = "#".repeat(usize::try_from(bar).unwrap_or_default());
            let (from, to) = (1_u64 << class, (2_u64 << class) - 1);
            [format!("{from} to {to} ms"), count.to_string(), bar]
        });
        out.table(["RECOVERY", "", ""], rows)
    }

    fn recoveries_ms(&self) -> Vec<u64> {
        let mut recoveries: Vec<u64> =
            self.cycles.iter().map(|cycle| millis(cycle.recovery)).collect();
        recoveries.sort_unstable();
        recoveries
    }

    fn by(&self, key: impl Fn(&Cycle) -> String) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for cycle in &self.cycles {
            *counts.entry(key(cycle)).or_default() += 1;
        }
        counts
    }

    /// How often the broker ended by itself with which code; a signal is 128 and its number.
    fn by_end(&self) -> BTreeMap<String, u64> {
        let mut counts = self.by(|cycle| cycle.ended.map_or(String::new(), |it| it.to_string()));
        counts.remove("");
        counts
    }
}

impl Cycle {
    /// One line for programs.
    pub(super) fn object(&self) -> Value {
        let Tally { acknowledged, sends_unknown, deleted, deletes_unknown, received, redelivered } =
            self.tally;
        json!({
            "kind": "cycle",
            "cycle": self.number,
            "fault": self.fault.name(),
            "ended": self.ended,
            "recovery_ms": millis(self.recovery),
            "acknowledged": acknowledged,
            "sends_unknown": sends_unknown,
            "deleted": deleted,
            "deletes_unknown": deletes_unknown,
            "received": received,
            "redelivered": redelivered,
        })
    }
}

impl Tally {
    /// What was noted since an earlier tally.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            acknowledged: self.acknowledged - earlier.acknowledged,
            sends_unknown: self.sends_unknown - earlier.sends_unknown,
            deleted: self.deleted - earlier.deleted,
            deletes_unknown: self.deletes_unknown - earlier.deletes_unknown,
            received: self.received - earlier.received,
            redelivered: self.redelivered - earlier.redelivered,
        }
    }
}

/// The spread of some times in ascending order.
fn times(ascending: &[u64]) -> Value {
    let at = |percent: usize| {
        let rank = (ascending.len() * percent).div_ceil(100).max(1);
        ascending.get(rank - 1).copied()
    };
    json!({ "min": at(0), "p50": at(50), "p90": at(90), "p99": at(99), "max": at(100) })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
