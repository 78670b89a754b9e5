//! Deciding on a transact: all of its steps as one record, or which step cannot be.
//!
//! The steps are decided on the state as it is before any of them. That is sound because no two of
//! them may be about one message, and what a send adds no other step can name.

use std::collections::BTreeMap;

use super::{DeleteDecision, SendDecision, State};
use crate::types::{
    DeleteMode, Digest, LeaseRef, QueueId, Record, Rejection, Sent, Seq, Step, StepOutcome, limits,
};

impl State {
    /// The record that does all of the steps, what each step does, and the positions of the sends
    /// whose payloads the record needs. No record if the steps change nothing.
    pub fn decide_transact(
        &self,
        steps: &[Step],
    ) -> Result<(Option<Record>, Vec<StepOutcome>), Rejection> {
        let mut plan = Plan::default();
        for (index, step) in steps.iter().enumerate() {
            let outcome = self
                .decide_step(step, index, &mut plan)
                .map_err(|source| Rejection::Step { index, source: Box::new(source) })?;
            plan.outcomes.push(outcome);
        }
        let Plan { records, outcomes, .. } = plan;
        let record = (!records.is_empty()).then_some(Record::Transacted { records });
        Ok((record, outcomes))
    }

    fn decide_step(
        &self,
        step: &Step,
        index: usize,
        plan: &mut Plan,
    ) -> Result<StepOutcome, Rejection> {
        match step {
            Step::Send { queue, entry } => {
                let seq = Seq::new(self.next_seq.get() + plan.sent_count);
                match self.decide_send(queue, entry, seq)? {
                    SendDecision::Accept(sending) => {
                        let sent = plan.accept(sending);
                        self.check_window(self.named(queue)?, plan.ids_of(self.queue_id(queue)?))?;
                        Ok(StepOutcome::Sent(sent))
                    }
                    SendDecision::Duplicate(seq) => {
                        Ok(StepOutcome::Sent(Sent { seq, is_duplicate: true }))
                    }
                }
            }
            Step::Delete { queue, lease } => {
                plan.claim(lease, index)?;
                match self.decide_delete(queue, lease, DeleteMode::Fenced)? {
                    DeleteDecision::Delete(record) => {
                        plan.records.push(record);
                        Ok(StepOutcome::Deleted)
                    }
                    DeleteDecision::AlreadyDeleted => Err(Rejection::MessageNotFound),
                    DeleteDecision::StaleLease => Err(Rejection::LeaseStale),
                }
            }
            Step::ChangeVisibility { queue, lease, timeout } => {
                plan.claim(lease, index)?;
                let (record, until) = self.decide_change_visibility(queue, lease, *timeout)?;
                plan.records.push(record);
                Ok(StepOutcome::VisibilityChanged(until))
            }
        }
    }
}

/// What the steps so far come to.
#[derive(Default)]
struct Plan {
    records: Vec<Record>,
    outcomes: Vec<StepOutcome>,
    sent_count: u64,
    /// Deduplication ids of the sends so far.
    ids: BTreeMap<(QueueId, Digest), Seq>,
    /// Messages that a step is about.
    claimed: BTreeMap<(QueueId, Seq), usize>,
}

impl Plan {
    /// A message is accepted, unless a step before is its first.
    fn accept(&mut self, sending: crate::types::Sending) -> Sent {
        let key = sending.deduplication.map(|digest| (sending.queue, digest));
        if let Some(first) = key.and_then(|key| self.ids.get(&key)) {
            return Sent { seq: *first, is_duplicate: true };
        }
        let seq = sending.seq;
        self.ids.extend(key.map(|key| (key, seq)));
        self.sent_count += 1;
        self.records.push(Record::MessageSent(sending));
        Sent { seq, is_duplicate: false }
    }

    /// How many deduplication ids the sends to a queue add.
    fn ids_of(&self, queue: QueueId) -> u64 {
        let first = (queue, Digest(0));
        let own = self.ids.range(first..).take_while(|((other, _), _)| *other == queue);
        own.count() as u64
    }

    fn claim(&mut self, lease: &LeaseRef, index: usize) -> Result<(), Rejection> {
        debug_assert!(index < limits::TRANSACT_STEPS_MAX, "the api holds steps to their limit");
        match self.claimed.insert((lease.queue, lease.seq), index) {
            Some(other) => Err(Rejection::SameMessage { other }),
            None => Ok(()),
        }
    }
}
