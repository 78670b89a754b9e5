//! The vocabulary: what every room says the same way.
//!
//! Here are names, identities, times, settings, limits, and the four sentences of the broker: a
//! [`Command`] is asked, a [`Record`] is a logged fact, a [`Reply`] answers, a [`Rejection`]
//! refuses. Nothing here does I/O, reads a clock or draws a random number, and nothing here uses
//! another room.

mod attribute;
mod command;
mod ids;
pub mod limits;
mod name;
mod record;
mod rejection;
mod reply;
mod settings;
mod time;

pub use attribute::{Attribute, AttributeValue, Payload, check_attribute_count};
pub use command::{Command, DeleteMode, LeaseRef, SendEntry};
pub use ids::{Lineage, Lsn, MessageId, Nonce, QueueId, Seq};
pub use name::{NameError, QueueName};
pub use record::Record;
pub use rejection::{Rejection, Unit, in_range, quoted};
pub use reply::{DeleteOutcome, Leased, QueueCounts, QueueView, Reply, Sent};
pub use settings::{QueueSettings, SettingsPatch};
pub use time::{Millis, Timestamp};
