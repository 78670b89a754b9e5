//! Random scripts, told to a broker on the simulated disk and to a reference model.
//!
//! `PROPTEST_CASES` says how many. Which messages a receive chooses is the broker's to say: the
//! model checks that it may, and follows.

mod reference;
mod steps;
mod time;
