//! Who has the leases of a receive.

use super::*;
use crate::{
    broker::Waiter,
    disk::{Disk, SimDisk},
    proto::v1,
    store::{BodyRef, Place},
    types::{Attribute, AttributeValue, Envelope},
};

fn receive() -> v1::ReceiveRequest {
    v1::ReceiveRequest { queue: "jobs".into(), max_messages: Some(10), ..Default::default() }
}

fn received(bodies: Vec<BodyRef>) -> Answer {
    let leased = (1..).zip(&bodies).map(|(seq, _)| leased(seq)).collect();
    Answer { reply: Ok(Reply::Received(leased)), bodies }
}

fn body(text: &'static str) -> BodyRef {
    let value = AttributeValue::Text("red".into());
    let color = Attribute { name: "color".into(), data_type: "String".into(), value };
    let envelope = Envelope { attributes: vec![color], ..Envelope::default() };
    BodyRef::Cached(Handle::payload(&envelope, text.into()))
}

/// A payload whose head is none.
fn damaged() -> BodyRef {
    let payload = Handle::payload(&Envelope::default(), "lost".into());
    BodyRef::Cached(crate::types::Payload { head: "garbage".into(), ..payload })
}

/// One that the disk does not give.
pub(super) fn unread() -> BodyRef {
    let file = SimDisk::new().create("empty").expect("it is new");
    BodyRef::Stored(Place { file, offset: 0, length: 10, crc: 0 })
}

#[tokio::test]
async fn what_is_answered_is_claimed_and_a_damaged_message_fails_alone() {
    let (served, asked) = serve(|command| match command {
        Command::Receive { .. } => received(vec![body("one"), damaged(), body("three")]),
        _ => reply(Reply::Queue(view())),
    })
    .await;
    let answer = served.messages().receive(receive()).await.expect("there are messages");
    let v1::ReceiveResponse { messages, unavailable } = answer.into_inner();
    let bodies: Vec<_> = messages.iter().map(|message| &message.body[..]).collect();
    assert_eq!(bodies, [&b"one"[..], b"three"]);
    assert_eq!(messages[1].receipt_handle, handle_of(3));
    let red = v1::attribute_value::Value::Text("red".into());
    assert_eq!(messages[0].attributes["color"].value, Some(red));
    let expires_at = Some(prost_types::Timestamp { seconds: 30, nanos: 0 });
    assert_eq!(messages[0].lease_expires_at, expires_at);
    assert_eq!(unavailable.len(), 1);
    assert_eq!(unavailable[0].receipt_handle, handle_of(2));
    assert_eq!(unavailable[0].reason(), v1::UnavailableReason::Undecodable);

    // The command that comes next is the test's own, not a return of the leases.
    let get = v1::GetQueueRequest { queue: "jobs".into() };
    served.queues().get_queue(get).await.expect("it is there");
    let Ok(Command::Receive { options, .. }) = asked.recv() else { panic!("a receive was asked") };
    assert_eq!(options.count_max, 10);
    assert!(matches!(asked.recv(), Ok(Command::GetQueue { .. })));
}

/// In a FIFO queue: whoever got it might be done with it before that message comes.
#[tokio::test]
async fn what_stands_behind_a_message_that_may_be_read_later_goes_back() {
    let (asked, heard) = mpsc::channel();
    let served = serve_with_owner(move |command, caller| {
        if let Some(caller) = caller {
            caller.tell(received(vec![body("one"), unread(), body("three"), body("four")]));
        }
        let _ = asked.send(command);
    })
    .await;
    let request = v1::ReceiveRequest { queue: "jobs.fifo".into(), ..receive() };
    let answer = served.messages().receive(request).await.expect("there are messages");
    let v1::ReceiveResponse { messages, unavailable } = answer.into_inner();
    let bodies: Vec<_> = messages.iter().map(|message| &message.body[..]).collect();
    let handles: Vec<_> = unavailable.iter().map(|message| &message.receipt_handle).collect();
    assert_eq!((bodies, handles), (vec![&b"one"[..]], vec![&handle_of(2)]));
    assert!(matches!(heard.recv(), Ok(Command::Receive { .. })));
    let leases = vec![leased(3).lease(), leased(4).lease()];
    assert_eq!(heard.recv(), Ok(Command::Return { leases }));
}

#[tokio::test]
async fn a_client_that_goes_away_takes_no_message_with_it() {
    let (asked, heard) = mpsc::channel();
    let (started, has_started) = oneshot::channel();
    let mut started = Some(started);
    let served = serve_with_owner(move |command, caller| {
        if let Some(caller) = caller {
            let _ = started.take().map(|started| started.send(()));
            while !caller.is_gone() {
                thread::yield_now();
            }
            caller.tell(received(vec![body("one"), body("two")]));
        }
        let _ = asked.send(command);
    })
    .await;
    let mut client = served.messages();
    let call = tokio::spawn(async move { client.receive(receive()).await });
    has_started.await.expect("the receive reaches the owner");
    call.abort();
    let heard = tokio::task::spawn_blocking(move || [heard.recv(), heard.recv()]);
    let [receive, back] = heard.await.expect("it does not panic");
    let leases = vec![leased(1).lease(), leased(2).lease()];
    assert!(matches!(receive, Ok(Command::Receive { .. })));
    assert_eq!(back, Ok(Command::Return { leases }));
}
