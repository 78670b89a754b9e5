//! The requests of a drill's clients, each noted in the history with what it came to.

use std::time::Duration;

use super::{
    body,
    history::{Change, Changed, Delete, Lease, Number, Position, QueueNo, Send, Span},
    load::{DONE, STANDARD, WORK, now},
    worker::Worker,
};
use crate::{
    client::{
        Client, Delivery, Error, Outgoing, ReceiveOptions, Refusal, Step, StepOutcome,
        UnavailableReason,
    },
    types::{Delay, DeleteOutcome, GroupId, Millis, Timestamp},
};

/// How long a client waits for space before it tries again.
const PAUSE: Duration = Duration::from_millis(100);
/// The words of a body that a transact sends.
const DONE_WORDS: u32 = 10;

/// Messages to send.
pub(super) struct Batch {
    pub(super) queue: QueueNo,
    pub(super) count: u64,
    pub(super) words: u32,
    pub(super) delay: Millis,
    pub(super) group: Option<u64>,
}

/// A lease in a consumer's hands.
pub(super) struct Held {
    pub(super) number: Number,
    receive_count: u32,
    handle: String,
}

impl Worker {
    /// Sends messages. That there is no space is told and is no error.
    pub(super) async fn send(&mut self, client: &Client, batch: Batch) -> Result<(), Error> {
        let Batch { queue, count, words, delay, group } = batch;
        let first = self.load.numbers(count);
        let group_id = group.and_then(|group| GroupId::parse("group", &format!("g{group}")).ok());
        let messages = (first..first + count).map(|number| Outgoing {
            delay: (queue == STANDARD).then_some(Delay::For(delay)),
            group: group_id.clone(),
            deduplication_id: group.map(|_| number.to_string()),
            ..Outgoing::new(body::of(number, words))
        });
        let messages = messages.collect();
        let asked = self.load.history().asks();
        let outcome = client.send(&self.load.queues[queue], messages).await;
        let sequences: Vec<Option<u64>> = match &outcome {
            Ok(results) => results
                .iter()
                .map(|result| result.as_ref().ok().map(|sent| sent.sequence_number))
                .collect(),
            Err(_) => (0..count).map(|_| None).collect(),
        };
        self.note_sent(asked, &outcome, (first..).zip(sequences), |number, span, sequence| Send {
            number,
            queue,
            group,
            span,
            delay,
            sequence,
        });
        match outcome {
            Ok(results) => match results.into_iter().find_map(Result::err) {
                None => Ok(()),
                Some(refusal) => self.no_space(Error::Refused(refusal)).await,
            },
            Err(error) => self.no_space(error).await,
        }
    }

    /// Notes the messages that were accepted; or all, if nobody knows.
    fn note_sent<T>(
        &self,
        asked: Position,
        outcome: &Result<T, Error>,
        messages: impl Iterator<Item = (Number, Option<u64>)>,
        send: impl Fn(Number, Span, Option<u64>) -> Send,
    ) {
        let mut history = self.load.history();
        let told = history.ends(asked);
        let is_unknown = outcome.as_ref().is_err_and(Error::is_outcome_unknown);
        let span = Span { asked, told: (!is_unknown).then_some(told) };
        let noted = messages.filter(|(_, sequence)| is_unknown || sequence.is_some());
        let sends: Vec<Send> =
            noted.map(|(number, sequence)| send(number, span, sequence)).collect();
        let accepted = sends.iter().filter(|send| send.sequence.is_some()).count();
        history.sent(sends);
        drop(history);
        self.load.count(i64::try_from(accepted).unwrap_or_default());
        self.load.note(|done| done.accepted += accepted as u64);
    }

    /// Waits a little if there is no space, which is no error.
    async fn no_space(&self, error: Error) -> Result<(), Error> {
        match error {
            Error::Refused(refusal) if is_disk_full(&refusal) => {
                self.load.note(|done| done.disk_full += 1);
                tokio::time::sleep(PAUSE).await;
                Ok(())
            }
            error => Err(error),
        }
    }

    /// Receives at most so many messages, for so long, and waits so long for the first.
    pub(super) async fn receive(
        &mut self,
        client: &Client,
        queue: QueueNo,
        (count_max, visibility_timeout, wait): (u32, Millis, Millis),
    ) -> Result<Vec<Held>, Error> {
        let options = ReceiveOptions {
            count_max,
            visibility_timeout: Some(visibility_timeout),
            wait: Some(wait),
            attempt_id: None,
        };
        let (asked, asked_at) = (self.load.history().asks(), now());
        let outcome = client.receive(&self.load.queues[queue], options).await;
        let mut history = self.load.history();
        let (told, told_at) = (history.ends(asked), now());
        let Delivery { messages, unavailable } = outcome?;
        let mut held = Vec::with_capacity(messages.len() + unavailable.len());
        for (index, message) in messages.into_iter().enumerate() {
            let (receive_count, handle) = (message.receive_count, message.receipt_handle);
            let sequence = message.sequence_number;
            let Some(number) = body::number_of(&message.body) else {
                history.damaged(sequence);
                held.push(Held { number: 0, receive_count, handle });
                continue;
            };
            history.leased(Lease {
                number,
                queue,
                asked,
                told,
                index,
                asked_at,
                told_at,
                sequence,
                receive_count,
                sent_at: message.sent_at,
                visibility_timeout,
                until: message.lease_expires_at,
            });
            held.push(Held { number, receive_count, handle });
        }
        for message in unavailable {
            match message.reason {
                // A disk that fails does that. The message has to come another time.
                UnavailableReason::ReadFailed => {}
                UnavailableReason::Damaged
                | UnavailableReason::Undecodable
                | UnavailableReason::Other => {
                    history.damaged(0);
                    let handle = message.receipt_handle;
                    held.push(Held { number: 0, receive_count: 0, handle });
                }
            }
        }
        Ok(held)
    }

    /// Deletes what is held.
    pub(super) async fn delete(
        &mut self,
        client: &Client,
        queue: QueueNo,
        held: Vec<Held>,
    ) -> Result<(), Error> {
        let handles = held.iter().map(|held| held.handle.clone()).collect();
        let asked = self.load.history().asks();
        let outcome = client.delete(&self.load.queues[queue], handles).await;
        let outcomes: Vec<Option<DeleteOutcome>> = match &outcome {
            Ok(results) => results.iter().map(|result| result.as_ref().ok().copied()).collect(),
            Err(_) => held.iter().map(|_| None).collect(),
        };
        let deletes = held.into_iter().zip(outcomes).map(|(held, outcome)| (held, outcome, None));
        self.note_deleted(asked, &outcome, deletes);
        let refused = outcome?.into_iter().find_map(Result::err);
        refused.map_or(Ok(()), |refusal| Err(Error::Refused(refusal)))
    }

    /// Notes the deletes that were answered; or all, if nobody knows.
    fn note_deleted<T>(
        &self,
        asked: Position,
        outcome: &Result<T, Error>,
        deletes: impl Iterator<Item = (Held, Option<DeleteOutcome>, Option<Number>)>,
    ) {
        let mut history = self.load.history();
        let (told, told_at) = (history.ends(asked), now());
        let is_unknown = outcome.as_ref().is_err_and(Error::is_outcome_unknown);
        let span = Span { asked, told: (!is_unknown).then_some(told) };
        let mut gone = 0;
        for (held, outcome, with) in deletes {
            let Held { number, receive_count, .. } = held;
            if number == 0 || (outcome.is_none() && !is_unknown) {
                continue;
            }
            gone += i64::from(outcome == Some(DeleteOutcome::Deleted));
            history.deleted(Delete { number, receive_count, span, told_at, outcome, with });
        }
        drop(history);
        self.load.count(-gone);
    }

    /// Changes leases.
    pub(super) async fn change(
        &mut self,
        client: &Client,
        queue: QueueNo,
        held: &[Held],
        timeout: Millis,
    ) -> Result<(), Error> {
        let entries = held.iter().map(|held| (held.handle.clone(), timeout)).collect();
        let (asked, asked_at) = (self.load.history().asks(), now());
        let outcome = client.change_visibility(&self.load.queues[queue], entries).await;
        let mut history = self.load.history();
        let (told, told_at) = (history.ends(asked), now());
        let outcomes: Vec<Changed> = match &outcome {
            Ok(results) => results.iter().map(|result| changed(result, told_at)).collect(),
            Err(error) if error.is_outcome_unknown() => {
                held.iter().map(|_| Changed::Unknown).collect()
            }
            // Surely not done.
            Err(_) => Vec::new(),
        };
        let is_told = outcome.is_ok();
        for (held, outcome) in held.iter().zip(outcomes) {
            let Held { number, receive_count, .. } = *held;
            let span = Span { asked, told: is_told.then_some(told) };
            if number != 0 {
                let change = Change { number, receive_count, span, asked_at, timeout, outcome };
                history.changed(change);
            }
        }
        drop(history);
        let strange = outcome?.into_iter().find_map(|result| {
            let refusal = result.err()?;
            (reason_of_lease(&refusal).is_none() && !is_disk_full(&refusal)).then_some(refusal)
        });
        strange.map_or(Ok(()), |refusal| Err(Error::Refused(refusal)))
    }

    /// Turns each of these messages of the queue of work into one of the queue of what is done, all
    /// of them or none.
    pub(super) async fn transact(&mut self, client: &Client, held: Vec<Held>) -> Result<(), Error> {
        let first = self.load.numbers(held.len() as u64);
        let steps = (first..).zip(&held).flat_map(|(number, held)| {
            let queue = self.load.queues[WORK].clone();
            let delete = Step::Delete { queue, receipt_handle: held.handle.clone() };
            let message = Box::new(Outgoing::new(body::of(number, DONE_WORDS)));
            [delete, Step::Send { queue: self.load.queues[DONE].clone(), message }]
        });
        let steps = steps.collect();
        let asked = self.load.history().asks();
        let outcome = client.transact(steps).await;
        let sequences: Vec<Option<u64>> = match &outcome {
            Ok(outcomes) => outcomes.iter().skip(1).step_by(2).map(sequence_of).collect(),
            Err(_) => held.iter().map(|_| None).collect(),
        };
        self.note_sent(asked, &outcome, (first..).zip(sequences), |number, span, sequence| Send {
            number,
            queue: DONE,
            group: None,
            span,
            delay: Millis::ZERO,
            sequence,
        });
        // Of one message it is known what a refusal says of it; of several, not which one is meant.
        let told = match &outcome {
            Ok(_) => Some(DeleteOutcome::Deleted),
            Err(Error::Refused(refusal)) if held.len() == 1 => match reason_of_lease(refusal) {
                Some(Over::Lease) => Some(DeleteOutcome::StaleLease),
                Some(Over::Message) => Some(DeleteOutcome::AlreadyDeleted),
                None => None,
            },
            Err(_) => None,
        };
        let deletes = (first..).zip(held).map(|(number, held)| (held, told, Some(number)));
        self.note_deleted(asked, &outcome, deletes);
        match outcome {
            Ok(_) => Ok(()),
            Err(Error::Refused(refusal)) if reason_of_lease(&refusal).is_some() => Ok(()),
            Err(error) => self.no_space(error).await,
        }
    }
}

/// What is over, if a request that names a receipt handle was refused for it.
enum Over {
    Lease,
    Message,
}

fn reason_of_lease(refusal: &Refusal) -> Option<Over> {
    match refusal.reason.as_str() {
        "LEASE_STALE" | "MESSAGE_NOT_IN_FLIGHT" => Some(Over::Lease),
        "MESSAGE_NOT_FOUND" => Some(Over::Message),
        _ => None,
    }
}

fn is_disk_full(refusal: &Refusal) -> bool {
    refusal.reason == "DISK_FULL"
}

fn changed(result: &Result<Timestamp, Refusal>, told_at: Timestamp) -> Changed {
    match result.as_ref().map_err(reason_of_lease) {
        Ok(until) => Changed::Until(*until),
        Err(Some(Over::Lease)) => Changed::Over(told_at),
        Err(Some(Over::Message) | None) => Changed::Gone,
    }
}

fn sequence_of(outcome: &StepOutcome) -> Option<u64> {
    match outcome {
        StepOutcome::Sent(sent) => Some(sent.sequence_number),
        StepOutcome::Deleted | StepOutcome::VisibilityChanged(_) => None,
    }
}
