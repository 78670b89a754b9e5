//! ledgerq: a durable, single-node message broker with the semantics of Amazon SQS.

pub mod api;
pub mod broker;
pub mod codec;
pub mod disk;
pub mod log;
pub mod proto;
pub mod server;
pub mod store;
pub mod types;
