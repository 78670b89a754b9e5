//! The SQS-compatible endpoint: HTTP in the two protocols of Amazon SQS, over a broker's handle.
//!
//! Read in this order: `endpoint` takes a request in and sends its answer; `query` and `xml` are
//! the old protocol's way in and out, `request` is what both protocols come to; `actions` has what
//! can be asked; `error` and `refusal` are what a client is told instead; `sigv4` verifies who
//! asks; `attention` is what its connection looks for meanwhile; `urls` and `md5` do what their
//! names say.
//!
//! **Invariant**: no rule of queues is here. What differs from the native API is how a request is
//! written and how a refusal is told.

mod actions;
mod attention;
mod endpoint;
mod error;
mod intake;
mod limits;
mod md5;
mod outgoing;
mod query;
mod refusal;
mod request;
mod sigv4;
mod urls;
mod xml;

pub use attention::Attention;
pub use endpoint::{Endpoint, Settings};
pub use limits::{BODY_TIME_MAX, HEAD_BYTES_MAX, HEADERS_MAX};
pub use outgoing::Outgoing;
pub use sigv4::KeyPair;
