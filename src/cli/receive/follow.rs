//! `ledgerq receive --follow`: goes on until Ctrl-C, through restarts of the broker.
//!
//! With `--delete` it is one stream: messages come as they are sent, and their acks go back while
//! others are printed. Without, it asks again and again, since its leases are to outlive it.

use std::{collections::VecDeque, pin::pin};

use super::{
    LATER, NOW, PAUSE, ReceiveArgs, going_on, hand_over, is_deleted, not_deleted, not_printed,
    print,
};
use crate::{
    cli::{Exit, Failure, Session},
    client::{ByHandle, Delivery, Error, ReceiveStream, StreamOptions, Streamed},
    config::Span,
    types::{DeleteOutcome, Millis},
};

/// What became of things so far.
#[derive(Default)]
struct Course {
    /// Something was told that is no reason to stop, but is remembered.
    has_told: bool,
    /// What was told last, so that it is told once.
    told: Option<String>,
    /// Ids of messages that were printed and whose acks are not answered.
    unanswered: VecDeque<String>,
}

pub(super) async fn run(args: &ReceiveArgs, to: &mut Session) -> Result<(), Failure> {
    let mut course = Course::default();
    let mut interrupt = pin!(tokio::signal::ctrl_c());
    loop {
        let broke = if args.delete {
            stream(args, to, &mut course, &mut interrupt).await?
        } else {
            ask(args, to, &mut course, &mut interrupt).await?
        };
        let Some(error) = broke else { break };
        going_on(error, &mut course.told)?;
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            _ = &mut interrupt => break,
        }
    }
    if course.has_told { Err(Failure::told()) } else { Ok(()) }
}

/// Receives again and again; until Ctrl-C, or an error that may pass.
async fn ask(
    args: &ReceiveArgs,
    to: &mut Session,
    course: &mut Course,
    interrupt: &mut (impl Future + Unpin),
) -> Result<Option<Error>, Failure> {
    loop {
        let received = tokio::select! {
            // A receive that is dropped here gives its leases back.
            _ = &mut *interrupt => return Ok(None),
            received = to.client.receive(&args.queue, args.options()) => received,
        };
        match received {
            Ok(delivery) => {
                course.told = None;
                match hand_over(args, to, delivery).await {
                    Err(Failure { line: None, exit: Exit::Refused }) => course.has_told = true,
                    other => other?,
                }
            }
            Err(error) => return Ok(Some(error)),
        }
    }
}

/// One stream, until Ctrl-C, or an error that may pass.
async fn stream(
    args: &ReceiveArgs,
    to: &mut Session,
    course: &mut Course,
    interrupt: &mut (impl Future + Unpin),
) -> Result<Option<Error>, Failure> {
    let visibility_timeout = args.visibility_timeout.map(|Span(millis)| millis);
    let options =
        StreamOptions { visibility_timeout, credits: args.max, ..StreamOptions::default() };
    let mut stream = tokio::select! {
        _ = &mut *interrupt => return Ok(None),
        opened = to.client.receive_stream(&args.queue, options) => match opened {
            Ok(opened) => opened,
            Err(error) => return Ok(Some(error)),
        },
    };
    let mut is_ending = false;
    // What is printed is to be deleted before the end; what comes then goes back.
    while !(is_ending && course.unanswered.is_empty()) {
        tokio::select! {
            _ = &mut *interrupt, if !is_ending => is_ending = true,
            streamed = stream.next() => match streamed {
                Ok(mut streamed) => {
                    course.told = None;
                    course.answered(std::mem::take(&mut streamed.acked));
                    if !is_ending {
                        printed(args, to, course, &mut stream, streamed).await?;
                    }
                }
                Err(error) => {
                    course.broke(&error);
                    return Ok(Some(error).filter(|_| !is_ending));
                }
            },
        }
    }
    Ok(None)
}

/// Prints what came, then acks it.
async fn printed(
    args: &ReceiveArgs,
    to: &mut Session,
    course: &mut Course,
    stream: &mut ReceiveStream,
    streamed: Streamed,
) -> Result<(), Failure> {
    let Streamed { messages, unavailable, .. } = streamed;
    if messages.is_empty() && unavailable.is_empty() {
        return Ok(());
    }
    let delivery = Delivery { messages, unavailable };
    let output = print(args, to, &delivery);
    let Delivery { messages, unavailable } = delivery;
    if let Err(error) = output {
        if messages.is_empty() {
            return Err(error.into());
        }
        let count = messages.len() as u64;
        let nacks = messages.into_iter().map(|message| (message.receipt_handle, Millis::ZERO));
        let when = give_back(stream, nacks.collect()).await;
        return Err(not_printed(count, &error, when));
    }
    course.has_told |= !unavailable.is_empty();
    // They stay leased, as without a stream, and others can come in their place.
    stream.grant(u32::try_from(unavailable.len()).unwrap_or(u32::MAX));
    let (ids, handles): (Vec<_>, Vec<_>) =
        messages.into_iter().map(|message| (message.message_id, message.receipt_handle)).unzip();
    course.unanswered.extend(ids);
    stream.ack(handles);
    Ok(())
}

/// Gives back messages that nobody has read; when they can be received again.
async fn give_back(stream: &mut ReceiveStream, nacks: Vec<(String, Millis)>) -> &'static str {
    let mut left = nacks.len();
    stream.nack(nacks);
    let mut all_well = true;
    while left > 0 {
        let Ok(streamed) = stream.next().await else { return LATER };
        left = left.saturating_sub(streamed.nacked.len());
        all_well &= streamed.nacked.iter().all(|(_, outcome)| outcome.is_ok());
    }
    if all_well { NOW } else { LATER }
}

impl Course {
    fn answered(&mut self, acked: ByHandle<DeleteOutcome>) {
        for (_, outcome) in acked {
            let id = self.unanswered.pop_front().unwrap_or_default();
            self.has_told |= !is_deleted(&id, outcome);
        }
    }

    fn broke(&mut self, error: &Error) {
        if !self.unanswered.is_empty() {
            not_deleted(error);
            self.has_told = true;
            self.unanswered.clear();
        }
    }
}
