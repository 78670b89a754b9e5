//! How the sources are kept: which room may use which, and what a file may look like.

mod rooms;
mod source;
mod style;
