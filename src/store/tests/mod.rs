//! The store alone, on files that note what is read of them and on outputs made by hand.

pub(super) mod harness;
mod loading;
mod reading;
mod scrubbing;
