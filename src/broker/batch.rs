//! What the owner gathers while the frame before is being synced: one frame to be, and the answers
//! that wait for it.

use super::{Answer, Held};
use crate::{
    codec,
    log::{Body, Draft},
    types::{Payload, Record, Seq, Timestamp},
};

/// One frame to be.
pub(super) struct Batch<W> {
    /// Broker time of everything in the batch.
    pub(super) now: Timestamp,
    records: Vec<u8>,
    record_count: u32,
    /// Bytes of the payloads, with what the log adds to each.
    payload_bytes: u64,
    payloads: Vec<Payload>,
    /// What the footer will say of the messages.
    summaries: Vec<u8>,
    /// The message of the first payload; those behind it follow without a gap.
    first_seq: Seq,
    only_ticks: bool,
    held: Vec<Held<W>>,
}

/// A batch that is on its way to the log, taken apart.
pub(super) struct Sealed<W> {
    pub(super) draft: Draft,
    pub(super) first_seq: Seq,
    pub(super) payloads: Vec<Payload>,
    pub(super) held: Vec<Held<W>>,
}

impl<W> Batch<W> {
    pub(super) fn new() -> Self {
        Self {
            now: Timestamp::ZERO,
            records: Vec::new(),
            record_count: 0,
            payload_bytes: 0,
            payloads: Vec::new(),
            summaries: Vec::new(),
            first_seq: Seq::default(),
            only_ticks: true,
            held: Vec::new(),
        }
    }

    /// Whether nothing was decided and nobody was answered.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_records() && self.held.is_empty()
    }

    pub(super) fn has_records(&self) -> bool {
        self.record_count > 0
    }

    pub(super) fn record_count(&self) -> u32 {
        self.record_count
    }

    pub(super) fn has_answers(&self) -> bool {
        !self.held.is_empty()
    }

    pub(super) fn push(&mut self, record: &Record) {
        codec::encode_record(record, &mut self.records);
        self.record_count += 1;
        self.only_ticks &= matches!(record, Record::Tick);
    }

    /// A record that accepts messages, the first of them `seq`, with their payloads in order.
    pub(super) fn push_messages(&mut self, record: &Record, seq: Seq, payloads: Vec<Payload>) {
        self.push(record);
        if self.payloads.is_empty() {
            self.first_seq = seq;
            codec::encode_summaries_head(seq, self.now, &mut self.summaries);
        }
        let (now, summaries) = (self.now, &mut self.summaries);
        let mut stored = payloads.iter();
        record.for_each_sending(&mut |sending| {
            if let Some(payload) = stored.next() {
                let (bytes, crc) = (payload.stored_bytes(), payload.crc);
                codec::encode_summary(now, sending, bytes, crc, summaries);
            }
        });
        self.payload_bytes += payloads.iter().map(Payload::stored_bytes).sum::<u64>();
        self.payloads.extend(payloads);
    }

    pub(super) fn hold(&mut self, waiter: W, answer: Answer) {
        self.held.push(Held { waiter, answer });
    }

    /// The payload of a message of this batch.
    pub(super) fn payload(&self, seq: Seq) -> Option<&Payload> {
        let ordinal = seq.get().checked_sub(self.first_seq.get())?;
        self.payloads.get(usize::try_from(ordinal).ok()?)
    }

    /// Bytes of what the footer will say of the messages.
    pub(super) fn summary_bytes(&self) -> u64 {
        self.summaries.len() as u64
    }

    /// The most bytes that the frame would take with `payload_bytes` more in `payloads` payloads
    /// and `record_bytes` more of records.
    pub(super) fn frame_bytes(
        &self,
        payloads: usize,
        payload_bytes: u64,
        record_bytes: u64,
    ) -> u64 {
        Draft::frame_bytes_of(
            self.payloads.len() + payloads,
            self.payload_bytes + payload_bytes,
            self.records.len() as u64 + record_bytes,
        )
    }

    /// Takes the batch out, for the log, and leaves an empty one.
    pub(super) fn seal(&mut self) -> Sealed<W> {
        let batch = std::mem::replace(self, Self::new());
        let body = |payload: &Payload| Body {
            chunks: [payload.head.clone(), payload.body.clone()],
            crc: payload.crc,
        };
        Sealed {
            draft: Draft {
                now: batch.now,
                records: batch.records,
                record_count: batch.record_count,
                bodies: batch.payloads.iter().map(body).collect(),
                summary: batch.summaries,
                tick: batch.only_ticks,
            },
            first_seq: batch.first_seq,
            payloads: batch.payloads,
            held: batch.held,
        }
    }

    /// Takes the answers out of a batch that has no records.
    pub(super) fn take_answers(&mut self) -> Vec<Held<W>> {
        debug_assert!(!self.has_records(), "answers do not overtake their records");
        std::mem::take(&mut self.held)
    }
}
