//! Bodies that say which message they are of, and prove that they are whole.

use ledgerq::entropy::{Entropy, SeededEntropy};

/// The body of a message: its number, bytes that follow from it, and their checksum.
pub(super) fn of(number: u64) -> Vec<u8> {
    let mut chance = SeededEntropy::new(number);
    let words = chance.next() % if number.is_multiple_of(16) { 500 } else { 40 };
    let mut body = number.to_be_bytes().to_vec();
    for _ in 0..words {
        // Whole sectors of zero are what a log must not take for a torn write.
        let word = if number.is_multiple_of(32) { 0 } else { chance.next() };
        body.extend(word.to_be_bytes());
    }
    body.extend(crc32fast::hash(&body).to_be_bytes());
    body
}

/// Whose body this is; `None` if it is not whole.
pub(super) fn number_of(body: &[u8]) -> Option<u64> {
    let number = u64::from_be_bytes(*body.first_chunk()?);
    (body == of(number)).then_some(number)
}

#[test]
fn a_body_tells_its_number_and_every_change_of_it() {
    for number in [1, 16, 32] {
        let body = of(number);
        assert_eq!(number_of(&body), Some(number));
        for at in 0..body.len() {
            let mut changed = body.clone();
            changed[at] ^= 1;
            assert_eq!(number_of(&changed), None, "byte {at} of {number}");
        }
        assert_eq!(number_of(&body[..body.len() - 1]), None);
    }
}
