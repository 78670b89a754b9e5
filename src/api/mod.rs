//! Bytes to commands and replies to bytes: what each protocol does, and no rule of queues.
//!
//! A request is parsed and checked here as far as it can be without the state; behind the
//! [`Handle`](crate::broker::Handle) nothing checks a name or a count again. [`Gate`] stands before
//! the broker while it recovers and once it drains.

mod gate;
pub mod grpc;
pub mod sqs;

pub use gate::{Closed, Gate, OpenStream, Phase};
