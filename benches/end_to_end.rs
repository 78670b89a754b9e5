//! What the wire costs, and what durability adds: each shape of load on a broker of its own,
//! against calls of the same shape that do nothing, in the same run; one caller against the
//! fdatasyncs of the disk, and a stream of sends against its rate in sequence. The pieces are those
//! of `ledgerq bench`.
//!
//! `cargo bench --bench end_to_end`. The data goes to a directory under `LEDGERQ_BENCH_DIR`, or
//! under `target` if it is not set: a memory file system would measure nothing.
//! `LEDGERQ_BENCH_SECONDS` is how long each figure is taken for.

#![expect(clippy::print_stdout, reason = "a bench tells")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use ledgerq::{
    cli::bench::{
        disk::{self, DiskRates},
        load::{self, rate},
        nothing::{self, Served},
        own::{OwnBroker, Scratch},
        plan::{Plan, Shape},
    },
    client::Client,
    types::{QueueName, SettingsPatch},
};
use tonic::transport::Channel;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY_BYTES: usize = 1024;
const CONNECTIONS: usize = 8;
const QUEUE: &str = "bench";

/// The broker and the server that does nothing.
struct Servers {
    broker: OwnBroker,
    null: Served,
}

#[tokio::main]
async fn main() {
    let base = std::env::var_os("LEDGERQ_BENCH_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let scratch = Scratch::new(&base).expect("the scratch directory can be made");
    let broker = OwnBroker::start(&scratch.path().join("data")).expect("it starts");
    broker.settle().await;
    let client = Client::connect(broker.url()).await.expect("its port is open");
    let queue = QueueName::parse(QUEUE).expect("a good name");
    client.create_queue(&queue, &SettingsPatch::default()).await.expect("a new queue");
    let null = nothing::serve(BODY_BYTES).expect("a port is free");
    let servers = Servers { broker, null };
    println!("{:<28} {:>10} {:>10} {:>7}", "shape", "null/s", "ledgerq/s", "ratio");
    for (shape, callers, batch) in
        [(Shape::Unary, 64, 1), (Shape::Unary, 256, 1), (Shape::Batch, 64, 10)]
    {
        let plan = plan(shape, callers, batch);
        compare(&servers, &format!("send, {callers} callers, {batch} a call"), &plan).await;
    }
    send_stream(&servers, scratch.path()).await;
    one_caller(&servers, scratch.path()).await;
    for batch in [1, 10] {
        let null = messages_per_s(servers.null.url(), &plan(Shape::Unary, 64, 1)).await / 2.0;
        let own = messages_per_s(servers.broker.url(), &plan(Shape::Receive, 64, batch)).await;
        tell(&format!("receive+delete, 64, {batch} a call"), null, own);
    }
    compare(&servers, "receive stream with acks", &plan(Shape::ReceiveStream, 4, 1000)).await;
    servers.broker.stop().await;
}

fn plan(shape: Shape, callers: usize, batch: usize) -> Plan {
    let given = std::env::var("LEDGERQ_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    let connections = CONNECTIONS.min(callers);
    let time = Duration::from_secs_f64(given.unwrap_or(3.0));
    Plan {
        shape,
        callers,
        connections,
        size: BODY_BYTES,
        batch,
        time,
        queue: QUEUE.into(),
        queues: 1,
        rate: None,
    }
}

async fn compare(servers: &Servers, name: &str, plan: &Plan) {
    let null = messages_per_s(servers.null.url(), plan).await;
    tell(name, null, messages_per_s(servers.broker.url(), plan).await);
}

/// Bytes of bodies a second over what the disk takes in sequence, taken before and after.
async fn send_stream(servers: &Servers, directory: &Path) {
    let plan = plan(Shape::SendStream, 4, 100);
    compare(servers, "send stream, 4 of 100", &plan).await;
    for _ in 0..2 {
        let sequential = disk_rates(directory).sequential_bytes_per_s / 1e6;
        let own = messages_per_s(servers.broker.url(), &plan).await;
        let bytes = own * f64::from(u32::try_from(BODY_BYTES).expect("it is short"));
        tell("send stream, MB/s, /disk", sequential, bytes / 1e6);
    }
}

/// One caller waits for the wire and for the disk, one after the other: it can reach no more than
/// both together leave. All three are taken twice in turn, since disks change from one second to
/// the next.
async fn one_caller(servers: &Servers, directory: &Path) {
    let plan = plan(Shape::Unary, 1, 1);
    for _ in 0..2 {
        let disk = disk_rates(directory).fdatasyncs_per_s;
        let wire = messages_per_s(servers.null.url(), &plan).await;
        let own = messages_per_s(servers.broker.url(), &plan).await;
        tell("send, 1 caller, /fdatasync", disk, own);
        tell("send, 1 caller, /(both)", 1.0 / (1.0 / disk + 1.0 / wire), own);
    }
}

fn disk_rates(directory: &Path) -> DiskRates {
    let time = plan(Shape::Unary, 1, 1).time;
    disk::measure(&directory.join("disk"), BODY_BYTES, time).expect("the disk can be measured")
}

async fn messages_per_s(url: &str, plan: &Plan) -> f64 {
    let mut channels = Vec::new();
    for _ in 0..plan.connections {
        let endpoint = Channel::from_shared(url.to_owned()).expect("a good address");
        channels.push(endpoint.tcp_nodelay(true).connect().await.expect("it is served"));
    }
    let figures = load::drive(plan, &channels).await.expect("every call is answered");
    rate(figures.messages, figures.took)
}

fn tell(name: &str, null: f64, own: f64) {
    println!("{name:<28} {null:>10.0} {own:>10.0} {:>7.2}", own / null);
}
