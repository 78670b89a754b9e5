//! Receipt handles: a lease's names under a message authentication code.
//!
//! ```text
//! u8  version: 1
//! u64 queue, u64 seq, u64 nonce     big-endian
//! 16 bytes                          HMAC-SHA-256 of all before, cut to its first half (RFC 2104)
//! ```
//!
//! in base64 for URLs without padding (RFC 4648 section 5): 55 characters. The key lies in the data
//! directory, so that handles hold across restarts, and nobody without it can make one.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::types::{LeaseRef, Nonce, QueueId, Rejection, Seq};

const VERSION: u8 = 1;
const NAMES_BYTES: usize = 25;
const MAC_BYTES: usize = 16;
const HANDLE_BYTES: usize = NAMES_BYTES + MAC_BYTES;
/// How much of a wrong handle a refusal quotes, in characters.
const QUOTED_CHARS_MAX: usize = 64;

/// Seals and opens receipt handles.
#[derive(Clone)]
pub struct Receipts {
    keyed: Hmac<Sha256>,
}

impl Receipts {
    /// With this secret key.
    ///
    /// # Panics
    ///
    /// Never: HMAC takes keys of any length.
    pub fn new(key: &[u8; 32]) -> Self {
        Self { keyed: Hmac::new_from_slice(key).expect("HMAC takes keys of any length") }
    }

    /// The receipt handle of a lease.
    pub fn seal(&self, lease: &LeaseRef) -> String {
        let mut bytes = [0; HANDLE_BYTES];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&lease.queue.get().to_be_bytes());
        bytes[9..17].copy_from_slice(&lease.seq.get().to_be_bytes());
        bytes[17..25].copy_from_slice(&lease.nonce.get().to_be_bytes());
        let mac = self.mac(&bytes[..NAMES_BYTES]);
        bytes[NAMES_BYTES..].copy_from_slice(&mac);
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The lease that a receipt handle names.
    pub fn open(&self, handle: &str) -> Result<LeaseRef, Rejection> {
        self.lease(handle).ok_or_else(|| Rejection::ReceiptHandleInvalid {
            value: handle.chars().take(QUOTED_CHARS_MAX).collect(),
        })
    }

    fn lease(&self, handle: &str) -> Option<LeaseRef> {
        let mut bytes = [0; HANDLE_BYTES];
        let length = BASE64_URL_SAFE_NO_PAD.decode_slice(handle, &mut bytes).ok()?;
        let (names, mac) = bytes.split_at(NAMES_BYTES);
        let genuine = bool::from(self.mac(names).ct_eq(mac));
        if length != HANDLE_BYTES || names[0] != VERSION || !genuine {
            return None;
        }
        let number = |at: usize| Some(u64::from_be_bytes(names[at..at + 8].try_into().ok()?));
        Some(LeaseRef {
            queue: QueueId::new(number(1)?),
            seq: Seq::new(number(9)?),
            nonce: Nonce::new(number(17)?),
        })
    }

    fn mac(&self, names: &[u8]) -> [u8; MAC_BYTES] {
        let mut keyed = self.keyed.clone();
        keyed.update(names);
        let full: [u8; 32] = keyed.finalize().into_bytes().into();
        let mut half = [0; MAC_BYTES];
        half.copy_from_slice(&full[..MAC_BYTES]);
        half
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> LeaseRef {
        LeaseRef { queue: QueueId::new(3), seq: Seq::new(u64::MAX), nonce: Nonce::new(99) }
    }

    #[test]
    fn a_handle_opens_to_the_lease_it_was_sealed_from() {
        let receipts = Receipts::new(&[1; 32]);
        let handle = receipts.seal(&lease());
        assert_eq!(handle.len(), 55);
        assert_eq!(receipts.open(&handle), Ok(lease()));
    }

    #[test]
    fn a_handle_with_any_changed_bit_or_of_another_broker_is_refused() {
        let receipts = Receipts::new(&[1; 32]);
        let handle = receipts.seal(&lease());
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&handle).expect("it was just encoded");
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = BASE64_URL_SAFE_NO_PAD.encode(&forged);
            assert!(receipts.open(&forged).is_err(), "bit {bit}");
        }
        assert!(Receipts::new(&[2; 32]).open(&handle).is_err());
    }

    #[test]
    fn what_is_no_handle_at_all_is_refused_and_quoted_in_part() {
        let receipts = Receipts::new(&[1; 32]);
        for garbage in ["", "garbage", "\u{1f980}", &"A".repeat(55), &"A".repeat(100_000)] {
            let Err(Rejection::ReceiptHandleInvalid { value }) = receipts.open(garbage) else {
                panic!("{garbage:.20} was taken");
            };
            assert!(value.chars().count() <= QUOTED_CHARS_MAX);
        }
    }
}
