//! Requests of the native API, each by the way of a real one: bytes, gRPC frames, protobuf,
//! conversion, and a command in the mailbox of a broker that refuses it. What comes out is a
//! command within every limit, or a refusal that somebody can read.
//!
//! The methods are those that the descriptors have, so that none is left out.

mod limits;
mod make;

use std::{
    convert::Infallible,
    pin::{Pin, pin},
    sync::{Arc, OnceLock, mpsc},
    task::{Context, Poll, Waker},
};

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use ledgerq::{
    api::{Gate, grpc},
    broker::{
        Answer, Event, Handle, Receipts, Request,
        mailbox::{Caller, Limits, Mailbox},
    },
    clock::TestClock,
    types::{Lineage, Rejection},
};
use tonic::{Code, Status, service::Routes};
use tower_service::Service;

use make::Schema;

const KEY: [u8; 32] = [7; 32];
/// How often a request is polled at most: none asks its broker more often than twice.
const POLLS_MAX: usize = 8;
/// The longest text of a refusal, in bytes.
const TEXT_BYTES_MAX: usize = 1024;
/// What a client's limits on headers leave for a status.
const STATUS_BYTES_MAX: usize = 4096;

/// One method of the API.
struct Method {
    /// The path of its requests.
    path: String,
    /// The full name of its request.
    input: String,
}

/// Checks one input: a method, the way in which the request is made, and what it is made of.
pub fn check(input: &[u8]) {
    // An input that is too short is none.
    let _ = run(&mut Unstructured::new(input));
}

/// The input that makes this request as it is, for a method by its path; `None` if there is none.
pub fn input_of(path: &str, message: &impl prost::Message) -> Option<Vec<u8>> {
    let methods = Schema::of_build().methods();
    let method = methods.iter().position(|method| method.path == path)?;
    Some([&[u8::try_from(method).ok()?, 1][..], &message.encode_to_vec()].concat())
}

fn run(input: &mut Unstructured<'_>) -> Result<()> {
    static SCHEMA: OnceLock<(Schema, Vec<Method>)> = OnceLock::new();
    let (schema, methods) = SCHEMA.get_or_init(|| {
        let schema = Schema::of_build();
        let methods = schema.methods();
        (schema, methods)
    });
    let method = input.choose(methods)?;
    let way = input.int_in_range(0..=3)?;
    let body = match way {
        0 => input.bytes(input.len())?.to_vec(),
        1 => frame(input.bytes(input.len())?),
        _ => frame(&schema.message(&method.input, input)?),
    };
    let status = ask(&method.path, body.into());
    // Bytes that are no request are the transport's to refuse, which calls them an internal error.
    let is_request = way > 1;
    assert!(!is_request || !matches!(status, Code::Internal | Code::Unknown), "{status:?}");
    Ok(())
}

/// One message as gRPC frames it: not compressed, its length, itself.
fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("inputs are short");
    [&[0][..], &length.to_be_bytes(), message].concat()
}

/// Asks for a method and checks what is told; its code.
fn ask(path: &str, body: Bytes) -> Code {
    thread_local! {
        static SERVER: (Routes, mpsc::Receiver<Event<Caller>>) = server();
    }
    let answer =
        SERVER.with(|(routes, events)| finish(pin!(answer(routes.clone(), path, body)), events));
    assert!(!answer.message().is_empty() || answer.code() == Code::Ok, "{answer:?} says nothing");
    assert!(answer.message().len() <= TEXT_BYTES_MAX, "{answer:?} is long");
    let status_bytes = answer.message().len() + answer.details().len();
    assert!(status_bytes <= STATUS_BYTES_MAX, "{status_bytes} bytes of status");
    answer.code()
}

/// The services, and the end from which their broker takes what is asked.
fn server() -> (Routes, mpsc::Receiver<Event<Caller>>) {
    let (mailbox, events) =
        Mailbox::new(Limits { requests_max: 10, polls_max: 10, bytes_max: 1 << 20 });
    let gate = Gate::new();
    gate.open(Handle::new(mailbox, Receipts::new(&KEY), Lineage([7; 16])));
    (grpc::routes(&gate, Some(Arc::new(TestClock::default())), 1 << 20), events)
}

/// Polls a request to its end, in the place of a runtime, and answers what it asks.
fn finish<T>(
    mut call: Pin<&mut impl Future<Output = T>>,
    events: &mpsc::Receiver<Event<Caller>>,
) -> T {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..POLLS_MAX {
        if let Poll::Ready(answer) = call.as_mut().poll(&mut context) {
            return answer;
        }
        let mut asked = false;
        for event in events.try_iter() {
            let Event::Request(Request { command, waiter }) = event else { continue };
            limits::check(&command);
            asked = true;
            if let Some(caller) = waiter {
                caller.tell(Answer::new(Err(Rejection::DiskFull)));
            }
        }
        assert!(asked, "a request waits for something that it did not ask for");
    }
    panic!("a request asks again and again");
}

/// What a client is told, whichever way gRPC tells it.
async fn answer(mut routes: Routes, path: &str, body: Bytes) -> Status {
    let request = http::Request::post(path).header("content-type", "application/grpc");
    let request = request.body(Full::new(body)).expect("it is a request");
    let response: std::result::Result<_, Infallible> = routes.call(request).await;
    let Ok(response) = response;
    if let Some(status) = Status::from_header_map(response.headers()) {
        return status;
    }
    let collected = match response.into_body().collect().await {
        Ok(collected) => collected,
        Err(status) => return status,
    };
    let trailers = collected.trailers().expect("gRPC ends with trailers");
    Status::from_header_map(trailers).expect("they have a status")
}
