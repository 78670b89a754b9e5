//! What a client sees of a request, or of an entry, that is refused.

use tonic::{Code, Status};
use tonic_types::StatusExt;

use super::*;
use crate::{
    proto::v1::{self, send_result::Result as Outcome},
    types::{Delay, Millis, Sent},
};

fn get(queue: &str) -> v1::GetQueueRequest {
    v1::GetQueueRequest { queue: queue.into() }
}

/// Asks for a queue and is refused.
async fn refused(rejection: Rejection) -> Status {
    let (served, _) = serve(move |_| refuse(rejection.clone())).await;
    served.queues().get_queue(get("jobs")).await.expect_err("the owner refuses")
}

fn reason(status: &Status) -> (String, String) {
    let info = status.get_details_error_info().expect("each refusal has a reason");
    (info.reason, info.domain)
}

#[tokio::test]
async fn a_queue_is_told_with_all_that_it_has() {
    let (served, asked) = serve(|_| reply(Reply::Queue(view()))).await;
    let answer = served.queues().get_queue(get("jobs")).await.expect("it is there");
    let queue = answer.into_inner().queue.expect("it is set");
    assert_eq!(queue.name, "jobs");
    let counts = queue.counts.expect("they are set");
    assert_eq!((counts.ready, counts.delayed, counts.in_flight), (1, 2, 3));
    assert_eq!(
        queue.settings.and_then(|settings| settings.visibility_timeout),
        Some(duration(30_000))
    );
    assert_eq!(asked.recv(), Ok(Command::GetQueue { queue: jobs() }));
}

#[tokio::test]
async fn a_wrong_field_is_named_and_quoted() {
    let (served, _) = serve(|_| unreachable!("a wrong request does not reach the owner")).await;
    let status = served.queues().get_queue(get("no such name")).await.expect_err("it is wrong");
    assert_eq!(status.code(), Code::InvalidArgument);
    assert!(status.message().contains("\"no such name\""), "{}", status.message());
    let bad = status.get_details_bad_request().expect("it is a field's fault");
    assert_eq!(bad.field_violations[0].field, "queue");
    assert_eq!(reason(&status), ("QUEUE_NAME_INVALID".into(), "ledgerq".into()));
}

#[tokio::test]
async fn a_setting_that_the_broker_refuses_is_named_by_its_path() {
    let settings = QueueSettings { retention: Millis::new(1), ..QueueSettings::default() };
    let rejection = settings.check(&jobs()).expect_err("it is too short");
    let (served, _) = serve(move |_| refuse(rejection.clone())).await;
    let settings = Some(v1::QueueSettings { retention: Some(duration(1)), ..Default::default() });
    let request = v1::CreateQueueRequest { queue: "jobs".into(), settings };
    let status = served.queues().create_queue(request).await.expect_err("the owner refuses");
    assert_eq!(status.message(), "settings.retention is 1ms, it can be 1m to 14d");
    let bad = status.get_details_bad_request().expect("it is a field's fault");
    assert_eq!(bad.field_violations[0].field, "settings.retention");
}

#[tokio::test]
async fn a_queue_that_cannot_be_made_is_refused_for_its_name() {
    let rejection = Rejection::malformed("queue", "jobs.fifo", "there are no FIFO queues");
    let (served, _) = serve(move |_| refuse(rejection.clone())).await;
    let request = v1::CreateQueueRequest { queue: "jobs.fifo".into(), settings: None };
    let status = served.queues().create_queue(request).await.expect_err("the owner refuses");
    assert_eq!(status.message(), "queue is \"jobs.fifo\": there are no FIFO queues");
    let bad = status.get_details_bad_request().expect("it is a field's fault");
    assert_eq!(bad.field_violations[0].field, "queue");
}

#[tokio::test]
async fn an_unknown_queue_is_told_as_a_resource() {
    let status = refused(Rejection::QueueNotFound { queue: jobs() }).await;
    assert_eq!(status.code(), Code::NotFound);
    let resource = status.get_details_resource_info().expect("a queue is a resource");
    assert_eq!((&*resource.resource_type, &*resource.resource_name), ("ledgerq.v1.Queue", "jobs"));
    assert_eq!(reason(&status).0, "QUEUE_NOT_FOUND");
}

#[tokio::test]
async fn a_refusal_that_passes_says_when_to_try_again() {
    let purged = Rejection::PurgeInProgress { queue: jobs(), retry_after: Millis::new(2500) };
    let status = refused(purged).await;
    assert_eq!(status.code(), Code::FailedPrecondition);
    let retry = status.get_details_retry_info().expect("it passes");
    assert_eq!(retry.retry_delay, Some(Duration::from_millis(2500)));

    let status = refused(Rejection::Overloaded { what: "10 requests".into() }).await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert!(status.get_details_retry_info().is_some());
    assert!(status.get_details_quota_failure().is_some());
}

#[tokio::test]
async fn an_outcome_that_is_not_known_is_not_told_as_a_refusal() {
    let served = serve_with_owner(|_, caller| drop(caller)).await;
    let status = served.queues().get_queue(get("jobs")).await.expect_err("nobody answers");
    assert_eq!((status.code(), &*reason(&status).0), (Code::Unknown, "OUTCOME_UNKNOWN"));
    assert!(status.get_details_retry_info().is_none());
}

#[tokio::test]
async fn a_step_that_cannot_be_done_is_named_and_nothing_is_done() {
    let source = Box::new(Rejection::MessageNotFound);
    let (served, _) =
        serve(move |_| refuse(Rejection::Step { index: 1, source: source.clone() })).await;
    let message = Some(v1::SendEntry { body: "hello".into(), ..Default::default() });
    let send = v1::SendStep { queue: "jobs".into(), message };
    let delete = v1::DeleteStep { queue: "jobs".into(), receipt_handle: handle_of(1) };
    let steps = [v1::transact_step::Step::Send(send), v1::transact_step::Step::Delete(delete)];
    let steps = steps.map(|step| v1::TransactStep { step: Some(step) });
    let request = v1::TransactRequest { steps: steps.into() };
    let status = served.messages().transact(request).await.expect_err("a message is gone");
    assert_eq!(status.code(), Code::NotFound);
    assert_eq!(status.message(), "steps[1].delete: the message does not exist any more");
    let bad = status.get_details_bad_request().expect("it names the step");
    assert_eq!(bad.field_violations[0].field, "steps[1].delete");
    let info = status.get_details_error_info().expect("each refusal has a reason");
    assert_eq!((&*info.reason, &*info.metadata["step"]), ("MESSAGE_NOT_FOUND", "1"));
}

#[tokio::test]
async fn an_id_that_is_none_fails_alone_and_one_of_another_broker_is_not_found() {
    let (served, _) = serve(|command| {
        let Command::Cancel { seqs, .. } = command else { unreachable!("only these come") };
        assert_eq!(seqs.len(), 2);
        reply(Reply::Cancelled(vec![
            Ok(crate::types::CancelOutcome::Cancelled),
            Ok(crate::types::CancelOutcome::NotFound),
        ]))
    })
    .await;
    let own = crate::types::MessageId::new(LINEAGE, Seq::new(1)).to_string();
    let other = "00000000-0000-8000-8000-000000000000".to_owned();
    let message_ids = vec!["garbage".into(), own, other];
    let request = v1::CancelScheduledRequest { queue: "jobs".into(), message_ids };
    let answer = served.messages().cancel_scheduled(request).await.expect("the request is good");
    let results: Vec<_> = answer.into_inner().results.into_iter().map(|one| one.result).collect();
    let Some(v1::cancel_result::Result::Error(bad)) = &results[0] else {
        panic!("the first is refused: {results:?}");
    };
    assert_eq!((&*bad.field, &*bad.reason), ("message_ids[0]", "VALUE_MALFORMED"));
    let outcome =
        |outcome: v1::CancelOutcome| Some(v1::cancel_result::Result::Outcome(outcome.into()));
    assert_eq!(results[1], outcome(v1::CancelOutcome::Cancelled));
    assert_eq!(results[2], outcome(v1::CancelOutcome::NotFound));
}

#[tokio::test]
async fn a_bad_entry_fails_alone() {
    let (served, asked) = serve(|command| {
        let Command::Send { entries, .. } = command else { unreachable!("only sends come") };
        assert_eq!(entries.len(), 2);
        let refused = Rejection::MessageTooLarge { queue: jobs(), bytes: 2000, bytes_max: 1024 };
        reply(Reply::Sent(vec![Ok(Sent { seq: Seq::new(1), is_duplicate: false }), Err(refused)]))
    })
    .await;
    let entry = |body: &'static [u8], delay| v1::SendEntry {
        body: body.into(),
        delay,
        ..Default::default()
    };
    let negative = Some(prost_types::Duration { seconds: -1, nanos: 0 });
    let entries =
        vec![entry(b"good", None), entry(b"bad", negative), entry(b"large", Some(duration(5)))];
    let request = v1::SendRequest { queue: "jobs".into(), entries };
    let answer = served.messages().send(request).await.expect("the request is good");
    let results = answer.into_inner().results.into_iter().map(|result| result.result);
    let [Some(Outcome::Sent(sent)), Some(Outcome::Error(bad)), Some(Outcome::Error(large))] =
        &results.collect::<Vec<_>>()[..]
    else {
        panic!("one was sent and two refused");
    };
    assert_eq!(sent.message_id.len(), 36);
    assert_eq!((&*bad.field, &*bad.reason), ("entries[1].delay", "VALUE_MALFORMED"));
    assert_eq!(bad.code, Code::InvalidArgument as i32);
    assert_eq!((&*large.field, &*large.reason), ("entries[2].body", "MESSAGE_TOO_LARGE"));
    let Ok(Command::Send { entries, .. }) = asked.recv() else { panic!("a send was asked") };
    assert_eq!(entries[1].delay, Some(Delay::For(Millis::new(5))));
}

#[tokio::test]
async fn a_bad_handle_fails_alone() {
    let (served, _) = serve(|command| {
        let Command::Delete { leases, .. } = command else { unreachable!("only deletes come") };
        assert_eq!(leases.len(), 1);
        reply(Reply::Deleted(vec![Ok(crate::types::DeleteOutcome::StaleLease)]))
    })
    .await;
    let receipt_handles = vec!["garbage".into(), handle_of(1)];
    let request = v1::DeleteRequest { queue: "jobs".into(), receipt_handles, mode: 0 };
    let answer = served.messages().delete(request).await.expect("the request is good");
    let results: Vec<_> = answer.into_inner().results.into_iter().map(|one| one.result).collect();
    let [Some(v1::delete_result::Result::Error(bad)), Some(stale)] = &results[..] else {
        panic!("the first is refused: {results:?}");
    };
    assert_eq!((&*bad.field, &*bad.reason), ("receipt_handles[0]", "RECEIPT_HANDLE_INVALID"));
    let told = v1::DeleteOutcome::StaleLease.into();
    assert_eq!(*stale, v1::delete_result::Result::Outcome(told));
}

#[tokio::test]
async fn a_request_beyond_what_is_decoded_is_refused_by_the_transport() {
    let (served, _) = serve(|_| unreachable!("it is not even decoded")).await;
    let body = vec![0; 6 << 20].into();
    let entries = vec![v1::SendEntry { body, ..Default::default() }];
    let request = v1::SendRequest { queue: "jobs".into(), entries };
    let status = served.messages().send(request).await.expect_err("it is too long");
    assert_eq!(status.code(), Code::OutOfRange);
}
