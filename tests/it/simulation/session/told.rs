//! What clients are told.

use ledgerq::types::{DeleteOutcome, Envelope, LeaseRef, Leased, Rejection, Reply, Timestamp};

use super::{Ask, Session, Waiting, requests::body};
use crate::{
    broker::{Content, Told as Answer},
    history::{Body, Deleted, Event, Lease, Told},
};

impl Session {
    /// Lets everything settle that is not held back, and writes down what was told.
    pub(super) fn settle(&mut self) {
        let Some(broker) = self.broker.as_mut() else { return };
        broker.settle();
        let steps_max = if self.plan.workload.is_small() { 1 } else { 5 };
        for _ in 0..self.random.below(steps_max) {
            broker.go_on(&mut self.random);
        }
        self.has_failed |= broker.failure().is_some();
        self.no_space_count = self.no_space_count.max(broker.no_space_count());
        // In the order in which they were told, which is not that in which they asked.
        for (request, at) in broker.take_told_at() {
            let answer = self.broker().take_told(request).expect("it was told");
            let is_it = |waiting: &Waiting| waiting.request == request;
            let place = self.waiting.iter().position(is_it).expect("it was asked");
            let waiting = self.waiting.remove(place);
            self.told(&waiting, at, answer);
        }
    }

    fn told(&mut self, waiting: &Waiting, at: Timestamp, answer: Answer) {
        let Waiting { id, asked_at, ask, .. } = waiting;
        if let Ok(Reply::BackupBegun(plan)) = &answer.reply {
            self.whole.begun(plan);
        }
        if let (Ask::Send { numbers, .. }, Ok(Reply::Sent(outcomes))) = (ask, &answer.reply) {
            let pairs = numbers.iter().zip(outcomes);
            self.seqs.extend(pairs.filter_map(|(n, sent)| Some((*n, sent.as_ref().ok()?.seq))));
        }
        if let (Ask::Send { queue, numbers, group: Some(group), .. }, Ok(_)) = (ask, &answer.reply)
        {
            self.grouped.extend(numbers.iter().map(|number| (*queue, *number, *group, *asked_at)));
        }
        let (told, refs) = told(answer);
        if let (Ask::Receive { queue }, Told::Received(leases)) = (ask, &told) {
            let known = leases.iter().filter(|lease| lease.body == Body::Whole);
            let pairs = known.zip(&refs);
            self.leases.extend(pairs.map(|(lease, at)| (*queue, lease.number, *at)));
        }
        self.push(Event::Told { id: *id, at, told });
    }
}

/// What it means, and the leases of the messages that are readable.
pub(super) fn told(answer: Answer) -> (Told, Vec<LeaseRef>) {
    let mut refs = Vec::new();
    let told = match answer.reply {
        Err(refused) => Told::Refused(refused.to_string()),
        Ok(
            Reply::Done
            | Reply::Queue(_)
            | Reply::MoveStarted { .. }
            | Reply::Checkpointed(_)
            | Reply::Compacted { .. }
            | Reply::BackupBegun(_),
        ) => Told::Done,
        Ok(Reply::Sent(outcomes)) => {
            assert!(outcomes.iter().all(Result::is_ok), "every entry is good");
            Told::Sent
        }
        Ok(Reply::Transacted(_)) => Told::Sent,
        Ok(Reply::Cancelled(outcomes)) => match &outcomes[..] {
            [Ok(outcome)] => Told::Cancelled(*outcome),
            other => panic!("answered with {other:?}"),
        },
        Ok(Reply::Received(_)) => {
            let readable = answer.contents.iter().map(|content| content.leased.lease());
            refs.extend(readable);
            let unreadable = answer.unreadable.iter().map(|leased| Lease {
                number: 0,
                body: Body::Damaged,
                ..of(leased)
            });
            Told::Received(answer.contents.iter().map(lease).chain(unreadable).collect())
        }
        Ok(Reply::Deleted(outcomes)) => {
            let outcomes = outcomes.into_iter().map(|outcome| match outcome {
                Ok(DeleteOutcome::Deleted) => Deleted::Gone,
                Ok(DeleteOutcome::StaleLease) => Deleted::Stale,
                // Or the queue was deleted since, and the message with it.
                Ok(DeleteOutcome::AlreadyDeleted)
                | Err(Rejection::ReceiptHandleOfAnotherQueue { .. }) => Deleted::NotThere,
                Err(refused) => panic!("a delete under a good handle was refused: {refused}"),
            });
            Told::Deleted(outcomes.collect())
        }
        Ok(Reply::VisibilityChanged(ends)) => {
            Told::Changed(ends.into_iter().map(Result::ok).collect())
        }
        Ok(other) => panic!("answered with {other:?}"),
    };
    (told, refs)
}

fn lease(content: &Content) -> Lease {
    let digits = content.body.split(|byte| *byte == b':').next().unwrap_or_default();
    let number = String::from_utf8_lossy(digits).parse().unwrap_or(0);
    let is_whole = content.body == body(number) && content.envelope == Envelope::default();
    let body = if is_whole { Body::Whole } else { Body::Wrong };
    Lease { number, body, ..of(&content.leased) }
}

/// A lease without what the body says.
fn of(leased: &Leased) -> Lease {
    Lease {
        number: 0,
        seq: leased.seq,
        nonce: leased.nonce,
        count: leased.receive_count,
        until: leased.until,
        body: Body::Whole,
    }
}
