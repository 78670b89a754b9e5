//! The text of every error, and when a request is sent again.

use expect_test::{Expect, expect};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::*;

const SERVER: &str = "http://127.0.0.1:7420";

fn status(code: Code, message: &str, reason: &str, edit: impl Fn(&mut ErrorDetails)) -> Status {
    let mut details = ErrorDetails::new();
    details.set_error_info(reason, error::DOMAIN, std::collections::HashMap::new());
    edit(&mut details);
    Status::with_error_details(code, message, details)
}

fn overloaded(reason: &str, retry_after: Duration) -> Error {
    let told =
        status(Code::ResourceExhausted, "the broker has 5 requests under way", reason, |d| {
            d.set_retry_info(Some(retry_after));
        });
    Error::from_status(&told, SERVER)
}

#[track_caller]
fn says(error: &Error, expected: &Expect) {
    // One line for users; cut here to the width of this file.
    expected.assert_eq(&error.to_string().replace("; ", ";\n"));
}

#[test]
fn a_refusal_says_what_the_server_said() {
    let told = status(Code::NotFound, "queue jobs does not exist", "QUEUE_NOT_FOUND", |_| ());
    let error = Error::from_status(&told, SERVER);
    says(&error, &expect!["queue jobs does not exist"]);
    assert!(!error.is_outcome_unknown());
}

#[test]
fn a_refusal_names_the_fields_that_its_sentence_does_not() {
    let told = status(Code::InvalidArgument, "the delay is too long", "OUT_OF_RANGE", |details| {
        details.add_bad_request_violation("entries[3].delay", "it can be 0s to 4d");
    });
    says(
        &Error::from_status(&told, SERVER),
        &expect![[r#"
            the delay is too long;
            entries[3].delay: it can be 0s to 4d"#]],
    );
    let told = status(Code::InvalidArgument, "delay is 5d, it can be 0s to 4d", "X", |details| {
        details.add_bad_request_violation("delay", "delay is 5d, it can be 0s to 4d");
    });
    says(&Error::from_status(&told, SERVER), &expect!["delay is 5d, it can be 0s to 4d"]);
}

#[test]
fn a_refusal_for_the_moment_says_when_to_try_again() {
    says(
        &overloaded("OVERLOADED", Duration::from_millis(1500)),
        &expect![[r#"
            the broker has 5 requests under way;
            try again in 1500ms"#]],
    );
}

#[test]
fn an_unknown_outcome_is_told_as_such() {
    let told = status(Code::Unavailable, "the broker stopped", "OUTCOME_UNKNOWN", |_| ());
    assert!(Error::from_status(&told, SERVER).is_outcome_unknown());
    let late = Error::from_status(&Status::deadline_exceeded("deadline"), SERVER);
    assert!(late.is_outcome_unknown());
    says(
        &late,
        &expect![[r#"
        http://127.0.0.1:7420 did not answer in time;
        the request may or may not have been done"#]],
    );
    let proxy = Error::from_status(&Status::unavailable("no healthy upstream"), SERVER);
    assert!(proxy.is_outcome_unknown());
}

#[test]
fn only_what_was_surely_not_done_or_does_no_harm_is_sent_again() {
    let soon = Duration::from_millis(10);
    let next = |reason, after, repeat, attempt| {
        pause_before_next(&overloaded(reason, after), repeat, attempt, PAUSE_MIN)
    };
    assert_eq!(next("OVERLOADED", soon, Repeat::IfNotDone, 1), Some(PAUSE_MIN));
    assert_eq!(next("OUTCOME_UNKNOWN", soon, Repeat::IfNotDone, 1), None);
    assert_eq!(next("OUTCOME_UNKNOWN", soon, Repeat::Harmless, 1), Some(PAUSE_MIN));
    assert_eq!(next("OVERLOADED", soon, Repeat::IfNotDone, ATTEMPTS_MAX), None);
    assert_eq!(
        next("OVERLOADED", Duration::from_secs(1), Repeat::IfNotDone, 1).map(|d| d.as_secs()),
        Some(1)
    );
    assert_eq!(next("OVERLOADED", Duration::from_mins(1), Repeat::IfNotDone, 1), None);
    let lost = Error::Lost { problem: "gone".into() };
    assert_eq!(pause_before_next(&lost, Repeat::Harmless, 1, PAUSE_MIN), None);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_named_with_what_to_do() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    drop(listener);
    let error = Client::connect(&format!("http://{address}")).await.expect_err("nobody listens");
    let text = error.to_string().replace(&address.to_string(), "ADDRESS");
    expect!["cannot reach http://ADDRESS: connection refused; is `ledgerq serve` running?"]
        .assert_eq(&text);
}

#[tokio::test]
async fn an_address_that_is_none_is_told_with_one_that_is() {
    let error = Client::connect("localhost:7420").await.expect_err("no address");
    let text = error.to_string().replace("; ", ";\n");
    expect![[r#"
        "localhost:7420" is not a server's address: it begins with neither http:// nor https://;
        write it like http://127.0.0.1:7420"#]]
    .assert_eq(&text);
}

#[tokio::test]
async fn a_server_with_tls_needs_an_authority_to_trust() {
    let error = Client::connect("https://localhost:7420").await.expect_err("nobody is trusted");
    let text = error.to_string().replace(": ", ":\n");
    expect![[r#"
        https://localhost:7420 needs the certificate of an authority to trust:
        --ca FILE, or LEDGERQ_CA"#]]
    .assert_eq(&text);
}
