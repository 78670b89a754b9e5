//! The log on the simulated disk: every rule with its trace, every crash, every damaged bit.

mod harness;
mod round_trip;
