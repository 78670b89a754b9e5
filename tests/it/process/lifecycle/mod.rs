//! Starts and ends of the broker: what is refused, and how an operator is told.

/// What is wrong with the settings is told with its place and its limit.
mod configuration;
/// Bytes on the disk that are not those that were written.
mod damage;
/// Directories that a broker must not touch.
mod refusal;
/// What a restart keeps.
mod restart;
/// Signals.
mod shutdown;
/// Both APIs with a certificate.
mod tls;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use ledgerq::{
    client::{Client, Outgoing},
    types::{QueueName, SettingsPatch},
};
use serde_json::Value;

use super::{program, server::Serve};

/// The queue of every test.
fn jobs() -> QueueName {
    QueueName::parse("jobs").expect("it is a name")
}

/// Runs a client to its end.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().expect("a runtime can be made").block_on(future)
}

/// A client of a server with the queue `jobs`.
async fn client_with_jobs(url: &str) -> Client {
    let client = Client::connect(url).await.expect("the server listens");
    client.create_queue(&jobs(), &SettingsPatch::default()).await.expect("it can be made");
    client
}

/// A message of 10,000 bytes that can be found in a file.
fn body(number: usize) -> String {
    format!("<{number:02}>").repeat(2500)
}

/// How many messages [`fill`] sends.
pub(super) const FILL_COUNT: usize = 20;

/// After so long without a request the last frame is proved by another.
const PROVED_AFTER: Duration = Duration::from_millis(200);

/// Makes a log of several segments of 64 KiB, one message a frame, and kills the broker.
pub(super) fn fill(data: &Path) {
    let server = Serve::on(data).serving();
    block_on(async {
        let client = client_with_jobs(&server.url()).await;
        for number in 0..FILL_COUNT {
            let sent = client.send(&jobs(), vec![Outgoing::new(body(number))]).await;
            assert!(sent.expect("it serves")[0].is_ok());
        }
    });
    // An end in order would leave a checkpoint, from which the log before it is not read again.
    std::thread::sleep(PROVED_AFTER);
    server.kill();
}

/// Where a record lies.
#[derive(Clone, Debug)]
struct Place {
    record: String,
    lsn: u64,
    segment: u64,
    frame_offset: u64,
}

/// Where the records of a log lie, as `log inspect` tells it.
fn places(data: &Path) -> Vec<Place> {
    let inspected = program::run(["log", "inspect", "--json", "--data-dir", text(data)]);
    let number = |object: &Value, key: &str| object[key].as_u64().expect("it is a number");
    let place = |object: Value| Place {
        record: object["record"].as_str().expect("it has a name").to_owned(),
        lsn: number(&object, "lsn"),
        segment: number(&object, "segment"),
        frame_offset: number(&object, "frame_offset"),
    };
    inspected.objects().into_iter().map(place).collect()
}

/// The file of a segment, as messages name it.
fn segment_name(id: u64) -> String {
    format!("segments/{id:020}.seg")
}

/// Changes bytes of a file in place.
fn edit(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).expect("the file is there");
    change(&mut bytes);
    fs::write(path, bytes).expect("the file can be written");
}

/// Every file below a directory with its bytes and the time of its last change.
fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("the directory is there") {
        let path = entry.expect("the directory can be read").path();
        let modified = fs::metadata(&path).and_then(|data| data.modified()).expect("it has a time");
        if path.is_dir() {
            files.extend(snapshot(&path));
            files.insert(path, (Vec::new(), modified));
        } else {
            let bytes = fs::read(&path).expect("the file can be read");
            files.insert(path, (bytes, modified));
        }
    }
    files
}

fn text(path: &Path) -> &str {
    path.to_str().expect("the path is text")
}
