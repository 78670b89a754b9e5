//! Connections: very many, and more than there are files for.

use std::{collections::BTreeSet, net::TcpStream, time::Duration};

use futures_util::{StreamExt, stream};
use ledgerq::{
    client::{Client, Error, Outgoing},
    clock::Stopwatch,
    types::Millis,
};

use super::{
    Bound, PATIENCE, block_on, body, client_with, connections_at_most, done, is_empty, many,
    plain_things_work, queue, take,
};
use crate::process::{directory, server::Serve};

/// Connections that are made at the same time: a system's queue of them is not endless.
const CONNECTING_MAX: usize = 64;

#[test]
fn every_one_of_very_many_connections_is_served_at_once() {
    let count = connections_at_most(many(300, 10_000));
    let data = directory();
    let serve = Serve::on(data.path()).set("--tail-cache-bytes", "0B");
    let server = serve.set("--requests-max", "500").set("--requests-bytes-max", "4MiB").serving();
    block_on(async {
        let client = client_with(&server, "jobs", Millis::from_secs(600)).await;
        let connect = |_| async { Client::connect(&server.url()).await.expect("it serves") };
        let clients: Vec<_> =
            stream::iter(0..count).map(connect).buffer_unordered(CONNECTING_MAX).collect().await;
        plain_things_work(&client).await;
        // All of them at once: those beyond the limit are refused, and try again by themselves.
        let sends = clients.iter().enumerate().map(|(number, client)| async move {
            let sent = client.send(&queue("jobs"), vec![Outgoing::new(body(number, 100))]).await;
            done(sent).map(|_| body(number, 100))
        });
        let sent = futures_util::future::join_all(sends).await;
        let sent: BTreeSet<_> = sent.into_iter().flatten().collect();
        eprintln!("{} of {count} sends over as many connections were taken", sent.len());
        assert!(sent.len() >= 500.min(count), "at least the limit is taken");
        plain_things_work(&client).await;
        let came = take(&client, &queue("jobs"), sent.len()).await;
        assert!(came.into_keys().eq(sent), "what was acknowledged comes");
        assert!(is_empty(&client, &queue("jobs")).await, "what was refused was not done");
        let bound = Bound { requests_bytes_max: 4 << 20, connections: count as u64, polls: 0 };
        bound.check(&format!("{count} connections"), &server);
        drop(clients);
        plain_things_work(&client).await;
    });
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn a_broker_whose_files_are_used_up_by_connections_goes_on_and_takes_others_later() {
    let data = directory();
    let server = Serve::on(data.path()).files_max(128).serving();
    block_on(async {
        let client = client_with(&server, "jobs", Millis::from_secs(600)).await;
        // The system takes connections that the broker has no file for, and lets them wait.
        let connect = || TcpStream::connect(server.address()).expect("the port is open");
        let mute: Vec<_> = std::iter::repeat_with(connect).take(200).collect();
        let mut sent = BTreeSet::new();
        // Many segments, each of which is a file too.
        for number in 0..40 {
            let one = body(number, 10_000);
            let outcome = client.send(&queue("jobs"), vec![Outgoing::new(one.clone())]).await;
            match outcome {
                Ok(outcomes) => {
                    assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                    sent.insert(one);
                }
                // A segment is a file too, and cannot be made.
                Err(Error::Refused(refusal)) => {
                    assert_eq!(refusal.reason, "DISK_FULL", "{refusal:?}");
                    assert!(refusal.retry_after.is_some(), "{refusal:?}");
                }
                Err(error) => panic!("{error}\n{}", server.log()),
            }
        }
        assert!(sent.len() < 40, "files are used up");
        server.line("a connection cannot be accepted");
        drop(mute);
        let late = client_with(&server, "jobs", Millis::from_secs(600)).await;
        // A segment is tried again every second.
        let watch = Stopwatch::start();
        while let Err(refused) = late.send(&queue("jobs"), vec![Outgoing::new("late")]).await {
            assert!(watch.elapsed() < PATIENCE, "{refused}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        sent.insert(b"late".to_vec());
        plain_things_work(&late).await;
        let came = take(&late, &queue("jobs"), sent.len()).await;
        assert!(came.into_keys().eq(sent), "what was acknowledged comes");
    });
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn who_comes_beyond_the_connections_that_there_may_be_waits_until_one_ends() {
    let data = directory();
    let server = Serve::on(data.path()).set("--grpc-connections-max", "3").serving();
    block_on(async {
        let first = client_with(&server, "jobs", Millis::from_secs(600)).await;
        let second = client_with(&server, "jobs", Millis::from_secs(600)).await;
        let third = client_with(&server, "jobs", Millis::from_secs(600)).await;
        // The system takes it; the broker does not look at it yet.
        let late = Client::connect(&server.url()).await.expect("the port is open");
        let waits = tokio::spawn(async move {
            late.send(&queue("jobs"), vec![Outgoing::new("late")]).await.map(|_| late)
        });
        for client in [&first, &second, &third] {
            plain_things_work(client).await;
        }
        assert!(!waits.is_finished(), "it has no place");
        drop(second);
        let late = waits.await.expect("it does not panic").expect("it has a place now");
        plain_things_work(&late).await;
    });
    assert_eq!(server.terminate().code, 0);
}
