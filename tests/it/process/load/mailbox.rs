//! More requests than the mailbox takes.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use ledgerq::{proto::v1, types::Millis};
use tonic::Code;

use super::{
    Bound, block_on, body, client_with, hint, is_empty, many, plain_things_work, queue, raw, take,
};
use crate::process::{directory, server::Serve};

const CALLERS: usize = 64;

#[test]
fn a_full_mailbox_refuses_with_a_hint_and_does_what_it_took() {
    let rounds = many(20, 500);
    let data = directory();
    let serve = Serve::on(data.path()).set("--requests-max", "4").set("--tail-cache-bytes", "0B");
    let server = serve.set("--requests-bytes-max", "4MiB").serving();
    block_on(async {
        let client = client_with(&server, "jobs", Millis::from_secs(600)).await;
        let callers = (0..CALLERS).map(|caller| {
            let connecting = raw(&server);
            async move {
                let mut raw = connecting.await;
                let (mut taken, mut refused) = (Vec::new(), 0);
                for round in 0..rounds {
                    let body = body(caller * rounds + round, 1000);
                    let entry = v1::SendEntry { body: body.clone().into(), ..Default::default() };
                    let request = v1::SendRequest { queue: "jobs".into(), entries: vec![entry] };
                    match raw.send(request).await {
                        Ok(response) => {
                            assert_eq!(response.into_inner().results.len(), 1);
                            taken.push(body);
                        }
                        Err(status) => {
                            hint(&status);
                            refused += 1;
                        }
                    }
                }
                (taken, refused)
            }
        });
        let (all, ()) = tokio::join!(join_all(callers), async {
            for _ in 0..3 {
                plain_things_work(&client).await;
            }
        });
        let refused: usize = all.iter().map(|(_, refused)| refused).sum();
        let taken: BTreeSet<_> = all.into_iter().flat_map(|(taken, _)| taken).collect();
        eprintln!("{} sends were taken, {refused} refused", taken.len());
        assert!(refused > 0, "the limit is one");
        assert_eq!(taken.len() + refused, CALLERS * rounds, "every request has one answer");
        let came = take(&client, &queue("jobs"), taken.len()).await;
        assert!(came.into_keys().eq(taken), "what was taken comes");
        assert!(is_empty(&client, &queue("jobs")).await, "what was refused was not done");
        let bound = Bound { requests_bytes_max: 4 << 20, connections: CALLERS as u64, polls: 0 };
        bound.check("a full mailbox", &server);
    });
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn too_many_bytes_that_come_in_are_refused_with_a_hint_whoever_sends_them() {
    let data = directory();
    let serve = Serve::on(data.path()).set("--segment-bytes", "32MiB");
    let server = serve.set("--requests-bytes-max", "4MiB").serving();
    block_on(async {
        let client = client_with(&server, "jobs", Millis::from_secs(600)).await;
        // Streams that begin a large request and do not go on with it hold what they have sent.
        let (mut held, mut refused) = (Vec::new(), None);
        while refused.is_none() {
            assert!(held.len() < 100, "a hundred requests of half a MiB are within 5 MiB");
            let half = v1::SendEntry { body: vec![b'x'; 512 << 10].into(), ..Default::default() };
            let entries = vec![half; 7];
            let mut raw = raw(&server).await;
            let request = v1::SendRequest { queue: "jobs".into(), entries };
            let calls = std::iter::repeat_n(request, 8).map(|request| {
                let mut raw = raw.clone();
                async move { raw.send(request).await }
            });
            let answers = join_all(calls).await;
            refused = answers.into_iter().find_map(Result::err);
            raw.delete(v1::DeleteRequest::default()).await.map_or_else(
                |status| assert_eq!(status.code(), Code::InvalidArgument, "{status:?}"),
                |_| panic!("it names no queue"),
            );
            held.push(raw);
        }
        hint(&refused.expect("it was refused"));
        plain_things_work(&client).await;
    });
    assert_eq!(server.terminate().code, 0);
}
