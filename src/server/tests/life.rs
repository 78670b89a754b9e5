//! The server before the broker serves, while it does, and as it ends.

use tokio_stream::StreamExt;
use tonic::{Code, transport::Identity};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};
use tonic_types::StatusExt;

use super::*;
use crate::{proto::v1, server::ServeError};

const SERVICE: &str = "ledgerq.v1.MessageService";

fn list() -> v1::ListQueuesRequest {
    v1::ListQueuesRequest::default()
}

#[tokio::test]
async fn before_the_broker_has_recovered_a_call_learns_how_far_it_is() {
    let served = serve_closed(Duration::ZERO).await;
    served.gate.recovering("3 of 10 segments read");
    let status = served.queues().list_queues(list()).await.expect_err("nothing serves yet");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().contains("3 of 10 segments read"), "{}", status.message());
    assert!(status.get_details_retry_info().is_some());
    let info = status.get_details_error_info().expect("it has a reason");
    assert_eq!(info.reason, "RECOVERING");
}

#[tokio::test]
async fn once_the_broker_drains_a_call_is_refused() {
    let served = serve_closed(Duration::ZERO).await;
    served.gate.drain();
    let status = served.queues().list_queues(list()).await.expect_err("nothing serves any more");
    assert_eq!(status.code(), Code::Unavailable);
    let info = status.get_details_error_info().expect("it has a reason");
    assert_eq!(info.reason, "SHUTTING_DOWN");
}

#[tokio::test]
async fn health_follows_the_gate_and_does_not_hold_up_the_drain() {
    let served = serve_closed(Duration::from_mins(1)).await;
    let mut health = HealthClient::new(served.channel.clone());
    let request = || HealthCheckRequest { service: SERVICE.into() };
    let mut watch = health.watch(request()).await.expect("it is known").into_inner();
    let mut next = async || watch.next().await.map(|told| told.expect("it is told").status());
    assert_eq!(next().await, Some(ServingStatus::NotServing));

    let (mailbox, _events) = Mailbox::new(LIMITS);
    served.gate.open(Handle::new(mailbox, Receipts::new(&KEY), LINEAGE));
    assert_eq!(next().await, Some(ServingStatus::Serving));

    served.shutdown.send(()).expect("the server listens");
    assert_eq!(next().await, Some(ServingStatus::NotServing));
    assert_eq!(next().await, None);
    drop(health);
    assert_eq!(served.ended.await.expect("it does not panic"), Drained::Complete);
}

#[tokio::test]
async fn a_broker_that_has_stopped_is_not_serving() {
    let served = serve_closed(Duration::ZERO).await;
    served.gate.stop();
    let mut health = HealthClient::new(served.channel.clone());
    let others = ["QueueService", "RedriveService", "AdminService"];
    let others = others.map(|name| format!("ledgerq.v1.{name}"));
    for service in others.iter().map(String::as_str).chain(["", SERVICE]) {
        let request = HealthCheckRequest { service: service.into() };
        let answer = health.check(request).await.expect("it is known").into_inner();
        assert_eq!(answer.status(), ServingStatus::NotServing, "{service:?}");
    }
}

#[tokio::test]
async fn a_call_under_way_is_answered_after_the_shutdown_began() {
    let (started, has_started) = oneshot::channel();
    let (go_on, may_go_on) = mpsc::channel();
    let mut started = Some(started);
    let served = serve_with_owner(move |_, caller| {
        let _ = started.take().map(|started| started.send(()));
        let _ = may_go_on.recv();
        let reply = reply(Reply::Queues { queues: vec![view()], more: false });
        caller.expect("a client waits").tell(reply);
    })
    .await;
    let mut client = served.queues();
    let call = tokio::spawn(async move { client.list_queues(list()).await });
    has_started.await.expect("the call reaches the owner");
    served.shutdown.send(()).expect("the server listens");
    let mut phase = served.gate.watch();
    phase.wait_for(|phase| matches!(phase, crate::api::Phase::Draining)).await.expect("it drains");
    go_on.send(()).expect("the owner waits");
    let answer = call.await.expect("it does not panic").expect("it is answered");
    assert_eq!(answer.into_inner().queues.len(), 1);
    drop(served.channel);
    assert_eq!(served.ended.await.expect("it does not panic"), Drained::Complete);
}

#[tokio::test]
async fn a_drain_ends_though_a_call_does_not() {
    let served = serve_closed(Duration::ZERO).await;
    let (mailbox, events) = Mailbox::new(LIMITS);
    served.gate.open(Handle::new(mailbox, Receipts::new(&KEY), LINEAGE));
    let mut client = served.queues();
    let call = tokio::spawn(async move { client.list_queues(list()).await });
    let event = tokio::task::spawn_blocking(move || events.recv()).await;
    let never_answered = event.expect("it does not panic");
    assert!(never_answered.is_ok());
    served.shutdown.send(()).expect("the server listens");
    assert_eq!(served.ended.await.expect("it does not panic"), Drained::TimedOut);
    call.abort();
    drop(never_answered);
}

#[tokio::test]
async fn reflection_tells_the_services() {
    let served = serve_closed(Duration::ZERO).await;
    let mut client = ServerReflectionClient::new(served.channel.clone());
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let request = ServerReflectionRequest { host: String::new(), message_request };
    let answers = client.server_reflection_info(tokio_stream::once(request)).await;
    let answer = answers.expect("it is served").into_inner().next().await.expect("one comes");
    let answer = answer.expect("it is an answer").message_response;
    let Some(MessageResponse::ListServicesResponse(list)) = answer else {
        panic!("not a list: {answer:?}");
    };
    let names: Vec<_> = list.service.into_iter().map(|service| service.name).collect();
    let admin = "ledgerq.v1.AdminService";
    for name in [SERVICE, "ledgerq.v1.QueueService", admin, "grpc.health.v1.Health"] {
        assert!(names.iter().any(|told| told == name), "{name} is not in {names:?}");
    }
    assert!(names.iter().all(|told| !told.contains("TestClock")), "{names:?}");
}

#[tokio::test]
async fn a_certificate_that_is_none_is_told_before_anything_is_served() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let identity = Identity::from_pem("no certificate", "no key");
    let settings = Settings {
        tls: Some(identity),
        connections_max: 100,
        drain_max: Duration::ZERO,
        incoming_bytes_max: super::INCOMING_BYTES_MAX,
        test_clock: None,
    };
    let served =
        crate::server::serve(listener, Gate::new(), settings, std::future::pending()).await;
    assert!(matches!(served, Err(ServeError::Tls(_))), "{served:?}");
}
