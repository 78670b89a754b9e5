//! The command line as a whole.

mod lines;
mod talks;
