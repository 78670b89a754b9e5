//! Random scripts, told to a broker on the simulated disk and to a reference model.
//!
//! `PROPTEST_CASES` says how many. Which messages a receive chooses is the broker's to say: the
//! model checks that it may, and follows.

mod fifo;
mod image;
mod reference;
mod steps;
mod time;

/// How many scripts a run tries.
fn cases(count_default: u32) -> u32 {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    asked.unwrap_or(count_default)
}
