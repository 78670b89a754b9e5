//! The payloads of the latest messages, for consumers that keep up: they cost no read.

use std::collections::VecDeque;

use crate::types::{Payload, Seq};

/// What a payload takes beside its bytes: its place here, and what the allocator adds to its two
/// buffers.
const PLACE_BYTES: u64 = 160;
/// What a body counts at least that was not copied: it is a slice of a network buffer of at least
/// this size, which it keeps alive.
const NETWORK_BUFFER_BYTES: u64 = 8192;

/// A window over the newest seqs, bounded in bytes.
pub(super) struct TailCache {
    bytes_max: u64,
    bytes: u64,
    /// The seq of the first payload; those behind it follow without a gap.
    first: Seq,
    payloads: VecDeque<Payload>,
}

impl TailCache {
    pub(super) fn new(bytes_max: u64) -> Self {
        Self { bytes_max, bytes: 0, first: Seq::new(1), payloads: VecDeque::new() }
    }

    pub(super) fn extend(&mut self, first: Seq, payloads: Vec<Payload>) {
        if self.first.get() + self.payloads.len() as u64 != first.get() {
            self.payloads.clear();
            (self.bytes, self.first) = (0, first);
        }
        for payload in payloads {
            self.bytes += pinned_bytes(&payload);
            self.payloads.push_back(payload);
        }
        while self.bytes > self.bytes_max
            && let Some(oldest) = self.payloads.pop_front()
        {
            self.bytes -= pinned_bytes(&oldest);
            self.first = self.first.next();
        }
    }

    pub(super) fn get(&self, seq: Seq) -> Option<&Payload> {
        let ordinal = seq.get().checked_sub(self.first.get())?;
        self.payloads.get(usize::try_from(ordinal).ok()?)
    }
}

fn pinned_bytes(payload: &Payload) -> u64 {
    let is_copied = payload.body.len() <= Payload::COPIED_BYTES_MAX;
    let kept_min = if is_copied { 0 } else { NETWORK_BUFFER_BYTES };
    PLACE_BYTES + payload.stored_bytes().max(kept_min)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(body: u8) -> Payload {
        Payload { body: vec![body].into(), ..Payload::default() }
    }

    #[test]
    fn the_newest_payloads_stay_within_the_bound() {
        let mut cache = TailCache::new(3 * (PLACE_BYTES + 1));
        for seq in 1..=10 {
            cache.extend(Seq::new(u64::from(seq)), vec![payload(seq)]);
        }
        let kept: Vec<u64> = (0..12).filter(|seq| cache.get(Seq::new(*seq)).is_some()).collect();
        assert_eq!(kept, [8, 9, 10]);
        assert_eq!(cache.get(Seq::new(9)), Some(&payload(9)));
    }

    #[test]
    fn a_body_that_was_not_copied_counts_for_the_buffer_that_it_keeps() {
        let of = |bytes: usize| {
            let body = vec![0; bytes].into();
            pinned_bytes(&Payload { body, ..Payload::default() }) - PLACE_BYTES
        };
        assert_eq!([1, 4096, 4097, 10_000].map(of), [1, 4096, 8192, 10_000]);
    }

    #[test]
    fn a_bound_of_nothing_keeps_nothing() {
        let mut cache = TailCache::new(0);
        cache.extend(Seq::new(1), vec![payload(1)]);
        assert_eq!(cache.get(Seq::new(1)), None);
    }
}
