//! Signals: the first drains, the second ends, and neither loses what was answered.

use std::{fs, path::Path};

use ledgerq::{
    client::{Client, Delivery, Error, Outgoing, ReceiveOptions, StreamOptions},
    types::Millis,
};
use rustix::process::Signal;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;

use super::{block_on, client_with_jobs, fill, jobs, text};
use crate::process::{directory, program, server::Serve};

/// Receives with a wait until the broker, which holds one poll at most, has it waiting.
async fn poll_until_it_waits(url: &str) -> tokio::task::JoinHandle<Result<Delivery, Error>> {
    let client = client_with_jobs(url).await;
    let long = ReceiveOptions { wait: Some(Millis::from_secs(20)), ..ReceiveOptions::default() };
    let polling = client.clone();
    let poll = tokio::spawn(async move { polling.receive(&jobs(), long).await });
    let short = ReceiveOptions { wait: Some(Millis::new(1)), ..ReceiveOptions::default() };
    loop {
        match client.receive(&jobs(), short.clone()).await {
            Ok(delivery) => assert!(delivery.messages.is_empty()),
            Err(Error::Refused(refusal)) if refusal.reason == "OVERLOADED" => return poll,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn a_drain_answers_long_polls_and_ends_with_0() {
    let data = directory();
    let server = Serve::on(data.path()).set("--polls-max", "1").serving();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be made");
    let poll = runtime.block_on(poll_until_it_waits(&server.url()));
    let ended = server.terminate();
    let answer = runtime.block_on(poll).expect("it does not panic");
    assert_eq!(answer, Ok(Delivery::default()), "the poll is answered, with nothing");
    assert_eq!(ended.code, 0);
    assert!(ended.logged("draining: no new requests; one more signal ends at once"));
    assert!(ended.logged("everything that was accepted is on the disk; goodbye"));
}

/// A stream that a client holds open, so that a drain has something to wait for.
async fn held_open(url: String) -> impl Sized {
    let channel = tonic::transport::Channel::from_shared(url).expect("it is an address");
    let channel = channel.connect().await.expect("the server listens");
    let requests = futures_util::stream::pending();
    let mut client = ServerReflectionClient::new(channel);
    client.server_reflection_info(requests).await.expect("the server has reflection")
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let data = directory();
        let server = Serve::on(data.path()).serving();
        let ended = block_on(async {
            let held = held_open(server.url()).await;
            server.signal(Signal::TERM);
            server.line("draining: no new requests; one more signal ends at once");
            server.signal(signal);
            let ended = server.ended();
            drop(held);
            ended
        });
        assert_eq!(ended.code, code);
        assert!(ended.logged("ended at once by a second signal"));
    }
}

#[test]
fn a_drain_waits_no_longer_than_it_is_told_to() {
    let data = directory();
    let server = Serve::on(data.path()).set("--drain-timeout", "50ms").serving();
    let ended = block_on(async {
        let held = held_open(server.url()).await;
        let ended = server.terminate();
        drop(held);
        ended
    });
    assert_eq!(ended.code, 0);
    assert!(ended.logged("some clients did not end within the time"));
}

#[test]
fn a_send_during_a_drain_is_done_if_it_says_so_and_only_then() {
    let data = directory();
    let server = Serve::on(data.path()).serving();
    let outcome = block_on(async {
        let client = client_with_jobs(&server.url()).await;
        let _held = held_open(server.url()).await;
        server.signal(Signal::TERM);
        server.line("draining: no new requests; one more signal ends at once");
        client.send(&jobs(), vec![Outgoing::new("late")]).await
    });
    server.kill();
    let server = Serve::on(data.path()).serving();
    let counts = block_on(async {
        let client = Client::connect(&server.url()).await.expect("it serves");
        client.get_queue(&jobs()).await.expect("it is there").counts
    });
    // The refusal is the broker's own, or that of a connection that is being closed.
    assert_eq!(counts.ready, u64::from(outcome.is_ok()), "{outcome:?}");
}

#[test]
fn a_drain_gives_back_what_streams_have_before_the_broker_ends() {
    let data = directory();
    let server = Serve::on(data.path()).serving();
    let (ended, error) = block_on(async {
        let client = client_with_jobs(&server.url()).await;
        client
            .send(&jobs(), vec![Outgoing::new("a"), Outgoing::new("b")])
            .await
            .expect("it serves");
        let options = StreamOptions {
            visibility_timeout: Some(Millis::from_secs(3600)),
            credits: 5,
            ..StreamOptions::default()
        };
        let mut stream = client.receive_stream(&jobs(), options).await.expect("it serves");
        let streamed = stream.next().await.expect("there are messages");
        assert_eq!(streamed.messages.len(), 2);
        server.signal(Signal::TERM);
        let error = stream.next().await.expect_err("it ends");
        drop((stream, client));
        (server.ended(), error)
    });
    assert_eq!(ended.code, 0);
    let Error::Refused(refusal) = error else { panic!("{error}") };
    assert_eq!(refusal.reason, "SHUTTING_DOWN");
    let server = Serve::on(data.path()).serving();
    let shown = program::run(["--server", &server.url(), "queue", "list", "--json"]).objects();
    assert_eq!((&shown[0]["ready"], &shown[0]["in_flight"]), (&2.into(), &0.into()));
}

#[test]
fn what_was_sent_before_a_drain_is_there_after_it_and_the_log_is_clean() {
    let data = directory();
    fill(data.path());
    let verified = program::run(["log", "verify", "--data-dir", text(data.path())]);
    let stdout = verified.success();
    assert!(stdout.contains("\nclean: "), "{stdout}");
    assert!(!stdout.contains("torn"), "a drain leaves nothing half: {stdout}");
    let server = Serve::on(data.path()).serving();
    let shown = program::run(["--server", &server.url(), "queue", "list", "--json"]).objects();
    assert_eq!(shown[0]["ready"], super::FILL_COUNT);
}

#[test]
fn a_memory_file_system_is_warned_of() {
    let memory = Path::new("/dev/shm");
    let is_memory = fs::read_to_string("/proc/mounts")
        .is_ok_and(|mounts| mounts.lines().any(|line| line.starts_with("tmpfs /dev/shm ")));
    if !is_memory {
        eprintln!("skipped: /dev/shm is no memory file system here");
        return;
    }
    let data = tempfile::tempdir_in(memory).expect("a directory can be made");
    let ended = Serve::on(data.path()).serving().terminate();
    let warning = ended.lines.iter().find(|line| line.contains("MEMORY")).expect("it warns");
    let fields: serde_json::Value = serde_json::from_str(warning).expect("a line is an object");
    let expected = "THE DATA DIRECTORY IS ON A MEMORY FILE SYSTEM: a restart of the machine loses \
                    everything, acknowledged or not";
    assert_eq!(fields["message"], expected);
}
