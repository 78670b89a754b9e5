//! The SQS-compatible endpoint: HTTP in the two protocols of Amazon SQS, over a broker's handle.
//!
//! Read in this order: `endpoint` takes a request in and sends its answer; `query` and `xml` are
//! the old protocol's way in and out, `request` is what both protocols come to; `actions` has what
//! can be asked; `error` and `refusal` are what a client is told instead; `sigv4` verifies who
//! asks; `urls` and `md5` do what their names say.
//!
//! **Invariant**: no rule of queues is here. What differs from the native API is how a request is
//! written and how a refusal is told.

mod actions;
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

pub use endpoint::{Settings, routes};
pub use limits::{HEAD_BYTES_MAX, HEADERS_MAX};
pub use sigv4::KeyPair;

/// What fuzzing calls: parsers of bytes that anybody can send.
pub mod parsers {
    use super::{query, request::Parameters};

    /// Reads bytes as a form and as what every action may be asked in JSON; whether either could
    /// be.
    pub fn form(bytes: &[u8]) -> bool {
        let mut parameters = query::Parameters::new();
        let read = query::read(bytes, &mut parameters);
        let tree = read.and_then(|()| query::tree(&parameters));
        tree.map(Parameters::Query).is_ok_and(super::actions::reads)
    }

    /// Reads bytes as the JSON of every action; whether one of them could be asked so.
    pub fn json(bytes: &[u8]) -> bool {
        super::actions::reads(Parameters::Json(bytes::Bytes::copy_from_slice(bytes)))
    }
}
