//! Clients that wait, go away, or are many.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use rustix::net::{AddressFamily, SocketType, connect, socket, sockopt};
use serde_json::json;

use super::{
    client::{BOTH, Protocol},
    served::Served,
};

/// A connection whose end is told at once: some ways of the system to control congestion hold small
/// packets back for a moment, in which a server cannot know that the client is gone.
fn unpaced(to: SocketAddr) -> TcpStream {
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    sockopt::set_tcp_congestion(&socket, "reno").expect("every system has it");
    connect(&socket, &to).expect("the port is open");
    socket.into()
}

/// Sends a receive that waits for 20 seconds and leaves its answer unread.
fn wait_for(served: &Served, url: &str) -> TcpStream {
    let body = json!({"QueueUrl": url, "WaitTimeSeconds": 20}).to_string();
    let mut stream = unpaced(served.address);
    let head = format!(
        "POST / HTTP/1.1\r\nHost: h\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: AmazonSQS.ReceiveMessage\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).expect("it is taken");
    stream
}

pub(super) fn read_until(stream: &mut TcpStream, wanted: &str) -> String {
    let (mut text, mut piece) = (String::new(), [0; 4096]);
    while !text.contains(wanted) {
        let count = stream.read(&mut piece).expect("it can be read");
        assert!(count > 0, "the answer ended with {text}");
        text.push_str(std::str::from_utf8(&piece[..count]).expect("it is UTF-8"));
    }
    text
}

#[test]
fn many_wait_at_once_and_each_is_answered_when_a_message_comes() {
    let served = Served::start();
    let url = served.queue("jobs", json!({}));
    let mut waiting: Vec<TcpStream> = (0..50).map(|_| wait_for(&served, &url)).collect();
    for at in 0..waiting.len() {
        served.done(BOTH[at % 2], "SendMessage", json!({"QueueUrl": url, "MessageBody": "x"}));
    }
    for stream in &mut waiting {
        let answer = read_until(stream, "\"Body\":\"x\"");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

#[test]
fn a_client_that_is_gone_takes_no_message_with_it() {
    let served = Served::start();
    let url = served.queue("jobs", json!({"VisibilityTimeout": "43200"}));
    for round in 0..20 {
        let gone: Vec<TcpStream> = (0..5).map(|_| wait_for(&served, &url)).collect();
        drop(gone);
        let body = round.to_string();
        let sent = json!({"QueueUrl": url, "MessageBody": body});
        served.done(Protocol::Json, "SendMessage", sent);
        let receive = json!({"QueueUrl": url, "WaitTimeSeconds": 20, "AttributeNames": ["All"]});
        let told = served.done(Protocol::Json, "ReceiveMessage", receive);
        let message = &told["Messages"][0];
        assert_eq!(message["Body"], body, "{told}");
        // Whoever was gone when it was chosen, or before he had it, is not counted.
        assert_eq!(message["Attributes"]["ApproximateReceiveCount"], "1", "{told}");
    }
}

#[test]
fn one_connection_is_used_for_many_requests() {
    let served = Served::start();
    let mut stream = TcpStream::connect(served.address).expect("the port is open");
    for _ in 0..3 {
        let request = "GET /?Action=ListQueues HTTP/1.1\r\nHost: h\r\n\r\n";
        stream.write_all(request.as_bytes()).expect("it is taken");
        read_until(&mut stream, "</ListQueuesResponse>");
    }
}
