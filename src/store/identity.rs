//! Who a data directory is: the file `IDENTITY`.
//!
//! ```text
//!  0  8  magic "LQIDENT\n"
//!  8  2  format version: 1
//! 10 16  uuid of this directory
//! 26 16  lineage: kept by a restore
//! 42 32  key of receipt handles; a secret, hence mode 0600
//! 74  4  CRC-32 (IEEE) of all before
//! ```

use super::StoreError;
use crate::types::Lineage;

const MAGIC: &[u8; 8] = b"LQIDENT\n";
/// The version that this program writes, and the highest that it reads.
const VERSION: u16 = 1;
const IDENTITY_BYTES: usize = 78;

/// What a data directory is known by.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// Of this directory alone.
    pub uuid: [u8; 16],
    /// Of all directories with the same history.
    pub lineage: Lineage,
    /// Authenticates receipt handles.
    pub receipt_key: [u8; 32],
}

impl Identity {
    /// The identity of a new directory.
    pub fn random(random: &mut dyn FnMut() -> u64) -> Self {
        let mut bytes = [0; 64];
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&random().to_le_bytes());
        }
        let part = |from: usize| std::array::from_fn(|at| bytes[from + at]);
        let key = std::array::from_fn(|at| bytes[32 + at]);
        Self::new(part(0), part(16), key)
    }

    /// The identity of a new directory, from random bytes.
    pub fn new(uuid: [u8; 16], lineage: [u8; 16], receipt_key: [u8; 32]) -> Self {
        Self { uuid, lineage: Lineage(lineage), receipt_key }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(IDENTITY_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&self.uuid);
        bytes.extend_from_slice(&self.lineage.0);
        bytes.extend_from_slice(&self.receipt_key);
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = |problem| StoreError::IdentityDamaged { problem };
        if bytes.get(..8) != Some(MAGIC) {
            return Err(damaged("it does not begin as an IDENTITY does"));
        }
        let version: [u8; 2] = part(bytes, 8).ok_or_else(|| damaged("it is cut off"))?;
        let found = u16::from_le_bytes(version);
        if found > VERSION && is_whole(bytes) {
            return Err(StoreError::NewerFormat { found, known: VERSION });
        }
        let stored: [u8; 4] = part(bytes, 74).ok_or_else(|| damaged("it is cut off"))?;
        if bytes.len() != IDENTITY_BYTES || crc32fast::hash(&bytes[..74]).to_le_bytes() != stored {
            return Err(damaged("its checksum does not match"));
        }
        let read = || Some(Self::new(part(bytes, 10)?, part(bytes, 26)?, part(bytes, 42)?));
        read().ok_or_else(|| damaged("it is cut off"))
    }
}

/// Whether the last four bytes are the CRC of all before, as in every version: damage is not taken
/// for a newer format.
fn is_whole(bytes: &[u8]) -> bool {
    let content = bytes.split_last_chunk::<4>();
    content.is_some_and(|(content, crc)| crc32fast::hash(content).to_le_bytes() == *crc)
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_read_as_it_was_written() {
        let identity = Identity::new([1; 16], [2; 16], [3; 32]);
        assert!(Identity::decode(&identity.encode()).is_ok_and(|read| read == identity));
    }

    #[test]
    fn every_changed_bit_and_every_other_length_is_refused() {
        let bytes = Identity::new([1; 16], [2; 16], [3; 32]).encode();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(Identity::decode(&changed).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(Identity::decode(&bytes[..length]).is_err(), "length {length}");
        }
        assert!(Identity::decode(&[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn a_later_version_is_told_apart_from_a_damaged_one() {
        let mut bytes = Identity::new([1; 16], [2; 16], [3; 32]).encode();
        bytes[8] = 2;
        let damaged = Identity::decode(&bytes);
        assert!(matches!(damaged, Err(StoreError::IdentityDamaged { .. })));
        // A later version may be longer.
        bytes.truncate(74);
        bytes.extend_from_slice(b"more");
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        let refused = Identity::decode(&bytes);
        assert!(matches!(refused, Err(StoreError::NewerFormat { found: 2, known: 1 })));
    }
}
