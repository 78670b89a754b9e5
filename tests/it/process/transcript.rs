//! Command lines and what they print, as a text that is the same in every run.
//!
//! A line of the script is a command line of `ledgerq`; words in single quotes may hold blanks.
//! Ids of messages are told as `m1`, `m2`, receipt handles as `h1`, `h2`, in the order in which
//! they are seen, and a later line can say `$h1`. Lines of standard error begin with `!`, and an
//! exit code other than 0 is told with `=`.

use std::fmt::Write as _;

use expect_test::Expect;

use super::{program, server::Server};

/// The longest line of an expected text.
const COLUMNS_MAX: usize = 84;

/// Runs a script against a broker and compares what it prints.
#[track_caller]
pub(super) fn check(server: &Server, script: &str, expected: &Expect) {
    Shell::new(server.url()).check(script, expected);
}

/// A terminal that remembers what it has seen.
pub(super) struct Shell {
    url: String,
    seen: Seen,
}

/// What is different in every run, by the name that stands for it.
#[derive(Default)]
struct Seen {
    names: Vec<(String, String)>,
    messages_count: usize,
    handles_count: usize,
}

impl Shell {
    /// That talks to this server.
    pub(super) fn new(url: String) -> Self {
        let mut seen = Seen::default();
        seen.names.push(("SERVER".into(), url.clone()));
        Self { url, seen }
    }

    /// Lets `name` stand for `value` in what is printed, and `$name` in scripts.
    pub(super) fn name(&mut self, name: &str, value: &str) {
        self.seen.names.push((name.into(), value.into()));
    }

    /// Runs a script and compares what it prints.
    #[track_caller]
    pub(super) fn check(&mut self, script: &str, expected: &Expect) {
        let mut text = String::new();
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            self.line(line, &mut text);
        }
        expected.assert_eq(&text);
    }

    fn line(&mut self, line: &str, text: &mut String) {
        let words: Vec<String> = words(line).iter().map(|word| self.seen.value_of(word)).collect();
        let server = ["--server", self.url.as_str()];
        let run = program::run(server.into_iter().chain(words.iter().map(String::as_str)));
        let _ = writeln!(text, "$ {line}");
        text.push_str(&wrap(&self.seen.scrub(&run.stdout)));
        for line in self.seen.scrub(&run.stderr).lines() {
            text.push_str(&wrap(format!("! {line}").trim_end()));
        }
        if run.code != 0 {
            let _ = writeln!(text, "= {}", run.code);
        }
    }
}

impl Seen {
    /// What a word of a script stands for.
    fn value_of(&self, word: &str) -> String {
        self.names.iter().fold(word.to_owned(), |word, (name, value)| {
            if word == format!("${name}") { value.clone() } else { word }
        })
    }

    /// The text with names for what differs from run to run.
    fn scrub(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        for word in text.clone().split(|c: char| !is_of_word(c)) {
            self.see(word);
        }
        for (name, value) in &self.names {
            text = text.replace(value, name);
        }
        for before in ["\"oldest_age_ms\":", "again in "] {
            text = without_number_behind(before, &text);
        }
        text
    }

    fn see(&mut self, word: &str) {
        if self.names.iter().any(|(_, value)| value == word) {
            return;
        }
        let is_id = word.len() == 36 && word.bytes().filter(|byte| *byte == b'-').count() == 4;
        let is_time = word.len() == 24 && word.ends_with('Z') && word.as_bytes()[10] == b'T';
        if is_id {
            self.messages_count += 1;
            self.names.push((format!("m{}", self.messages_count), word.into()));
        } else if is_time {
            self.names.push(("TIME".into(), word.into()));
        } else if word.len() == 55 && word.starts_with("AQ") {
            self.handles_count += 1;
            self.names.push((format!("h{}", self.handles_count), word.into()));
        }
    }
}

/// The text with `N` for each number that stands behind these words.
fn without_number_behind(words: &str, text: &str) -> String {
    let mut parts = text.split(words);
    let mut scrubbed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        scrubbed.push_str(words);
        scrubbed.push_str(if rest.len() < part.len() { "N" } else { "" });
        scrubbed.push_str(rest);
    }
    scrubbed
}

/// Long lines broken between words, so that they fit into a source file.
pub(super) fn wrap(text: &str) -> String {
    let mut wrapped = String::new();
    for line in text.lines() {
        let mut length = 0;
        for word in line.split_inclusive([' ', ',']) {
            if length > 0 && length + word.len() > COLUMNS_MAX {
                wrapped.truncate(wrapped.trim_end().len());
                wrapped.push_str("\n    ");
                length = 4;
            }
            wrapped.push_str(word);
            length += word.len();
        }
        wrapped.push('\n');
    }
    wrapped
}

fn is_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '.')
}

/// The words of a line; single quotes hold a word together.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    for c in line.chars() {
        match c {
            '\'' => (quoted, any) = (!quoted, true),
            ' ' if !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            _ => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}
