//! Clients that are slow: each holds the only place, and gives it up in time for the next one.

use std::{
    io::{Read, Write},
    net::TcpStream,
    sync::Arc,
    time::Duration,
};

use ledgerq::disk::SimDisk;
use serde_json::json;
use tokio_rustls::rustls;

use super::{client::Protocol, served::Served};
use crate::broker::state_settings;

/// A client may take so long where nobody should wait for a real one.
const SOON: Duration = Duration::from_millis(300);

/// One connection at a time; `change` says what a client may take for long.
fn served(change: impl FnOnce(&mut ledgerq::server::sqs::Settings)) -> Served {
    Served::with(SimDisk::new(), state_settings(), |settings| {
        settings.connections_max = 1;
        change(settings);
    })
}

/// A connection over which this was sent, and nothing is read.
fn connected(served: &Served, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(served.address).expect("the port is open");
    stream.write_all(bytes).expect("it is taken");
    stream
}

/// Another client is answered, once it has the place.
fn another_is_served(served: &Served) {
    served.done(Protocol::Json, "ListQueues", json!({"QueueNamePrefix": "none"}));
}

#[test]
fn a_client_that_sends_no_head_or_a_part_of_it_is_let_go() {
    let served = served(|settings| settings.times.head_max = SOON);
    for begun in [&b""[..], b"POST / HTTP/1.1\r\nHost: "] {
        let _slow = connected(&served, begun);
        another_is_served(&served);
    }
}

#[test]
fn a_connection_that_is_not_used_any_more_is_closed() {
    let served = served(|settings| settings.times.head_max = SOON);
    let mut idle = connected(&served, b"GET /?Action=ListQueues HTTP/1.1\r\nHost: h\r\n\r\n");
    super::connections::read_until(&mut idle, "</ListQueuesResponse>");
    another_is_served(&served);
}

#[test]
fn a_body_that_does_not_come_is_told_as_a_timeout() {
    let served = served(|settings| settings.endpoint.body_time_max = SOON);
    let mut slow = connected(
        &served,
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-amz-json-1.0\r\n\
          X-Amz-Target: AmazonSQS.ListQueues\r\nContent-Length: 100\r\n\r\n{",
    );
    let told = super::connections::read_until(&mut slow, "did not come in time");
    assert!(told.starts_with("HTTP/1.1 408 "), "{told}");
    assert!(told.contains("x-amzn-query-error: RequestTimeout;Sender"), "{told}");
    another_is_served(&served);
}

#[test]
fn a_client_that_takes_nothing_of_its_answers_is_let_go() {
    // So much that no buffers of the system hold it.
    const ANSWERS: usize = 64;
    let served = served(|settings| settings.times.silence_max = SOON);
    let url = served.queue("jobs", json!({}));
    let body = "x".repeat(1_000_000);
    served.done(Protocol::Json, "SendMessage", json!({"QueueUrl": url, "MessageBody": body}));
    let receive = json!({"QueueUrl": url, "VisibilityTimeout": 0}).to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: {}\r\n\r\n{receive}",
        receive.len()
    );
    let _silent = connected(&served, request.repeat(ANSWERS).as_bytes());
    another_is_served(&served);
}

#[test]
fn a_client_that_does_not_agree_on_tls_is_let_go() {
    // Nobody gets so far as to see a certificate.
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(rustls::server::ResolvesServerCertUsingSni::new()));
    let served = served(|settings| {
        settings.tls = Some(config.into());
        settings.times.handshake_max = SOON;
    });
    let _silent = connected(&served, b"");
    let mut another = connected(&served, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    another.set_read_timeout(Some(Duration::from_mins(1))).expect("a time can be set");
    let mut answer = Vec::new();
    another.read_to_end(&mut answer).expect("it is told that this is no TLS");
    assert_eq!(answer.first(), Some(&21), "an alert");
}

#[test]
fn who_comes_beyond_the_connections_waits_and_is_served_then() {
    let served = served(|_| ());
    let first = connected(&served, b"GET /?Action=ListQueues HTTP/1.1\r\nHost: h\r\n\r\n");
    std::thread::scope(|scope| {
        let second = scope.spawn(|| another_is_served(&served));
        let mut first = first;
        super::connections::read_until(&mut first, "</ListQueuesResponse>");
        assert!(!second.is_finished(), "there is one place");
        drop(first);
    });
}
