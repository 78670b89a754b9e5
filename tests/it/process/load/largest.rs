//! Largest messages, from everybody at once.

use futures_util::future::join_all;
use ledgerq::{clock::Stopwatch, proto::v1, types::Millis};

use super::{
    Bound, MIB, PATIENCE, block_on, body, client_with, hint, is_empty, many, plain_things_work,
    queue, raw, take,
};
use crate::process::{directory, server::Serve};

/// Messages of one request: 4 MiB in all.
const BATCH: usize = 4;

#[test]
fn largest_requests_from_every_caller_are_taken_one_after_the_other_in_bounded_memory() {
    let callers = many(12, 200);
    let data = directory();
    let serve = Serve::on(data.path()).set("--segment-bytes", "64MiB");
    let serve = serve.set("--tail-cache-bytes", "0B");
    let server = serve.set("--requests-bytes-max", "16MiB").serving();
    block_on(async {
        let client = client_with(&server, "jobs", Millis::from_secs(600)).await;
        let sends = (0..callers).map(|caller| {
            let connecting = raw(&server);
            async move {
                let (mut raw, watch) = (connecting.await, Stopwatch::start());
                let entry = |number| v1::SendEntry {
                    body: body(caller * BATCH + number, 1 << 20).into(),
                    ..Default::default()
                };
                let entries = (0..BATCH).map(entry).collect();
                let request = v1::SendRequest { queue: "jobs".into(), entries };
                let mut refused = 0;
                while let Err(status) = raw.send(request.clone()).await {
                    assert!(watch.elapsed() < PATIENCE, "it is refused for good: {status:?}");
                    tokio::time::sleep(hint(&status)).await;
                    refused += 1;
                }
                refused
            }
        });
        let (refused, ()) = tokio::join!(join_all(sends), plain_things_work(&client));
        let refused: usize = refused.into_iter().sum();
        let count = callers * BATCH;
        eprintln!("{count} messages of 1 MiB were taken, {refused} requests refused before");
        let bound = Bound { requests_bytes_max: 16 * MIB, connections: callers as u64, polls: 0 };
        bound.check("largest requests", &server);
        let came = take(&client, &queue("jobs"), count).await;
        assert!(came.into_keys().eq((0..count).map(|number| body(number, 1 << 20))));
        assert!(is_empty(&client, &queue("jobs")).await);
        bound.check("largest answers", &server);
    });
    assert_eq!(server.terminate().code, 0);
}
