//! What a deep backlog costs: memory for each message, throughput beside that of an empty queue,
//! and the time of a start, with a checkpoint and without one.
//!
//! `cargo bench --bench deep`. A server in a process of its own takes a million messages of 1 KiB,
//! or `LEDGERQ_DEEP_MESSAGES`, is killed, and started again with the page cache dropped, twice; the
//! second time its checkpoints are out of the way. Then sends and receives are measured in turn on
//! it and on a server with nothing in it. What is asked stands in the constants, for ten million
//! messages; with fewer nothing is judged. docs/BENCHMARKS.md has the variables.

#![expect(clippy::print_stdout, reason = "a bench tells")]

/// Callers.
mod load;
#[path = "../support/mod.rs"]
mod support;

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use ledgerq::{
    client::Client,
    clock::Stopwatch,
    proto::v1::{self, message_service_client::MessageServiceClient},
    types::{Lsn, QueueName, Status},
};
use tokio::runtime::Runtime;

use self::{
    load::{Done, Target},
    support::{Bound, Limit, Scratch, Server, float, mb, used_bytes, variable},
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Messages from which the bounds are judged.
const JUDGED_FROM: u64 = 10_000_000;
/// Bytes of memory for each waiting message.
const MESSAGE_ANON_BYTES_MAX: f64 = 96.0;
/// Throughput at depth over that of an empty queue.
const DEPTH_RATIO_MIN: f64 = 0.9;
/// Seconds from the start of the process until the first receive, with a checkpoint.
const START_SECONDS_MAX: f64 = 5.0;
/// The same without any checkpoint.
const SCAN_SECONDS_MAX: f64 = 30.0;

/// The cache of the newest messages takes a fixed amount; where memory is measured it is off.
const NO_TAIL_CACHE: &[(&str, &str)] = &[("LEDGERQ_TAIL_CACHE_BYTES", "0B")];
/// What a server gets to come to rest before its memory is read.
const REST: Duration = Duration::from_secs(2);
/// How long it is waited for the disk of a purged queue.
const GIVEN_BACK_WITHIN: Duration = Duration::from_mins(2);
/// Between two tries to receive from a server that starts.
const PAUSE: Duration = Duration::from_millis(2);
/// Rounds in which depth and emptiness are measured in turn.
const ROUNDS: u32 = 2;

/// A start on a deep queue.
struct Start {
    seconds: f64,
    anon_bytes: u64,
    status: Option<Status>,
}

/// What was measured of throughput, at depth and beside it.
#[derive(Default)]
struct Rates {
    send: [Done; 2],
    take: [Done; 2],
}

fn main() {
    let count: u64 = variable("LEDGERQ_DEEP_MESSAGES", 1_000_000);
    let runtime = Runtime::new().expect("a runtime can be made");
    let scratch = Scratch::new("deep");
    let data = scratch.join("data");
    println!("{count} messages of {} bytes waiting", support::BODY_BYTES);

    let server = Server::start(&data, NO_TAIL_CACHE);
    server.serving();
    let empty_bytes = rested_anon_bytes(&server);
    let target = runtime.block_on(Target::create(server.url(), "deep"));
    let filled = runtime.block_on(target.send(count));
    row("sends/s while filling", filled.rate());
    let waiting_bytes = rested_anon_bytes(&server);
    let per_message = |bytes: u64| float(bytes.saturating_sub(empty_bytes)) / float(count);
    row("RssAnon of a server without messages, MB", mb(empty_bytes));
    row("RssAnon a message, while serving, bytes", per_message(waiting_bytes));
    row("disk, MB", mb(used_bytes(&data)));
    let client = target.clients[0].clone();
    let status = runtime.block_on(client.status()).ok();
    tell_checkpoint(status.as_ref());

    kill(server);
    let with = start(&runtime, &data, &target.queue);
    tell_start("start", &with, per_message(with.anon_bytes));
    move_checkpoints(&data, &scratch.join("checkpoints"));
    let without = start(&runtime, &data, &target.queue);
    tell_start("start without checkpoint", &without, per_message(without.anon_bytes));
    let scanned = mb(used_bytes(&data.join("segments")));
    row("the same, MB of segments a second", scanned / without.seconds);

    let rates = compare(&runtime, &data, &scratch.join("empty"), &target.queue);
    let ratios = [ratio("send", rates.send), ratio("receive+delete", rates.take)];
    purge(&runtime, &data, &target.queue);
    let began_at = with.status.as_ref().map(|status| status.recovery.checkpoint_lsn);
    let had_checkpoint = began_at.is_some_and(|lsn| lsn != Lsn::default());
    let anon = [waiting_bytes, with.anon_bytes, without.anon_bytes].map(per_message);
    let code = if count < JUDGED_FROM {
        println!("with fewer than {JUDGED_FROM} messages nothing is judged");
        0
    } else {
        judge(&anon, ratios, had_checkpoint.then_some(with.seconds), without.seconds)
    };
    drop(scratch);
    std::process::exit(code);
}

/// Purges the deep queue: how long that takes, and how long until its disk is given back.
fn purge(runtime: &Runtime, data: &Path, queue: &QueueName) {
    let server = Server::start(data, NO_TAIL_CACHE);
    server.serving();
    let before = used_bytes(data);
    let took = runtime.block_on(async {
        let client = Client::connect(server.url()).await.expect("it serves");
        let watch = Stopwatch::start();
        client.purge_queue(queue).await.expect("the queue is there");
        watch.elapsed()
    });
    row("purge of the deep queue, ms", took.as_secs_f64() * 1000.0);
    let watch = Stopwatch::start();
    let mut left = used_bytes(data);
    while left * 10 > before && watch.elapsed() < GIVEN_BACK_WITHIN {
        std::thread::sleep(Duration::from_millis(100));
        left = used_bytes(data);
    }
    row("disk before and after it, MB", mb(before));
    row("after so many seconds", watch.elapsed().as_secs_f64());
    row("it was, MB", mb(left));
    kill(server);
}

fn judge(anon: &[f64], ratios: [f64; 2], start: Option<f64>, scan: f64) -> i32 {
    let most = |name, figure, bound| Bound { name, figure, limit: Limit::AtMost(bound) };
    let least = |name, figure| {
        let (figure, limit) = (Some(figure), Limit::AtLeast(DEPTH_RATIO_MIN));
        Bound { name, figure, limit }
    };
    let worst = anon.iter().copied().fold(0.0, f64::max);
    println!();
    support::judge(&[
        most("RssAnon a message at its worst, bytes", Some(worst), MESSAGE_ANON_BYTES_MAX),
        least("sends at depth / empty", ratios[0]),
        least("receives+deletes at depth / empty", ratios[1]),
        most("start with a checkpoint, seconds", start, START_SECONDS_MAX),
        most("start without a checkpoint, seconds", Some(scan), SCAN_SECONDS_MAX),
    ])
}

/// Starts on the data of a server that was killed, with nothing of it in memory, and takes the time
/// until the first message is received. Ends the server by another kill.
fn start(runtime: &Runtime, data: &Path, queue: &QueueName) -> Start {
    let cache = if drop_page_cache() { "dropped" } else { "could not be dropped: not root" };
    println!("page cache before the start: {cache}");
    let watch = Stopwatch::start();
    let server = Server::start(data, NO_TAIL_CACHE);
    server.serving();
    let first = runtime.block_on(first_receive(server.url(), queue));
    let seconds = watch.elapsed().as_secs_f64();
    assert_eq!(first.body.len(), support::BODY_BYTES, "the message is what was sent");
    let status = runtime.block_on(async {
        let client = Client::connect(server.url()).await.ok()?;
        client.status().await.ok()
    });
    let anon_bytes = rested_anon_bytes(&server);
    kill(server);
    Start { seconds, anon_bytes, status }
}

/// Receives one message as soon as the server gives it.
async fn first_receive(url: &str, queue: &QueueName) -> v1::Message {
    let client = MessageServiceClient::connect(url.to_owned()).await;
    let mut client = client.expect("its port is open");
    let request = v1::ReceiveRequest {
        queue: queue.to_string(),
        max_messages: Some(1),
        ..v1::ReceiveRequest::default()
    };
    loop {
        match client.receive(request.clone()).await {
            Ok(answer) => {
                return answer.into_inner().messages.pop().expect("messages are waiting");
            }
            Err(status) if status.code() == tonic::Code::Unavailable => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(status) => panic!("the server refused: {status}"),
        }
    }
}

/// Measures the deep queue, and the queue of a server that has no other message, in turn. What was
/// sent is received, so that each round begins at the same depth.
fn compare(runtime: &Runtime, deep: &Path, empty: &Path, queue: &QueueName) -> Rates {
    let time = Duration::from_secs_f64(variable("LEDGERQ_BENCH_SECONDS", 3.0));
    let servers = [deep, empty].map(|data| Server::start(data, &[]));
    servers.iter().for_each(Server::serving);
    let mut rates = Rates::default();
    runtime.block_on(async {
        let deep = Target::of(servers[0].url(), queue).await;
        let empty = Target::create(servers[1].url(), "empty").await;
        for round in 0..ROUNDS {
            // Neither is always the first.
            for at in if round.is_multiple_of(2) { [0, 1] } else { [1, 0] } {
                let target = [&deep, &empty][at];
                let sent = target.send_for(time).await;
                let taken = target.take(sent.count).await;
                rates.send[at] = rates.send[at].and(sent);
                rates.take[at] = rates.take[at].and(taken);
            }
        }
    });
    rates
}

fn ratio(what: &str, [deep, empty]: [Done; 2]) -> f64 {
    let ratio = deep.rate() / empty.rate();
    println!(
        "{what:<62} {:>10.0} /s at depth, {:.0} /s empty: {ratio:.2}",
        deep.rate(),
        empty.rate()
    );
    ratio
}

fn tell_checkpoint(status: Option<&Status>) {
    match status.map(|status| status.checkpoint) {
        None => println!("checkpoint: the server has no figures"),
        Some(None) => println!("checkpoint: none"),
        Some(Some(checkpoint)) => println!(
            "checkpoint: LSN {}, {:.1} MB, took {}, longest pause {} us",
            checkpoint.lsn,
            mb(checkpoint.bytes),
            checkpoint.took,
            checkpoint.pause_us_max
        ),
    }
}

fn tell_start(what: &str, start: &Start, anon: f64) {
    row(&format!("{what} until the first message is received, s"), start.seconds);
    row("RssAnon a message after it, bytes", anon);
    let Some(recovery) = start.status.as_ref().map(|status| status.recovery) else {
        println!("  what it did: no figures");
        return;
    };
    println!(
        "  began at LSN {}: {} messages from footers, {} files without, {} records replayed ({:.0} MB)",
        recovery.checkpoint_lsn,
        recovery.summaries_count,
        recovery.files_without_footer,
        recovery.records_count,
        mb(recovery.frames_bytes)
    );
    println!(
        "  survey {}, load {}, replay {}",
        recovery.survey_took, recovery.load_took, recovery.replay_took
    );
}

fn row(what: &str, figure: f64) {
    println!("{what:<62} {figure:>10.2}");
}

fn kill(mut server: Server) {
    server.kill();
}

/// Moves the files of the checkpoints to where no server looks for them.
fn move_checkpoints(data: &Path, away: &Path) {
    std::fs::create_dir_all(away).expect("a directory can be made");
    let Ok(entries) = std::fs::read_dir(data.join("checkpoints")) else { return };
    let paths: Vec<PathBuf> = entries.map(|entry| entry.expect("it is there").path()).collect();
    for path in paths {
        let name = path.file_name().expect("a file has a name");
        std::fs::rename(&path, away.join(name)).expect("it is on the same disk");
    }
}

fn rested_anon_bytes(server: &Server) -> u64 {
    std::thread::sleep(REST);
    server.anon_bytes()
}

/// Lets the next process read from the disk; only root may.
fn drop_page_cache() -> bool {
    let synced = Command::new("sync").status().is_ok_and(|status| status.success());
    synced && std::fs::write("/proc/sys/vm/drop_caches", "3").is_ok()
}
