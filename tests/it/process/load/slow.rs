//! Clients that do not read what they asked for.

use http::uri::PathAndQuery;
use ledgerq::{
    client::{Client, Outgoing},
    proto::v1,
    types::{Millis, limits},
};
use tonic::{Request, Response, Status, Streaming, client::Grpc, transport::Channel};
use tonic_prost::ProstCodec;

use super::{
    Bound, MIB, at_once, block_on, body, channel, client_with, done, hint, is_empty, many,
    plain_things_work, queue, take,
};
use crate::process::{
    directory,
    server::{Serve, Server},
};

/// A lease that does not end while a test runs.
const LONG: Millis = limits::VISIBILITY_MAX;
/// Connections of clients that do not read.
const CONNECTIONS: usize = 8;
const ROOM: u64 = 16 * MIB;

fn serve(data: &tempfile::TempDir) -> Server {
    let serve = Serve::on(data.path()).set("--segment-bytes", "64MiB");
    serve.set("--tail-cache-bytes", "0B").set("--requests-bytes-max", "16MiB").serving()
}

async fn fill(client: &Client, count: usize) {
    for number in 0..count {
        let message = Outgoing::new(body(number, 1 << 20));
        let sent = client.send(&queue("jobs"), vec![message]).await.expect("it is taken");
        assert!(sent.iter().all(Result::is_ok));
    }
}

/// Asks for three messages and reads nothing of the answer but that there is one.
async fn ask(channel: &Channel) -> Result<Streaming<v1::ReceiveResponse>, Status> {
    let mut grpc = Grpc::new(channel.clone());
    grpc.ready().await.expect("it is connected");
    let request = v1::ReceiveRequest {
        queue: "jobs".into(),
        max_messages: Some(3),
        visibility_timeout: Some(prost_types::Duration { seconds: 43_200, nanos: 0 }),
        wait_time: Some(prost_types::Duration::default()),
        ..Default::default()
    };
    let path = PathAndQuery::from_static("/ledgerq.v1.MessageService/Receive");
    let codec = ProstCodec::<v1::ReceiveRequest, v1::ReceiveResponse>::default();
    grpc.server_streaming(Request::new(request), path, codec).await.map(Response::into_inner)
}

#[test]
fn answers_that_nobody_reads_take_no_more_than_their_room() {
    let count = many(120, 1500);
    let data = directory();
    let server = serve(&data);
    block_on(async {
        let client = client_with(&server, "jobs", LONG).await;
        fill(&client, count).await;
        plain_things_work(&client).await;
        let mut channels = Vec::new();
        for _ in 0..CONNECTIONS {
            channels.push(channel(&server).await);
        }
        let (mut unread, mut refused) = (Vec::new(), 0);
        for at in 0..count / 3 {
            match ask(&channels[at % CONNECTIONS]).await {
                Ok(answer) => unread.push(answer),
                Err(status) => {
                    hint(&status);
                    refused += 1;
                }
            }
        }
        eprintln!("{} answers of 3 MiB were not read, {refused} refused", unread.len());
        assert!(!unread.is_empty() && refused > 0, "there is room for some");
        let bound = Bound { requests_bytes_max: ROOM, connections: 9, polls: 0 };
        bound.check("answers that nobody reads", &server);
        // What is not received goes on.
        client.send(&queue("other"), vec![]).await.expect_err("there is none");
        client.send(&queue("jobs"), vec![Outgoing::new("more")]).await.expect("it is taken");
        assert!(done(client.receive(&queue("jobs"), at_once(1, LONG)).await).is_none());

        // Whoever reads has what he asked for, and makes room.
        let mut read = 0;
        for answer in &mut unread {
            let response = answer.message().await.expect("it comes").expect("there is one");
            assert!(response.messages.iter().all(|message| message.receive_count == 1));
            read += response.messages.len();
        }
        plain_things_work(&client).await;
        let left = count + 1 - read;
        let came = take(&client, &queue("jobs"), left).await;
        assert!(came.values().all(|before| *before == 0), "what was refused was not counted");
    });
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn answers_of_clients_that_are_gone_make_room() {
    let data = directory();
    let server = serve(&data);
    block_on(async {
        let client = client_with(&server, "jobs", LONG).await;
        fill(&client, 30).await;
        let (channel, mut unread) = (channel(&server).await, Vec::new());
        while let Ok(answer) = ask(&channel).await {
            unread.push(answer);
            assert!(unread.len() < 10, "it is refused at last");
        }
        drop((channel, unread));
        plain_things_work(&client).await;
    });
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn streams_that_nobody_reads_take_no_more_than_their_room_and_give_everything_back() {
    let (count, streams) = (many(120, 600), many(10, 200));
    let data = directory();
    let server = serve(&data);
    block_on(async {
        let client = client_with(&server, "jobs", LONG).await;
        fill(&client, count).await;
        let mut unread = Vec::new();
        for _ in 0..streams {
            let mut raw = super::raw(&server).await;
            let wanted = v1::ReceiveStreamRequest {
                queue: "jobs".into(),
                credits: 100,
                ..Default::default()
            };
            let (requests, wishes) = tokio::sync::mpsc::channel(1);
            requests.send(wanted).await.expect("there is room");
            let wishes = tokio_stream::wrappers::ReceiverStream::new(wishes);
            let opened = raw.receive_stream(wishes).await.expect("it is opened");
            unread.push((requests, opened.into_inner()));
        }
        // They have what there is room for at last, and nobody else has any.
        while done(client.receive(&queue("jobs"), at_once(1, Millis::ZERO)).await).is_some() {}
        let bound =
            Bound { requests_bytes_max: ROOM, connections: streams as u64, polls: streams as u64 };
        bound.check("streams that nobody reads", &server);
        drop(unread);
        plain_things_work(&client).await;
        let came = take(&client, &queue("jobs"), count).await;
        assert!(came.into_keys().eq((0..count).map(|number| body(number, 1 << 20))));
        assert!(is_empty(&client, &queue("jobs")).await);
    });
    assert_eq!(server.terminate().code, 0);
}
