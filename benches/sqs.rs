//! What `SendMessage` costs over the SQS-compatible endpoint: JSON from 64 callers, each on a
//! connection of its own, against an axum server that does nothing with the same body, in the same
//! run and by turns.
//!
//! `cargo bench --bench sqs`. `LEDGERQ_BENCH_DIR` and `LEDGERQ_BENCH_SECONDS` are those of the
//! other benches.
//!
//! Each is measured twice: with callers whose threads the system places, and with callers that are
//! kept to half of the processors while both servers may have all, as callers leave a server its
//! own who are on another machine. The allocator keeps freed memory as long as in `ledgerq` itself,
//! and a round before the first fills the cache of the newest messages.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures and tells")]

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::post};
use bytes::Bytes;
use ledgerq::{
    api::{self, Gate},
    cli::bench::{
        apart::Apart,
        own::{OwnBroker, Scratch},
    },
    server,
    types::{QueueName, SettingsPatch},
};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY_BYTES: usize = 1024;
const CALLERS: usize = 64;
const QUEUE: &str = "bench";
const ROUNDS: usize = 3;
/// What `ledgerq` tells its allocator, which reads this when a process begins.
const KEEP: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "600000");
/// As long as what the endpoint answers.
const ANSWER: &str = "{\"MessageId\":\"00000000-0000-8000-8000-000000000000\",\"MD5OfMessageBody\":\
                      \"5d41402abc4b2a76b9719d911017c592\"}";

fn main() {
    if std::env::var_os(KEEP.0).is_none() {
        let program = std::env::current_exe().expect("this program has a path");
        let mut again = Command::new(program);
        again.args(std::env::args_os().skip(1)).env(KEEP.0, KEEP.1);
        let ended = again.status().expect("it can be started");
        std::process::exit(ended.code().unwrap_or(1));
    }
    let runtime = Runtime::new().expect("a runtime can be made");
    let base = std::env::var_os("LEDGERQ_BENCH_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let scratch = Scratch::new(&base).expect("the scratch directory can be made");
    let broker = OwnBroker::start(&scratch.path().join("data")).expect("it starts");
    runtime.block_on(broker.settle());
    let endpoint = runtime.block_on(serve_endpoint(&broker));
    let threads = Apart::new().expect("threads can be made");
    let nothing = serve_nothing(&threads);
    runtime.block_on(sends(endpoint));
    println!("{:<54} {:>9} {:>10} {:>6}", "shape", "null/s", "ledgerq/s", "ratio");
    compare(&runtime, "", nothing, endpoint);
    match kept_to_half() {
        Some(half) => compare(&half, " on half of the processors", nothing, endpoint),
        None => println!("callers have no processors for themselves here: there is only one"),
    }
    runtime.block_on(broker.stop());
}

fn compare(callers: &Runtime, place: &str, nothing: SocketAddr, endpoint: SocketAddr) {
    let shape = format!("SQS SendMessage, {CALLERS} callers{place}");
    for _ in 0..ROUNDS {
        let null_rate = callers.block_on(sends(nothing));
        let rate = callers.block_on(sends(endpoint));
        println!("{shape:<54} {null_rate:>9.0} {rate:>10.0} {:>6.2}", rate / null_rate);
    }
}

/// Threads that run on the upper half of the processors that this process may have.
fn kept_to_half() -> Option<Runtime> {
    let all = sched_getaffinity(None).expect("every process has some");
    let mut some = CpuSet::new();
    let given = (0..CpuSet::MAX_CPU).filter(|cpu| all.is_set(*cpu));
    given.skip(all.count().div_ceil(2) as usize).for_each(|cpu| some.set(cpu));
    let place = move || sched_setaffinity(None, &some).expect("they are this process's");
    let threads = some.count() as usize;
    (threads > 0).then(|| {
        let mut builder = Builder::new_multi_thread();
        let builder = builder.worker_threads(threads).enable_all().on_thread_start(place);
        builder.build().expect("a runtime can be made")
    })
}

fn seconds() -> Duration {
    let given = std::env::var("LEDGERQ_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(given.unwrap_or(3.0))
}

/// The endpoint before this broker, beside its gRPC API.
async fn serve_endpoint(broker: &OwnBroker) -> SocketAddr {
    let queue = QueueName::parse(QUEUE).expect("a good name");
    broker.handle().create_queue(queue, SettingsPatch::default()).await.expect("a new queue");
    let gate = Gate::new();
    gate.open(broker.handle().clone());
    let (listener, address) = listen(broker.threads());
    let endpoint = api::sqs::Settings {
        account: "000000000000".into(),
        keys: Vec::new(),
        incoming_bytes_max: 256 << 20,
        body_time_max: api::sqs::BODY_TIME_MAX,
        is_tls: false,
        host: address.to_string(),
    };
    let drain_max = Duration::from_secs(1);
    let times = server::sqs::Times::default();
    let (tls, connections_max) = (None, 1000);
    let settings = server::sqs::Settings { endpoint, tls, times, connections_max, drain_max };
    broker.threads().run(async {
        server::sqs::serve(listener, gate, settings, std::future::pending()).await;
    });
    address
}

/// Takes each body in and answers the same.
fn serve_nothing(threads: &Apart) -> SocketAddr {
    let (listener, address) = listen(threads);
    let answer = |body: Bytes| async move {
        assert!(body.len() > BODY_BYTES, "the body is there");
        ([("content-type", "application/x-amz-json-1.0")], ANSWER)
    };
    let router = Router::new().route("/", post(answer));
    threads.run(async { axum::serve(listener, router).await.expect("it goes on") });
    address
}

fn listen(threads: &Apart) -> (TcpListener, SocketAddr) {
    let listener = threads.listen().expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// How many messages a second are sent and answered.
async fn sends(to: SocketAddr) -> f64 {
    let url = format!("http://{to}/000000000000/{QUEUE}");
    let body = serde_json::json!({"QueueUrl": url, "MessageBody": "x".repeat(BODY_BYTES)});
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {to}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: AmazonSQS.SendMessage\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let (request, count) = (Arc::new(request), Arc::new(AtomicU64::new(0)));
    let started_at = Instant::now();
    let callers = (0..CALLERS).map(|_| {
        let (request, count) = (request.clone(), count.clone());
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(to).await.expect("the port is open");
            stream.set_nodelay(true).expect("it can be set");
            while started_at.elapsed() < seconds() {
                call(&mut stream, request.as_bytes()).await;
                count.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("it does not panic");
    }
    let count = u32::try_from(count.load(Ordering::Relaxed)).expect("a few seconds of them");
    f64::from(count) / started_at.elapsed().as_secs_f64()
}

/// One request and its answer, which is small.
async fn call(stream: &mut TcpStream, request: &[u8]) {
    stream.write_all(request).await.expect("it is taken");
    let (mut answer, mut length) = ([0; 4096], 0);
    loop {
        length += stream.read(&mut answer[length..]).await.expect("it is answered");
        let text = std::str::from_utf8(&answer[..length]).expect("it is UTF-8");
        if text.ends_with('}') {
            assert!(text.starts_with("HTTP/1.1 200"), "{text}");
            return;
        }
        assert!(length > 0 && length < answer.len(), "the answer ends: {text}");
    }
}
