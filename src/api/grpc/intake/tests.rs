//! Requests as bytes, through the services that a server has.

use std::{collections::VecDeque, convert::Infallible};

use prost::Message as _;
use tonic::{Code, service::Routes};
use tonic_types::StatusExt;

use super::*;
use crate::{
    api::{Gate, grpc},
    proto::v1,
};

const SEND: &str = "/ledgerq.v1.MessageService/Send";
const MILLION: usize = 1_000_000;

/// The pieces of a request, in order.
struct Pieces(VecDeque<Vec<u8>>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece.into()))))
    }
}

/// A request as gRPC frames it.
fn framed(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("it is short enough");
    [&[0][..], &length.to_be_bytes(), message].concat()
}

fn pieces(bytes: &[u8], piece_bytes: usize) -> Pieces {
    Pieces(bytes.chunks(piece_bytes).map(<[u8]>::to_vec).collect())
}

/// Services behind a gate that is closed: what it tells shows that a request was decoded.
fn routes(incoming_bytes_max: u64) -> Routes {
    grpc::routes(&Gate::new(), None, incoming_bytes_max)
}

/// What a client is told.
async fn ask(mut routes: Routes, path: &str, body: Pieces) -> Status {
    let request = http::Request::post(path).header("content-type", "application/grpc");
    let request = request.body(Body::new(body)).expect("it is a request");
    let Ok(response) = routes.call(request).await;
    Status::from_header_map(response.headers()).expect("a refusal has no body")
}

/// A message with so many empty values of a field.
fn empty_values(number: u8, count: usize) -> Vec<u8> {
    [number << 3 | 2, 0].repeat(count)
}

#[tokio::test]
async fn a_million_empty_entries_are_refused_with_their_number() {
    let cases = [
        (SEND, 2, "entries", 1),
        ("/ledgerq.v1.MessageService/Delete", 2, "receipt_handles", 1),
        ("/ledgerq.v1.MessageService/ChangeVisibility", 2, "entries", 1),
        ("/ledgerq.v1.MessageService/CancelScheduled", 2, "message_ids", 1),
        ("/ledgerq.v1.MessageService/Transact", 1, "steps", 1),
    ];
    for (path, number, field, min) in cases {
        let bytes = framed(&empty_values(number, MILLION));
        let status = ask(routes(1 << 30), path, pieces(&bytes, 16_384)).await;
        let text = format!("{field} is 1000000, it can be {min} to 1000");
        assert_eq!((status.code(), status.message()), (Code::InvalidArgument, text.as_str()));
        let details = status.get_error_details();
        let violations = &details.bad_request().expect("a field is wrong").field_violations;
        assert_eq!(violations[0].field, field);
        assert_eq!(details.error_info().expect("it is there").reason, "VALUE_OUT_OF_RANGE");
    }
    let named = [&[2 << 3 | 2, 0xc0, 0x84, 0x3d][..], &vec![1; MILLION]].concat();
    let peek = "/ledgerq.v1.MessageService/Peek";
    let status = ask(routes(1 << 30), peek, pieces(&framed(&named), 16_384)).await;
    assert_eq!(status.message(), "states is 1000000, it can be 0 to 1000");
}

#[tokio::test]
async fn a_request_within_its_limits_is_decoded() {
    let entry = v1::SendEntry { body: Bytes::from_static(b"hello"), ..Default::default() };
    for count in [1, 1000] {
        let request = v1::SendRequest { queue: "jobs".into(), entries: vec![entry.clone(); count] };
        let bytes = framed(&request.encode_to_vec());
        for piece_bytes in [1, 7, bytes.len()] {
            let status = ask(routes(0), SEND, pieces(&bytes, piece_bytes)).await;
            assert_eq!(status.code(), Code::Unavailable, "{count}: {status:?}");
        }
    }
    let request = v1::SendRequest { queue: "jobs".into(), entries: vec![entry; 1001] };
    let status = ask(routes(0), SEND, pieces(&framed(&request.encode_to_vec()), 100)).await;
    assert_eq!(status.message(), "entries is 1001, it can be 1 to 1000");
}

#[tokio::test]
async fn values_within_entries_are_bounded_over_the_whole_request() {
    let attribute = |number: u32| {
        let name = number.to_string();
        [
            &[2 << 3 | 2, u8::try_from(name.len() + 2).expect("short"), 1 << 3 | 2][..],
            &[u8::try_from(name.len()).expect("short")],
            name.as_bytes(),
        ]
        .concat()
    };
    let attributes: Vec<u8> = (0..200).flat_map(attribute).collect();
    let entry = v1::SendEntry::decode(&attributes[..]).expect("it is an entry");
    assert_eq!(entry.attributes.len(), 200);
    let sent = |count| {
        let entries = vec![entry.clone(); count];
        framed(&v1::SendRequest { queue: "jobs".into(), entries }.encode_to_vec())
    };
    let status = ask(routes(0), SEND, pieces(&sent(500), 16_384)).await;
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let status = ask(routes(0), SEND, pieces(&sent(501), 16_384)).await;
    assert_eq!(status.message(), "attributes is 100200, it can be 0 to 100000");
}

/// What is passed on of a body, in bytes, and what is refused.
async fn passed(intake: &Intake, path: &str, bytes: &[u8], piece_bytes: usize) -> (usize, bool) {
    let scan = Scan::new(Lists::of_build(), path);
    let inner = Body::new(pieces(bytes, piece_bytes));
    let mut incoming = Incoming { inner, intake: intake.clone(), scan, charged: 0 };
    let mut passed = 0;
    loop {
        let next = |context: &mut Context<'_>| {
            http_body::Body::poll_frame(Pin::new(&mut incoming), context)
        };
        match std::future::poll_fn(next).await {
            Some(Ok(frame)) => passed += frame.data_ref().map_or(0, Bytes::len),
            Some(Err(_)) => return (passed, true),
            None => return (passed, false),
        }
    }
}

#[tokio::test]
async fn of_a_request_with_too_many_entries_the_first_thousand_are_kept_at_most() {
    let intake = Intake::new(0);
    let bytes = framed(&empty_values(2, MILLION));
    for piece_bytes in [1, 100] {
        let (kept, is_refused) = passed(&intake, SEND, &bytes, piece_bytes).await;
        assert!(is_refused && kept <= 5 + 2 * 1000 + piece_bytes, "{kept}");
    }
    // Also if the client breaks off, and however much the prefix promises.
    let (kept, is_refused) = passed(&intake, SEND, &bytes[..10_000], 100).await;
    assert!(is_refused && kept < 2200, "{kept}");
    assert_eq!(intake.used.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn requests_that_come_in_share_one_budget_and_give_it_back() {
    let intake = Intake::new(0);
    let half = intake.bytes_max / 2 + 1;
    intake.charge(half).expect("there is room");
    let refused = intake.charge(half).expect_err("there is no room for both");
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let text = "5242885 bytes of requests that are coming in";
    assert!(refused.message().contains(text), "{}", refused.message());
    assert!(refused.get_error_details().retry_info().is_some());
    intake.used.fetch_sub(half, Ordering::Relaxed);
    let half = usize::try_from(half).expect("it is short");
    let message = [&[1 << 3 | 2, 0xfd, 0xff, 0x9f, 1][..], &vec![b'x'; half]].concat();
    let (kept, is_refused) = passed(&intake, SEND, &framed(&message), 4096).await;
    assert!(!is_refused && kept > half);
    assert_eq!(intake.used.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn requests_of_a_stream_are_counted_each_for_itself_and_their_bytes_given_back() {
    const STREAM: &str = "/ledgerq.v1.MessageService/SendStream";
    let body = vec![b'x'; 1 << 20];
    let message = [&[1 << 3 | 2, 0x80, 0x80, 0x40][..], &body, &empty_values(2, 1000)].concat();
    let request = framed(&message);
    let stream = [&framed(&[]), &request[..]].concat().repeat(20);
    for piece_bytes in [16_384, request.len() - 1, request.len() + 5] {
        // Twenty times the budget goes through, one after the other.
        let intake = Intake::new(0);
        let (kept, is_refused) = passed(&intake, STREAM, &stream, piece_bytes).await;
        assert_eq!((kept, is_refused), (stream.len(), false), "{piece_bytes}");
        assert_eq!(intake.used.load(Ordering::Relaxed), 0);
        let too_many = [&stream[..], &framed(&empty_values(2, 1001)), &request].concat();
        let (kept, is_refused) = passed(&intake, STREAM, &too_many, piece_bytes).await;
        assert!(is_refused && kept <= stream.len() + 2007, "{kept}");
        assert_eq!(intake.used.load(Ordering::Relaxed), 0);
    }
    // As a request of a call that has one, the second is left to the decoder.
    let (_, is_refused) = passed(&Intake::new(0), SEND, &stream, 16_384).await;
    assert!(is_refused, "its budget is used up");
    // While a request is not decoded its bytes count.
    let intake = Intake::new(0);
    let half = intake.bytes_max - (1 << 19);
    intake.charge(half).expect("there is room");
    let (kept, is_refused) = passed(&intake, STREAM, &request, 16_384).await;
    assert!(is_refused && kept <= 1 << 19, "{kept}");
}

#[test]
fn bytes_that_are_no_request_are_left_to_the_decoder() {
    let deep = [2 << 3 | 2, 0xff, 0xff, 3].repeat(1000);
    let cases: [&[u8]; 6] =
        [&[0xff; 40], &[7], &[2 << 3 | 2, 0xff, 0xff, 0xff], &deep, &[0x0b], &[]];
    for message in cases {
        for path in [SEND, "/no.such/Method"] {
            let mut scan = Scan::new(Lists::of_build(), path);
            let bytes = framed(message);
            bytes.chunks(3).for_each(|piece| scan.take(piece));
            assert_eq!(scan.excess(), None, "{message:?}");
        }
    }
    let mut scan = Scan::new(Lists::of_build(), SEND);
    scan.take(&[0, 0xff, 0xff, 0xff, 0xff]);
    scan.take(&empty_values(2, 2000));
    assert!(scan.is_over() && scan.excess().is_none(), "its length is refused by the decoder");
}

proptest::proptest! {
    /// What the scan lets through and the decoder takes has no list that is too long.
    #[test]
    fn the_scan_counts_what_the_decoder_makes(
        fields in proptest::collection::vec((1..4_u8, 0..6_u8, 0..900_usize), 0..12),
        piece_bytes in 1..40_usize,
    ) {
        let mut message = Vec::new();
        for (number, kind, count) in fields {
            match kind {
                0..=3 => message.extend([number << 3 | 2, 0].repeat(count)),
                4 => message.extend([number << 3, 1].repeat(count)),
                _ => message.extend([number << 3 | 2, 3, 1, 2, 3].repeat(count / 100)),
            }
        }
        let bytes = framed(&message);
        for path in [SEND, "/ledgerq.v1.MessageService/Peek"] {
            let mut scan = Scan::new(Lists::of_build(), path);
            bytes.chunks(piece_bytes).for_each(|piece| scan.take(piece));
            let count = if path == SEND {
                v1::SendRequest::decode(&message[..]).map(|request| request.entries.len())
            } else {
                v1::PeekRequest::decode(&message[..]).map(|request| request.states.len())
            };
            if let Ok(count) = count {
                let told = scan.excess().map(|excess| excess.count);
                let expected = (count > 1000).then_some(count as u64);
                proptest::prop_assert_eq!(told, expected);
            }
        }
    }
}
