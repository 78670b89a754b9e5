//! A broker whose data may take no more than so many bytes: filled until sends are refused, drained
//! to the last message, and filled again, without a restart.
//!
//! `FULL_CYCLES=50` is the long run; `FULL_CYCLES=1 FULL_BYTES=896MiB FULL_SEGMENT=32MiB
//! FULL_BODY=8 FULL_BATCH=500` the deep one, of more than ten million messages. `LEDGERQ_BINARY`
//! says which program is filled, such as an optimized one.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc, time::Duration};

use ledgerq::{
    client::{Client, Error, Outgoing, ReceiveOptions},
    clock::Stopwatch,
    types::{Millis, QueueName, SettingsPatch},
};
use tokio::{runtime::Runtime, task::JoinSet};

use super::{directory, server::Serve};

const WORKERS: u64 = 16;
/// How long it may take until what was drained has given its space back.
const ROOM_PATIENCE: Duration = Duration::from_mins(10);

/// A variable of the environment, or what counts without it.
fn set(name: &str, default: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| default.to_owned())
}

/// Messages of one request.
fn batch() -> u64 {
    number("FULL_BATCH", "10")
}

fn number(name: &str, default: &str) -> u64 {
    set(name, default).parse().expect("the variable holds a number")
}

fn jobs() -> QueueName {
    QueueName::parse("jobs").expect("it is a name")
}

/// The lengths of all files of a directory, in bytes.
fn size(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).expect("it is there");
    let size_of = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("it can be read").path();
        // A file may go while this looks.
        if path.is_dir() { size(&path) } else { fs::metadata(&path).map_or(0, |file| file.len()) }
    };
    entries.map(size_of).sum()
}

/// Bodies that tell which message each is.
fn body(number: u64, bytes: usize) -> Vec<u8> {
    let mut body = number.to_le_bytes().to_vec();
    body.resize(bytes.max(8), b'x');
    body
}

/// Sends until the broker refuses for want of space: the numbers of those that it has. They begin
/// at `from`, each worker's own.
async fn fill(client: Arc<Client>, from: u64, bytes: usize) -> Vec<u64> {
    let mut sent = Vec::new();
    for first in (from..).step_by(usize::try_from(batch()).expect("it is small")) {
        let batch: Vec<u64> = (first..first + batch()).collect();
        let messages = batch.iter().map(|number| Outgoing::new(body(*number, bytes))).collect();
        match client.send(&jobs(), messages).await {
            Ok(outcomes) => {
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                sent.extend(batch);
            }
            Err(Error::Refused(refusal)) => {
                assert_eq!(refusal.reason, "DISK_FULL", "{refusal:?}");
                assert!(refusal.retry_after.is_some(), "{refusal:?}");
                return sent;
            }
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the numbers do not end")
}

/// Waits until the broker takes messages again and half of the room is there: what was drained
/// gives it back in a moment.
async fn room(client: &Client, number: u64, bytes: usize, dir: &Path, bound: u64) {
    let watch = Stopwatch::start();
    loop {
        let message = Outgoing::new(body(number, bytes));
        match client.send(&jobs(), vec![message]).await {
            Ok(_) => break,
            Err(Error::Refused(refusal)) if watch.elapsed() < ROOM_PATIENCE => {
                assert_eq!(refusal.reason, "DISK_FULL", "{refusal:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(error) => panic!("{error}"),
        }
    }
    while size(dir) > bound / 2 {
        assert!(watch.elapsed() < ROOM_PATIENCE, "what was drained gives its space back");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Receives and deletes until the queue is empty: the numbers of what came.
async fn drain(client: Arc<Client>, bytes: usize) -> Vec<u64> {
    let mut came = Vec::new();
    loop {
        let options = ReceiveOptions {
            count_max: u32::try_from(batch()).expect("it is small"),
            visibility_timeout: Some(Millis::from_secs(600)),
            wait: Some(Millis::ZERO),
            ..ReceiveOptions::default()
        };
        let delivery = client.receive(&jobs(), options).await.expect("receives go on");
        assert!(delivery.unavailable.is_empty(), "{:?}", delivery.unavailable);
        if delivery.messages.is_empty() {
            return came;
        }
        let handles = delivery.messages.iter().map(|one| one.receipt_handle.clone()).collect();
        let deleted = client.delete(&jobs(), handles).await.expect("deletes go on");
        assert!(deleted.iter().all(Result::is_ok), "{deleted:?}");
        for message in delivery.messages {
            let (number, _) = message.body.split_first_chunk().expect("it has a number");
            let number = u64::from_le_bytes(*number);
            assert_eq!(message.body, body(number, bytes));
            came.push(number);
        }
    }
}

/// What every one of these has done, together.
async fn all(mut workers: JoinSet<Vec<u64>>) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(one) = workers.join_next().await {
        all.extend(one.expect("the worker saw what it may see"));
    }
    all
}

#[test]
fn a_queue_is_filled_to_the_bound_and_drained_again_and_again() {
    let cycles = number("FULL_CYCLES", "3");
    let bytes = usize::try_from(number("FULL_BODY", "1000")).expect("it is small");
    let (bound, segment) = (set("FULL_BYTES", "2MiB"), set("FULL_SEGMENT", "64KiB"));
    let bound_bytes = bound.parse::<ledgerq::config::Size>().expect("it is a size").0;
    let (data, runtime) = (directory(), Runtime::new().expect("a runtime can be made"));
    let serve = Serve::on(data.path()).set("--segment-bytes", &segment);
    let broker = serve.set("--data-bytes-max", &bound).serving();
    let (mut counts, watch) = (Vec::new(), Stopwatch::start());
    runtime.block_on(async {
        let client = Arc::new(Client::connect(&broker.url()).await.expect("it serves"));
        let created = client.create_queue(&jobs(), &SettingsPatch::default()).await;
        created.expect("it is new");
        for cycle in 0..cycles {
            let probe = ((cycle + 1) * WORKERS) << 32;
            room(&client, probe, bytes, data.path(), bound_bytes).await;
            let mut workers = JoinSet::new();
            for worker in 0..WORKERS {
                let from = (((cycle + 1) * WORKERS + worker) << 32) | 1;
                workers.spawn(fill(Arc::clone(&client), from, bytes));
            }
            let mut sent = all(workers).await;
            sent.push(probe);
            eprintln!("cycle {cycle}: full with {} messages, {:?}", sent.len(), watch.elapsed());
            assert!(size(data.path()) <= bound_bytes, "the bound is kept");
            let mut workers = JoinSet::new();
            for _ in 0..WORKERS {
                workers.spawn(drain(Arc::clone(&client), bytes));
            }
            let came = all(workers).await;
            eprintln!("cycle {cycle}: {} messages drained, {:?}", came.len(), watch.elapsed());
            assert!(size(data.path()) <= bound_bytes, "the bound is kept");
            let (sent_count, came_count) = (sent.len(), came.len());
            let (sent, came) = (BTreeSet::from_iter(sent), BTreeSet::from_iter(came));
            assert!(came == sent, "cycle {cycle}: all came that was sent, and nothing else");
            assert_eq!(came_count, sent_count, "cycle {cycle}: each came once");
            counts.push(sent_count);
        }
        // The last one gives its space back as well.
        let probe = ((cycles + 1) * WORKERS) << 32;
        room(&client, probe, bytes, data.path(), bound_bytes).await;
        eprintln!("room again, {:?}", watch.elapsed());
    });
    eprintln!("{bound} in segments of {segment}, {cycles} cycles: {counts:?} messages");
    // Every cycle finds about the room that the first one found.
    let most = counts.iter().max().copied().unwrap_or_default();
    assert!(counts.iter().all(|count| *count > most / 4), "{counts:?}");
    assert_eq!(broker.terminate().code, 0);
}
