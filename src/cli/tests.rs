//! What the command line takes and what it refuses.

use clap::{CommandFactory as _, Parser as _};
use expect_test::{Expect, expect};

use super::{
    fake::{Closed, Fake, Shared},
    *,
};

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(std::iter::once("ledgerq").chain(line.split(' ')))
}

#[track_caller]
fn refuses(line: &str, expected: &Expect) {
    let error = parse(line).expect_err("a line that is refused");
    assert_eq!(error.exit_code(), i32::from(Exit::Usage.code()));
    let text = error.to_string();
    let told = text.split("\n\nUsage:").next().unwrap_or_default();
    let told = told.split("\n\nFor more").next().unwrap_or_default();
    // Cut to the width of this file.
    expected.assert_eq(&told.trim_end().replace(": ", ":\n"));
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_form_of_the_contract_is_taken() {
    for line in [
        "serve",
        "serve --data-dir d --grpc-listen 127.0.0.1:0 --config f.toml --segment-bytes 64KiB",
        "queue create jobs --visibility-timeout 30s --delay 0s --retention 4d",
        "queue create jobs --max-message-size 1MiB --receive-wait 0s",
        "queue list",
        "queue show jobs",
        "queue update jobs --delay 1s",
        "queue purge jobs",
        "queue delete jobs",
        "send jobs hello --delay 5s --attribute k=v --attribute n:Number=5",
        "send jobs --file f",
        "send jobs --lines - --skip-empty-lines --in-flight 1",
        "receive jobs --max 10 --wait 20s --visibility-timeout 30s --delete --follow",
        "delete jobs AQ -- -x",
        "log inspect --data-dir d --from-lsn 17 --limit 5",
        "log verify --data-dir d",
    ] {
        if let Err(error) = parse(line) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn global_flags_are_taken_anywhere() {
    for line in [
        "--json --server http://a:1 queue list",
        "queue list --json --server http://a:1",
        "queue --server http://a:1 list --json",
        "send jobs hello --json --server http://a:1",
        "delete jobs AQ --json --server http://a:1",
    ] {
        let cli = parse(line).expect("a line that is taken");
        assert_eq!((cli.global.json, cli.global.server.as_str()), (true, "http://a:1"));
    }
}

#[test]
fn a_send_of_nothing_names_the_three_ways() {
    refuses(
        "send jobs",
        &expect![[r#"
            error:
            the following required arguments were not provided:
              <BODY|--file <FILE>|--lines <FILE>>"#]],
    );
}

#[test]
fn flags_that_contradict_each_other_are_refused() {
    refuses(
        "send jobs hello --file f",
        &expect![[r#"
            error:
            the argument '[BODY]' cannot be used with '--file <FILE>'"#]],
    );
    refuses(
        "send jobs hello --lines f",
        &expect![[r#"
            error:
            the argument '[BODY]' cannot be used with '--lines <FILE>'"#]],
    );
    refuses(
        "send jobs hello --skip-empty-lines",
        &expect![[r#"
            error:
            the argument '[BODY]' cannot be used with '--skip-empty-lines'"#]],
    );
}

#[test]
fn values_that_are_none_are_refused_with_what_would_be() {
    refuses(
        "queue show ",
        &expect![[r#"
            error:
            invalid value '' for '<NAME>':
            a queue name is needed; it has 1 to 80 characters"#]],
    );
    refuses(
        "queue create jobs --delay soon",
        &expect![[r#"
            error:
            invalid value 'soon' for '--delay <DURATION>':
            "soon" is not a duration; write it like 20ms, 30s, 1h 30m or 4d"#]],
    );
    refuses(
        "queue create jobs --max-message-size big",
        &expect![[r#"
            error:
            invalid value 'big' for '--max-message-size <SIZE>':
            "big" is not a size; write it like 4096, 64KiB or 1.5GiB"#]],
    );
    refuses(
        "send jobs hello --attribute color",
        &expect![[r#"
            error:
            invalid value 'color' for '--attribute <NAME=VALUE>':
            write it like name=value or name:Number=5"#]],
    );
    refuses(
        "serve --grpc-listen 7420",
        &expect![[r#"
            error:
            invalid value '7420' for '--grpc-listen <ADDRESS>':
            "7420" is not an address and a port; write it like 127.0.0.1:7420 or [::]:7420"#]],
    );
    refuses(
        "delete jobs",
        &expect![[r#"
            error:
            the following required arguments were not provided:
              <HANDLE>..."#]],
    );
}

/// Runs a subcommand that talks of messages with a fake server.
async fn run(line: &str, to: Session) -> Result<(), Failure> {
    match parse(line).expect("a line that is taken").command {
        Command::Send(args) => send::run(args, to).await,
        Command::Receive(args) => receive::run(args, to).await,
        Command::Delete(args) => delete::run(args, to).await,
        other => panic!("the fake server knows no {other:?}"),
    }
}

/// A file of lines `first` to `last`, each being its number.
fn numbers(first: u64, last: u64) -> tempfile::NamedTempFile {
    let lines: Vec<String> = (first..=last).map(|number| format!("{number}\n")).collect();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), lines.concat()).expect("a temporary file takes text");
    file
}

fn line_of(failure: Failure, file: &tempfile::NamedTempFile) -> String {
    failure.line.expect("a line").replace(&file.path().display().to_string(), "FILE")
}

#[tokio::test]
async fn lines_are_sent_in_batches_and_their_ids_printed_in_order() {
    let (fake, sink, file) = (Fake::default(), Shared::default(), numbers(1, 3000));
    // The broker is busy for a moment: the first two requests are sent again.
    let busy = fake::status(tonic::Code::ResourceExhausted, "OVERLOADED", "busy");
    fake.state(|state| state.statuses.extend([busy.clone(), busy]));
    let line = format!("send jobs --lines {}", file.path().display());
    run(&line, fake.session(sink.clone(), false).await).await.expect("all are accepted");
    let ids: Vec<String> = (1..=3000).map(|number| format!("id-of-{number}\n")).collect();
    assert!(sink.text() == ids.concat(), "the ids are those of the lines, in their order");
    assert_eq!(fake.state(|state| state.sent.len()), 3000);
}

#[tokio::test]
async fn a_refused_line_stops_the_rest_and_is_told() {
    let (fake, sink, file) = (Fake::default(), Shared::default(), numbers(1, 5000));
    fake.state(|state| state.refused.insert("600".into()));
    let line = format!("send jobs --in-flight 1 --json --lines {}", file.path().display());
    let session = fake.session(sink.clone(), true).await;
    let failure = run(&line, session).await.expect_err("line 600 is refused");
    assert_eq!(failure.exit, Exit::Refused);
    let told = "FILE: stopped at line 600: the message is refused; \
                999 lines were accepted, 400 of them behind that line";
    assert_eq!(line_of(failure, &file), told);
    let text = sink.text();
    assert_eq!(text.lines().count(), 999);
    assert_eq!(text.lines().last(), Some(r#"{"message_id":"id-of-1000","line":1000}"#));
}

#[tokio::test]
async fn a_send_of_unknown_outcome_is_not_repeated() {
    let (fake, sink, file) = (Fake::default(), Shared::default(), numbers(1, 10));
    let unknown = fake::status(tonic::Code::Unavailable, "OUTCOME_UNKNOWN", "it stopped");
    fake.state(|state| state.statuses.push_back(unknown));
    let line = format!("send jobs --lines {}", file.path().display());
    let session = fake.session(sink.clone(), false).await;
    let failure = run(&line, session).await.expect_err("nobody knows");
    let told = "FILE: stopped at line 1: it stopped; try again in 0s; 0 lines were accepted; \
                lines 1 to 10 may or may not have been";
    assert_eq!(line_of(failure, &file), told);
    assert_eq!((sink.text().as_str(), fake.state(|state| state.sent.len())), ("", 0));
}

#[tokio::test]
async fn what_is_received_is_deleted_once_it_is_printed() {
    let (fake, sink) = (Fake::default(), Shared::default());
    fake.state(|state| state.ready = vec!["one".into(), "two".into()]);
    let session = fake.session(sink.clone(), false).await;
    run("receive jobs --delete", session).await.expect("two messages");
    let text = sink.text();
    assert!(text.contains("one") && text.contains("two") && !text.contains("handle"), "{text}");
    assert_eq!(fake.state(|state| state.deleted.clone()), ["handle-0", "handle-1"]);
}

#[tokio::test]
async fn what_nobody_reads_is_given_back_and_not_deleted() {
    let fake = Fake::default();
    fake.state(|state| state.ready = vec!["one".into()]);
    let session = fake.session(Closed, true).await;
    let failure = run("receive jobs --delete", session).await.expect_err("nobody reads");
    assert_eq!(failure.exit, Exit::Refused);
    assert!(fake.state(|state| state.deleted.is_empty()));
    assert_eq!(fake.state(|state| state.returned.clone()), ["handle-0"]);
}

#[tokio::test]
async fn an_empty_queue_prints_nothing() {
    for json in [false, true] {
        let (fake, sink) = (Fake::default(), Shared::default());
        run("receive jobs", fake.session(sink.clone(), json).await).await.expect("no messages");
        assert_eq!(sink.text(), "");
    }
}

#[tokio::test]
async fn a_delete_tells_what_became_of_each_handle() {
    let (fake, sink) = (Fake::default(), Shared::default());
    let session = fake.session(sink.clone(), true).await;
    let failure = run("delete jobs good stale", session).await.expect_err("one is stale");
    assert_eq!((failure.exit, failure.line), (Exit::Refused, None));
    expect![[r#"
        {"receipt_handle":"good","outcome":"deleted"}
        {"receipt_handle":"stale","outcome":"stale_lease"}
    "#]]
    .assert_eq(&sink.text());
}

#[test]
fn a_server_that_went_away_is_told_apart_from_an_answer_that_got_lost() {
    let (queue, message) = ("jobs", || vec![crate::client::Outgoing::new("hello")]);
    let queue = crate::types::QueueName::parse(queue).expect("a name");
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let (servers, clients) = (runtime().expect("threads"), runtime().expect("threads"));
    let server = servers.block_on(async {
        let (listener, server) = fake::listen().await;
        tokio::spawn(Fake::default().serve(listener));
        server
    });
    let client = clients.block_on(Client::connect(&server)).expect("it listens");
    clients.block_on(client.send(&queue, message())).expect("it answers");
    drop(servers);
    // The first request may find the connection still there, and break with it.
    let _ = clients.block_on(client.send(&queue, message()));
    let error = clients.block_on(client.send(&queue, message())).expect_err("nobody listens");
    assert_eq!(Failure::from(error.clone()).exit, Exit::Unreachable, "{error}");
    assert!(!error.is_outcome_unknown());
}
