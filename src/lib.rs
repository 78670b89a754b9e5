//! ledgerq: a durable, single-node message broker with the semantics of Amazon SQS.

pub mod broker;
pub mod clock;
pub mod codec;
pub mod disk;
pub mod entropy;
pub mod log;
pub mod state;
pub mod store;
pub mod types;
