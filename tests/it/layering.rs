//! How the sources are kept: which room may use which, what a file may look like,
//! and whether pages name what is there.

mod docs;
mod rooms;
mod source;
mod style;
