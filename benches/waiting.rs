//! What waiting messages cost: memory, disk, and the time of a start that has to read them all.
//!
//! `cargo bench --bench waiting`. One process sends a million messages of 1 KiB, or
//! `LEDGERQ_BENCH_MESSAGES`, to a broker of its own; others start on the same directory, the first
//! of them with the page cache dropped. The data goes to a directory under `LEDGERQ_BENCH_DIR`, or
//! under `target` if it is not set, and needs a gigabyte more than the messages have bytes.
//!
//! Memory is what a message adds, and not what a broker has without any, which is told apart: while
//! serving, the growth from half of the messages to all; after a restart, what is above a restart
//! without messages. It is measured in processes whose allocator gives freed memory back at once.
//! As shipped it keeps some, among it the segment that a start read into memory last, and whether
//! it does at a given moment would say more than all messages. The time is taken as shipped.
//! The cache of the newest messages is off: it takes a fixed amount, 64 MiB unless set otherwise.

#![expect(clippy::print_stdout, reason = "a bench tells")]

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use ledgerq::{
    broker::{Broker, Fate, Handle, mailbox::Limits, owner, scrub, start, upkeep},
    clock::{Stopwatch, SystemClock},
    disk::RealDisk,
    entropy::SystemEntropy,
    state,
    types::{Envelope, Millis, QueueName, ReceiveOptions, SendEntry, SettingsPatch, limits},
};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The variable that says how many messages.
const MESSAGES: &str = "LEDGERQ_BENCH_MESSAGES";
const BODY_BYTES: usize = 1024;
const BATCH: u64 = 500;
/// Requests under way at once: enough that the disk never waits for the sender.
const SENDERS: u64 = 4;
/// What this program is told to do in a process of its own, with the directory behind it.
const FILL: &str = "--fill";
const RESTART: &str = "--restart";
/// Lets the allocator give back what is freed; it reads this when a process begins.
const GIVE_BACK: (&str, &str) = ("MIMALLOC_PURGE_DELAY", "0");
/// What the allocator and the broker's threads get to come to rest.
const REST: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let argument = |at: usize| arguments.get(at).map(String::as_str);
    let directory = argument(2).map(Path::new);
    match (argument(1), directory) {
        (Some(FILL), Some(directory)) => fill(directory, messages()),
        (Some(RESTART), Some(directory)) => restart(directory),
        _ => measure(messages()),
    }
}

fn measure(count: u64) {
    let directory = scratch();
    let start = |count, give_back| process(RESTART, &directory, count, give_back);
    process(FILL, &directory, 0, true);
    let empty_bytes = start(0, true)[1];
    let grown_bytes = process(FILL, &directory, count, true)[0];
    let disk_bytes = used_bytes(&directory);
    let cache = if drop_page_cache() { "dropped" } else { "the segments' alone dropped" };
    let start_ms = start(count, false)[0];
    let full_bytes = start(count, true)[1];
    drop(std::fs::remove_dir_all(&directory));

    let row = |what: &str, value: f64| println!("{what:<52} {value:>10.0}");
    let count = signed(count);
    println!("{count} messages of {BODY_BYTES} bytes waiting");
    row("RssAnon a message, while serving, bytes", float(grown_bytes) / float(count - count / 2));
    row(
        "RssAnon a message, after a restart, bytes",
        float(full_bytes - empty_bytes) / float(count),
    );
    row("RssAnon of a broker without messages, MB", float(empty_bytes) / 1e6);
    row("disk, MB", float(disk_bytes) / 1e6);
    row("start until the first message is received, ms", float(start_ms));
    row("the same, messages/s", float(count) / float(start_ms) * 1e3);
    row("the same, MB of disk/s", float(disk_bytes) / float(start_ms) / 1e3);
    println!("page cache before the start: {cache}");
}

/// Runs this program in a process of its own; the numbers that it printed.
fn process(what: &str, directory: &Path, count: u64, give_back: bool) -> Vec<i64> {
    let mut program = Command::new(std::env::current_exe().expect("this program has a path"));
    program.arg(what).arg(directory).env(MESSAGES, count.to_string());
    if give_back {
        program.env(GIVE_BACK.0, GIVE_BACK.1);
    }
    let output = program.stderr(Stdio::inherit()).output().expect("this program runs");
    assert!(output.status.success(), "{what} ended with {}", output.status);
    let text = String::from_utf8(output.stdout).expect("it prints numbers");
    text.split_whitespace().map(|number| number.parse().expect("a number")).collect()
}

/// Sends messages; prints by how many bytes the broker grew while it took the second half.
fn fill(directory: &Path, count: u64) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let broker = start_broker(directory);
    let create = broker.handle().create_queue(queue(), SettingsPatch::default());
    runtime.block_on(create).expect("it is new, or as it was");
    let half = count / 2;
    send_all(&runtime, &broker, half);
    let half_bytes = rested_anon_bytes();
    send_all(&runtime, &broker, count - half);
    println!("{}", rested_anon_bytes() - half_bytes);
    broker.drain();
    let mut fate = broker.fate();
    let drained = runtime.block_on(async {
        let over = fate.wait_for(|fate| !matches!(fate, Fate::Serving)).await;
        matches!(over.as_deref(), Ok(Fate::Drained))
    });
    assert!(drained, "the broker ends in order");
}

fn send_all(runtime: &Runtime, broker: &Broker, count: u64) {
    let senders: Vec<_> = (0..SENDERS)
        .map(|sender| {
            // All batches but the last are full, dealt out in turn.
            let batches = (0..count.div_ceil(BATCH)).skip(index(sender)).step_by(index(SENDERS));
            let sizes: Vec<_> = batches.map(|at| BATCH.min(count - at * BATCH)).collect();
            runtime.spawn(send(broker.handle().clone(), sizes))
        })
        .collect();
    for sender in senders {
        runtime.block_on(sender).expect("no sender panics");
    }
}

async fn send(handle: Handle, sizes: Vec<u64>) {
    for size in sizes {
        // A buffer of its own for each body, as requests bring them.
        let payload = || Handle::payload(&Envelope::default(), Bytes::from(vec![b'x'; BODY_BYTES]));
        let entries =
            (0..size).map(|_| SendEntry { payload: payload(), ..SendEntry::default() }).collect();
        let sent = handle.send(queue(), entries).await.expect("the queue is there");
        assert!(sent.iter().all(Result::is_ok), "every message is taken");
    }
}

/// Starts; prints the milliseconds until the first message was received, and the memory.
fn restart(directory: &Path) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let watch = Stopwatch::start();
    let broker = start_broker(directory);
    let delivery = runtime.block_on(broker.handle().receive(queue(), ReceiveOptions::new(1), None));
    let delivery = delivery.expect("the queue is there");
    let message = delivery.messages.first();
    assert_eq!(message.is_some(), messages() > 0, "what was sent is there");
    if let Some(message) = message {
        let (_, body) = runtime.block_on(message.content()).expect("the disk has it");
        assert_eq!(body.len(), BODY_BYTES, "the message is what was sent");
    }
    println!("{} {}", watch.elapsed().as_millis(), rested_anon_bytes());
}

fn start_broker(directory: &Path) -> Broker {
    let settings = start::Settings {
        segment_bytes: ledgerq::log::SEGMENT_BYTES_DEFAULT,
        tail_cache_bytes: 0,
        state: state::Settings {
            in_flight_max: limits::IN_FLIGHT_MAX_DEFAULT,
            deduplication_ids_max: limits::DEDUPLICATION_IDS_MAX_DEFAULT,
            deleted_names_held: false,
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
    Broker::run(started, limits).expect("threads can be made")
}

fn queue() -> QueueName {
    QueueName::parse("bench").expect("a good name")
}

fn messages() -> u64 {
    let given = std::env::var(MESSAGES).ok();
    given.map_or(1_000_000, |text| text.parse().expect("a number of messages"))
}

fn scratch() -> PathBuf {
    let base = std::env::var_os("LEDGERQ_BENCH_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let directory = base.join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the scratch directory can be made");
    directory
}

/// Memory of this process that no file stands behind, once it came to rest, in bytes.
fn rested_anon_bytes() -> i64 {
    std::thread::sleep(REST);
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it is told");
    let kib = line.trim().trim_end_matches(" kB").parse::<i64>().expect("a number");
    kib << 10
}

/// What the files of a directory take, in bytes.
fn used_bytes(directory: &Path) -> i64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(directory).expect("it can be read");
    let entries = entries.map(|entry| entry.expect("it can be read"));
    let bytes = entries.map(|entry| {
        let metadata = entry.metadata().expect("it is there");
        if metadata.is_dir() { used_bytes(&entry.path()) } else { signed(metadata.blocks() * 512) }
    });
    bytes.sum()
}

/// Lets the next process read from the disk; only root may. A start drops its segments' pages by
/// itself, so that what stays cached without this is the program.
fn drop_page_cache() -> bool {
    let synced = Command::new("sync").status().is_ok_and(|status| status.success());
    synced && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

#[expect(clippy::cast_precision_loss, reason = "a figure is shown to three digits")]
fn float(number: i64) -> f64 {
    number as f64
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("it is small")
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it is small")
}
