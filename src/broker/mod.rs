//! The owner of the state and everything that moves a request through it.
//!
//! Read in this order: [`Handle`] is what the api calls; [`mailbox`] bounds what is under way;
//! [`owner`] is the machine that holds the state, with its parts `batch`, `parked` and `execute`;
//! `upkeep` says when checkpoints are due, `compactor` and `reserve` do what their names say,
//! as does `scrub`;
//! [`start`](mod@start) recovers one, `run` gives it a thread, and `workers` do what it hands out;
//! [`examine`] and [`audit`](audit()) go through a start without being one; `repair` salvages what
//! a start refuses; [`Looker`] answers without changing anything;
//! [`receipt`] seals leases into receipt handles and opens them.

mod audit;
mod backup;
mod batch;
mod compactor;
mod delivery;
pub mod digest;
mod execute;
mod handle;
mod look;
pub mod mailbox;
mod message;
mod mover;
pub mod owner;
mod parked;
mod patience;
pub mod receipt;
mod receive;
mod recover;
mod repair;
mod reserve;
mod run;
pub mod scrub;
pub mod start;
mod status;
pub mod upkeep;
mod workers;

pub use audit::{Audit, audit};
pub use delivery::{BrowsePage, Delivery, Looked, Received};
pub use handle::{Begun, Handle, Outcomes};
pub use look::Looker;
pub use mailbox::Room;
pub use message::{Answer, Event, Held, Request, Waiter};
pub use mover::MoveRead;
pub use owner::{Effect, Owner};
pub use receipt::Receipts;
pub use recover::{Examined, examine};
pub use repair::{
    BaseUsed, Loss, Lost, LostRecords, QueueKept, Remains, RepairError, RepairReport, survey,
};
pub use run::{Broker, Fate};
pub use start::{StartError, Started, start};

/// Why the bytes of a received message cannot be given.
pub use crate::store::BodyError;
