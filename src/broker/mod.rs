//! The owner of the state and everything that moves a request through it.
//!
//! Read in this order: [`Handle`] is what the api calls; [`mailbox`] bounds what is under way;
//! [`receipt`] seals leases into receipt handles and opens them.

mod handle;
pub mod mailbox;
mod message;
pub mod receipt;

pub use handle::{Delivery, Handle, Received};
pub use message::{Answer, Event, Held, Request, Waiter};
pub use receipt::Receipts;

/// Why the bytes of a received message cannot be given.
pub use crate::store::BodyError;
