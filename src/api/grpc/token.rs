//! Tokens of pages: where the page before ended, in base64 for URLs without padding (RFC 4648
//! section 5), so that the broker remembers nothing between pages.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::types::{QueueName, Rejection, Seq};

/// The token of a page of queues that ends with this one.
pub(super) fn after_queue(last: &QueueName) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last.as_str())
}

/// Where a page of queues begins; `None` for the first one.
pub(super) fn open_queue(token: &str) -> Result<Option<QueueName>, Rejection> {
    open(token, |bytes| {
        let name = String::from_utf8(bytes).ok()?;
        QueueName::parse(&name).ok()
    })
}

/// The token of a page of messages that ends with this one.
pub(super) fn after_message(last: Seq) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(last.get().to_be_bytes())
}

/// Behind which message a page begins; `None` for the first one.
pub(super) fn open_message(token: &str) -> Result<Option<Seq>, Rejection> {
    open(token, |bytes| {
        let seq = u64::from_be_bytes(bytes.try_into().ok()?);
        // No message has the last number there is, since there is always a next one.
        (seq < u64::MAX).then_some(Seq::new(seq))
    })
}

fn open<T>(token: &str, read: impl Fn(Vec<u8>) -> Option<T>) -> Result<Option<T>, Rejection> {
    if token.is_empty() {
        return Ok(None);
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).ok();
    let place = bytes.and_then(read).ok_or_else(|| {
        let problem = "it is not the next_page_token of an answer";
        Rejection::malformed("page_token", token, problem)
    })?;
    Ok(Some(place))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_token_gives_its_place_back() {
        let queue = QueueName::parse("jobs.fifo").expect("it is a name");
        assert_eq!(open_queue(&after_queue(&queue)), Ok(Some(queue)));
        for seq in [1, 1 << 40, u64::MAX - 1].map(Seq::new) {
            assert_eq!(open_message(&after_message(seq)), Ok(Some(seq)));
        }
        assert_eq!((open_queue(""), open_message("")), (Ok(None), Ok(None)));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let last = after_message(Seq::new(u64::MAX));
        for token in [".", "AA", &last, &"A".repeat(1 << 20)] {
            assert!(open_message(token).is_err(), "{token:.20}");
        }
        for token in [".", "AA", &"A".repeat(1 << 20)] {
            assert!(open_queue(token).is_err(), "{token:.20}");
        }
    }

    proptest! {
        #[test]
        fn any_token_is_opened_or_refused(token: String) {
            let _ = (open_queue(&token), open_message(&token));
        }
    }
}
