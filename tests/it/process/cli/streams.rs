//! Standard output that is read slowly, in part, or by nobody; and Ctrl-C.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
};

use rustix::process::{Pid, Signal, kill_process};

use super::broker;
use crate::process::{PATIENCE, program, server::Serve};

/// Starts a command whose lines of standard output come one by one.
pub(super) fn piped(command: &mut Command) -> (Child, ChildStdin, Receiver<String>) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    let input = child.stdin.take().expect("standard input is a pipe");
    let output = child.stdout.take().expect("standard output is a pipe");
    let (to, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if to.send(line).is_err() {
                break;
            }
        }
    });
    (child, input, lines)
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("a process has a number"), Signal::INT).expect("it is there");
}

fn count(url: &str, of: &str) -> u64 {
    let shown = program::run(["--server", url, "queue", "show", "jobs", "--json"]).objects();
    shown[0][of].as_u64().expect("it is a number")
}

fn ready(url: &str) -> u64 {
    count(url, "ready")
}

fn in_flight(url: &str) -> u64 {
    count(url, "in_flight")
}

#[test]
fn a_follower_prints_what_comes_and_ends_with_ctrl_c() {
    let (_data, server) = broker();
    server.run(["queue", "create", "jobs"]).success();
    let url = server.url();
    let mut command = program::command();
    command.args(["--server", &url, "receive", "jobs", "--follow", "--delete", "--json"]);
    let (mut child, _input, lines) = piped(&mut command);
    for body in ["one", "two", "three"] {
        server.run(["send", "jobs", body]).success();
        let line = lines.recv_timeout(PATIENCE).expect("it comes");
        let object: serde_json::Value = serde_json::from_str(&line).expect("it is an object");
        assert_eq!(object["body"], body);
    }
    interrupt(&child);
    let status = child.wait().expect("it is a child of this process");
    assert_eq!(status.code(), Some(0));
    server.run(["send", "jobs", "after"]).success();
    assert_eq!(ready(&url), 1, "its poll has taken nothing with it");
}

#[test]
fn a_follower_outlives_a_restart_of_the_broker_wherever_it_falls() {
    // The kernel gave the first broker its address; the next ones take it again.
    let (data, mut server) = broker();
    let (address, url) = (server.address().to_owned(), server.url());
    server.run(["queue", "create", "jobs", "--visibility-timeout", "500ms"]).success();
    let mut command = program::command();
    command.args(["--server", &url, "receive", "jobs", "--follow", "--delete", "--json"]);
    let (mut child, _input, lines) = piped(&mut command);
    for round in 0..4 {
        let body = format!("round {round}");
        server.run(["send", "jobs", &body]).success();
        while !lines.recv_timeout(PATIENCE).expect("it goes on").contains(&body) {}
        // It is about to delete; in every second round it surely has.
        while round % 2 == 1 && in_flight(&url) > 0 {}
        server.kill();
        server = Serve::on(data.path()).set("--grpc-listen", &address).serving();
    }
    interrupt(&child);
    let status = child.wait().expect("it is a child of this process");
    let told = std::io::read_to_string(child.stderr.take().expect("it is a pipe"));
    let told = told.expect("it is text");
    // 1 if a restart has hit a delete: a message may have been printed twice.
    let deletes_lost = told.contains("that were just printed were not deleted: ");
    assert_eq!(status.code(), Some(i32::from(deletes_lost)), "{told}");
}

/// A thousand messages of 1,000 bytes: more than a pipe holds.
fn fill(url: &str) {
    run_ok(url, &["queue", "create", "jobs"]);
    let line = "x".repeat(999) + "\n";
    let args = ["--server", url, "send", "jobs", "--lines", "-"];
    program::run_with(args, line.repeat(1000).into_bytes()).success();
}

fn run_ok(url: &str, args: &[&str]) -> String {
    program::run(["--server", url].into_iter().chain(args.iter().copied())).success()
}

#[test]
fn messages_that_nobody_read_are_not_deleted() {
    for follow in [false, true] {
        let (_data, server) = broker();
        let url = server.url();
        fill(&url);
        let mut command = program::command();
        command.args(["--server", &url, "receive", "jobs", "--delete", "--max", "500", "--json"]);
        command.args(follow.then_some("--follow"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program can be started");
        // As `head -1` does.
        let mut first = String::new();
        let mut output = BufReader::new(child.stdout.take().expect("it is a pipe"));
        output.read_line(&mut first).expect("a line comes");
        drop(output);
        let ended = child.wait_with_output().expect("it is a child of this process");
        let told = String::from_utf8(ended.stderr).expect("it is text");
        assert_eq!(ended.status.code(), Some(1), "{told}");
        let expected = "ledgerq: cannot write to standard output: Broken pipe (os error 32); \
                        500 messages were not deleted and can be received again now\n";
        assert_eq!(told, expected);
        assert_eq!(ready(&url), 1000);
    }
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure_of_a_receive_that_deletes_nothing() {
    let (_data, server) = broker();
    let url = server.url();
    fill(&url);
    let mut command = program::command();
    command.args(["--server", &url, "receive", "jobs", "--max", "500", "--json"]);
    let started = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = started.spawn().expect("the program can be started");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("it is a child of this process");
    assert_eq!((ended.status.code(), ended.stderr.as_slice()), (Some(0), &b""[..]));
}

#[test]
fn a_full_device_is_told() {
    let (_data, server) = broker();
    let url = server.url();
    run_ok(&url, &["queue", "create", "jobs"]);
    run_ok(&url, &["send", "jobs", "hello"]);
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("it is there");
    let mut command = program::command();
    command.args(["--server", &url, "receive", "jobs", "--delete", "--json"]);
    command.stdin(Stdio::null()).stdout(full).stderr(Stdio::piped());
    let ended = command.output().expect("the program can be started");
    let told = String::from_utf8(ended.stderr).expect("it is text");
    assert_eq!(ended.status.code(), Some(1), "{told}");
    let expected = "ledgerq: cannot write to standard output: No space left on device (os error \
                    28); 1 message was not deleted and can be received again now\n";
    assert_eq!(told, expected);
    assert_eq!(ready(&url), 1);
}

#[test]
fn lines_go_out_as_they_come() {
    let (_data, server) = broker();
    let url = server.url();
    run_ok(&url, &["queue", "create", "jobs"]);
    let mut command = program::command();
    command.args(["--server", &url, "send", "jobs", "--lines", "-"]);
    let (mut child, mut input, ids) = piped(&mut command);
    for _ in 0..3 {
        input.write_all(b"a line\n").expect("it reads");
        ids.recv_timeout(PATIENCE).expect("it does not wait for more lines");
    }
    drop(input);
    assert_eq!(child.wait().expect("it is a child of this process").code(), Some(0));
    assert_eq!(ready(&url), 3);
}
