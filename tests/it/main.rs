//! The integration tests: what a user of the broker would notice, and how the code is kept.

/// The program itself: started, killed, stopped, damaged, and spoken to from the command line.
mod process;
