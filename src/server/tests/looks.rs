//! What a look at messages shows, and how it goes on.

use super::*;
use crate::{
    proto::v1,
    store::BodyRef,
    types::{Attribute, AttributeValue, Browsed, Envelope, GroupId, MessageState},
};

fn color(value: &str) -> Attribute {
    let value = AttributeValue::Text(value.into());
    Attribute { name: "color".into(), data_type: "String".into(), value }
}

/// A payload of so many bytes.
fn body(attribute: &str, bytes: usize) -> BodyRef {
    let envelope = Envelope {
        attributes: vec![color(attribute)],
        group: GroupId::parse("group_id", "g1").ok(),
        deduplication_id: Some("d1".into()),
        trace_header: Some("Root=1".into()),
        sender: None,
    };
    BodyRef::Cached(Handle::payload(&envelope, vec![b'x'; bytes].into()))
}

/// A payload whose head is none.
fn damaged() -> BodyRef {
    let payload = Handle::payload(&Envelope::default(), "lost".into());
    BodyRef::Cached(crate::types::Payload { head: "garbage".into(), ..payload })
}

fn browsed(seq: u64) -> Browsed {
    Browsed {
        queue: QueueId::new(1),
        seq: Seq::new(seq),
        state: MessageState::Delayed { until: Timestamp::from_millis(9000) },
        sent_at: Timestamp::from_millis(1000),
        receive_count: 2,
        first_received_at: Timestamp::from_millis(2000),
        priority: 7,
        is_dead_letter: true,
        dead_letter_source: Some(jobs()),
    }
}

fn page(bodies: Vec<BodyRef>, next: Option<u64>) -> Answer {
    let messages = (1..).zip(&bodies).map(|(seq, _)| browsed(seq)).collect();
    Answer { reply: Ok(Reply::Browsed { messages, next: next.map(Seq::new) }), bodies }
}

fn peek() -> v1::PeekRequest {
    v1::PeekRequest { queue: "jobs".into(), ..Default::default() }
}

#[tokio::test]
async fn a_look_shows_all_but_the_body_and_no_handle() {
    let (served, _) = serve(|_| page(vec![body("red", 5), damaged()], None)).await;
    let answer = served.messages().peek(peek()).await.expect("there are messages").into_inner();
    assert_eq!(answer.next_page_token, "");
    assert_eq!(answer.unavailable.len(), 1);
    assert_eq!(answer.unavailable[0].receipt_handle, "");
    let [message] = &answer.messages[..] else { panic!("one is whole: {answer:?}") };
    assert_eq!(message.state(), v1::MessageState::Delayed);
    assert_eq!(message.ready_at, Some(prost_types::Timestamp { seconds: 9, nanos: 0 }));
    assert_eq!((message.body_bytes, message.body.len()), (5, 0));
    assert_eq!((&*message.group_id, &*message.trace_header), ("g1", "Root=1"));
    // The queue is none of FIFO: a dead letter keeps its deduplication id.
    assert_eq!((&*message.deduplication_id, &*message.dead_letter_source), ("d1", "jobs"));
    assert_eq!((message.sequence_number, message.priority, message.receive_count), (1, 7, 2));
}

#[tokio::test]
async fn a_page_without_a_message_that_matches_still_leads_to_the_next() {
    let (served, asked) = serve(|command| match command {
        Command::Browse(browse) if browse.after == Seq::new(0) => {
            page(vec![body("red", 1), body("red", 1)], Some(2))
        }
        _ => page(vec![body("blue", 1)], None),
    })
    .await;
    let text = Some(v1::attribute_value::Value::Text("blue".into()));
    let value = Some(v1::AttributeValue { data_type: "String".into(), value: text });
    let attribute = Some(v1::AttributeFilter { name: "color".into(), value });
    let filter = Some(v1::MessageFilter { attribute, ..Default::default() });
    let request = v1::PeekRequest { filter, ..peek() };
    let first = served.messages().peek(request.clone()).await.expect("a page").into_inner();
    assert_eq!(first.messages, []);
    let page_token = first.next_page_token;
    let request = v1::PeekRequest { page_token, ..request };
    let second = served.messages().peek(request).await.expect("a page").into_inner();
    assert_eq!((second.messages.len(), &*second.next_page_token), (1, ""));
    let after = |command| match command {
        Ok(Command::Browse(browse)) => browse.after,
        other => panic!("a look was asked, not {other:?}"),
    };
    assert_eq!([after(asked.recv()), after(asked.recv())], [Seq::new(0), Seq::new(2)]);
}

#[tokio::test]
async fn a_page_ends_where_an_answer_has_no_more_room() {
    let (served, asked) =
        serve(|_| page((0..5).map(|_| body("red", 1 << 20)).collect(), None)).await;
    let request = v1::PeekRequest { include_bodies: true, ..peek() };
    let answer = served.messages().peek(request).await.expect("a page").into_inner();
    assert_eq!(answer.messages.len(), 2);
    let page_token = answer.next_page_token;
    served.messages().peek(v1::PeekRequest { page_token, ..peek() }).await.expect("a page");
    let Ok(Command::Browse(_)) = asked.recv() else { panic!("a look was asked") };
    let Ok(Command::Browse(browse)) = asked.recv() else { panic!("a look was asked") };
    assert_eq!(browse.after, Seq::new(2));
}

#[tokio::test]
async fn one_message_is_looked_at_by_its_id() {
    let (served, _) = serve(|_| page(vec![body("red", 5)], None)).await;
    let get = |seq| v1::GetMessageRequest {
        queue: "jobs".into(),
        message_id: crate::types::MessageId::new(LINEAGE, Seq::new(seq)).to_string(),
        include_body: true,
    };
    let answer = served.messages().get_message(get(1)).await.expect("it is there").into_inner();
    let Some(v1::get_message_response::Result::Message(message)) = answer.result else {
        panic!("it is whole: {answer:?}");
    };
    assert_eq!(message.body, "xxxxx");
    for seq in [0, 2, u64::MAX] {
        let status = served.messages().get_message(get(seq)).await.expect_err("it is not there");
        assert_eq!(status.code(), tonic::Code::NotFound, "{seq}");
    }
}
