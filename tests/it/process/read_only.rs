//! A broker that only shows what is there.

use std::path::Path;

use super::{directory, files, program, server::Serve};

/// A directory with messages that are ready, in flight and delayed.
fn filled(data: &Path) -> Vec<String> {
    let server = Serve::on(data).serving();
    for queue in ["jobs", "other"] {
        server.run(["queue", "create", queue]).success();
    }
    for body in ["one", "two", "three"] {
        server.run(["send", "jobs", body]).success();
    }
    server.run(["checkpoint"]).success();
    server.run(["send", "jobs", "later", "--delay", "1h"]).success();
    let received = server.run(["receive", "jobs", "--max", "1", "--json"]).objects();
    let field = |name: &str| received[0][name].as_str().expect("it is there").to_owned();
    server.kill();
    vec![field("receipt_handle"), field("message_id")]
}

#[test]
fn looking_changes_no_byte() {
    let outside = directory();
    let data = outside.path().join("data");
    let ids = filled(&data);
    let before = files(&data);
    let server = Serve::on(&data).args(["--read-only"]).serving();
    assert!(server.log().contains("READ-ONLY"), "{}", server.log());

    let peeked = server.run(["peek", "jobs", "--json"]).objects();
    let mut bodies: Vec<_> = peeked.iter().map(|message| message["body"].clone()).collect();
    bodies.sort_by_key(ToString::to_string);
    assert_eq!(bodies, ["later", "one", "three", "two"]);
    let shown = server.run(["queue", "show", "jobs", "--json"]).objects();
    let counts = ["ready", "in_flight", "delayed"].map(|name| shown[0][name].as_u64());
    assert_eq!(counts, [Some(2), Some(1), Some(1)]);
    assert_eq!(server.run(["queue", "list", "--json"]).objects().len(), 2);
    assert_eq!(server.run(["status", "--json"]).objects()[0]["queue_count"], 2);

    let unused = data.with_file_name("unused");
    let requests: [&[&str]; 12] = [
        &["send", "jobs", "more"],
        &["receive", "jobs"],
        &["delete", "jobs", &ids[0]],
        &["queue", "create", "more"],
        &["queue", "update", "jobs", "--retention", "1h"],
        &["queue", "purge", "jobs"],
        &["queue", "delete", "other"],
        &["queue", "pause", "jobs"],
        &["message", "cancel", "jobs", &ids[1]],
        &["checkpoint"],
        &["compact"],
        &["backup", "--to", unused.to_str().expect("a path of the test's")],
    ];
    let url = server.url();
    for request in requests {
        let refused =
            program::run(["--server", url.as_str()].into_iter().chain(request.iter().copied()));
        assert_eq!(refused.code, 1, "{request:?}: {}", refused.stderr);
        let told = format!("{}{}", refused.stdout, refused.stderr);
        assert!(told.contains("--read-only"), "{request:?}: {told}");
    }
    assert!(!unused.exists(), "a backup that is refused leaves nothing behind");
    assert_eq!(server.terminate().code, 0);
    assert!(files(&data) == before, "a byte, a time or a name was changed");

    let server = Serve::on(&data).serving();
    server.run(["receive", "jobs", "--max", "2", "--delete"]).success();
    assert_eq!(server.terminate().code, 0);
}

#[test]
fn a_broker_that_runs_is_not_looked_at_this_way_nor_is_one_started_beside() {
    let outside = directory();
    let [data, missing] = ["data", "missing"].map(|name| outside.path().join(name));
    let server = Serve::on(&data).serving();
    assert_eq!(Serve::on(&data).args(["--read-only"]).refused().code, 4);
    assert_eq!(server.terminate().code, 0);
    let looking = Serve::on(&data).args(["--read-only"]).serving();
    assert_eq!(Serve::on(&data).refused().code, 4);
    drop(looking);
    assert_eq!(Serve::on(&missing).args(["--read-only"]).refused().code, 8);
    assert!(!missing.exists(), "nothing is made");
}
