//! A backup of a broker under load, as an operator makes it, and what is restored from it.

use std::{
    collections::BTreeSet,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use ledgerq::{
    client::{Client, Outgoing, PeekOptions, ReceiveOptions},
    types::{Millis, QueueName, SettingsPatch},
};
use serde_json::Value;
use tokio::runtime::Runtime;

use super::{
    directory,
    program::{self, Run},
    server::{Serve, Server},
};

const SENDERS: usize = 4;
/// Messages that are sent before the backup begins.
const BEFORE_COUNT: usize = 300;

fn jobs() -> QueueName {
    QueueName::parse("jobs").expect("a good name")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("it is text")
}

fn back_up(server: &Server, to: &Path) -> Run {
    program::run(["--server", &server.url(), "backup", "--to", text(to), "--json"])
}

fn restore(from: &Path, to: &Path) -> Run {
    program::run(["restore", "--from", text(from), "--data-dir", text(to)])
}

/// Sends until it is told to stop; notes the id of each message that was accepted.
async fn send(url: String, accepted: Arc<Mutex<BTreeSet<String>>>, stop: Arc<AtomicBool>) {
    let client = Client::connect(&url).await.expect("it serves");
    while !stop.load(SeqCst) {
        let outgoing = (0..10).map(|_| Outgoing::new("x".repeat(700))).collect();
        let sent = client.send(&jobs(), outgoing).await.expect("it serves");
        let ids = sent.into_iter().map(|sent| sent.expect("it has room").message_id);
        accepted.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }
}

/// The ids of all messages that are there, or leased.
async fn peek_all(url: &str) -> BTreeSet<String> {
    let client = Client::connect(url).await.expect("it serves");
    let mut ids = BTreeSet::new();
    let (options, mut after) = (PeekOptions::default(), None);
    loop {
        let page = client.peek(&jobs(), &options, after).await.expect("it serves");
        ids.extend(page.messages.into_iter().map(|message| message.message_id));
        after = page.next;
        if after.is_none() {
            return ids;
        }
    }
}

#[test]
fn what_was_confirmed_before_a_backup_is_in_it_and_old_handles_are_not() {
    let (outside, runtime) = (directory(), Runtime::new().expect("a runtime can be made"));
    let [data, backup, new] = ["data", "backup", "new"].map(|name| outside.path().join(name));
    let server = Serve::on(&data).serving();
    let url = server.url();
    let accepted: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let stop = Arc::new(AtomicBool::new(false));
    let snapshot = || accepted.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let (handle, leased) = runtime.block_on(async {
        let client = Client::connect(&url).await.expect("it serves");
        client.create_queue(&jobs(), &SettingsPatch::default()).await.expect("it is new");
        client.send(&jobs(), vec![Outgoing::new("leased")]).await.expect("it serves");
        let visibility_timeout = Some(Millis::from_secs(3600));
        let options = ReceiveOptions { count_max: 1, visibility_timeout, ..Default::default() };
        let received = client.receive(&jobs(), options).await.expect("it serves");
        let message = received.messages.into_iter().next().expect("it is there");
        (message.receipt_handle, message.message_id)
    });
    let senders: Vec<_> = (0..SENDERS)
        .map(|_| runtime.spawn(send(url.clone(), accepted.clone(), stop.clone())))
        .collect();
    while snapshot().len() < BEFORE_COUNT {
        std::thread::yield_now();
    }
    let before = snapshot();
    let made: Vec<Value> = back_up(&server, &backup).objects();
    stop.store(true, SeqCst);
    for sender in senders {
        runtime.block_on(sender).expect("it does not panic");
    }
    let all = snapshot();
    server.kill();
    assert!(made[0]["linked_count"].as_u64() >= Some(2), "{made:?}");

    let told = restore(&backup, &new).success();
    assert!(told.contains("all checked"), "{told}");
    let restored = Serve::on(&new).serving();
    let found = runtime.block_on(peek_all(&restored.url()));
    assert!(before.is_subset(&found), "what was confirmed before is there, with its id");
    assert!(found.contains(&leased));
    let others: Vec<_> = found.difference(&all).filter(|id| **id != leased).collect();
    assert_eq!(others, Vec::<&String>::new(), "nothing is there that was not confirmed");
    let refused = program::run(["--server", &restored.url(), "delete", "jobs", &handle]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stdout.contains("not one of this broker's"), "{refused:?}");

    // The old directory is as good as it was, whatever has the same files.
    let old = Serve::on(&data).serving();
    assert!(all.is_subset(&runtime.block_on(peek_all(&old.url()))));
}

#[test]
fn a_directory_that_is_in_use_or_no_backup_is_refused() {
    let outside = directory();
    let [data, backup, new] = ["data", "backup", "new"].map(|name| outside.path().join(name));
    let server = Serve::on(&data).serving();
    let refused = back_up(&server, &data);
    assert_eq!(refused.code, 8, "{refused:?}");
    assert!(refused.stderr.contains("is not empty"), "{refused:?}");
    let refused = restore(&data, &new);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("there is no BACKUP in it"), "{refused:?}");

    let made = back_up(&server, &backup).objects();
    assert_eq!(
        made[0]["copied_count"], 1,
        "on one file system all is linked but the end: {made:?}"
    );
    let segment = std::fs::metadata(backup.join("segments/00000000000000000001.seg"));
    assert_eq!(segment.expect("it is linked").nlink(), 2);
    let refused = Serve::on(&backup).refused();
    assert_eq!(refused.code, 8);
    assert!(refused.last_line().contains("ledgerq restore"), "{refused:?}");
    let status = program::run(["--server", &server.url(), "status", "--json"]).objects();
    assert_eq!(status[0]["backups_under_way"], 0);

    let refused = restore(&backup, &data);
    assert_eq!(refused.code, 8, "{refused:?}");
    assert!(refused.stderr.contains("is not empty"), "{refused:?}");
    std::fs::remove_file(backup.join("segments/00000000000000000001.seg")).expect("it is there");
    let refused = restore(&backup, &new);
    assert_eq!(refused.code, 5, "{refused:?}");
    assert!(refused.stderr.contains("00000000000000000001.seg is missing"), "{refused:?}");
}
