//! Places where an image could go wrong, one by one.
