//! Send streams: order, windows, batches that are refused, ends.

use super::*;
use crate::{
    proto::v1::{send_result::Result as Outcome, send_stream_response::Response as Told},
    types::{Sent, limits},
};

type Answers = Streaming<v1::SendStreamResponse>;

fn batch(queue: &str, entries: Vec<v1::SendEntry>) -> v1::SendStreamRequest {
    v1::SendStreamRequest { queue: queue.into(), entries }
}

fn of_bytes(bytes: usize) -> v1::SendEntry {
    v1::SendEntry { body: vec![b'x'; bytes].into(), ..Default::default() }
}

/// A stream whose first request is this one.
async fn open(
    served: &Served,
    first: v1::SendStreamRequest,
) -> (Requests<v1::SendStreamRequest>, Answers) {
    let (requests, incoming) = requests();
    requests.send(first);
    let answers = served.messages().send_stream(incoming).await.expect("it is opened");
    let mut answers = answers.into_inner();
    let Some(Told::Opened(opened)) = next(&mut answers).await.response else {
        panic!("the first answer tells the window");
    };
    assert_eq!(opened.window_bytes, limits::SEND_WINDOW_BYTES);
    assert_eq!(opened.window_batches, limits::SEND_WINDOW_BATCHES);
    (requests, answers)
}

async fn result(answers: &mut Answers) -> v1::SendStreamResult {
    match next(answers).await.response {
        Some(Told::Result(result)) => result,
        other => panic!("a batch is answered with {other:?}"),
    }
}

/// The numbers of the messages of a batch, all of which were accepted.
fn numbers(result: &v1::SendStreamResult) -> Vec<u64> {
    assert_eq!(result.error, None);
    let number = |result: &v1::SendResult| match &result.result {
        Some(Outcome::Sent(sent)) => sent.sequence_number,
        other => panic!("it was accepted, not {other:?}"),
    };
    result.results.iter().map(number).collect()
}

#[tokio::test]
async fn batches_are_answered_and_numbered_in_the_order_of_the_stream() {
    let broker = serve_broker().await;
    let entry = |number: usize| v1::SendEntry {
        group_id: "g1".into(),
        deduplication_id: format!("d{number}"),
        ..entry(&number.to_string())
    };
    let batch_of = |number: usize| (3 * number..3 * number + 3).map(entry).collect::<Vec<_>>();
    let first = batch("jobs.fifo", batch_of(0));
    let (requests, mut answers) = open(&broker.served, first).await;
    for number in 1..50 {
        requests.send(batch(if number % 2 == 0 { "" } else { "jobs.fifo" }, batch_of(number)));
    }
    drop(requests);
    let mut last = 0;
    for number in 1..=50 {
        let result = result(&mut answers).await;
        assert_eq!(result.batch, number);
        for sequence_number in numbers(&result) {
            assert!(sequence_number > last, "{sequence_number} after {last}");
            last = sequence_number;
        }
    }
    assert!(answers.message().await.expect("it ends well").is_none());
    let receive = v1::ReceiveRequest {
        queue: "jobs.fifo".into(),
        max_messages: Some(1000),
        ..Default::default()
    };
    let received = broker.served.messages().receive(receive).await.expect("they are there");
    let bodies = received.into_inner().messages.into_iter().map(|message| message.body);
    assert!(bodies.eq((0..150).map(|number| number.to_string())), "they are in order");
}

#[tokio::test]
async fn what_is_answered_is_on_the_disk() {
    let broker = serve_broker().await;
    let (requests, mut answers) = open(&broker.served, batch("jobs", vec![entry("a")])).await;
    requests.send(batch("", vec![entry("b"), entry("c")]));
    for _ in 0..2 {
        result(&mut answers).await;
    }
    // Only what was synced outlives this.
    let disk = broker.disk.crash(&mut crate::disk::sim::keep_none());
    let after = broker_on(&disk);
    let counts = after.handle().get_queue(jobs()).await.expect("it is there").counts;
    assert_eq!(counts.ready, 3);
}

#[tokio::test]
async fn a_batch_that_is_refused_changes_nothing_and_the_stream_goes_on() {
    let broker = serve_broker().await;
    let (requests, mut answers) = open(&broker.served, batch("jobs", Vec::new())).await;
    requests.send(batch("", Vec::new()));
    requests.send(batch(
        "",
        vec![
            of_bytes(1 << 20),
            of_bytes(1 << 20),
            of_bytes(1 << 20),
            of_bytes(1 << 20),
            entry("x"),
        ],
    ));
    requests.send(batch("", vec![entry("good"), entry("")]));
    let error = result(&mut answers).await.error.expect("it has no entries");
    assert_eq!((&*error.field, &*error.reason), ("entries", "VALUE_OUT_OF_RANGE"));
    assert_eq!(error.message, "entries is 0, it can be 1 to 1000");
    let error = result(&mut answers).await.error.expect("it is too large");
    let sentence = "entries is 4194305 bytes, it can be 0 bytes to 4194304 bytes";
    assert_eq!((&*error.field, &*error.message), ("entries", sentence));
    let third = result(&mut answers).await;
    assert_eq!((third.batch, third.error), (3, None));
    let Some(Outcome::Error(bad)) = &third.results[1].result else { panic!("it has no body") };
    assert_eq!((&*bad.field, &*bad.reason), ("entries[1].body", "VALUE_OUT_OF_RANGE"));
    broker.broker.handle().delete_queue(jobs()).await.expect("it is there");
    requests.send(batch("", vec![entry("late")]));
    let error = result(&mut answers).await.error.expect("the queue is gone");
    assert_eq!((&*error.reason, error.code), ("QUEUE_NOT_FOUND", Code::NotFound as i32));
    drop(requests);
    assert!(answers.message().await.expect("it ends well").is_none());
}

/// Answers queues at once, and keeps the callers of sends.
async fn keep_sends() -> (Served, mpsc::Receiver<(usize, Caller)>) {
    let (sends, heard) = mpsc::channel();
    let served = serve_with_owner(move |command, caller| {
        let Some(caller) = caller else { return };
        match command {
            Command::Send { entries, .. } => {
                let _ = sends.send((entries.len(), caller));
            }
            _ => caller.tell(reply(Reply::Queue(view()))),
        }
    });
    (served.await, heard)
}

/// How many sends have come by now, and a few round trips later.
async fn heard(
    served: &Served,
    sends: &mpsc::Receiver<(usize, Caller)>,
    known: &mut Vec<(usize, Caller)>,
) {
    for _ in 0..20 {
        let get = v1::GetQueueRequest { queue: "jobs".into() };
        served.queues().get_queue(get).await.expect("it is answered");
        known.extend(sends.try_iter());
    }
}

#[tokio::test]
async fn no_more_is_read_than_the_window_holds() {
    let (small, large) = (limits::SEND_WINDOW_BATCHES as usize, 16);
    for (bytes, window) in [(1, small), (1 << 20, large)] {
        let (served, sends) = keep_sends().await;
        let (requests, mut answers) = open(&served, batch("jobs", Vec::new())).await;
        for _ in 0..window + 5 {
            requests.send(batch("", vec![of_bytes(bytes)]));
        }
        let mut known = Vec::new();
        while known.len() < window {
            heard(&served, &sends, &mut known).await;
        }
        heard(&served, &sends, &mut known).await;
        assert_eq!(known.len(), window, "{bytes} bytes");
        // What is answered makes room for the next.
        let (count, caller) = known.remove(0);
        let sent = Sent { seq: Seq::new(1), is_duplicate: false };
        caller.tell(reply(Reply::Sent(vec![Ok(sent); count])));
        assert_eq!(result(&mut answers).await.batch, 1);
        while known.len() < window {
            heard(&served, &sends, &mut known).await;
        }
        assert_eq!(known.len(), window);
    }
}

#[tokio::test]
async fn a_batch_waits_for_room_in_the_broker_and_is_not_refused() {
    let (mailbox, events) = Mailbox::new(Limits { requests_max: 1, polls_max: 1, bytes_max: 1 });
    let served = serve_closed(Duration::from_secs(5)).await;
    served.gate.open(Handle::new(mailbox, Receipts::new(&KEY), LINEAGE));
    let (go_on, may_go_on) = mpsc::channel();
    let owner = thread::spawn(move || {
        let take = || match events.recv() {
            Ok(Event::Request(Request { command, waiter: Some(caller) })) => (command, caller),
            _ => panic!("a request comes"),
        };
        let sent = || Ok(Sent { seq: Seq::new(1), is_duplicate: false });
        let (_, caller) = take();
        caller.tell(reply(Reply::Queue(view())));
        let (command, first) = take();
        assert!(matches!(command, Command::Send { .. }));
        // While it is under way there is no room for the second.
        may_go_on.recv().expect("the test goes on");
        assert!(events.try_recv().is_err(), "there is room for one alone");
        first.tell(reply(Reply::Sent(vec![sent()])));
        let (_, second) = take();
        second.tell(reply(Reply::Sent(vec![sent()])));
    });
    let (requests, mut answers) = open(&served, batch("jobs", vec![entry("one")])).await;
    requests.send(batch("", vec![entry("two")]));
    for _ in 0..20 {
        let get = v1::GetQueueRequest { queue: "jobs".into() };
        let status = served.queues().get_queue(get).await.expect_err("there is no room for it");
        assert_eq!(reason(&status), "OVERLOADED");
    }
    go_on.send(()).expect("the owner waits");
    for number in [1, 2] {
        let result = result(&mut answers).await;
        assert_eq!((result.batch, result.error), (number, None));
    }
    owner.join().expect("it does not panic");
}

#[tokio::test]
async fn a_drain_ends_the_stream_once_what_was_read_is_answered() {
    let (served, sends) = keep_sends().await;
    let (requests, mut answers) = open(&served, batch("jobs", vec![entry("one")])).await;
    let mut known = Vec::new();
    while known.is_empty() {
        heard(&served, &sends, &mut known).await;
    }
    served.shutdown.send(()).expect("the server listens");
    let mut phase = served.gate.watch();
    phase.wait_for(|phase| matches!(phase, crate::api::Phase::Draining)).await.expect("it drains");
    let (_, caller) = known.remove(0);
    caller.tell(reply(Reply::Sent(vec![Ok(Sent { seq: Seq::new(1), is_duplicate: false })])));
    assert_eq!(numbers(&result(&mut answers).await), [1]);
    let status = answers.message().await.expect_err("it ends for a reason");
    assert_eq!((status.code(), &*reason(&status)), (Code::Unavailable, "SHUTTING_DOWN"));
    drop((requests, answers, served.channel));
    assert_eq!(served.ended.await.expect("it does not panic"), Drained::Complete);
}

#[tokio::test]
async fn a_broker_that_fails_ends_the_stream_with_an_unknown_outcome() {
    let (served, sends) = keep_sends().await;
    let (_requests, mut answers) = open(&served, batch("jobs", vec![entry("one")])).await;
    let mut known = Vec::new();
    while known.is_empty() {
        heard(&served, &sends, &mut known).await;
    }
    drop(known);
    let status = answers.message().await.expect_err("nobody knows");
    assert_eq!((status.code(), &*reason(&status)), (Code::Unknown, "OUTCOME_UNKNOWN"));
    assert!(answers.message().await.is_ok_and(|answer| answer.is_none()));
}
