//! `Peek`.
//!
//! The broker chooses a page by what the state knows; what only the stored bytes tell, attributes,
//! is looked at here, and so a page can have fewer messages than it could.

use futures_util::{StreamExt, stream};
use prost::Message;

use super::{
    content::{Content, READS_MAX},
    looked,
};
use crate::{
    api::grpc::{filter, parse, refusal::Refusal, token},
    broker::{BodyError, Handle, Looked, Room},
    proto::v1,
    types::{Attribute, Browse, Rejection, Seq, StateFilter, limits},
};

/// A request that is within its limits.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    browse: Browse,
    attribute: Option<Attribute>,
    with_bodies: bool,
}

/// What is told of one message.
enum Told {
    Message(v1::PeekedMessage),
    Unavailable(v1::UnavailableMessage),
}

pub(super) async fn answer(
    broker: &Handle,
    request: v1::PeekRequest,
) -> Result<(v1::PeekResponse, Room), Refusal> {
    let wanted = parse(request)?;
    let page = broker.browse(wanted.browse.clone()).await.map_err(Refusal::of_request)?;
    let mut response = v1::PeekResponse::default();
    let (mut bytes, mut last, mut next) = (0, None, page.next);
    let mut contents = stream::iter(page.messages).map(read).buffered(READS_MAX);
    while let Some((looked, content)) = contents.next().await {
        let told = tell(broker, &wanted, &looked, content);
        bytes += told.as_ref().map_or(0, Told::bytes);
        // A message is far smaller than an answer, so that at least one has room.
        if bytes > limits::RECEIVE_BYTES_MAX {
            next = last;
            break;
        }
        match told {
            Some(Told::Message(message)) => response.messages.push(message),
            Some(Told::Unavailable(message)) => response.unavailable.push(message),
            None => {}
        }
        last = Some(looked.browsed.seq);
    }
    response.next_page_token = next.map(token::after_message).unwrap_or_default();
    Ok((response, page.room))
}

fn parse(request: v1::PeekRequest) -> Result<Wanted, Refusal> {
    let queue = parse::queue(&request.queue)?;
    let states = states(&request.states).map_err(Refusal::of_request)?;
    let filter = filter::parse(request.filter)?;
    let count_max =
        parse::page_size("page_size", request.page_size).map_err(Refusal::of_request)?;
    let after = token::open_message(&request.page_token).map_err(Refusal::of_request)?;
    let browse = Browse {
        queue,
        states,
        group: filter.group,
        age_min: filter.age_min,
        after: after.unwrap_or(Seq::new(0)),
        count_max,
    };
    Ok(Wanted { browse, attribute: filter.attribute, with_bodies: request.include_bodies })
}

fn states(given: &[i32]) -> Result<StateFilter, Rejection> {
    if given.is_empty() {
        return Ok(StateFilter::ALL);
    }
    let mut states = StateFilter { ready: false, delayed: false, in_flight: false };
    for state in given {
        match v1::MessageState::try_from(*state) {
            Ok(v1::MessageState::Ready) => states.ready = true,
            Ok(v1::MessageState::Delayed) => states.delayed = true,
            Ok(v1::MessageState::InFlight) => states.in_flight = true,
            Ok(v1::MessageState::Unspecified) | Err(_) => {
                let problem = "MESSAGE_STATE_READY is 1, _DELAYED 2 and _IN_FLIGHT 3";
                return Err(Rejection::malformed("states", &state.to_string(), problem));
            }
        }
    }
    Ok(states)
}

async fn read(looked: Looked) -> (Looked, Result<Content, BodyError>) {
    let content = looked.content().await;
    (looked, content)
}

/// What is told of a message; nothing if it has not the attribute that is wanted.
fn tell(
    broker: &Handle,
    wanted: &Wanted,
    looked: &Looked,
    content: Result<Content, BodyError>,
) -> Option<Told> {
    let Wanted { browse, attribute, with_bodies } = wanted;
    let browsed = &looked.browsed;
    match content {
        Ok((envelope, body)) => {
            let matches = attribute.as_ref().is_none_or(|one| envelope.attributes.contains(one));
            let content = (envelope, body);
            let told = || looked::message(broker, &browse.queue, browsed, content, *with_bodies);
            matches.then(told).map(Told::Message)
        }
        Err(error) => Some(Told::Unavailable(looked::unavailable(broker, browsed, &error))),
    }
}

impl Told {
    fn bytes(&self) -> u64 {
        let bytes = match self {
            Self::Message(message) => message.encoded_len(),
            Self::Unavailable(message) => message.encoded_len(),
        };
        bytes as u64
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request() -> v1::PeekRequest {
        v1::PeekRequest { queue: "jobs".into(), ..Default::default() }
    }

    fn refused_field(request: v1::PeekRequest) -> Option<String> {
        parse(request).err().map(|refusal| refusal.field().expect("a field is wrong"))
    }

    #[test]
    fn a_look_is_at_a_hundred_messages_in_any_state_unless_asked_otherwise() {
        let wanted = parse(request()).expect("it is good");
        assert_eq!((wanted.browse.count_max, wanted.browse.states), (100, StateFilter::ALL));
        assert_eq!((wanted.browse.after, wanted.attribute), (Seq::new(0), None));
    }

    #[test]
    fn states_are_those_that_there_are() {
        let of = |states: &[i32]| states_of(states.to_vec());
        let in_flight = StateFilter { ready: false, delayed: false, in_flight: true };
        assert_eq!(of(&[3, 3]), Ok(in_flight));
        assert_eq!(of(&[1, 2, 3]), Ok(StateFilter::ALL));
        for absurd in [0, 4, -1, i32::MAX] {
            assert_eq!(of(&[1, absurd]), Err(Some("states".to_owned())), "{absurd}");
        }
    }

    fn states_of(states: Vec<i32>) -> Result<StateFilter, Option<String>> {
        let parsed = parse(v1::PeekRequest { states, ..request() });
        parsed.map(|wanted| wanted.browse.states).map_err(|refusal| refusal.field())
    }

    #[test]
    fn a_page_is_held_to_its_limit_and_begins_where_one_ended() {
        let sized = |page_size| refused_field(v1::PeekRequest { page_size, ..request() });
        assert_eq!([0, 1, 1000].map(sized), [None, None, None]);
        for page_size in [1001, u32::MAX] {
            assert_eq!(sized(page_size).as_deref(), Some("page_size"), "{page_size}");
        }
        let page_token = token::after_message(Seq::new(7));
        let wanted = parse(v1::PeekRequest { page_token, ..request() }).expect("it is good");
        assert_eq!(wanted.browse.after, Seq::new(7));
        let page_token = token::after_message(Seq::new(u64::MAX));
        let field = refused_field(v1::PeekRequest { page_token, ..request() });
        assert_eq!(field.as_deref(), Some("page_token"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_or_refused(bytes: Vec<u8>, queue: String) {
            let _ = parse(v1::PeekRequest { queue, ..request() });
            if let Ok(given) = v1::PeekRequest::decode(&bytes[..]) {
                let _ = parse(v1::PeekRequest { queue: "jobs".into(), ..given });
            }
        }
    }
}
