//! What lies in the log: where each message's payload is, and how it is read back.
//!
//! The state knows a message by its seq and nothing else; this room knows its place. Both are
//! rebuilt from the same frames.

mod body;
mod cache;
mod directory;
mod error;
mod identity;
mod index;

use crate::{
    log::{FramePlace, FrameView},
    types::{Payload, Seq},
};

pub use body::{BodyError, BodyRef, Place};
use cache::TailCache;
pub use directory::{Directory, lineage_of};
pub use error::StoreError;
pub use identity::Identity;
use index::Index;

/// The places of all messages, and the payloads of the latest.
pub struct Store {
    index: Index,
    cache: TailCache,
}

impl Store {
    /// An empty store that keeps up to so many bytes of the latest payloads in memory.
    pub fn new(cache_bytes_max: u64) -> Self {
        Self { index: Index::default(), cache: TailCache::new(cache_bytes_max) }
    }

    /// Takes over the payloads of a frame that was just given its place: those of the messages
    /// from `first_seq` on.
    pub fn written(&mut self, place: &FramePlace, first_seq: Seq, payloads: Vec<Payload>) {
        let mut offset = place.bodies_offset;
        let slots = payloads.iter().map(|payload| {
            let slot = (offset, payload.stored_bytes(), payload.crc);
            offset += payload.stored_bytes();
            slot
        });
        self.index.extend(place.segment, &place.file, first_seq, slots);
        self.cache.extend(first_seq, payloads);
    }

    /// Takes over the bodies of a frame that a start has read.
    pub fn replayed(&mut self, view: &FrameView<'_>, first_seq: Seq) {
        let slots = view.bodies.iter().map(|body| (body.offset, u64::from(body.len), body.crc));
        self.index.extend(view.segment, view.file, first_seq, slots);
    }

    /// A message's payload; `None` if the message was never there.
    pub fn body(&self, seq: Seq) -> Option<BodyRef> {
        if let Some(payload) = self.cache.get(seq) {
            return Some(BodyRef::Cached(payload.clone()));
        }
        self.index.place(seq).map(BodyRef::Stored)
    }
}
