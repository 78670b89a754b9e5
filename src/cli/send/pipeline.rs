//! Lines go out as batches of one stream, several under way at once, and their results are printed
//! in the order of the lines.
//!
//! Memory is bounded by the batches under way. Once something failed nothing more is sent, what is
//! under way is waited for, and what became of every line is told.

use std::{
    collections::VecDeque,
    io::{self, IsTerminal as _, Read},
    thread,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;

use super::{
    super::{Exit, Failure, Session, output::counted},
    lines::{Batch, LineError, Lines},
    print,
};
use crate::{
    client::{BatchOutcome, Error, Outgoing, SendStream},
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

/// A batch under way: the numbers of its lines, and how much of the source was read with it.
struct Sending {
    numbers: Vec<u64>,
    bytes_read: u64,
}

/// The batches under way, in order.
#[derive(Default)]
struct UnderWay {
    /// Opened for the first batch: without lines nothing is asked.
    stream: Option<SendStream>,
    batches: VecDeque<Sending>,
}

/// What became of the lines.
#[derive(Default)]
pub(super) struct Tally {
    accepted: u64,
    /// Of them, those behind the line at which it stopped.
    accepted_behind: u64,
    /// The line at which it stopped, why, and the exit code.
    stopped: Option<(u64, String, Exit)>,
    /// First and last of the lines whose outcome nobody knows.
    unknown: Option<(u64, u64)>,
}

pub(super) async fn run<R: Read + Send + 'static>(
    lines: Lines<R>,
    stream: Stream,
    mut to: Session,
) -> Result<(), Failure> {
    let mut batches = read_in_background(lines);
    let mut under_way = UnderWay::default();
    let mut tally = Tally::default();
    let mut at_end = false;
    let bar = progress_bar(&stream);
    while !at_end || !under_way.batches.is_empty() {
        let room = !at_end && under_way.has_room(stream.in_flight_max);
        tokio::select! {
            biased;
            outcome = under_way.first_outcome(), if !under_way.batches.is_empty() => {
                let settled = match outcome {
                    Ok((sent, outcome)) => {
                        bar.set_position(sent.bytes_read);
                        settle(&mut tally, &mut to, &sent.numbers, outcome)
                    }
                    Err(error) => {
                        tally.lost(&mut under_way.batches, error);
                        Ok(())
                    }
                };
                settled.map_err(|error| tally.output_failed(&error))?;
                at_end |= tally.stopped.is_some();
            }
            next = batches.recv(), if room => match next {
                None => at_end = true,
                Some((batch, problem)) => {
                    if !batch.lines.is_empty() {
                        let first = batch.lines[0].0;
                        if let Err(error) = under_way.send(&to, &stream, batch).await {
                            let failure = Failure::from(error);
                            tally.stop(first, failure.line.unwrap_or_default(), failure.exit);
                            at_end = true;
                        }
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

impl UnderWay {
    fn has_room(&self, batches_max: usize) -> bool {
        let is_open = self.stream.as_ref().is_none_or(SendStream::has_room);
        is_open && self.batches.len() < batches_max
    }

    /// Sends a batch; an error is that there is no stream, and nothing was sent.
    async fn send(&mut self, to: &Session, stream: &Stream, batch: Batch) -> Result<(), Error> {
        let opened = match &mut self.stream {
            Some(opened) => opened,
            none => none.insert(to.client.send_stream(&stream.queue).await?),
        };
        let (numbers, bodies): (Vec<_>, Vec<_>) = batch.lines.into_iter().unzip();
        let messages = bodies.into_iter().map(|body| stream.message.clone().with_body(body));
        opened.send(messages.collect());
        self.batches.push_back(Sending { numbers, bytes_read: batch.bytes_read });
        Ok(())
    }

    /// What became of the batch that was sent first. Dropping the future loses nothing.
    async fn first_outcome(&mut self) -> Result<(Sending, BatchOutcome), Error> {
        let Some(stream) = &mut self.stream else { return std::future::pending().await };
        let outcome = stream.next().await?;
        match outcome.zip(self.batches.pop_front()) {
            Some((outcome, sent)) => Ok((sent, outcome)),
            None => Err(Error::Answer("what became of a batch")),
        }
    }
}

/// Prints the ids of the lines that were accepted and counts all of them.
fn settle(
    tally: &mut Tally,
    to: &mut Session,
    numbers: &[u64],
    outcome: BatchOutcome,
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
        Err(refusal) => tally.stop(numbers[0], refusal.to_string(), Exit::Refused),
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

    /// The stream broke: nothing under way has an outcome any more.
    fn lost(&mut self, batches: &mut VecDeque<Sending>, error: Error) {
        let mut numbers = batches.drain(..).flat_map(|sent| sent.numbers);
        let first = numbers.next().unwrap_or_default();
        let last = numbers.last().unwrap_or(first);
        if error.is_outcome_unknown() {
            self.unknown = Some((first, last));
        }
        let failure = Failure::from(error);
        self.stop(first, failure.line.unwrap_or_default(), failure.exit);
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
        let unknown = self.unknown.map_or_else(String::new, |(first, last)| {
            format!("; lines {first} to {last} may or may not have been")
        });
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
        tally.unknown = Some((501, 1000));
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
