//! The session in README.md is true: its commands, told to a broker that was just started, print
//! what stands there, but for ids, receipt handles and times, and those are the same where the
//! README has the same.

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, ChildStderr, Command, Stdio},
};

const README: &str = include_str!("../../README.md");
const PROGRAM: &str = env!("CARGO_BIN_EXE_ledgerq");

/// A command of the session and what it prints.
struct Step {
    command: &'static str,
    output: String,
}

fn steps() -> Vec<Step> {
    let (_, rest) = README.split_once("```console\n").expect("the README has a session");
    let (session, _) = rest.split_once("```").expect("the session has an end");
    let mut steps: Vec<Step> = Vec::new();
    for line in session.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { command, output: String::new() });
        } else {
            let step = steps.last_mut().expect("a session begins with a command");
            writeln!(step.output, "{line}").expect("a text takes all");
        }
    }
    steps
}

/// The words of a text that are others in each run, in the order in which they came up first.
#[derive(Default)]
struct Names(Vec<String>);

impl Names {
    /// The text with such words replaced by what they are and which of them.
    fn plain(&mut self, text: &str) -> String {
        let mut plain = String::new();
        for piece in text.split_inclusive([' ', '\n']) {
            let word = piece.trim_end_matches([' ', '\n', ',']);
            let Some(kind) = kind(word) else {
                plain.push_str(piece);
                continue;
            };
            let known = self.0.iter().position(|name| name == word);
            let index = known.unwrap_or_else(|| {
                self.0.push(word.to_owned());
                self.0.len() - 1
            });
            plain.push_str(&piece.replacen(word, &format!("<{kind} {index}>"), 1));
        }
        plain
    }
}

fn kind(word: &str) -> Option<&'static str> {
    let dashes = word.match_indices('-').map(|(at, _)| at);
    let is_time = || word.len() == 24 && word.contains('T') && word.ends_with('Z');
    match word.len() {
        36 if dashes.eq([8, 13, 18, 23]) => Some("id"),
        55 if word.starts_with("AQ") => Some("handle"),
        24 if is_time() => Some("time"),
        _ => None,
    }
}

/// `ledgerq serve` in a directory of its own; it is killed when this goes.
struct Served {
    process: Child,
    address: String,
    /// Kept open: the broker goes on to log.
    log: BufReader<ChildStderr>,
}

impl Served {
    fn start(directory: &Path) -> Self {
        let mut process = Command::new(PROGRAM)
            .args([
                "serve",
                "--grpc-listen",
                "127.0.0.1:0",
                "--sqs-listen",
                "off",
                "--segment-bytes",
                "64KiB",
            ])
            .env_clear()
            .current_dir(directory)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program runs");
        let log = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut served = Self { process, address: String::new(), log };
        let mut told = String::new();
        while !told.trim_end().ends_with("serving") {
            told.clear();
            let read = served.log.read_line(&mut told).expect("a log is text");
            assert!(read > 0, "the broker ended before it served");
            let address = told.split_whitespace().find_map(|word| word.strip_prefix("address="));
            if let Some(address) = address {
                served.address = format!("http://{address}");
            }
        }
        served
    }

    fn run(&self, command: &str) -> String {
        let programs = Path::new(PROGRAM).parent().expect("it lies in a directory").display();
        let output = Command::new("sh")
            .args(["-c", command])
            .env_clear()
            .env("PATH", format!("{programs}:/usr/bin:/bin"))
            .env("LEDGERQ_SERVER", &self.address)
            .output()
            .expect("there is a shell");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {}: {errors}", output.status);
        String::from_utf8(output.stdout).expect("it prints text")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // If it is gone already, there is nothing to do.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn the_session_of_the_readme_is_what_the_program_prints() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let served = Served::start(directory.path());
    let (mut told, mut found) = (Names::default(), Names::default());
    let steps = steps();
    assert!(steps.len() >= 5, "the session shows a message's whole way");
    for Step { command, output } in steps {
        // A handle in the README is the one that this broker gave in its place.
        let names = told.0.iter().zip(&found.0);
        let command =
            names.fold(command.to_owned(), |text, (told, found)| text.replace(told, found));
        assert_eq!(found.plain(&served.run(&command)), told.plain(&output), "{command}");
    }
}
