//! Signatures that are verified.

use ledgerq::api::sqs::KeyPair;
use serde_json::json;

use super::{client::BOTH, served::Served};

#[test]
fn without_a_signature_nothing_is_answered_where_keys_are_set() {
    let pair = KeyPair { id: "ID".into(), secret: "secret".into() };
    let served = Served::with_keys(vec![pair]);
    for protocol in BOTH {
        assert_eq!(
            served.refused(protocol, "ListQueues", json!({})),
            "403 MissingAuthenticationToken: Missing Authentication Token"
        );
    }
}
