//! What lies in the log: where each message's payload is, and how it is read back.

mod body;

pub use body::{BodyError, BodyRef, Place};
