//! What the wire costs, and what durability adds: sends over gRPC against a call of the same shape
//! that does nothing, in the same run, and one caller against the disk's own fdatasyncs.
//!
//! `cargo bench --bench end_to_end`. The data goes to a directory under `LEDGERQ_BENCH_DIR`, or
//! under `target` if it is not set: a memory file system would measure nothing.
//! `LEDGERQ_BENCH_SECONDS` is how long each figure is taken for.

#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "a bench measures and tells")]

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::stream::BoxStream;
use ledgerq::{
    api::Gate,
    broker::{Broker, mailbox::Limits, owner, scrub, start, upkeep},
    clock::SystemClock,
    disk::{Disk, RealDisk, write_all_at},
    entropy::SystemEntropy,
    proto::v1::{
        self,
        message_service_client::MessageServiceClient,
        message_service_server::{MessageService, MessageServiceServer},
    },
    server, state,
    types::{Millis, QueueName, SettingsPatch, limits},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tonic::{Request, Response, Status, Streaming, transport::Channel};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY_BYTES: usize = 1024;
const CONNECTIONS: usize = 8;
const QUEUE: &str = "bench";

/// Answers without doing anything: what is left is the wire.
struct Nothing;

#[tonic::async_trait]
impl MessageService for Nothing {
    async fn send(
        &self,
        request: Request<v1::SendRequest>,
    ) -> Result<Response<v1::SendResponse>, Status> {
        let message_id = "00000000-0000-8000-8000-000000000000".into();
        let sent = v1::SentMessage { message_id, sequence_number: 1, duplicate: false };
        let result = v1::SendResult { result: Some(v1::send_result::Result::Sent(sent)) };
        let results = vec![result; request.into_inner().entries.len()];
        Ok(Response::new(v1::SendResponse { results }))
    }

    type SendStreamStream = BoxStream<'static, Result<v1::SendStreamResponse, Status>>;

    async fn send_stream(
        &self,
        _: Request<Streaming<v1::SendStreamRequest>>,
    ) -> Result<Response<Self::SendStreamStream>, Status> {
        Err(Status::unimplemented("no command asks for it"))
    }

    type ReceiveStreamStream = BoxStream<'static, Result<v1::ReceiveStreamResponse, Status>>;

    async fn receive_stream(
        &self,
        _: Request<Streaming<v1::ReceiveStreamRequest>>,
    ) -> Result<Response<Self::ReceiveStreamStream>, Status> {
        Err(Status::unimplemented("no command asks for it"))
    }

    async fn receive(
        &self,
        _: Request<v1::ReceiveRequest>,
    ) -> Result<Response<v1::ReceiveResponse>, Status> {
        Ok(Response::new(v1::ReceiveResponse::default()))
    }

    async fn delete(
        &self,
        _: Request<v1::DeleteRequest>,
    ) -> Result<Response<v1::DeleteResponse>, Status> {
        Ok(Response::new(v1::DeleteResponse::default()))
    }

    async fn change_visibility(
        &self,
        _: Request<v1::ChangeVisibilityRequest>,
    ) -> Result<Response<v1::ChangeVisibilityResponse>, Status> {
        Ok(Response::new(v1::ChangeVisibilityResponse::default()))
    }

    async fn cancel_scheduled(
        &self,
        _: Request<v1::CancelScheduledRequest>,
    ) -> Result<Response<v1::CancelScheduledResponse>, Status> {
        Ok(Response::new(v1::CancelScheduledResponse::default()))
    }

    async fn transact(
        &self,
        _: Request<v1::TransactRequest>,
    ) -> Result<Response<v1::TransactResponse>, Status> {
        Ok(Response::new(v1::TransactResponse::default()))
    }

    async fn peek(
        &self,
        _: Request<v1::PeekRequest>,
    ) -> Result<Response<v1::PeekResponse>, Status> {
        Ok(Response::new(v1::PeekResponse::default()))
    }

    async fn get_message(
        &self,
        _: Request<v1::GetMessageRequest>,
    ) -> Result<Response<v1::GetMessageResponse>, Status> {
        Ok(Response::new(v1::GetMessageResponse::default()))
    }
}

fn main() {
    let runtime = Runtime::new().expect("a runtime can be made");
    let directory = scratch();
    let server = runtime.block_on(serve_broker(&directory));
    let null = runtime.block_on(serve_nothing());
    println!("{:<28} {:>10} {:>10} {:>7}", "shape", "null/s", "ledgerq/s", "ratio");
    for (callers, batch) in [(64, 1), (256, 1), (64, 10)] {
        let null_rate = runtime.block_on(sends(null, callers, batch));
        let rate = runtime.block_on(sends(server, callers, batch));
        let shape = format!("send, {callers} callers, {batch} a call");
        println!("{shape:<28} {null_rate:>10.0} {rate:>10.0} {:>7.2}", rate / null_rate);
    }
    one_caller(&runtime, &directory, server, null);
    let null_rate = runtime.block_on(sends(null, 64, 1));
    for batch in [1, 10] {
        let rate = runtime.block_on(drains(server, 64, batch));
        let shape = format!("receive+delete, 64, {batch} a call");
        let half = null_rate / 2.0;
        println!("{shape:<28} {half:>10.0} {rate:>10.0} {:>7.2}", rate / half);
    }
    // The threads of the broker end with the process; the scratch directory goes now.
    drop(std::fs::remove_dir_all(&directory));
    std::process::exit(0);
}

/// One caller waits for the wire and for the disk, one after the other: it can reach no more than
/// both together leave. All three are taken twice in turn, since disks change from one second to
/// the next.
fn one_caller(runtime: &Runtime, directory: &Path, server: SocketAddr, null: SocketAddr) {
    for _ in 0..2 {
        let disk = measure_disk(directory);
        let wire = runtime.block_on(sends(null, 1, 1));
        let rate = runtime.block_on(sends(server, 1, 1));
        let bound = 1.0 / (1.0 / disk + 1.0 / wire);
        let shape = "send, 1 caller, /fdatasync";
        println!("{shape:<28} {disk:>10.0} {rate:>10.0} {:>7.2}", rate / disk);
        let shape = "send, 1 caller, /(both)";
        println!("{shape:<28} {bound:>10.0} {rate:>10.0} {:>7.2}  (wire {wire:.0})", rate / bound);
    }
}

fn seconds() -> Duration {
    let given = std::env::var("LEDGERQ_BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(given.unwrap_or(3.0))
}

fn scratch() -> PathBuf {
    let base = std::env::var_os("LEDGERQ_BENCH_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let directory = base.join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the scratch directory can be made");
    directory
}

/// How often a second the disk makes one more KiB durable, written as the log writes it.
fn measure_disk(directory: &Path) -> f64 {
    let disk = RealDisk::new(directory.join("disk")).expect("a directory can be made");
    drop(disk.unlink("probe"));
    let file = disk.create("probe").expect("a file can be made");
    let zeros = vec![0; 32 << 20];
    write_all_at(&*file, 0, &mut [std::io::IoSlice::new(&zeros)]).expect("there is space");
    file.sync_all().expect("the disk syncs");
    let block = vec![b'x'; BODY_BYTES];
    let (started_at, mut count) = (Instant::now(), 0_u32);
    while started_at.elapsed() < seconds() {
        let offset = u64::from(count % (16 << 10)) * BODY_BYTES as u64;
        write_all_at(&*file, offset, &mut [std::io::IoSlice::new(&block)]).expect("it writes");
        file.sync_data().expect("the disk syncs");
        count += 1;
    }
    f64::from(count) / started_at.elapsed().as_secs_f64()
}

async fn serve_broker(directory: &Path) -> SocketAddr {
    let settings = start::Settings {
        segment_bytes: ledgerq::log::SEGMENT_BYTES_DEFAULT,
        tail_cache_bytes: 64 << 20,
        state: state::Settings {
            in_flight_max: limits::IN_FLIGHT_MAX_DEFAULT,
            deduplication_ids_max: limits::DEDUPLICATION_IDS_MAX_DEFAULT,
        },
        pool_count_max: 2,
        owner: owner::Settings {
            idle_sync_after: Millis::new(20),
            upkeep: upkeep::Settings::default(),
            scrub: scrub::Settings::OFF,
        },
        accept_clock: false,
    };
    let disk = Arc::new(RealDisk::new(directory.join("data")).expect("a directory can be made"));
    let (clock, entropy) = (Arc::new(SystemClock), Box::new(SystemEntropy::new()));
    let started = start(settings, disk, clock, entropy, &mut |_| {}).expect("it starts");
    let limits = Limits { requests_max: 10_000, polls_max: 10_000, bytes_max: 256 << 20 };
    let broker = Broker::run(started, limits).expect("threads can be made");
    let queue = QueueName::parse(QUEUE).expect("a good name");
    broker.handle().create_queue(queue, SettingsPatch::default()).await.expect("a new queue");
    let gate = Gate::new();
    gate.open(broker.handle().clone());
    let (listener, address) = listen().await;
    let settings = server::Settings {
        tls: None,
        drain_max: Duration::from_secs(1),
        incoming_bytes_max: 256 << 20,
        test_clock: None,
    };
    tokio::spawn(async move {
        let _broker = broker;
        server::serve(listener, gate, settings, std::future::pending()).await
    });
    address
}

async fn serve_nothing() -> SocketAddr {
    let (listener, address) = listen().await;
    let incoming = tonic::transport::server::TcpIncoming::from(listener).with_nodelay(Some(true));
    let service = MessageServiceServer::new(Nothing);
    tokio::spawn(server::builder().add_service(service).serve_with_incoming(incoming));
    address
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

async fn clients(address: SocketAddr, callers: usize) -> Vec<MessageServiceClient<Channel>> {
    let mut channels = Vec::new();
    for _ in 0..CONNECTIONS.min(callers) {
        let endpoint = Channel::from_shared(format!("http://{address}")).expect("a good address");
        channels.push(endpoint.tcp_nodelay(true).connect().await.expect("it is served"));
    }
    let channels = channels.into_iter().cycle().take(callers);
    channels.map(MessageServiceClient::new).collect()
}

/// Messages a second that so many callers send, each waiting for its answer.
async fn sends(address: SocketAddr, callers: usize, batch: usize) -> f64 {
    let entry = v1::SendEntry { body: vec![b'x'; BODY_BYTES].into(), ..v1::SendEntry::default() };
    let request = v1::SendRequest { queue: QUEUE.into(), entries: vec![entry; batch] };
    let count = Arc::new(AtomicU64::new(0));
    let (started_at, mut tasks) = (Instant::now(), Vec::new());
    for mut client in clients(address, callers).await {
        let (request, count) = (request.clone(), count.clone());
        tasks.push(tokio::spawn(async move {
            while started_at.elapsed() < seconds() {
                let answer = client.send(request.clone()).await.expect("it is answered");
                let sent = |result: &v1::SendResult| {
                    matches!(result.result, Some(v1::send_result::Result::Sent(_)))
                };
                assert!(answer.into_inner().results.iter().all(sent), "every message is taken");
                count.fetch_add(batch as u64, Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        task.await.expect("no caller panics");
    }
    rate(&count, started_at)
}

/// Messages a second that so many callers receive and delete.
async fn drains(address: SocketAddr, callers: usize, batch: u32) -> f64 {
    let request = v1::ReceiveRequest {
        queue: QUEUE.into(),
        max_messages: Some(batch),
        ..v1::ReceiveRequest::default()
    };
    let count = Arc::new(AtomicU64::new(0));
    let (started_at, mut tasks) = (Instant::now(), Vec::new());
    for mut client in clients(address, callers).await {
        let (request, count) = (request.clone(), count.clone());
        tasks.push(tokio::spawn(async move {
            while started_at.elapsed() < seconds() {
                let received = client.receive(request.clone()).await.expect("it is answered");
                let messages = received.into_inner().messages;
                let handles: Vec<_> = messages.into_iter().map(|m| m.receipt_handle).collect();
                let received = handles.len() as u64;
                if received == 0 {
                    break;
                }
                let delete = v1::DeleteRequest {
                    queue: QUEUE.into(),
                    receipt_handles: handles,
                    mode: v1::DeleteMode::Fenced.into(),
                };
                client.delete(delete).await.expect("it is answered");
                count.fetch_add(received, Ordering::Relaxed);
            }
        }));
    }
    for task in tasks {
        task.await.expect("no caller panics");
    }
    rate(&count, started_at)
}

#[expect(clippy::cast_precision_loss, reason = "a rate is shown to three digits")]
fn rate(count: &AtomicU64, started_at: Instant) -> f64 {
    count.load(Ordering::Relaxed) as f64 / started_at.elapsed().as_secs_f64()
}
