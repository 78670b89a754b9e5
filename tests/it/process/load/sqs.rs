//! The SQS-compatible endpoint, where each waiting receive has a connection of its own.

use std::collections::BTreeSet;

use futures_util::{StreamExt, future::join_all, stream};
use ledgerq::{clock::Stopwatch, types::Millis};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::{
    Bound, MIB, PATIENCE, block_on, body, client_with, connections_at_most, is_empty, many,
    plain_things_work, queue, take,
};
use crate::process::{directory, server::Serve};

/// Connections that are made at the same time: a system's queue of them is not endless.
const CONNECTING_MAX: usize = 64;

/// A client of the endpoint, with a connection for each request.
#[derive(Clone)]
struct Endpoint {
    address: String,
}

impl Endpoint {
    async fn begin(&self, action: &str, request: &Value) -> TcpStream {
        let mut stream = TcpStream::connect(&self.address).await.expect("it listens");
        let (host, body) = (&self.address, request.to_string());
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
             Content-Type: application/x-amz-json-1.0\r\nX-Amz-Target: AmazonSQS.{action}\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        // Who is refused early may find the connection closed while he writes.
        let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
        stream
    }

    /// The status and the answer.
    async fn end(mut stream: TcpStream) -> (u16, Value) {
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes).await;
        let answer = String::from_utf8(bytes).expect("answers are UTF-8");
        let Some((head, body)) = answer.split_once("\r\n\r\n") else { return (0, Value::Null) };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("a status"), serde_json::from_str(body).expect("it is JSON"))
    }

    /// Asks until it is not refused for the moment; how often it was.
    async fn at_last(&self, action: &str, request: &Value) -> (Value, usize) {
        let (watch, mut refused) = (Stopwatch::start(), 0);
        loop {
            match Self::end(self.begin(action, request).await).await {
                (200, answer) => return (answer, refused),
                // Refused before everything was read: the answer may be lost with the connection.
                (0, _) => {}
                (403, answer) => {
                    let code = answer["__type"].as_str().unwrap_or_default();
                    assert!(code.ends_with("RequestThrottled"), "{answer}");
                }
                other => panic!("{other:?}"),
            }
            assert!(watch.elapsed() < PATIENCE, "it is refused for good");
            refused += 1;
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    fn request(&self, name: &str, more: &Value) -> Value {
        let mut request = more.clone();
        request["QueueUrl"] = format!("http://{}/000000000000/{name}", self.address).into();
        request
    }
}

/// Bodies of what a poll was given.
type Poll = JoinHandle<Vec<String>>;

/// Polls that have reached the broker, if all goes well, each on a connection of its own.
async fn polls(endpoint: &Endpoint, count: usize) -> Vec<Poll> {
    let wait = json!({"WaitTimeSeconds": 20, "MaxNumberOfMessages": 1});
    let request = endpoint.request("quiet", &wait);
    let begin = |_| endpoint.begin("ReceiveMessage", &request);
    let streams = stream::iter(0..count).map(begin).buffer_unordered(CONNECTING_MAX);
    let streams: Vec<_> = streams.collect().await;
    let poll = |stream| async {
        let (status, answer) = Endpoint::end(stream).await;
        assert_eq!(status, 200, "{answer}");
        let messages = answer["Messages"].as_array().cloned().unwrap_or_default();
        messages.iter().map(|one| one["Body"].as_str().expect("a text").to_owned()).collect()
    };
    streams.into_iter().map(|stream| tokio::spawn(poll(stream))).collect()
}

#[test]
fn polls_over_the_endpoint_wait_by_the_thousand_and_those_that_are_gone_take_nothing() {
    let count = connections_at_most(many(200, 4000));
    let gone = count / 4;
    let data = directory();
    let serve = Serve::on(data.path()).set("--tail-cache-bytes", "0B");
    let server = serve.set("--requests-bytes-max", "4MiB").serving();
    let address = server.line("listening for SQS")["address"].as_str().expect("it has one").into();
    let endpoint = Endpoint { address };
    block_on(async {
        let client = client_with(&server, "quiet", Millis::from_secs(600)).await;
        let mut waiting = polls(&endpoint, count).await;
        plain_things_work(&client).await;
        // They close their connections; nobody tells the broker in another way.
        for poll in waiting.drain(..gone) {
            poll.abort();
            assert!(poll.await.is_err_and(|error| error.is_cancelled()), "nothing was sent yet");
        }
        let sent: BTreeSet<_> =
            (0..waiting.len() / 2).map(|number| format!("message {number}")).collect();
        let ask = |one: &String| {
            let request = endpoint.request("quiet", &json!({"MessageBody": one}));
            let endpoint = endpoint.clone();
            async move { endpoint.at_last("SendMessage", &request).await }
        };
        stream::iter(&sent).map(ask).buffer_unordered(CONNECTING_MAX).collect::<Vec<_>>().await;
        // Those that get nothing end after 20 s, empty.
        let came = timeout(PATIENCE, join_all(waiting)).await.expect("each poll ends");
        let came: Vec<_> = came.into_iter().flat_map(|poll| poll.expect("no panic")).collect();
        assert_eq!(came.len(), sent.len(), "each message came, once");
        assert_eq!(came.into_iter().collect::<BTreeSet<_>>(), sent);
        plain_things_work(&client).await;
        let polls = count as u64;
        let bound = Bound { requests_bytes_max: 4 << 20, connections: polls, polls };
        bound.check(&format!("{count} polls over the SQS-compatible endpoint"), &server);
    });
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn largest_messages_over_the_endpoint_are_taken_in_bounded_memory() {
    let callers = many(24, 400);
    let data = directory();
    let serve = Serve::on(data.path()).set("--segment-bytes", "64MiB");
    let serve = serve.set("--tail-cache-bytes", "0B");
    let server = serve.set("--requests-bytes-max", "8MiB").serving();
    let address = server.line("listening for SQS")["address"].as_str().expect("it has one").into();
    let endpoint = Endpoint { address };
    block_on(async {
        let client = client_with(&server, "jobs", Millis::from_secs(600)).await;
        let text = |number| String::from_utf8(body(number, 1 << 20)).expect("it is ASCII");
        let sends = (0..callers).map(|caller| {
            let request = endpoint.request("jobs", &json!({"MessageBody": text(caller)}));
            let endpoint = endpoint.clone();
            async move { endpoint.at_last("SendMessage", &request).await.1 }
        });
        let (refused, ()) = tokio::join!(join_all(sends), plain_things_work(&client));
        let refused: usize = refused.into_iter().sum();
        eprintln!("{callers} messages of 1 MiB were taken, {refused} requests refused before");
        let came = take(&client, &queue("jobs"), callers).await;
        assert!(came.into_keys().eq((0..callers).map(|number| body(number, 1 << 20))));
        assert!(is_empty(&client, &queue("jobs")).await);
        let bound = Bound { requests_bytes_max: 8 * MIB, connections: callers as u64, polls: 0 };
        bound.check("largest messages over the SQS-compatible endpoint", &server);
    });
    assert_eq!(server.terminate().code, 0);
}
