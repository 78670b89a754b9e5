//! ledgerq: a durable, single-node message broker with the semantics of Amazon SQS.

pub mod broker;
pub mod cli;
pub mod client;
pub mod codec;
pub mod config;
pub mod disk;
pub mod log;
pub mod proto;
pub mod store;
pub mod telemetry;
pub mod types;
