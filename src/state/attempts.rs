//! Attempts of FIFO receives: for 5 minutes, the same attempt id gives the same messages and
//! handles, unless one of them was deleted or changed or its lease is over.

use super::cow::CowMap;
use crate::types::{Digest, Nonce, Seq, Timestamp};

/// What one attempt leased.
#[derive(Clone)]
pub(super) struct Attempt {
    pub(super) nonce: Nonce,
    /// In the order of the reply.
    pub(super) seqs: Vec<Seq>,
    /// When the id stops counting.
    pub(super) ends_at: Timestamp,
}

/// The attempts of one queue that count.
#[derive(Default)]
pub(super) struct Attempts {
    pub(super) by_id: CowMap<Digest, Attempt>,
}

impl Attempts {
    /// Forgets an attempt if it stops counting at this time; whether it did.
    pub(super) fn expire(&mut self, id: Digest, at: Timestamp) -> bool {
        let is_over = self.by_id.get(&id).is_some_and(|attempt| attempt.ends_at <= at);
        is_over && self.by_id.remove(&id).is_some()
    }
}
