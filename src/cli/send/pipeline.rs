//! Several requests of lines under way at once, their results printed in the order of the lines.
//!
//! Memory is bounded by the requests under way. Once something failed nothing more is sent, what is
//! under way is waited for, and what became of every line is told.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal as _, Read},
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{
    super::{Exit, Failure, Session, output::counted},
    lines::{Batch, LineError, Lines},
    print,
};
use crate::{
    client::{Client, Error, Outcomes, Outgoing, Sent},
    types::QueueName,
};

/// What all messages of a stream have in common.
pub(super) struct Stream {
    pub(super) queue: QueueName,
    /// Without its body.
    pub(super) message: Outgoing,
    pub(super) in_flight_max: usize,
    /// The source, as errors call it.
    pub(super) name: String,
    /// The source's length, if it is known.
    pub(super) bytes_total: Option<u64>,
}

/// What was read: lines, and what is wrong with the line behind them.
type FromReader = (Batch, Option<(u64, LineError)>);

/// A request under way.
struct Sending {
    numbers: Vec<u64>,
    bytes_read: u64,
    answer: JoinHandle<Result<Outcomes<Sent>, Error>>,
}

/// What became of the lines.
#[derive(Default)]
pub(super) struct Tally {
    accepted: u64,
    /// Of them, those behind the line at which it stopped.
    accepted_behind: u64,
    /// The line at which it stopped, why, and the exit code.
    stopped: Option<(u64, String, Exit)>,
    /// First and last lines of requests whose outcome nobody knows.
    unknown: Vec<(u64, u64)>,
}

pub(super) async fn run<R: Read + Send + 'static>(
    lines: Lines<R>,
    stream: Stream,
    mut to: Session,
) -> Result<(), Failure> {
    let mut batches = read_in_background(lines);
    let mut under_way: VecDeque<Sending> = VecDeque::new();
    let mut tally = Tally::default();
    let mut at_end = false;
    let bar = progress_bar(&stream);
    while !at_end || !under_way.is_empty() {
        let room = !at_end && under_way.len() < stream.in_flight_max;
        tokio::select! {
            biased;
            outcome = first_answer(&mut under_way), if !under_way.is_empty() => {
                let Some(sent) = under_way.pop_front() else { continue };
                bar.set_position(sent.bytes_read);
                let written = settle(&mut tally, &mut to, &sent.numbers, outcome);
                written.map_err(|error| tally.output_failed(&error))?;
                at_end |= tally.stopped.is_some();
            }
            next = batches.recv(), if room => match next {
                None => at_end = true,
                Some((batch, problem)) => {
                    if !batch.lines.is_empty() {
                        under_way.push_back(send(&to.client, &stream, batch));
                    }
                    if let Some((number, error)) = problem {
                        tally.stop(number, error.to_string(), Exit::Refused);
                        at_end = true;
                    }
                }
            },
        }
    }
    bar.finish_and_clear();
    tally.verdict(&stream.name)
}

/// A thread of its own, since a read of a pipe can wait for ever, and nobody waits for the thread.
fn read_in_background<R: Read + Send + 'static>(mut lines: Lines<R>) -> mpsc::Receiver<FromReader> {
    let (batches, receiver) = mpsc::channel(1);
    thread::spawn(move || {
        loop {
            let read = lines.next_batch();
            let last = read.1.is_some() || read.0.lines.is_empty();
            if batches.blocking_send(read).is_err() || last {
                return;
            }
        }
    });
    receiver
}

fn send(client: &Client, stream: &Stream, batch: Batch) -> Sending {
    let (numbers, bodies): (Vec<_>, Vec<_>) = batch.lines.into_iter().unzip();
    let messages = bodies.into_iter().map(|body| stream.message.clone().with_body(body));
    let (client, queue, messages) = (client.clone(), stream.queue.clone(), messages.collect());
    let answer = tokio::spawn(async move { client.send(&queue, messages).await });
    Sending { numbers, bytes_read: batch.bytes_read, answer }
}

/// The answer to the request that was sent first. Dropping the future loses nothing.
async fn first_answer(under_way: &mut VecDeque<Sending>) -> Result<Outcomes<Sent>, Error> {
    let Some(first) = under_way.front_mut() else { return Ok(Vec::new()) };
    match (&mut first.answer).await {
        Ok(outcome) => outcome,
        Err(failed) => std::panic::resume_unwind(failed.into_panic()),
    }
}

/// Prints the ids of the lines that were accepted and counts all of them.
fn settle(
    tally: &mut Tally,
    to: &mut Session,
    numbers: &[u64],
    outcome: Result<Outcomes<Sent>, Error>,
) -> io::Result<()> {
    match outcome {
        Ok(outcomes) => {
            for (number, outcome) in numbers.iter().zip(outcomes) {
                match outcome {
                    Ok(sent) => {
                        tally.accept(*number);
                        print(to, &sent, Some(*number))?;
                    }
                    Err(refusal) => tally.stop(*number, refusal.to_string(), Exit::Refused),
                }
            }
        }
        Err(error) => {
            let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
            if error.is_outcome_unknown() {
                tally.unknown.push((first, last));
            }
            let failure = Failure::from(error);
            tally.stop(first, failure.line.unwrap_or_default(), failure.exit);
        }
    }
    to.out.flush()
}

impl Tally {
    fn accept(&mut self, number: u64) {
        self.accepted += 1;
        if self.stopped.as_ref().is_some_and(|(stop, ..)| number > *stop) {
            self.accepted_behind += 1;
        }
    }

    /// The line that is first in the file counts, whatever failed first.
    fn stop(&mut self, number: u64, problem: String, exit: Exit) {
        if self.stopped.as_ref().is_none_or(|(stop, ..)| number < *stop) {
            self.stopped = Some((number, problem, exit));
        }
    }

    fn verdict(&self, name: &str) -> Result<(), Failure> {
        let Some((number, problem, exit)) = &self.stopped else { return Ok(()) };
        let behind = match self.accepted_behind {
            0 => String::new(),
            behind => format!(", {behind} of them behind that line"),
        };
        let unknown = self
            .unknown
            .iter()
            .map(|(first, last)| format!("; lines {first} to {last} may or may not have been"));
        let unknown: String = unknown.collect();
        let accepted = counted(self.accepted, "line was", "lines were");
        let line = format!(
            "{name}: stopped at line {number}: {problem}; \
             {accepted} accepted{behind}{unknown}"
        );
        Err(Failure::new(*exit, line))
    }

    fn output_failed(&self, error: &io::Error) -> Failure {
        let accepted = counted(self.accepted, "line was", "lines were");
        let line = format!("cannot write to standard output: {error}; {accepted} accepted");
        Failure::new(Exit::Refused, line + ", and those under way may have been")
    }
}

/// For a person at a terminal whose lines do not run through the ids.
fn progress_bar(stream: &Stream) -> ProgressBar {
    if !io::stderr().is_terminal() || io::stdout().is_terminal() {
        return ProgressBar::hidden();
    }
    let (bar, template) = match stream.bytes_total {
        Some(total) => (
            ProgressBar::new(total),
            "{bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left",
        ),
        None => (ProgressBar::no_length(), "{spinner} {bytes}, {bytes_per_sec}"),
    };
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn line(tally: &Tally) -> String {
        let failure = tally.verdict("jobs.txt").expect_err("it stopped");
        failure.line.expect("a line").replace("; ", ";\n")
    }

    #[test]
    fn a_failure_tells_what_became_of_every_line() {
        let mut tally = Tally::default();
        (1..=500).for_each(|number| tally.accept(number));
        tally.stop(501, "the disk is full".into(), Exit::Refused);
        expect![[r#"
            jobs.txt: stopped at line 501: the disk is full;
            500 lines were accepted"#]]
        .assert_eq(&line(&tally));
        (1001..=1500).for_each(|number| tally.accept(number));
        tally.unknown.push((501, 1000));
        expect![[r#"
            jobs.txt: stopped at line 501: the disk is full;
            1000 lines were accepted, 500 of them behind that line;
            lines 501 to 1000 may or may not have been"#]]
        .assert_eq(&line(&tally));
    }

    #[test]
    fn the_first_line_of_the_file_that_failed_is_told() {
        let mut tally = Tally::default();
        tally.stop(900, "the line is empty".into(), Exit::Refused);
        tally.stop(501, "cannot reach it".into(), Exit::Unreachable);
        assert_eq!(tally.verdict("-").expect_err("it stopped").exit, Exit::Unreachable);
    }

    #[test]
    fn all_accepted_is_no_failure() {
        assert!(Tally::default().verdict("jobs.txt").is_ok());
    }
}
