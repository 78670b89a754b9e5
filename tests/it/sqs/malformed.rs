//! Requests that are no requests: an error of the service, never one of the server's own.

use serde_json::json;

use super::{
    client::{post, raw},
    served::Served,
};

const JSON: (&str, &str) = ("Content-Type", "application/x-amz-json-1.0");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const SEND: (&str, &str) = ("X-Amz-Target", "AmazonSQS.SendMessage");

#[test]
fn json_that_cannot_be_read_is_refused() {
    let served = Served::start();
    let deep = "[".repeat(100_000);
    let cases = [
        (vec![JSON, SEND], "{", "#SerializationException"),
        (vec![JSON, SEND], "\u{1f980}", "#SerializationException"),
        (vec![JSON, SEND], "[]", "#SerializationException"),
        (vec![JSON, SEND], &deep, "#SerializationException"),
        (vec![JSON, SEND], "{\"MessageBody\": 1}", "#SerializationException"),
        (vec![JSON, SEND], "{\"DelaySeconds\": \"1\"}", "#SerializationException"),
        (
            vec![JSON, SEND],
            "{\"MessageBody\": \"a\", \"MessageBody\": \"b\"}",
            "#SerializationException",
        ),
        (vec![JSON, SEND], "", "#MissingRequiredParameterException"),
        (vec![JSON], "{}", "#MissingActionException"),
        (vec![JSON, ("X-Amz-Target", "AmazonSQS.Nothing")], "{}", "#UnknownOperationException"),
        (vec![JSON, ("X-Amz-Target", "Other.SendMessage")], "{}", "#UnknownOperationException"),
        (vec![SEND, ("Content-Type", "text/plain")], "{}", "#SerializationException"),
    ];
    for (headers, body, shape) in cases {
        let told = post(served.address, "/", &headers, body.as_bytes());
        assert_eq!(told.status, 400, "{body:.40}: {told:?}");
        assert!(told.body.contains(shape), "{body:.40}: {told:?}");
    }
}

#[test]
fn forms_that_cannot_be_read_are_refused() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    let twice = format!("Action=SendMessage&QueueUrl={url}&MessageBody=a&MessageBody=b");
    let entity = "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>";
    let cases = [
        (FORM, "", "MissingAction"),
        (FORM, "Action=Nothing", "InvalidAction"),
        (FORM, &twice, "MalformedQueryString"),
        (FORM, "Action=ReceiveMessage&AttributeName.x=All", "MalformedQueryString"),
        (FORM, "%ff%fe=%00", "MissingAction"),
        (("Content-Type", "text/xml"), entity, "MalformedQueryString"),
        (("Content-Type", "multipart/form-data"), "x", "MalformedQueryString"),
    ];
    for (header, body, code) in cases {
        let told = post(served.address, "/", &[header], body.as_bytes());
        assert_eq!(told.status, 400, "{body:.40}: {told:?}");
        assert!(told.body.contains(&format!("<Code>{code}</Code>")), "{body:.40}: {told:?}");
    }
}

#[test]
fn what_is_too_large_is_refused_and_other_clients_are_served() {
    let served = Served::start();
    let head = |length: usize| {
        format!(
            "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Type: application/x-amz-json-1.0\r\n\
             X-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: {length}\r\n\r\n"
        )
    };
    let told = raw(served.address, head(100 << 20).as_bytes());
    assert_eq!(told.status, 413, "{told:?}");
    assert!(told.body.contains("RequestEntityTooLarge"), "{told:?}");
    let long = format!("GET / HTTP/1.1\r\nHost: h\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
    assert_eq!(raw(served.address, long.as_bytes()).status, 431);
    let told = raw(served.address, b"DELETE / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_eq!(told.status, 400, "{told:?}");
    assert_eq!(served.done(super::client::Protocol::Json, "ListQueues", json!({})), json!({}));
}
