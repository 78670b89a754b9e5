//! Bodies that say which message they are of, and prove that they are whole.

use crate::entropy::{Entropy, SeededEntropy};

/// The most words that a body has.
const WORDS_MAX: u32 = 8192;

/// The body of a message: its number, its length, bytes that follow from both, and a checksum.
pub(super) fn of(number: u64, words: u32) -> Vec<u8> {
    let mut chance = SeededEntropy::new(number);
    let mut body = number.to_be_bytes().to_vec();
    body.extend(words.to_be_bytes());
    for _ in 0..words.min(WORDS_MAX) {
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
    let words = u32::from_be_bytes(*body.get(8..)?.first_chunk()?);
    (body == of(number, words)).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_tells_its_number_and_every_change_of_it() {
        for (number, words) in [(1, 0), (16, 500), (32, 70)] {
            let body = of(number, words);
            assert_eq!(number_of(&body), Some(number));
            for at in 0..body.len() {
                let mut changed = body.clone();
                changed[at] ^= 1;
                assert_eq!(number_of(&changed), None, "byte {at} of {number}");
            }
            assert_eq!(number_of(&body[..body.len() - 1]), None);
        }
    }
}
