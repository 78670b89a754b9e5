//! Receipt handles: any text is opened or refused in few words; what is sealed opens to the same,
//! and once it is changed, or before another broker's key, it does not.

use arbitrary::{Result, Unstructured};
use ledgerq::{
    broker::Receipts,
    types::{LeaseRef, Nonce, QueueId, Rejection, Seq, limits},
};

const KEY: [u8; 32] = [7; 32];
const OTHER_KEY: [u8; 32] = [8; 32];

/// Checks one input: the text as it is, and a lease and changes of its handle made of it.
pub fn check(input: &[u8]) {
    let receipts = Receipts::new(&KEY);
    if let Ok(text) = std::str::from_utf8(input) {
        open(&receipts, text);
    }
    // An input that is too short is none.
    let _ = change(&receipts, &mut Unstructured::new(input));
}

fn open(receipts: &Receipts, text: &str) -> Option<LeaseRef> {
    match receipts.open(text) {
        Ok(lease) => {
            assert_eq!(receipts.seal(&lease), text, "a lease has one handle");
            Some(lease)
        }
        Err(Rejection::ReceiptHandleInvalid { value }) => {
            let chars = value.chars().count();
            assert!(chars <= limits::QUOTED_CHARS_MAX, "{chars} characters are quoted");
            assert!(text.starts_with(&value), "another text is quoted");
            None
        }
        Err(other) => panic!("a handle was refused with {other:?}"),
    }
}

fn change(receipts: &Receipts, input: &mut Unstructured<'_>) -> Result<()> {
    let queue = QueueId::new(input.arbitrary()?);
    let (seq, nonce) = (Seq::new(input.arbitrary()?), Nonce::new(input.arbitrary()?));
    let lease = LeaseRef { queue, seq, nonce };
    let handle = receipts.seal(&lease);
    assert_eq!(open(receipts, &handle), Some(lease));
    assert_eq!(open(&Receipts::new(&OTHER_KEY), &handle), None, "it is another broker's");
    let mut changed = handle.clone().into_bytes();
    for _ in 0..input.int_in_range(1..=4)? {
        let at = input.choose_index(changed.len())?;
        match input.int_in_range(0..=3)? {
            0 => changed[at] = input.arbitrary()?,
            1 => changed.insert(at, input.arbitrary()?),
            2 => changed.swap(at, 0),
            _ => changed.truncate(at.max(1)),
        }
    }
    if let Ok(changed) = std::str::from_utf8(&changed)
        && changed != handle
    {
        assert_eq!(open(receipts, changed), None, "{changed} is forged");
    }
    Ok(())
}
