//! Streams that are refused, at their begin or later.

use super::*;

async fn refused_send(served: &Served, first: v1::SendStreamRequest) -> Status {
    let (requests, incoming) = requests();
    requests.send(first);
    served.messages().send_stream(incoming).await.expect_err("it is refused")
}

async fn refused_receive(served: &Served, first: v1::ReceiveStreamRequest) -> Status {
    let (requests, incoming) = requests();
    requests.send(first);
    served.messages().receive_stream(incoming).await.expect_err("it is refused")
}

#[tokio::test]
async fn a_stream_is_refused_for_what_is_wrong_with_its_first_request() {
    let broker = serve_broker().await;
    let served = &broker.served;
    let send = |queue: &str| v1::SendStreamRequest { queue: queue.into(), ..Default::default() };
    let receive =
        |queue: &str| v1::ReceiveStreamRequest { queue: queue.into(), ..Default::default() };
    for (queue, code, told) in [
        ("", Code::InvalidArgument, "QUEUE_NAME_INVALID"),
        ("a b", Code::InvalidArgument, "QUEUE_NAME_INVALID"),
        ("none", Code::NotFound, "QUEUE_NOT_FOUND"),
    ] {
        let status = refused_send(served, send(queue)).await;
        assert_eq!((status.code(), &*reason(&status)), (code, told), "{queue:?}");
        let status = refused_receive(served, receive(queue)).await;
        assert_eq!((status.code(), &*reason(&status)), (code, told), "{queue:?}");
    }
    let short = Some(prost_types::Duration { seconds: 0, nanos: 999_000_000 });
    let request = v1::ReceiveStreamRequest {
        visibility_timeout: short,
        extend_leases: true,
        ..receive("jobs")
    };
    let status = refused_receive(served, request).await;
    let sentence = "visibility_timeout is 999ms, it can be 1s to 12h";
    assert_eq!((&*field(&status), status.message()), ("visibility_timeout", sentence));
    let request = v1::ReceiveStreamRequest { credits: 100_001, ..receive("jobs") };
    let status = refused_receive(served, request).await;
    assert_eq!(field(&status), "credits");
    assert_eq!(status.message(), "credits is 100001, it can be 0 to 100000");
}

#[tokio::test]
async fn a_stream_before_recovery_and_after_the_drain_is_refused() {
    let served = serve_closed(Duration::ZERO).await;
    let request = v1::ReceiveStreamRequest { queue: "jobs".into(), ..Default::default() };
    let status = refused_receive(&served, request.clone()).await;
    assert_eq!(reason(&status), "RECOVERING");
    served.gate.drain();
    let status = refused_receive(&served, request).await;
    assert_eq!(reason(&status), "SHUTTING_DOWN");
}

#[tokio::test]
async fn a_request_that_contradicts_the_first_ends_the_stream() {
    let broker = serve_broker().await;
    let (sends, incoming) = requests();
    sends.send(v1::SendStreamRequest { queue: "jobs".into(), entries: vec![entry("a")] });
    sends.send(v1::SendStreamRequest { queue: "jobs.fifo".into(), entries: vec![entry("b")] });
    let answers = broker.served.messages().send_stream(incoming).await.expect("it is opened");
    let mut answers = answers.into_inner();
    for _ in ["the window", "the first batch"] {
        next(&mut answers).await;
    }
    let status = answers.message().await.expect_err("it is to one queue");
    assert_eq!((status.code(), &*field(&status)), (Code::InvalidArgument, "queue"));

    let (receives, incoming) = requests();
    receives.send(v1::ReceiveStreamRequest { queue: "jobs".into(), ..Default::default() });
    receives.send(v1::ReceiveStreamRequest { extend_leases: true, ..Default::default() });
    let answers = broker.served.messages().receive_stream(incoming).await.expect("it is opened");
    let mut answers = answers.into_inner();
    next(&mut answers).await;
    let status = answers.message().await.expect_err("it is too late for a setting");
    assert_eq!((status.code(), &*field(&status)), (Code::InvalidArgument, "extend_leases"));
}

#[tokio::test]
async fn a_list_that_is_too_long_ends_the_stream_with_its_number() {
    let broker = serve_broker().await;
    let (sends, incoming) = requests();
    sends.send(v1::SendStreamRequest { queue: "jobs".into(), entries: vec![entry("a")] });
    let answers = broker.served.messages().send_stream(incoming).await.expect("it is opened");
    let mut answers = answers.into_inner();
    for _ in ["the window", "the first batch"] {
        next(&mut answers).await;
    }
    sends.send(v1::SendStreamRequest { entries: vec![entry("b"); 1001], ..Default::default() });
    let status = answers.message().await.expect_err("it has too many entries");
    assert_eq!(status.message(), "entries is 1001, it can be 1 to 1000");
    assert_eq!(broker.counts("jobs").await.ready, 1);
}
