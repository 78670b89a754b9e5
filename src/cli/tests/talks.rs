//! Commands that talk with a fake server: what they ask and what they print.

use expect_test::expect;

use super::{
    super::{
        fake::{self, Closed, Fake, Shared},
        *,
    },
    lines::parse,
};

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
    for line in ["receive jobs --delete", "receive jobs --delete --follow"] {
        let fake = Fake::default();
        fake.state(|state| state.ready = vec!["one".into()]);
        let session = fake.session(Closed, true).await;
        let failure = run(line, session).await.expect_err("nobody reads");
        assert_eq!(failure.exit, Exit::Refused);
        let told = "1 message was not deleted and can be received again now";
        assert!(failure.line.is_some_and(|line| line.ends_with(told)), "{line}");
        assert!(fake.state(|state| state.deleted.is_empty()));
        assert_eq!(fake.state(|state| state.returned.clone()), ["handle-0"]);
    }
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
