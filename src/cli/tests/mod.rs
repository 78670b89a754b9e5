//! The command line as a whole.

mod admin;
pub(super) mod lines;
mod talks;
