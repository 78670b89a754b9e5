//! What the bench takes and refuses, and a small run of each shape.

use expect_test::{Expect, expect};
use tempfile::TempDir;

use super::*;
use crate::cli::{Cli, Command, fake::Shared, tests::lines::parse};

fn args(line: &str) -> (BenchArgs, Global) {
    let Cli { global, command } = parse(line).expect("a line that is taken");
    let Command::Bench(args) = command else { panic!("it is a bench") };
    (args, global)
}

#[track_caller]
fn refuses(line: &str, expected: &Expect) {
    let (args, _) = args(line);
    let failure = args.plan().expect_err("it is refused");
    assert_eq!(failure.exit, Exit::Usage);
    expected.assert_eq(&failure.line.expect("a line"));
}

#[test]
fn what_is_beyond_its_limit_is_refused_with_it() {
    refuses("bench --size 0", &expect!["--size is 0 bytes, it can be 1 to 1048576 bytes"]);
    refuses("bench --size 2MiB", &expect!["--size is 2097152 bytes, it can be 1 to 1048576 bytes"]);
    refuses(
        "bench --batch 2",
        &expect!["--batch is 2, of --shape unary it can be 1; --shape batch sends more"],
    );
    refuses(
        "bench --shape batch --size 1MiB --batch 5",
        &expect![
            "--batch is 5 with --size 1048576, which are 5242880 bytes a call; it can be 4194304 bytes"
        ],
    );
    refuses(
        "bench --shape receive-stream --queues 5",
        &expect![
            "--queues is 5, of --shape receive-stream it can be at most one a stream, and --callers is 4"
        ],
    );
    refuses(
        "bench --shape send-stream --rate 100",
        &expect!["--rate cannot be given for --shape send-stream: the server paces a stream"],
    );
    for (line, told) in [
        ("bench --rate 0", "invalid value '0' for '--rate <NUMBER>': it can be 0.1 to 10000000"),
        ("bench --rate x", "invalid value 'x' for '--rate <NUMBER>': write it like 1000 or 0.5"),
        ("bench --queues 0", "invalid value '0' for '--queues <COUNT>': 0 is not in 1..=10000"),
        ("bench --seconds 0", "invalid value '0' for '--seconds <NUMBER>': it can be 0.01 to 3600"),
        ("bench --seconds x", "invalid value 'x' for '--seconds <NUMBER>': write it like 3 or 0.5"),
        ("bench --callers 0", "invalid value '0' for '--callers <COUNT>': 0 is not in 1..=10000"),
        (
            "bench --connections 1001",
            "invalid value '1001' for '--connections <COUNT>': 1001 is not in 1..=1000",
        ),
        (
            "bench --batch 1001",
            "invalid value '1001' for '--batch <COUNT>': 1001 is not in 1..=1000",
        ),
        (
            "bench --backlog 100000001",
            "invalid value '100000001' for '--backlog <COUNT>': 100000001 is not in 0..=100000000",
        ),
        (
            "bench --target http://a:1 --disk",
            "the argument '--target <URL>' cannot be used with '--disk'",
        ),
    ] {
        let error = parse(line).expect_err("it is refused").to_string();
        assert!(error.contains(told), "{line}: {error}");
    }
}

#[test]
fn what_is_not_given_is_usual_for_the_shape() {
    let plan = |line: &str| {
        let (args, _) = args(line);
        let plan = args.plan().expect("it is within its limits");
        (plan.callers, plan.connections, plan.batch, args.backlog(&plan))
    };
    assert_eq!(plan("bench"), (64, 8, 1, 0));
    assert_eq!(plan("bench --shape batch --callers 2"), (2, 2, 10, 0));
    assert_eq!(plan("bench --shape send-stream"), (4, 4, 100, 0));
    assert_eq!(plan("bench --shape send-stream --size 1MiB"), (4, 4, 1, 0));
    assert_eq!(plan("bench --shape receive-stream --seconds 2"), (4, 4, 1000, 200_000));
}

/// Measures for a moment; the object that it prints.
async fn measured(line: &str) -> serde_json::Value {
    let (sink, directory) = (Shared::default(), tempfile::tempdir().expect("a directory"));
    let data_dir = directory.path().display();
    let (args, global) = args(&format!("{line} --seconds 0.05 --json --data-dir {data_dir}"));
    let mut out = Output::to(sink.clone(), true);
    measure(&args, &global, &mut out).await.expect("it can be measured");
    let left = std::fs::read_dir(directory.path()).expect("it is there").count();
    assert_eq!(left, 0, "the scratch directory is gone");
    serde_json::from_str(&sink.text()).expect("one object")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_shape_can_be_measured() {
    for shape in ["unary", "batch", "send-stream", "receive", "receive-stream", "mixed"] {
        let line = format!("bench --shape {shape} --callers 2 --size 100 --null");
        let object = measured(&line).await;
        assert_eq!(object["shape"], shape);
        assert_eq!(object["callers"], 2);
        assert_eq!(object["size"], 100);
        for figure in ["messages", "messages_per_s", "bytes_per_s", "null_per_s", "ratio"] {
            assert!(object[figure].as_f64().is_some_and(|it| it > 0.0), "{shape}: {object}");
        }
        let quantiles = ["p50_us", "p90_us", "p99_us", "p999_us", "max_us"];
        let null_quantiles = ["null_p50_us", "null_p99_us"];
        let us = |name: &str| object[name].as_u64().expect("it is a number");
        let (quantiles, null_quantiles) = (quantiles.map(us), null_quantiles.map(us));
        assert!(quantiles.is_sorted() && quantiles[0] > 0, "{shape}: {object}");
        assert!(null_quantiles.is_sorted() && null_quantiles[0] > 0, "{shape}: {object}");
        assert!(object.get("fdatasyncs_per_s").is_none());
    }
}

/// A broker of the bench's own with the queues of the plan that the line makes.
async fn served(line: &str) -> (TempDir, OwnBroker, Client, Plan, Vec<Channel>) {
    let directory = tempfile::tempdir().expect("a directory");
    let own = OwnBroker::start(&directory.path().join("data")).expect("it starts");
    let client = Client::connect(own.url()).await.expect("it serves");
    let plan = args(line).0.plan().expect("it is within its limits");
    queues::create(&plan, &client).await.expect("they are new");
    let channels = channels(&plan, own.url(), None).await.expect("it serves");
    (directory, own, client, plan, channels)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn callers_go_round_queues_that_are_gone_afterwards() {
    let line = "bench --shape receive --callers 2 --queues 5 --batch 3 --seconds 60";
    let (_directory, own, client, plan, channels) = served(line).await;
    load::fill(&plan, &channels, 50).await.expect("every message is taken");
    for queue in client.list_queues("", None).await.expect("it answers").queues {
        assert_eq!(queue.counts.ready, 10, "each has its share");
    }
    let figures = load::drive(&plan, &channels).await.expect("every call is answered");
    assert_eq!(figures.messages, 50, "a receiver ends when all of them are empty");
    queues::delete(&plan, &client).await.expect("they are there");
    assert!(client.list_queues("", None).await.expect("it answers").queues.is_empty());
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_sent_than_the_rate_says() {
    // Each of 4 callers is due every 20 ms, until 50 ms: at 0, 20 and 40 ms, and 5 ms each later.
    let object = measured("bench --callers 4 --rate 200").await;
    assert_eq!(object["rate"], 200.0);
    let messages = object["messages"].as_u64().expect("it is a number");
    assert!((1..=10).contains(&messages), "{object}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_before_a_load_does_not_count() {
    let line = "bench --callers 2 --seconds 0.05";
    let (_directory, own, client, plan, channels) = served(line).await;
    let figures = load::drive(&plan, &channels).await.expect("it is measured");
    let queues = client.list_queues("", None).await.expect("it answers").queues;
    let ready = queues[0].counts.ready;
    assert!((1..ready).contains(&figures.messages), "{} of {ready}", figures.messages);
    own.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_measured_where_the_broker_writes() {
    let object = measured("bench --disk --callers 1").await;
    for figure in ["fdatasyncs_per_s", "fdatasync_p99_us", "sequential_bytes_per_s"] {
        assert!(object[figure].as_f64().is_some_and(|it| it > 0.0), "{object}");
    }
    for figure in ["null_per_s", "null_p50_us", "null_p99_us"] {
        assert!(object.get(figure).is_none(), "{object}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_elsewhere_is_left_as_it_was() {
    let directory = tempfile::tempdir().expect("a directory");
    let own = OwnBroker::start(&directory.path().join("data")).expect("it starts");
    let sink = Shared::default();
    let line = format!("bench --shape mixed --seconds 0.05 --target {}", own.url());
    let (args, global) = args(&line);
    measure(&args, &global, &mut Output::to(sink.clone(), false)).await.expect("it is measured");
    let client = Client::connect(own.url()).await.expect("it serves");
    let page = client.list_queues("", None).await.expect("it answers");
    assert!(page.queues.is_empty(), "the queue of the bench is gone");
    let text = sink.text();
    assert!(text.starts_with("mixed: 64 callers over 8 connections, 10 messages"), "{text}");
    assert!(text.contains("messages/s") && text.contains(" us  ") && text.contains('#'), "{text}");
    own.stop().await;
}
