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
        "queue create jobs.fifo --fifo --content-deduplication --throughput-limit per-queue",
        "queue update jobs --no-dead-letter-queue --retry-backoff 5s --untag k --tag a=b",
        "queue pause jobs --sends",
        "queue resume jobs",
        "queue sources dead",
        "queue purge jobs",
        "queue delete jobs",
        "send jobs hello --delay 5s --attribute k=v --attribute n:Number=5",
        "send jobs hello --group g1 --deduplication-id d1 --priority 9 --ttl 1h",
        "send jobs hello --at 2030-01-01T00:00:00Z",
        "send jobs --file f",
        "send jobs --lines - --skip-empty-lines --in-flight 1",
        "receive jobs --max 10 --wait 20s --visibility-timeout 30s --delete --follow",
        "receive jobs.fifo --attempt-id a1",
        "delete jobs AQ -- -x",
        "peek jobs --state ready,delayed,in-flight --group g --min-age 1h --attribute k=v --max 20",
        "peek jobs --all --no-bodies",
        "message cancel jobs id-1 id-2",
        "message show 00000000-0000-8000-a4c2-9d0c6f1b7e55 --data-dir d",
        "redrive start dead --to jobs --rate 500 --group g --min-age 1h --attribute k=v --wait",
        "redrive start dead --dry-run",
        "redrive list",
        "redrive list dead",
        "redrive cancel 3",
        "transact --file -",
        "clock advance 5m",
        "serve --test-clock --deduplication-ids-max 5",
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
        "send jobs hello --delay 5s --at 2030-01-01T00:00:00Z",
        &expect![[r#"
        error:
        the argument '--delay <DURATION>' cannot be used with '--at <TIME>'"#]],
    );
    refuses(
        "send jobs --lines f --deduplication-id d1",
        &expect![[r#"
        error:
        the argument '--lines <FILE>' cannot be used with '--deduplication-id <ID>'"#]],
    );
    refuses(
        "receive jobs.fifo --follow --attempt-id a1",
        &expect![[r#"
        error:
        the argument '--follow' cannot be used with '--attempt-id <ID>'"#]],
    );
    refuses(
        "peek jobs --all --max 5",
        &expect![[r#"
        error:
        the argument '--all' cannot be used with '--max <COUNT>'"#]],
    );
    refuses(
        "redrive start dead --dry-run --wait",
        &expect![[r#"
        error:
        the argument '--dry-run' cannot be used with '--wait'"#]],
    );
    refuses(
        "queue create jobs --max-receives 3",
        &expect![[r#"
        error:
        the following required arguments were not provided:
          --dead-letter-queue <QUEUE>"#]],
    );
    refuses(
        "queue update jobs --no-retry-backoff --retry-backoff 5s",
        &expect![[r#"
        error:
        the argument '--no-retry-backoff' cannot be used with '--retry-backoff <BACKOFF>'"#]],
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
        "send jobs hello --at tomorrow",
        &expect![[r#"
        error:
        invalid value 'tomorrow' for '--at <TIME>':
        "tomorrow" is not an instant; write it like 2030-01-31T08:00:00Z"#]],
    );
    refuses(
        "send jobs hello --priority 10",
        &expect![[r#"
        error:
        invalid value '10' for '--priority <NUMBER>':
        10 is not in 0..=9"#]],
    );
    refuses(
        "send jobs hello --group ",
        &expect![[r#"
        error:
        invalid value '' for '--group <ID>':
        it has 1 to 128 characters, this one has 0"#]],
    );
    refuses(
        "queue create jobs --retry-backoff linear:1s",
        &expect![[r#"
        error:
        invalid value 'linear:1s' for '--retry-backoff <BACKOFF>':
        "linear:1s" is not a backoff; write it like fixed:5s, or exponential:1s..5m for a wait that doubles from 1s to at most 5m"#]],
    );
    refuses(
        "queue create jobs --tag team",
        &expect![[r#"
        error:
        invalid value 'team' for '--tag <KEY=VALUE>':
        write it like key=value"#]],
    );
    refuses(
        "queue create jobs --allow-dead-letters-of a,b.c",
        &expect![[r#"
        error:
        invalid value 'a,b.c' for '--allow-dead-letters-of <QUEUES>':
        a queue name has letters, digits, '-' and '_' (and '.fifo' at the end of a FIFO queue's), not '.'"#]],
    );
    refuses(
        "peek jobs --state read",
        &expect![[r#"
        error:
        invalid value 'read' for '--state <STATES>'
          [possible values:
        ready, delayed, in-flight]

          tip:
        a similar value exists:
        'ready'"#]],
    );
    refuses(
        "peek jobs --max 0",
        &expect![[r#"
        error:
        invalid value '0' for '--max <COUNT>':
        0 is not in 1..=4294967295"#]],
    );
    refuses(
        "redrive start dead --rate 501",
        &expect![[r#"
        error:
        invalid value '501' for '--rate <COUNT>':
        501 is not in 1..=500"#]],
    );
    refuses(
        "message show 17",
        &expect![[r#"
        error:
        invalid value '17' for '<ID>':
        it is not a message's id; write it as `send` prints it"#]],
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
async fn run(line: &str, mut to: Session) -> Result<(), Failure> {
    match parse(line).expect("a line that is taken").command {
        Command::Send(args) => send::run(args, to).await,
        Command::Receive(args) => receive::run(args, to).await,
        Command::Delete(args) => delete::run(args, to).await,
        Command::Peek(args) => peek::run(args, to).await,
        Command::Transact(args) => transact::run(args, to).await,
        Command::Message(message::MessageCommand::Cancel(args)) => {
            message::cancel::run(&args, &mut to).await
        }
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
    let last = r#"{"message_id":"id-of-1000","sequence_number":999,"duplicate":false,"line":1000}"#;
    assert_eq!(text.lines().last(), Some(last));
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

#[tokio::test]
async fn a_send_has_the_fields_that_were_given() {
    let (fake, sink) = (Fake::default(), Shared::default());
    let line = "send jobs.fifo hello --group g1 --deduplication-id d1 --priority 7 --ttl 1h \
                --at 2023-11-14T22:13:20Z";
    for _ in 0..2 {
        run(line, fake.session(sink.clone(), true).await).await.expect("it is accepted");
    }
    expect![[r#"
        {"message_id":"id-of-hello","sequence_number":1,"duplicate":false}
        {"message_id":"id-of-hello","sequence_number":2,"duplicate":true}
    "#]]
    .assert_eq(&sink.text());
    let entry = fake.state(|state| state.entries[0].clone());
    assert_eq!((entry.group_id.as_str(), entry.deduplication_id.as_str()), ("g1", "d1"));
    assert_eq!((entry.priority, entry.delay), (Some(7), None));
    assert_eq!(entry.time_to_live.map(|ttl| ttl.seconds), Some(3600));
    assert_eq!(entry.deliver_at.map(|at| at.seconds), Some(1_700_000_000));
}

/// Pages of one message, of none, and of two.
fn pages(fake: &Fake) {
    let pages: [&[&str]; 3] = [&["one"], &[], &["two", "three"]];
    let pages = pages.map(|page| page.iter().map(|body| (*body).to_owned().into()).collect());
    fake.state(|state| state.pages = pages.into());
}

#[tokio::test]
async fn a_peek_reads_page_by_page_until_it_has_enough() {
    let fake = Fake::default();
    let ids = |text: &str| {
        let objects = text.lines().map(|line| serde_json::from_str(line).expect("JSON"));
        let id = |object: serde_json::Value| object["message_id"].as_str().map(str::to_owned);
        objects.filter_map(id).collect::<Vec<_>>()
    };
    for (line, expected, sizes) in [
        (
            "peek jobs --all",
            &["id-of-one", "id-of-two", "id-of-three"][..],
            &[1000, 1000, 1000][..],
        ),
        ("peek jobs --max 1", &["id-of-one"], &[1]),
        ("peek jobs", &["id-of-one", "id-of-two", "id-of-three"], &[20, 19, 19]),
    ] {
        let sink = Shared::default();
        pages(&fake);
        run(line, fake.session(sink.clone(), true).await).await.expect("there are some");
        assert_eq!(ids(&sink.text()), expected, "{line}");
        assert_eq!(fake.state(|state| std::mem::take(&mut state.page_sizes)), sizes, "{line}");
    }
}

#[tokio::test]
async fn a_peek_shows_people_texts_or_a_table() {
    let fake = Fake::default();
    let shown = async |line| {
        let sink = Shared::default();
        fake.state(|state| state.pages = [vec!["one".into()]].into());
        run(line, fake.session(sink.clone(), false).await).await.expect("there is one");
        sink.text()
    };
    expect![[r#"
        id-of-one  delayed until 2023-11-14T22:13:20.000Z, sent 2023-11-14T22:13:20.000Z, received 0 times
        number 7, group g1
        one

    "#]].assert_eq(&shown("peek jobs").await);
    expect![[r#"
        MESSAGE    NUMBER  STATE    SENT                      RECEIVED  BODY  GROUP
        id-of-one  7       delayed  2023-11-14T22:13:20.000Z  0         3B    g1
    "#]]
    .assert_eq(&shown("peek jobs --no-bodies").await);
}

#[tokio::test]
async fn a_cancellation_tells_what_became_of_each_message() {
    let (fake, sink) = (Fake::default(), Shared::default());
    let session = fake.session(sink.clone(), true).await;
    let failure = run("message cancel jobs a late gone", session).await.expect_err("two are not");
    assert_eq!((failure.exit, failure.line), (Exit::Refused, None));
    expect![[r#"
        {"message_id":"a","outcome":"cancelled"}
        {"message_id":"late","outcome":"too_late"}
        {"message_id":"gone","outcome":"not_found"}
    "#]]
    .assert_eq(&sink.text());
}

#[tokio::test]
async fn a_transact_prints_one_outcome_a_line() {
    let (fake, file) = (Fake::default(), tempfile::NamedTempFile::new().expect("a file"));
    let steps = r#"[
        {"delete": {"queue": "jobs", "receipt_handle": "AQ"}},
        {"send": {"queue": "results", "body": "done", "priority": 7}},
        {"change_visibility":
            {"queue": "jobs", "receipt_handle": "AR", "visibility_timeout": "1m"}}
    ]"#;
    std::fs::write(file.path(), steps).expect("a temporary file takes text");
    let line = format!("transact --file {}", file.path().display());
    let sink = Shared::default();
    run(&line, fake.session(sink.clone(), false).await).await.expect("all of it is done");
    expect![[r#"
        steps[0]  deleted
        steps[1]  sent id-of-done
        steps[2]  leased until 2023-11-14T22:13:20.000Z
    "#]]
    .assert_eq(&sink.text());
    assert_eq!(fake.state(|state| state.deleted.clone()), ["AQ"]);
    let refused = fake::status(tonic::Code::NotFound, "MESSAGE_NOT_FOUND", "steps[0]: it is gone");
    fake.state(|state| state.statuses.push_back(refused));
    let session = fake.session(Shared::default(), false).await;
    let failure = run(&line, session).await.expect_err("none of it is done");
    assert_eq!(failure.line.as_deref(), Some("steps[0]: it is gone; try again in 0s"));
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
