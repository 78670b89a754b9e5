//! What is left of a data directory whose start is refused: messages, one by one, and what
//! checkpoints still tell; and a new directory made of that.
//!
//! `left` finds messages in files, `bases` what checkpoints are good for, `rebuild` writes.

mod bases;
mod left;
mod rebuild;

pub use bases::{Bases, bases};
pub use left::{FoundMessage, elsewhere, messages_left, messages_of};
pub use rebuild::{RebuildError, Rebuilding};
