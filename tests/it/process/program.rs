//! One run of the program from its start to its end.

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// What a run left behind.
#[derive(Debug)]
pub(super) struct Run {
    /// The exit code.
    pub(super) code: i32,
    /// Standard output.
    pub(super) stdout: String,
    /// Standard error.
    pub(super) stderr: String,
}

/// The program, or that of `LEDGERQ_BINARY`, with an environment that says nothing of ledgerq.
pub(super) fn command() -> Command {
    let built = || env!("CARGO_BIN_EXE_ledgerq").into();
    let mut command = Command::new(std::env::var_os("LEDGERQ_BINARY").unwrap_or_else(built));
    command.env_clear();
    command
}

/// Runs the program with these arguments and nothing on standard input.
pub(super) fn run<'a>(args: impl IntoIterator<Item = &'a str>) -> Run {
    run_with(args, Vec::new())
}

/// Runs the program with these arguments and bytes on standard input.
pub(super) fn run_with<'a>(args: impl IntoIterator<Item = &'a str>, stdin: Vec<u8>) -> Run {
    let mut command = command();
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program can be started");
    let mut input = child.stdin.take().expect("standard input is a pipe");
    // A program that has read enough closes its end.
    let writing = std::thread::spawn(move || input.write_all(&stdin));
    let output = child.wait_with_output().expect("the program ends");
    let _ = writing.join().expect("the writer does not panic");
    Run {
        code: output.status.code().expect("no signal ended it"),
        stdout: String::from_utf8(output.stdout).expect("standard output is text"),
        stderr: String::from_utf8(output.stderr).expect("standard error is text"),
    }
}

impl Run {
    /// Standard output of a run that was a success and said nothing else.
    #[track_caller]
    pub(super) fn success(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self.stdout
    }

    /// The objects on standard output of a run that was a success.
    #[track_caller]
    pub(super) fn objects(self) -> Vec<serde_json::Value> {
        let is_object = |line| serde_json::from_str(line).expect("a line is a JSON object");
        self.success().lines().map(is_object).collect()
    }
}
