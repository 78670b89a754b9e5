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
    task::Poll,
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
    types::{
        Command, Lineage, QueueCounts, QueueId, QueueName, QueueSettings, QueueView, Rejection,
        Reply, Timestamp,
    },
};
use tokio::runtime::Runtime;
use tonic::{Code, Status, service::Routes};
use tower_service::Service;

use make::Schema;

const KEY: [u8; 32] = [7; 32];
/// How often a request is polled at most: none asks its broker more often than twice, but a stream
/// has a task that takes turns with it.
const POLLS_MAX: usize = 64;
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
        static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .expect("a runtime can be made");
    }
    // A stream is opened, and refused what it asks for then.
    let is_stream = path.ends_with("Stream");
    let answer = SERVER.with(|(routes, events)| {
        let call = pin!(answer(routes.clone(), path, body));
        RUNTIME.with(|runtime| runtime.block_on(finish(call, events, is_stream)))
    });
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

/// Polls a request to its end, and answers what it asks.
async fn finish<T>(
    mut call: Pin<&mut impl Future<Output = T>>,
    events: &mpsc::Receiver<Event<Caller>>,
    opens: bool,
) -> T {
    for _ in 0..POLLS_MAX {
        let polled = std::future::poll_fn(|context| Poll::Ready(call.as_mut().poll(context)));
        if let Poll::Ready(answer) = polled.await {
            return answer;
        }
        for event in events.try_iter() {
            let Event::Request(Request { command, waiter }) = event else { continue };
            limits::check(&command);
            let Some(caller) = waiter else { continue };
            caller.tell(Answer::new(match command {
                Command::GetQueue { queue } if opens => Ok(Reply::Queue(view(queue))),
                _ => Err(Rejection::DiskFull),
            }));
        }
        tokio::task::yield_now().await;
    }
    panic!("a request waits for something that it did not ask for, or asks again and again");
}

/// A queue as it is by default.
fn view(name: QueueName) -> QueueView {
    QueueView {
        name,
        id: QueueId::new(1),
        settings: QueueSettings::default(),
        counts: QueueCounts::default(),
        created_at: Timestamp::ZERO,
        modified_at: Timestamp::ZERO,
        sends_paused: false,
        receives_paused: false,
    }
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
