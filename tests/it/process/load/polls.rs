//! Long polls that wait for nothing, over few connections.

use ledgerq::{
    client::{Client, Error, Outgoing, ReceiveOptions},
    clock::Stopwatch,
    proto::v1::{self, message_service_client::MessageServiceClient},
    types::Millis,
};
use tokio::sync::mpsc;
use tonic::transport::Channel;

use super::{
    Bound, PATIENCE, block_on, body, client_with, connections_at_most, done, hint, is_empty, many,
    plain_things_work, queue, raw,
};
use crate::process::{directory, server::Serve};

/// A receive that waits.
fn waiting(wait: Millis) -> ReceiveOptions {
    ReceiveOptions { wait: Some(wait), ..ReceiveOptions::default() }
}

/// A client that polls, without a time after which it gives a poll up.
type Poller = MessageServiceClient<Channel>;

/// Waits for one message after the other; polls again when a wait was in vain.
async fn poll(mut client: Poller, came: mpsc::UnboundedSender<v1::Message>) {
    loop {
        let request = v1::ReceiveRequest {
            queue: "quiet".into(),
            wait_time: Some(prost_types::Duration { seconds: 20, nanos: 0 }),
            ..Default::default()
        };
        match client.receive(request).await {
            Ok(response) => {
                let messages = response.into_inner().messages;
                for message in messages {
                    came.send(message).unwrap_or_default();
                }
            }
            Err(status) => tokio::time::sleep(hint(&status)).await,
        }
    }
}

/// Waits until so many polls wait that no other may.
async fn all_wait(client: &Client, polls: usize) {
    let watch = Stopwatch::start();
    loop {
        match client.receive(&queue("quiet"), waiting(Millis::new(1))).await {
            Ok(delivery) => assert!(delivery.messages.is_empty(), "nothing was sent"),
            Err(Error::Refused(refusal)) => {
                let what = format!("{polls} waiting receives");
                assert!(refusal.message.contains(&what), "{refusal:?}");
                assert!(refusal.retry_after.is_some(), "{refusal:?}");
                return;
            }
            Err(error) => panic!("{error}"),
        }
        assert!(watch.elapsed() < PATIENCE, "they all wait at last");
    }
}

#[test]
fn polls_that_wait_over_few_connections_cost_little_and_each_message_wakes_one() {
    let connections = connections_at_most(many(10, 100));
    let polls = connections * many(200, 1000);
    let data = directory();
    let serve = Serve::on(data.path()).set("--polls-max", &polls.to_string());
    let server = serve.set("--tail-cache-bytes", "0B").set("--requests-bytes-max", "4MiB");
    let server = server.serving();
    block_on(async {
        let client = client_with(&server, "quiet", Millis::from_secs(600)).await;
        let (came, mut coming) = mpsc::unbounded_channel();
        let mut tasks = Vec::new();
        for _ in 0..connections {
            let client = raw(&server).await;
            for _ in 0..polls / connections {
                tasks.push(tokio::spawn(poll(client.clone(), came.clone())));
            }
        }
        all_wait(&client, polls).await;
        plain_things_work(&client).await;

        let sent = polls / 10;
        let batches: Vec<usize> = (0..sent).step_by(100).collect();
        for first in batches {
            let bodies = (first..sent.min(first + 100)).map(|number| body(number, 8));
            let sent = client.send(&queue("quiet"), bodies.map(Outgoing::new).collect()).await;
            assert!(sent.expect("it is taken").iter().all(Result::is_ok));
        }
        let mut received = Vec::new();
        while received.len() < sent {
            let message = tokio::time::timeout(PATIENCE, coming.recv()).await;
            let message = message.expect("each comes").expect("there are polls");
            assert_eq!(message.receive_count, 1);
            received.push(message);
        }
        received.sort_by(|one, other| one.body.cmp(&other.body));
        let bodies = received.iter().map(|message| message.body.to_vec());
        assert!(bodies.eq((0..sent).map(|number| body(number, 8))), "each comes once");
        let handles: Vec<_> = received.into_iter().map(|message| message.receipt_handle).collect();
        for handles in handles.chunks(100) {
            client.delete(&queue("quiet"), handles.to_vec()).await.expect("it is done");
        }
        assert!(is_empty(&client, &queue("quiet")).await);
        assert!(coming.is_empty(), "nothing else comes");

        let bound = Bound {
            requests_bytes_max: 4 << 20,
            connections: connections as u64,
            polls: polls as u64,
        };
        bound.check(&format!("{polls} polls over {connections} connections"), &server);
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        plain_things_work(&client).await;
    });
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn polls_beyond_the_limit_are_refused_and_others_have_their_places_when_they_end() {
    let data = directory();
    let server = Serve::on(data.path()).set("--polls-max", "8").serving();
    block_on(async {
        let client = client_with(&server, "quiet", Millis::from_secs(600)).await;
        let poller = raw(&server).await;
        let (came, _coming) = mpsc::unbounded_channel();
        let polls = |count: usize| -> Vec<_> {
            let poll = || tokio::spawn(poll(poller.clone(), came.clone()));
            std::iter::repeat_with(poll).take(count).collect()
        };
        let first = polls(32);
        all_wait(&client, 8).await;
        plain_things_work(&client).await;
        first.iter().for_each(tokio::task::JoinHandle::abort);
        // The broker sees that they are gone, and lets others wait.
        let watch = Stopwatch::start();
        while done(client.receive(&queue("quiet"), waiting(Millis::new(1))).await).is_none() {
            assert!(watch.elapsed() < PATIENCE, "who is gone has no place");
        }
    });
    assert_eq!(server.terminate().code, 0);
}
