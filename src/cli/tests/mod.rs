//! The command line as a whole.

mod admin;
mod lines;
mod talks;
