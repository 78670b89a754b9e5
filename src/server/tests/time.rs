//! The clock that clients of a test server can move.

use std::sync::Arc;

use tonic::Code;

use super::*;
use crate::{
    clock::{Clock, TestClock},
    proto::v1::{self, test_clock_service_client::TestClockServiceClient},
};

fn advance(seconds: i64) -> v1::AdvanceRequest {
    v1::AdvanceRequest { duration: Some(prost_types::Duration { seconds, nanos: 0 }) }
}

#[tokio::test]
async fn a_server_without_a_test_clock_does_not_know_the_service() {
    let (served, _) = serve(|_| unreachable!("nothing reaches the owner")).await;
    let mut client = TestClockServiceClient::new(served.channel.clone());
    let status = client.advance(advance(1)).await.expect_err("there is none");
    assert_eq!(status.code(), Code::Unimplemented);
}

#[tokio::test]
async fn time_passes_before_the_answer_and_the_owner_is_woken() {
    let clock = Arc::new(TestClock::default());
    let settings = Settings {
        tls: None,
        connections_max: 100,
        drain_max: Duration::ZERO,
        incoming_bytes_max: super::INCOMING_BYTES_MAX,
        test_clock: Some(clock.clone()),
    };
    let served = serve_as(settings).await;
    let (mailbox, events) = Mailbox::new(LIMITS);
    served.gate.open(Handle::new(mailbox, Receipts::new(&KEY), LINEAGE));
    let before = clock.elapsed();
    let mut client = TestClockServiceClient::new(served.channel.clone());
    let call = tokio::spawn(async move { client.advance(advance(86_400)).await });
    let heard = tokio::task::spawn_blocking(move || {
        let woken = matches!(events.recv(), Ok(Event::Woken));
        let Ok(Event::Request(Request { waiter: Some(waiter), .. })) = events.recv() else {
            panic!("the batch of the owner is to end");
        };
        assert!(clock.elapsed().get() >= before.get() + 86_400_000);
        waiter.tell(reply(Reply::Queues { queues: Vec::new(), more: false }));
        woken
    });
    assert!(heard.await.expect("it does not panic"));
    let answer = call.await.expect("it does not panic").expect("time passes").into_inner();
    assert_eq!(answer.advanced, Some(prost_types::Duration { seconds: 86_400, nanos: 0 }));
}
