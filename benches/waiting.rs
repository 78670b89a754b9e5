//! What waiting messages cost: memory, disk, and the time of a start that has to read them all.
//!
//! `cargo bench --bench waiting`. Sends a million messages of 1 KiB, or `LEDGERQ_BENCH_MESSAGES`,
//! to a broker of this process, ends it, and starts another process on the same directory with
//! the page cache dropped. The data goes to a directory under `LEDGERQ_BENCH_DIR`, or under
//! `target` if it is not set, and needs a third more space than the messages have bytes.
//!
//! The cache of the newest messages is off: it takes a fixed amount of memory, 64 MiB unless set
//! otherwise, that has nothing to do with how many messages wait.

#![expect(clippy::print_stdout, reason = "a bench tells")]

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use ledgerq::{
    broker::{Broker, Fate, Handle, mailbox::Limits, owner, start},
    clock::{Stopwatch, SystemClock},
    disk::RealDisk,
    entropy::SystemEntropy,
    state,
    types::{Millis, QueueName, SendEntry, SettingsPatch},
};
use tokio::runtime::Runtime;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BODY_BYTES: usize = 1024;
const BATCH: u64 = 500;
/// Requests under way at once: enough that the disk never waits for the sender.
const SENDERS: u64 = 4;
/// Tells this program to be the second process.
const RESTART: &str = "--restart";
/// What the allocator and the broker's threads get to come to rest.
const REST: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == RESTART) {
        return restart(Path::new(&arguments[at + 1]));
    }
    let count = messages();
    let directory = scratch();
    let sent = fill(&directory, count);
    let disk_bytes = used_bytes(&directory);
    let cache = if drop_page_cache() { "dropped" } else { "the segments' alone dropped" };
    let (restart_ms, restarted_bytes) = restarted(&directory);
    drop(std::fs::remove_dir_all(&directory));

    let row = |what: &str, value: String| println!("{what:<52} {value:>14}");
    println!("{count} messages of {BODY_BYTES} bytes waiting");
    row("sent in batches of 500, messages/s", format!("{:.0}", sent.rate));
    row("RssAnon a message, while serving, bytes", per(sent.anon_bytes, count));
    row("RssAnon a message, after the restart, bytes", per(restarted_bytes, count));
    row("disk a message, bytes", per(disk_bytes, count));
    row("disk in all, MB", format!("{:.0}", float(disk_bytes) / 1e6));
    row("start to the first message received, ms", restart_ms.to_string());
    row("the same, messages/s", format!("{:.0}", float(count) / float(restart_ms) * 1e3));
    row("the same, MB of disk/s", format!("{:.0}", float(disk_bytes) / float(restart_ms) / 1e3));
    println!("page cache before the start: {cache}");
}

/// How the messages were taken.
struct Sent {
    rate: f64,
    /// By how much the broker grew, in bytes.
    anon_bytes: u64,
}

fn fill(directory: &Path, count: u64) -> Sent {
    let runtime = Runtime::new().expect("a runtime can be made");
    let broker = start_broker(directory);
    let create = broker.handle().create_queue(queue(), SettingsPatch::default());
    runtime.block_on(create).expect("a new queue");
    let anon_before = anon_bytes();
    let watch = Stopwatch::start();
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
    let rate = float(count) / watch.elapsed().as_secs_f64();
    std::thread::sleep(REST);
    let anon_bytes = anon_bytes().saturating_sub(anon_before);
    broker.drain();
    let mut fate = broker.fate();
    let drained = runtime.block_on(async {
        let over = fate.wait_for(|fate| !matches!(fate, Fate::Serving)).await;
        matches!(over.as_deref(), Ok(Fate::Drained))
    });
    assert!(drained, "the broker ends in order");
    Sent { rate, anon_bytes }
}

async fn send(handle: Handle, sizes: Vec<u64>) {
    for size in sizes {
        // A buffer of its own for each body, as requests bring them.
        let payload = || Handle::payload(&[], Bytes::from(vec![b'x'; BODY_BYTES]));
        let entries = (0..size).map(|_| SendEntry { payload: payload(), delay: None }).collect();
        let sent = handle.send(queue(), entries).await.expect("the queue is there");
        assert!(sent.iter().all(Result::is_ok), "every message is taken");
    }
}

/// The second process: prints the time of the start and what it took of memory.
fn restart(directory: &Path) {
    let runtime = Runtime::new().expect("a runtime can be made");
    let anon_before = anon_bytes();
    let watch = Stopwatch::start();
    let broker = start_broker(directory);
    let delivery = runtime.block_on(broker.handle().receive(queue(), 1, None, None));
    let delivery = delivery.expect("the queue is there");
    let body = runtime.block_on(delivery.messages[0].content()).expect("the disk has it").1;
    let took = watch.elapsed();
    assert_eq!(body.len(), BODY_BYTES, "the message is what was sent");
    std::thread::sleep(REST);
    println!("{} {}", took.as_millis(), anon_bytes().saturating_sub(anon_before));
}

fn restarted(directory: &Path) -> (u64, u64) {
    let program = std::env::current_exe().expect("this program has a path");
    let mut second = Command::new(program);
    let second = second.arg(RESTART).arg(directory).stdout(Stdio::piped()).spawn();
    let mut second = second.expect("this program runs");
    let mut text = String::new();
    let told = second.stdout.as_mut().map(|stdout| stdout.read_to_string(&mut text));
    assert!(matches!(told, Some(Ok(_))), "the second process tells");
    assert!(second.wait().is_ok_and(|status| status.success()), "the broker starts again");
    let mut numbers = text.split_whitespace().map(|number| number.parse().expect("a number"));
    let mut number = || numbers.next().expect("two numbers");
    (number(), number())
}

fn start_broker(directory: &Path) -> Broker {
    let settings = start::Settings {
        segment_bytes: ledgerq::log::SEGMENT_BYTES_DEFAULT,
        tail_cache_bytes: 0,
        state: state::Settings { in_flight_max: 120_000 },
        owner: owner::Settings { idle_sync_after: Millis::new(20) },
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
    let given = std::env::var("LEDGERQ_BENCH_MESSAGES").ok();
    given.map_or(1_000_000, |text| text.parse().expect("a number of messages"))
}

fn scratch() -> PathBuf {
    let base = std::env::var_os("LEDGERQ_BENCH_DIR").map_or_else(|| "target".into(), PathBuf::from);
    let directory = base.join(format!("bench-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("the scratch directory can be made");
    directory
}

/// Memory of this process that no file stands behind, in bytes.
fn anon_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("it is told");
    let kib = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
    kib << 10
}

/// What the files of a directory take, in bytes.
fn used_bytes(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let entries = std::fs::read_dir(directory).expect("it can be read");
    let entries = entries.map(|entry| entry.expect("it can be read"));
    let bytes = entries.map(|entry| {
        let metadata = entry.metadata().expect("it is there");
        if metadata.is_dir() { used_bytes(&entry.path()) } else { metadata.blocks() * 512 }
    });
    bytes.sum()
}

/// Lets the next process read from the disk; only root may. A start drops its segments' pages by
/// itself, so that what stays cached without this is the program.
fn drop_page_cache() -> bool {
    let synced = Command::new("sync").status().is_ok_and(|status| status.success());
    synced && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}

fn per(bytes: u64, count: u64) -> String {
    format!("{:.1}", float(bytes) / float(count))
}

#[expect(clippy::cast_precision_loss, reason = "a figure is shown to three digits")]
fn float(number: u64) -> f64 {
    number as f64
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("it is small")
}
