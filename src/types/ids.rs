//! Identities: positions in the log, messages, queues, leases.

use std::fmt;

/// Position of a record in the log. Dense, the first record is 1; 0 means "before the log".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(u64);

/// A message's identity: dense, given when the message is accepted, never given again. The first
/// message is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(u64);

/// One incarnation of a queue: a queue deleted and created again has another id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QueueId(u64);

/// One move task: dense over all queues, never given again. The first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(u64);

/// One compaction output: dense, never given again. The first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OutputId(u64);

/// Tells one lease of a message from every other: random, chosen by the broker for each receive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nonce(u64);

/// The line of data directories that share one history: kept by a restore, new for a new directory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Lineage(pub [u8; 16]);

macro_rules! number {
    ($name:ident) => {
        impl $name {
            /// Wraps the raw number.
            pub const fn new(raw: u64) -> Self {
                Self(raw)
            }

            /// The raw number.
            pub const fn get(self) -> u64 {
                self.0
            }

            /// The one after this.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}
number!(Lsn);
number!(Seq);
number!(QueueId);
number!(Nonce);
number!(TaskId);
number!(OutputId);

/// What a client knows a message by: a UUID version 8 (RFC 9562) that encodes its [`Seq`].
///
/// The first 64 bits that the RFC leaves free hold the seq, big-endian, so that ids sort in the
/// order of acceptance and looking one up needs no index. The other 58 are a fingerprint of the
/// lineage and the seq: an id of another broker is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(u128);

/// A mask of the 58 bits of the fingerprint.
const FINGERPRINT: u128 = (1 << 58) - 1;

impl MessageId {
    /// The id of message `seq` in the directories of `lineage`.
    pub fn new(lineage: Lineage, seq: Seq) -> Self {
        let seq_bits = u128::from(seq.get());
        let (high_48, next_12, low_4) = (seq_bits >> 16, (seq_bits >> 4) & 0xfff, seq_bits & 0xf);
        Self(
            high_48 << 80
                | 8 << 76
                | next_12 << 64
                | 0b10 << 62
                | low_4 << 58
                | fingerprint(lineage, seq),
        )
    }

    /// An id from its 128 bits, as a client sent it; `None` if it is none of this lineage.
    pub fn from_u128(lineage: Lineage, raw: u128) -> Option<Self> {
        let id = Self(raw);
        (id == Self::new(lineage, id.seq())).then_some(id)
    }

    /// The 128 bits.
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The message that this id names.
    #[expect(clippy::cast_possible_truncation, reason = "48 + 12 + 4 bits are put together")]
    pub const fn seq(self) -> Seq {
        let (high_48, next_12) = (self.0 >> 80, (self.0 >> 64) & 0xfff);
        Seq::new((high_48 << 16 | next_12 << 4 | (self.0 >> 58) & 0xf) as u64)
    }
}

/// In the usual 8-4-4-4-12 form.
impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&uuid_text(self.0))
    }
}

/// 128 bits in the form of a UUID.
pub fn uuid_text(bits: u128) -> String {
    let mut text = String::with_capacity(36);
    for (at, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(at, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        push_hex(&mut text, byte);
    }
    text
}

/// Puts a byte in lower-case hex; every answer about a message has dozens of them.
pub fn push_hex(text: &mut String, byte: u8) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    text.push(DIGITS[usize::from(byte >> 4)]);
    text.push(DIGITS[usize::from(byte & 15)]);
}

/// 58 bits that tell lineages apart. Not a secret: a receipt handle, not an id, gives rights.
fn fingerprint(lineage: Lineage, seq: Seq) -> u128 {
    let lineage_bits = u128::from_le_bytes(lineage.0);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are taken on purpose")]
    let (low, high) = (lineage_bits as u64, (lineage_bits >> 64) as u64);
    u128::from(mix(mix(seq.get() ^ low) ^ high)) & FINGERPRINT
}

/// The finalizer of `SplitMix64` (Steele, Lea, Flood 2014): every input bit reaches every
/// output bit.
const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINEAGE: Lineage = Lineage([7; 16]);

    #[test]
    fn an_id_gives_its_seq_back_and_sorts_like_it() {
        let seqs = [0, 1, 15, 16, 4095, 65_536, 1 << 48, u64::MAX];
        let ids = seqs.map(|seq| MessageId::new(LINEAGE, Seq::new(seq)));
        assert!(ids.is_sorted());
        for (id, seq) in ids.iter().zip(seqs) {
            assert_eq!(id.seq(), Seq::new(seq));
            assert_eq!(MessageId::from_u128(LINEAGE, id.as_u128()), Some(*id));
        }
    }

    #[test]
    fn an_id_is_a_uuid_of_version_8() {
        let id = MessageId::new(LINEAGE, Seq::new(1)).to_string();
        assert_eq!(id.len(), 36);
        assert_eq!((id.as_bytes()[14], id.as_bytes()[19] & 0b1111_1100), (b'8', b'8'));
    }

    #[test]
    fn an_id_of_another_lineage_or_with_a_changed_bit_is_none_of_ours() {
        let id = MessageId::new(LINEAGE, Seq::new(5)).as_u128();
        assert_eq!(MessageId::from_u128(Lineage([8; 16]), id), None);
        for bit in 0..128 {
            assert_eq!(MessageId::from_u128(LINEAGE, id ^ (1 << bit)), None, "bit {bit}");
        }
    }
}
