//! Receive streams: credits, what becomes of messages, who has them at the end.

use super::*;
use crate::proto::v1::{
    change_visibility_result::Result as Changed, delete_result::Result as Deleted,
};

type Answers = Streaming<v1::ReceiveStreamResponse>;
type Ask = v1::ReceiveStreamRequest;

fn credits(credits: u32) -> Ask {
    Ask { credits, ..Default::default() }
}

fn from(queue: &str, credits: u32) -> Ask {
    Ask { queue: queue.into(), credits, ..Default::default() }
}

fn change(receipt_handle: &str, seconds: Option<i64>) -> v1::ChangeVisibilityEntry {
    let visibility_timeout = seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 });
    v1::ChangeVisibilityEntry { receipt_handle: receipt_handle.into(), visibility_timeout }
}

/// A stream whose first request is this one.
async fn open(served: &Served, first: Ask) -> (Requests<Ask>, Answers) {
    let (requests, incoming) = requests();
    requests.send(first);
    let answers = served.messages().receive_stream(incoming).await.expect("it is opened");
    let mut answers = answers.into_inner();
    assert_eq!(next(&mut answers).await, v1::ReceiveStreamResponse::default());
    (requests, answers)
}

/// The next messages, until there are so many.
async fn messages(answers: &mut Answers, count: usize) -> Vec<v1::Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let answer = next(answers).await;
        assert!(answer.unavailable.is_empty());
        messages.extend(answer.messages);
    }
    assert_eq!(messages.len(), count, "no more than there were credits");
    messages
}

fn bodies(messages: &[v1::Message]) -> Vec<&[u8]> {
    messages.iter().map(|message| &message.body[..]).collect()
}

fn handles(messages: &[v1::Message]) -> Vec<String> {
    messages.iter().map(|message| message.receipt_handle.clone()).collect()
}

#[tokio::test]
async fn as_many_messages_come_as_there_are_credits() {
    let broker = serve_broker().await;
    broker.fill(&["a", "b", "c", "d", "e"]).await;
    let (requests, mut answers) = open(&broker.served, from("jobs", 2)).await;
    assert_eq!(bodies(&messages(&mut answers, 2).await), [b"a", b"b"]);
    assert_eq!(broker.counts("jobs").await.in_flight, 2);
    requests.send(credits(1));
    requests.send(credits(3));
    assert_eq!(bodies(&messages(&mut answers, 3).await), [b"c", b"d", b"e"]);
    // One credit is left: what is sent later comes by itself.
    broker.fill(&["f", "g"]).await;
    assert_eq!(bodies(&messages(&mut answers, 1).await), [b"f"]);
    assert_eq!(broker.counts("jobs").await.ready, 1);
}

#[tokio::test]
async fn acks_are_answered_in_order_and_are_on_the_disk() {
    let broker = serve_broker().await;
    broker.fill(&["a", "b", "c"]).await;
    let (requests, mut answers) = open(&broker.served, from("jobs", 3)).await;
    let received = messages(&mut answers, 3).await;
    let [a, b, _] = &handles(&received)[..] else { panic!("there are three") };
    requests.send(Ask { acks: vec![a.clone(), "garbage".into()], ..Default::default() });
    requests.send(Ask { acks: vec![b.clone(), a.clone()], ..Default::default() });
    let mut results = Vec::new();
    while results.len() < 4 {
        results.extend(next(&mut answers).await.ack_results);
    }
    let results: Vec<_> = results.into_iter().map(|one| one.result).collect();
    let outcome = |outcome: v1::DeleteOutcome| Some(Deleted::Outcome(outcome.into()));
    assert_eq!(results[0], outcome(v1::DeleteOutcome::Deleted));
    let Some(Deleted::Error(bad)) = &results[1] else { panic!("{results:?}") };
    assert_eq!((&*bad.field, &*bad.reason), ("acks[1]", "RECEIPT_HANDLE_INVALID"));
    assert_eq!(results[2], outcome(v1::DeleteOutcome::Deleted));
    assert_eq!(results[3], outcome(v1::DeleteOutcome::AlreadyDeleted));
    // Only what was synced outlives this.
    let after = broker_on(&broker.disk.crash(&mut crate::disk::sim::keep_none()));
    let counts = after.handle().get_queue(jobs()).await.expect("it is there").counts;
    assert_eq!((counts.ready, counts.in_flight), (0, 1));
}

#[tokio::test]
async fn a_nack_gives_a_message_back_at_once_or_later() {
    let broker = serve_broker().await;
    broker.fill(&["a", "b"]).await;
    let (requests, mut answers) = open(&broker.served, from("jobs", 2)).await;
    let handles = handles(&messages(&mut answers, 2).await);
    let nacks = vec![change(&handles[0], None), change(&handles[1], Some(500))];
    requests.send(Ask { nacks, ..Default::default() });
    let results = next(&mut answers).await.nack_results;
    assert_eq!(results.len(), 2);
    assert!(results.iter().all(|one| matches!(one.result, Some(Changed::LeaseExpiresAt(_)))));
    let counts = broker.counts("jobs").await;
    assert_eq!((counts.ready, counts.in_flight), (1, 1));
    // The one that waits is not the stream's any more, and goes on to wait at its end.
    drop((requests, answers));
    let (_requests, mut answers) = open(&broker.served, from("jobs", 5)).await;
    let again = messages(&mut answers, 1).await;
    assert_eq!((&*again[0].body, again[0].receive_count), (&b"a"[..], 2));
    assert_eq!(broker.counts("jobs").await.in_flight, 2);
}

#[tokio::test]
async fn an_extension_is_answered_with_the_new_end() {
    let broker = serve_broker().await;
    broker.fill(&["a"]).await;
    let (requests, mut answers) = open(&broker.served, from("jobs", 1)).await;
    let received = messages(&mut answers, 1).await.remove(0);
    let extensions =
        vec![change(&received.receipt_handle, Some(1200)), change(&received.receipt_handle, None)];
    requests.send(Ask { extensions, ..Default::default() });
    let results = next(&mut answers).await.extension_results;
    let before = received.lease_expires_at.expect("it is told").seconds;
    let Some(Changed::LeaseExpiresAt(until)) = &results[0].result else { panic!("{results:?}") };
    assert!(until.seconds >= before + 600, "{until:?} after {before}");
    let Some(Changed::Error(bad)) = &results[1].result else { panic!("{results:?}") };
    assert_eq!((&*bad.field, &*bad.reason), ("extensions[1].visibility_timeout", "FIELD_MISSING"));
}

#[tokio::test]
async fn a_client_that_is_done_is_answered_and_gives_the_rest_back() {
    let broker = serve_broker().await;
    broker.fill(&["a", "b", "c"]).await;
    let (requests, mut answers) = open(&broker.served, from("jobs", 3)).await;
    let handles = handles(&messages(&mut answers, 3).await);
    requests.send(Ask { acks: vec![handles[1].clone()], ..Default::default() });
    drop(requests);
    assert_eq!(next(&mut answers).await.ack_results.len(), 1);
    assert!(answers.message().await.expect("it ends well").is_none());
    broker.until_all_ready(2).await;
}

#[test]
fn a_killed_connection_gives_its_leases_back_at_once() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let (servers, clients) = (runtime().expect("threads"), runtime().expect("threads"));
    let broker = servers.block_on(serve_broker());
    let url = broker.served.url.clone();
    servers.block_on(broker.fill(&["a", "b", "c"]));
    let open_at = async |url: String| {
        let channel = Channel::from_shared(url).expect("it is a URL").connect().await;
        let channel = channel.expect("the port is open");
        let (requests, incoming) = requests();
        requests.send(from("jobs", 2));
        let mut client = MessageServiceClient::new(channel);
        let answers = client.receive_stream(incoming).await.expect("it is opened");
        let mut answers = answers.into_inner();
        (requests, messages(&mut answers, 2).await, answers)
    };
    let (_requests, received, _answers) = clients.block_on(open_at(url.clone()));
    assert_eq!(received[0].receive_count, 1);
    // As a kill does: the sockets are closed, and nobody says goodbye.
    clients.shutdown_background();
    servers.block_on(broker.until_all_ready(3));
    let (_requests, again, _answers) = servers.block_on(open_at(url));
    let mut counts: Vec<_> = again.iter().map(|message| message.receive_count).collect();
    counts.sort_unstable();
    assert!(counts.contains(&2), "what reached the client counts: {counts:?}");
}

#[tokio::test]
async fn a_drain_gives_leases_back_and_tells_why() {
    let broker = serve_broker().await;
    broker.fill(&["a", "b"]).await;
    let (_requests, mut answers) = open(&broker.served, from("jobs", 5)).await;
    messages(&mut answers, 2).await;
    broker.served.gate.drain();
    let status = answers.message().await.expect_err("it ends for a reason");
    assert_eq!((status.code(), &*reason(&status)), (Code::Unavailable, "SHUTTING_DOWN"));
    broker.served.gate.streams_ended().await;
    let counts = broker.counts("jobs").await;
    assert_eq!((counts.ready, counts.in_flight), (2, 0));
}

#[tokio::test]
async fn a_queue_that_is_deleted_ends_the_stream() {
    let broker = serve_broker().await;
    let (_requests, mut answers) = open(&broker.served, from("jobs", 5)).await;
    broker.broker.handle().delete_queue(jobs()).await.expect("it is there");
    let status = answers.message().await.expect_err("there is no such queue");
    assert_eq!((status.code(), &*reason(&status)), (Code::NotFound, "QUEUE_NOT_FOUND"));
}

#[tokio::test]
async fn leases_are_extended_as_long_as_the_stream_has_them() {
    let (changes, heard) = mpsc::channel();
    let mut is_first = true;
    let served = serve_with_owner(move |command, caller| {
        let Some(caller) = caller else { return };
        match command {
            Command::Receive { options, .. } if is_first => {
                is_first = false;
                assert_eq!(options.visibility_timeout, Some(Millis::from_secs(1)));
                let payload = Handle::payload(&crate::types::Envelope::default(), "one".into());
                let bodies = vec![crate::store::BodyRef::Cached(payload)];
                caller.tell(Answer { reply: Ok(Reply::Received(vec![leased(1)])), bodies });
            }
            Command::Receive { .. } => std::mem::forget(caller),
            Command::ChangeVisibility { entries, .. } => {
                let until = Timestamp::from_millis(31_000);
                caller.tell(reply(Reply::VisibilityChanged(vec![Ok(until); entries.len()])));
                let _ = changes.send(entries);
            }
            _ => caller.tell(reply(Reply::Queue(view()))),
        }
    });
    let served = served.await;
    let first =
        Ask { visibility_timeout: Some(duration(1000)), extend_leases: true, ..from("jobs", 2) };
    let (requests, mut answers) = open(&served, first).await;
    messages(&mut answers, 1).await;
    let heard = tokio::task::spawn_blocking(move || (heard.recv(), heard.recv(), heard));
    let (once, twice, heard) = heard.await.expect("it does not panic");
    let extended = vec![(leased(1).lease(), Millis::from_secs(1))];
    assert_eq!((once, twice), (Ok(extended.clone()), Ok(extended)));
    // The client was told nothing of it.
    requests.send(Ask { extensions: vec![change(&handle_of(1), Some(7))], ..Default::default() });
    let answer = next(&mut answers).await;
    assert_eq!((answer.extension_results.len(), answer.messages.len()), (1, 0));
    drop(heard);
}

#[tokio::test]
async fn credits_of_what_goes_back_behind_an_unread_message_are_used_again() {
    let (asked, heard) = mpsc::channel();
    let mut is_first = true;
    let served = serve_with_owner(move |command, caller| {
        let answer = match command {
            Command::Receive { .. } => received(if std::mem::take(&mut is_first) { 4 } else { 0 }),
            _ => reply(Reply::Queue(view())),
        };
        if let Some(caller) = caller {
            caller.tell(answer);
        }
        // The test has seen enough, at some time.
        let _ = asked.send(command);
    })
    .await;
    let (_requests, mut answers) = open(&served, from("jobs.fifo", 6)).await;
    let answer = next(&mut answers).await;
    assert_eq!((answer.messages.len(), answer.unavailable.len()), (1, 1));
    assert_eq!(answer.unavailable[0].receipt_handle, handle_of(2));
    let heard = tokio::task::spawn_blocking(move || {
        let mut heard = heard.into_iter();
        let returned = heard.find(|command| matches!(command, Command::Return { .. }));
        // Of six credits, two messages have taken two.
        let is_for_the_rest =
            |command| matches!(command, Command::Receive { options, .. } if options.count_max == 4);
        (returned, heard.any(is_for_the_rest))
    });
    let leases = vec![leased(3).lease(), leased(4).lease()];
    assert_eq!(heard.await.expect("no panic"), (Some(Command::Return { leases }), true));
}

/// So many messages, of which the second cannot be read now.
fn received(count: u64) -> Answer {
    let payload = |seq| {
        let payload = Handle::payload(&crate::types::Envelope::default(), "body".into());
        if seq == 2 { delivery::unread() } else { crate::store::BodyRef::Cached(payload) }
    };
    let leased = (1..=count).map(leased).collect();
    Answer { reply: Ok(Reply::Received(leased)), bodies: (1..=count).map(payload).collect() }
}
