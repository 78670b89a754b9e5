//! A real server over its SQS-compatible endpoint, in both protocols by turns, as far as that has
//! words for a call; all else is asked over gRPC of the same server.
//!
//! A refusal is worded otherwise there. So what is refused is asked again over gRPC, which must
//! refuse it too, and in the words that every driver is held to.

mod messages;
mod queues;

use std::{collections::BTreeSet, net::SocketAddr};

use ledgerq::types::{DeleteMode, Millis};
use serde_json::Value;

use super::{
    Setup,
    driver::{Call, Driver, Outcome, Receive},
    grpc::GrpcDriver,
};
use crate::sqs::client::{self, Protocol, Told};

pub(super) struct SqsDriver {
    grpc: GrpcDriver,
    /// The messages that were accepted, by their ids.
    accepted: BTreeSet<String>,
    turns: usize,
    polls: Vec<(String, Receive)>,
}

/// Where the endpoint is, and how to speak to it.
#[derive(Clone, Copy)]
struct Wire {
    to: SocketAddr,
    protocol: Protocol,
}

impl Wire {
    fn ask(self, action: &str, given: &Value) -> Told {
        client::ask(self.to, self.protocol, action, given)
    }

    /// The URL of a queue, which no other part of it than the name matters for.
    fn url(self, queue: &str) -> String {
        format!("http://{}/000000000000/{queue}", self.to)
    }
}

impl SqsDriver {
    pub(super) fn new(setup: Setup) -> Self {
        Self {
            grpc: GrpcDriver::new(setup),
            accepted: BTreeSet::new(),
            turns: 0,
            polls: Vec::new(),
        }
    }

    fn wire(&mut self) -> Wire {
        self.turns += 1;
        let protocol = if self.turns.is_multiple_of(2) { Protocol::Json } else { Protocol::Query };
        Wire { to: self.grpc.sqs_address(), protocol }
    }

    /// What the endpoint tells; `None` if it refuses, or has no words for the call.
    fn told(&mut self, call: &Call) -> Option<Outcome> {
        let wire = self.wire();
        let outcome = match call {
            Call::Send { queue, entries } if messages::can_send(queue, entries) => {
                self.send(wire, queue, entries)
            }
            Call::Receive(receive) if messages::can_receive(receive) => {
                messages::receive(wire, receive)
            }
            Call::Delete { queue, handles, mode: DeleteMode::Lenient } if handles.len() == 1 => {
                self.delete(wire, queue, &handles[0])
            }
            Call::Change { queue, entries } if messages::can_change(entries) => {
                messages::change(wire, queue, &entries[0])
            }
            Call::Create { .. }
            | Call::Update { .. }
            | Call::List { .. }
            | Call::Sources { .. }
            | Call::Purge { .. }
            | Call::Drop { .. } => queues::ask(wire, call)?,
            _ => return None,
        };
        outcome.or_else(|| {
            let again = self.grpc.call(call.clone());
            assert!(is_refused(&again), "{call:?} is refused here, and there it is {again:?}");
            Some(again)
        })
    }

    fn send(
        &mut self,
        wire: Wire,
        queue: &str,
        entries: &[super::driver::Entry],
    ) -> Option<Outcome> {
        let results = messages::send(wire, queue, entries)?;
        let results = results.into_iter().zip(entries).map(|(id, entry)| {
            if let Some(id) = id {
                let is_duplicate = !self.accepted.insert(id.clone());
                return Ok(super::driver::Accepted { id, is_duplicate });
            }
            let entries = vec![entry.clone()];
            match self.grpc.call(Call::Send { queue: queue.to_owned(), entries }) {
                Outcome::Sent(mut one) => one.remove(0),
                Outcome::Refused(reason) => Err(reason),
                other => panic!("a send was answered with {other:?}"),
            }
        });
        Some(Outcome::Sent(results.collect()))
    }

    /// The endpoint does not tell whether there was a message; the queue's counts do.
    fn delete(&mut self, wire: Wire, queue: &str, handle: &str) -> Option<Outcome> {
        use ledgerq::types::DeleteOutcome::{AlreadyDeleted, Deleted};
        let before = self.messages_count(queue);
        messages::delete(wire, queue, handle)?;
        let is_deleted = self.messages_count(queue) < before;
        Some(Outcome::Deleted(vec![Ok(if is_deleted { Deleted } else { AlreadyDeleted })]))
    }

    fn messages_count(&mut self, queue: &str) -> u64 {
        match self.grpc.call(Call::Get { queue: queue.to_owned() }) {
            Outcome::Queue(told) => told.counts.ready + told.counts.delayed + told.counts.in_flight,
            _ => 0,
        }
    }
}

/// Whether every part of a call was refused.
fn is_refused(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Refused(_) => true,
        Outcome::Sent(results) => results.iter().all(Result::is_err),
        Outcome::Deleted(results) => results.iter().all(Result::is_err),
        Outcome::Changed(results) => results.iter().all(Result::is_err),
        _ => false,
    }
}

impl Driver for SqsDriver {
    fn call(&mut self, call: Call) -> Outcome {
        let outcome = self.told(&call).unwrap_or_else(|| self.grpc.call(call.clone()));
        if let (Call::Get { queue }, Outcome::Queue(told)) = (&call, &outcome) {
            queues::check(self.wire(), queue, told);
        }
        if let Outcome::Sent(results) = &outcome {
            let ids = results.iter().flatten().map(|accepted| accepted.id.clone());
            self.accepted.extend(ids);
        }
        outcome
    }

    fn lose(&mut self, receive: Receive) {
        self.grpc.lose(receive);
    }

    fn poll(&mut self, label: &str, receive: Receive) {
        if !messages::can_receive(&receive) {
            return self.grpc.poll(label, receive);
        }
        let wire = self.wire();
        self.polls.push((label.to_owned(), receive.clone()));
        self.grpc.poll_by(label, move || messages::poll(wire, &receive));
    }

    fn hang_up(&mut self, label: &str) {
        self.grpc.hang_up(label);
    }

    fn arrived(&mut self, expected: usize) -> Vec<(String, Outcome)> {
        let mut arrived = self.grpc.arrived(expected);
        for (label, outcome) in &mut arrived {
            let at = self.polls.iter().position(|(known, _)| known == label);
            let poll = at.map(|at| self.polls.remove(at).1);
            // Whatever it is refused for holds for a receive that does not wait, too.
            if let (Outcome::Refused(reason), Some(poll)) = (&*outcome, poll)
                && reason.is_empty()
            {
                *outcome =
                    self.grpc.call(Call::Receive(Receive { wait: Some(Millis::ZERO), ..poll }));
                assert!(is_refused(outcome), "{label} was refused, and now it is {outcome:?}");
            }
        }
        arrived
    }

    fn tasks(&mut self, expected: &[String]) -> Vec<String> {
        self.grpc.tasks(expected)
    }

    fn advance(&mut self, by: Millis) {
        self.grpc.advance(by);
    }

    fn restart(&mut self) {
        self.grpc.restart();
    }
}
