//! What a run does, so that it can be repeated and made smaller.
//!
//! A workload is made of rounds. Each draws from a seed of its own, made of the run's seed and the
//! round's number, so that leaving out some rounds changes nothing in what the others choose from.

use std::fmt;

use ledgerq::disk::sim::{Counter, Fault, Random};

use super::setting_text;

/// What a session does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Workload {
    /// What clients do, on a broker that has little to keep up.
    Plain,
    /// The first rounds of that, so few that every outcome of a crash can be tried.
    Small,
    /// Checkpoints, compactions and files that die, between what clients do.
    Upkeep,
    /// The same each time: every kind of upkeep, one after another.
    Script,
    /// All that there is, for long, with faults of every kind on the way.
    Whole,
}

/// An operation of the disk: the `nth`, from 1, of those that the round made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) round: usize,
    pub(super) nth: u64,
}

/// One fault at one operation of one counter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Planned {
    pub(super) counter: Counter,
    pub(super) place: Place,
    pub(super) fault: Fault,
}

/// A workload, its seed, the rounds of it that are run, and a fault.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) workload: Workload,
    pub(super) seed: u64,
    /// Ascending. Round 0 makes the queues and is always run.
    pub(super) rounds: Vec<usize>,
    pub(super) planned: Option<Planned>,
}

impl Plan {
    /// All of a workload, or the rounds that `SIM_ROUNDS` asks for.
    pub(super) fn new(workload: Workload, seed: u64) -> Self {
        let all = 1..=workload.rounds_count();
        let asked = setting_text("SIM_ROUNDS").map(|text| parse_rounds(&text));
        let rounds = asked.unwrap_or_else(|| all.collect());
        Self { workload, seed, rounds, planned: None }
    }

    #[must_use]
    pub(super) fn with(&self, planned: Planned) -> Self {
        Self { planned: Some(planned), ..self.clone() }
    }

    /// Where a round draws its choices from.
    pub(super) fn random_of(&self, round: usize) -> Random {
        Random::new(self.seed << 16 ^ round as u64)
    }

    /// The settings that repeat this run.
    pub(super) fn repeat(&self) -> String {
        let seed = format!("SIM_SEED={}", self.seed);
        let place = self.planned.map(|planned| format!("SIM_AT={}", planned.place));
        let is_part = self.rounds.len() < self.workload.rounds_count();
        let rounds = is_part.then(|| format!("SIM_ROUNDS={}", print_rounds(&self.rounds)));
        [Some(seed), place, rounds].into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.nth)
    }
}

impl Place {
    /// The one that `SIM_AT` asks for.
    pub(super) fn asked() -> Option<Self> {
        let text = setting_text("SIM_AT")?;
        let (round, nth) = text.split_once('.').expect("SIM_AT is a round, a dot, an operation");
        let (round, nth) = (round.parse().expect("a number"), nth.parse().expect("a number"));
        Some(Self { round, nth })
    }
}

/// "1-3,7".
fn print_rounds(rounds: &[usize]) -> String {
    let mut parts: Vec<(usize, usize)> = Vec::new();
    for round in rounds {
        match parts.last_mut() {
            Some((_, last)) if *last + 1 == *round => *last = *round,
            _ => parts.push((*round, *round)),
        }
    }
    let print = |(first, last): &(usize, usize)| {
        if first == last { format!("{first}") } else { format!("{first}-{last}") }
    };
    parts.iter().map(print).collect::<Vec<_>>().join(",")
}

fn parse_rounds(text: &str) -> Vec<usize> {
    let number = |text: &str| text.parse::<usize>().expect("SIM_ROUNDS is like 1-3,7");
    let part = |part: &str| match part.split_once('-') {
        Some((first, last)) => number(first)..=number(last),
        None => number(part)..=number(part),
    };
    text.split(',').filter(|text| !text.is_empty()).flat_map(part).collect()
}

#[test]
fn rounds_are_read_as_they_are_printed() {
    for rounds in [&[][..], &[4], &[1, 2, 3, 7], &[1, 3, 5, 6]] {
        assert_eq!(parse_rounds(&print_rounds(rounds)), rounds);
    }
    assert_eq!(print_rounds(&[1, 2, 3, 7, 9, 10]), "1-3,7,9-10");
}
