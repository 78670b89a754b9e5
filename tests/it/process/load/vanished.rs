//! Clients that go away in the middle of something.

use std::{collections::BTreeSet, io::Write, net::TcpStream, time::Duration};

use ledgerq::{
    client::{Client, Outgoing, ReceiveOptions, StreamOptions},
    types::{Millis, limits},
};
use tokio::runtime::Runtime;

use super::{
    Bound, block_on, body, client_with, done, is_empty, many, plain_things_work, queue, take,
};
use crate::process::{
    directory,
    server::{Serve, Server},
};

/// A lease that does not end while a test runs.
const LONG: Millis = limits::VISIBILITY_MAX;
/// One that soon does.
const SHORT: Millis = Millis::from_secs(2);

/// What a client is doing when it goes away.
async fn begin(url: String, at: usize) {
    let Ok(client) = Client::connect(&url).await else { return };
    let outcome = match at % 5 {
        0 => {
            let wait = Some(Millis::from_secs(20));
            let options = ReceiveOptions { wait, ..ReceiveOptions::default() };
            client.receive(&queue("received"), options).await.map(drop)
        }
        1 => {
            let options = ReceiveOptions { count_max: 10, ..ReceiveOptions::default() };
            client.receive(&queue("received"), options).await.map(drop)
        }
        2 => {
            let options = StreamOptions { credits: 50, ..StreamOptions::default() };
            let stream = client.receive_stream(&queue("streamed"), options).await;
            let _open = stream.expect("it is opened");
            std::future::pending().await
        }
        3 => {
            let mut stream = client.send_stream(&queue("sent")).await.expect("it is opened");
            let messages = (0..50).map(|number| body(at * 100 + number, 1000));
            stream.send(messages.map(Outgoing::new).collect());
            std::future::pending().await
        }
        _ => {
            let message = Outgoing::new(body(at * 100, 1 << 20));
            client.send(&queue("sent"), vec![message]).await.map(drop)
        }
    };
    done(outcome);
}

/// Clients that begin something and are gone, one after the other, sooner or later.
fn go_away(server: &Server, count: usize) {
    for first in (0..count).step_by(20) {
        let runtime = Runtime::new().expect("a runtime can be made");
        for at in first..count.min(first + 20) {
            runtime.spawn(begin(server.url(), at));
        }
        for length in [0, 1, 14, 24] {
            // Not even what every connection begins with.
            let mut stream = TcpStream::connect(server.address()).expect("the port is open");
            let begun = &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..length];
            stream.write_all(begun).expect("the system takes it");
        }
        // How far they are is chance; what must hold does not depend on it.
        std::thread::sleep(Duration::from_millis([5, 300, 30, 600, 100][first / 20 % 5]));
        // Ends the connections as the end of a process does, without a word.
        runtime.shutdown_background();
    }
}

#[test]
fn what_clients_had_that_are_gone_comes_back_and_what_was_acknowledged_is_there() {
    let (clients, count) = (many(100, 4000), many(200, 2000));
    let data = directory();
    let serve = Serve::on(data.path()).set("--segment-bytes", "16MiB");
    let server =
        serve.set("--tail-cache-bytes", "0B").set("--requests-bytes-max", "16MiB").serving();
    let client = block_on(async {
        client_with(&server, "received", SHORT).await;
        client_with(&server, "streamed", LONG).await;
        client_with(&server, "sent", LONG).await
    });
    drop(client);
    let stayed = block_on(async {
        let client = Client::connect(&server.url()).await.expect("it serves");
        for name in ["received", "streamed"] {
            for number in 0..count {
                let message = Outgoing::new(body(number, 2000));
                let sent = client.send(&queue(name), vec![message]).await.expect("it is taken");
                assert!(sent.iter().all(Result::is_ok));
            }
        }
        tokio::task::block_in_place(|| go_away(&server, clients));
        plain_things_work(&client).await;
        let all: BTreeSet<_> = (0..count).map(|number| body(number, 2000)).collect();
        let streamed = take(&client, &queue("streamed"), count).await;
        let received = take(&client, &queue("received"), count).await;
        assert!(streamed.keys().eq(all.iter()), "what streams had comes back at once");
        assert!(received.keys().eq(all.iter()), "what receives had comes back");
        assert!(is_empty(&client, &queue("streamed")).await);
        let whole = client.get_queue(&queue("sent")).await.expect("it is there").counts.ready;
        let sent = take(&client, &queue("sent"), usize::try_from(whole).expect("small")).await;
        assert!(sent.values().all(|before| *before == 0));
        let counted = received.values().chain(streamed.values()).filter(|before| **before > 0);
        assert!(counted.count() + sent.len() > 0, "some were in the middle of something");
        (streamed.values().filter(|before| **before == 0).count(), sent.len())
    });
    eprintln!("{clients} clients went away; {stayed:?} messages not counted, and sent unheard");
    let bound = Bound { requests_bytes_max: 16 << 20, connections: 100, polls: 100 };
    bound.check("clients that go away", &server);
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn polls_that_are_gone_take_no_message() {
    let polls = many(200, 5000);
    let data = directory();
    let server = Serve::on(data.path()).serving();
    block_on(async {
        let client = client_with(&server, "quiet", LONG).await;
        let gone = Runtime::new().expect("a runtime can be made");
        let poller = Client::connect(&server.url()).await.expect("it serves");
        for _ in 0..polls {
            let (client, wait) = (poller.clone(), Some(Millis::from_secs(20)));
            let options = ReceiveOptions { wait, ..ReceiveOptions::default() };
            gone.spawn(async move { client.receive(&queue("quiet"), options).await.map(drop) });
        }
        // Calls of one connection begin in order: behind this one they all wait.
        plain_things_work(&poller).await;
        gone.shutdown_background();
        plain_things_work(&poller).await;
        let bodies = (0..100).map(|number| body(number, 8));
        client.send(&queue("quiet"), bodies.map(Outgoing::new).collect()).await.expect("taken");
        let came = take(&client, &queue("quiet"), 100).await;
        assert!(came.values().all(|before| *before == 0), "and the count is unchanged");
    });
    assert_eq!(server.terminate().code, 0);
}
