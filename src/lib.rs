//! ledgerq: a durable, single-node message broker with the semantics of Amazon SQS.
//!
//! A request's way, which is also the order in which to read the house:
//!
//! * [`types`]: the vocabulary: what is asked, logged, answered and refused;
//! * [`proto`] and [`api`]: bytes from the network become commands, answers become bytes;
//! * [`broker`]: one owner decides, applies and gathers batches; answers leave once durable;
//! * [`state`]: the queues: decide, apply, advance; pure;
//! * [`codec`]: records and payloads as bytes;
//! * [`log`]: frames in segments: a durable sequence that knows nothing of queues;
//! * [`store`]: the data directory, and where each message lies in the log;
//! * [`disk`]: the seam to the operating system, real and simulated;
//! * [`clock`] and [`entropy`]: the only readers of time and chance;
//! * [`server`] and [`config`]: the listener, and what an operator sets;
//! * [`client`]: the other end of the wire, for programs in Rust and for the command line;
//! * [`cli`] and [`telemetry`]: the program itself: what it takes, prints and logs.
//!
//! `docs/ARCHITECTURE.md` tells the same at more length.

pub mod api;
pub mod broker;
pub mod cli;
pub mod client;
pub mod clock;
pub mod codec;
pub mod config;
pub mod disk;
pub mod entropy;
pub mod log;
pub mod proto;
pub mod server;
pub mod state;
pub mod store;
pub mod telemetry;
pub mod types;
