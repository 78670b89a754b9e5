//! The log.

/// A prepared segment.
pub struct Prepared;
