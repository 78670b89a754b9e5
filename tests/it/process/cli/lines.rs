//! `ledgerq send --lines`, and everything back.

use std::fs;

use expect_test::expect;
use serde_json::Value;

use super::broker;
use crate::process::{program, server::Server, transcript::Shell};

const LINES_COUNT: usize = 20_000;

fn lines() -> Vec<String> {
    (0..LINES_COUNT).map(|number| format!("line {number} of many")).collect()
}

/// Receives and deletes until nothing comes any more.
fn drain(server: &Server) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let args = ["receive", "jobs", "--json", "--delete", "--max", "1000"];
        let received = server.run(args).objects();
        if received.is_empty() {
            return all;
        }
        all.extend(received);
    }
}

/// Every line has the id at its place, and is received once.
#[track_caller]
fn all_came(server: &Server, lines: &[String], ids: &[String]) {
    assert_eq!(ids.len(), lines.len());
    let received = drain(server);
    assert_eq!(received.len(), lines.len());
    let text = |object: &Value, key: &str| object[key].as_str().expect("it is text").to_owned();
    let mut received: Vec<(String, String)> =
        received.iter().map(|it| (text(it, "message_id"), text(it, "body"))).collect();
    let mut sent: Vec<(String, String)> = ids.iter().cloned().zip(lines.iter().cloned()).collect();
    received.sort();
    sent.sort();
    assert_eq!(received, sent);
}

#[test]
fn every_line_of_a_file_is_a_message_and_its_id_is_printed_in_its_place() {
    let (data, server) = broker();
    server.run(["queue", "create", "jobs"]).success();
    let (lines, file) = (lines(), data.path().join("jobs.txt"));
    fs::write(&file, lines.join("\n")).expect("it can be written");
    let path = file.to_str().expect("it is text");
    let sent = server.run(["send", "jobs", "--lines", path]).success();
    let ids: Vec<String> = sent.lines().map(str::to_owned).collect();
    all_came(&server, &lines, &ids);
}

#[test]
fn lines_of_standard_input_keep_their_order_with_one_request_at_a_time() {
    let (_data, server) = broker();
    server.run(["queue", "create", "jobs"]).success();
    let lines = lines();
    let url = server.url();
    let args = ["--server", &url, "send", "jobs", "--lines", "-", "--json", "--in-flight", "1"];
    let sent = program::run_with(args, (lines.join("\r\n") + "\r\n").into_bytes()).objects();
    let numbers: Vec<u64> = sent.iter().filter_map(|object| object["line"].as_u64()).collect();
    assert!(numbers.iter().copied().eq(1..=LINES_COUNT as u64));
    let id = |object: &Value| object["message_id"].as_str().expect("it is text").to_owned();
    let ids: Vec<String> = sent.iter().map(id).collect();
    assert!(ids.is_sorted(), "ids rise with the order of acceptance");
    all_came(&server, &lines, &ids);
}

#[test]
fn a_stop_tells_the_line_and_what_was_accepted() {
    let (data, server) = broker();
    let mut shell = Shell::new(server.url());
    let file = |name: &str, text: &str| {
        let path = data.path().join(name);
        fs::write(&path, text).expect("it can be written");
        path.to_str().expect("it is text").to_owned()
    };
    shell.name("HOLLOW", &file("hollow", "one\n\nthree\n"));
    shell.name("LONG", &file("long", &format!("short\n{}\nshort\n", "x".repeat(1 << 21))));
    shell.name("LARGE", &file("large", &format!("small\n{}\nsmall\n", "x".repeat(2000))));
    shell.name("NOTHING", &file("nothing", ""));
    shell.name("MISSING", &(file("missing", "") + ".txt"));
    shell.check(
        "queue create jobs
         queue create small --max-message-size 1KiB
         send jobs --lines $HOLLOW
         send jobs --lines $HOLLOW --skip-empty-lines
         send jobs --lines $LONG
         send small --lines $LARGE
         send jobs --lines $NOTHING
         send jobs --lines $MISSING
         send nope --lines $HOLLOW",
        &expect![[r#"
            $ queue create jobs
            created jobs
            $ queue create small --max-message-size 1KiB
            created small
            $ send jobs --lines $HOLLOW
            m1
            ! ledgerq: HOLLOW: stopped at line 2: the line is empty, and a message has at least
                1 byte; --skip-empty-lines leaves it out; 1 line was accepted
            = 1
            $ send jobs --lines $HOLLOW --skip-empty-lines
            m2
            m3
            $ send jobs --lines $LONG
            m4
            ! ledgerq: LONG: stopped at line 2: the line is too long: a message has at most
                1048576 bytes, attributes included; 1 line was accepted
            = 1
            $ send small --lines $LARGE
            m5
            m6
            ! ledgerq: LARGE: stopped at line 2: a message has 2000 bytes, queue small takes at
                most 1024; 2 lines were accepted, 1 of them behind that line
            = 1
            $ send jobs --lines $NOTHING
            $ send jobs --lines $MISSING
            ! ledgerq: cannot read MISSING: No such file or directory (os error 2)
            = 1
            $ send nope --lines $HOLLOW
            ! ledgerq: HOLLOW: stopped at line 1: queue nope does not exist; 0 lines were
                accepted
            = 1
        "#]],
    );
}

#[test]
fn a_server_that_ends_in_between_leaves_no_line_untold() {
    let (data, server) = broker();
    server.run(["queue", "create", "jobs"]).success();
    let url = server.url();
    let mut command = program::command();
    command.args(["--server", &url, "send", "jobs", "--lines", "-", "--in-flight", "1"]);
    let (mut child, mut input, ids) = super::streams::piped(&mut command);
    let line = |number: usize| format!("line {number}\n").into_bytes();
    std::io::Write::write_all(&mut input, &line(1)).expect("it reads");
    let first = ids.recv().expect("the first line is accepted");
    server.kill();
    // It may have ended already.
    let _ = std::io::Write::write_all(&mut input, &line(2));
    drop(input);
    let status = child.wait().expect("it is a child of this process");
    let told = std::io::read_to_string(child.stderr.take().expect("it is a pipe"));
    let told = told.expect("it is text");
    assert!(matches!(status.code(), Some(1 | 7)), "{status} {told}");
    assert!(told.contains("stopped at line 2"), "{told}");
    assert!(told.contains("1 line was accepted"), "{told}");
    let server = crate::process::server::Serve::on(data.path()).serving();
    let received = drain(&server);
    assert_eq!(received[0]["message_id"], first.as_str());
}
