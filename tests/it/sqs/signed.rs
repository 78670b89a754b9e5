//! Signatures that are verified.

use ledgerq::api::sqs::KeyPair;
use serde_json::json;

use super::{
    client::{BOTH, post},
    served::Served,
};

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

#[test]
fn arns_are_of_the_region_that_a_request_is_signed_for() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    let body = json!({"QueueUrl": url, "AttributeNames": ["QueueArn"]}).to_string();
    let region_of = |authorization: &str| {
        let headers = [
            ("Content-Type", "application/x-amz-json-1.0"),
            ("X-Amz-Target", "AmazonSQS.GetQueueAttributes"),
            ("X-Amz-Date", "20260131T120000Z"),
            ("Authorization", authorization),
        ];
        let told = post(served.address, "/", &headers, body.as_bytes());
        let told: serde_json::Value = serde_json::from_str(&told.body).expect("it is JSON");
        let arn = told["Attributes"]["QueueArn"].as_str().expect("a text").to_owned();
        arn.split(':').nth(3).expect("a region").to_owned()
    };
    let scope = |region: &str| {
        format!(
            "AWS4-HMAC-SHA256 Credential=any/20260131/{region}/sqs/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature=0"
        )
    };
    // Nobody set keys, so nobody looks whether it is right.
    assert_eq!(region_of(&scope("eu-west-1")), "eu-west-1");
    assert_eq!(region_of(&scope("a:b")), "us-east-1");
    assert_eq!(region_of("Bearer x"), "us-east-1");
}
