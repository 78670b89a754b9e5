//! The state alone: a few lines decide and apply. A restart replays its records.

use bytes::Bytes;
use ledgerq::{
    broker::Receipts,
    state::{DeleteDecision, Settings, State},
    types::{
        Attribute, Command, DeleteMode, DeleteOutcome, LeaseRef, Leased, Lineage, Millis, Nonce,
        QueueName, Record, Rejection, Reply, Sent, Seq, Timestamp,
    },
};
use std::collections::BTreeMap;

use super::{
    Setup,
    driver::{Call, Driver, Edge, Outcome, Receive, command_of},
};
use crate::broker::BEGIN;

type Answer = Result<Reply, Rejection>;

pub(super) struct StateDriver {
    settings: Settings,
    state: State,
    now: Timestamp,
    edge: Edge,
    /// What became true, request by request, and when.
    frames: Vec<(Timestamp, Vec<Record>)>,
    contents: BTreeMap<Seq, (Vec<Attribute>, Bytes)>,
    next_nonce: Nonce,
    polls: Vec<Poll>,
    arrived: Vec<(String, Outcome)>,
}

struct Poll {
    label: String,
    command: Command,
    until: Timestamp,
}

impl StateDriver {
    pub(super) fn new(setup: Setup) -> Self {
        let settings = Settings { in_flight_max: setup.in_flight_max };
        let mut state = State::new(settings);
        state.advance(BEGIN);
        Self {
            settings,
            state,
            now: BEGIN,
            edge: Edge { receipts: Receipts::new(&[7; 32]), lineage: Lineage([9; 16]) },
            frames: Vec::new(),
            contents: BTreeMap::new(),
            next_nonce: Nonce::new(1),
            polls: Vec::new(),
            arrived: Vec::new(),
        }
    }

    fn apply(&mut self, record: &Record) {
        self.state.apply(record, self.state.applied_lsn().next());
        let frame = self.frames.last_mut().expect("a request has begun");
        frame.1.push(record.clone());
    }

    /// Each request is a frame of its own: time passes first.
    fn begin(&mut self) {
        self.state.advance(self.now);
        self.frames.push((self.now, Vec::new()));
    }

    fn apply_if(&mut self, record: Option<Record>) {
        if let Some(record) = record {
            self.apply(&record);
        }
    }

    fn answer(&mut self, command: Command) -> Answer {
        self.begin();
        match command {
            Command::CreateQueue { queue, settings } => {
                let record = self.state.decide_create(&queue, &settings)?;
                self.apply_if(record);
                self.state.queue(&queue).map(Reply::Queue)
            }
            Command::UpdateQueue { queue, settings } => {
                let record = self.state.decide_update(&queue, &settings)?;
                self.apply_if(record);
                self.state.queue(&queue).map(Reply::Queue)
            }
            Command::GetQueue { queue } => self.state.queue(&queue).map(Reply::Queue),
            Command::ListQueues { prefix, after, count_max } => {
                let (queues, more) = self.state.queues(&prefix, after.as_ref(), count_max);
                Ok(Reply::Queues { queues, more })
            }
            Command::DeleteQueue { queue } => {
                let record = self.state.decide_delete_queue(&queue)?;
                self.apply(&record);
                Ok(Reply::Done)
            }
            Command::PurgeQueue { queue } => {
                let record = self.state.decide_purge(&queue)?;
                self.apply(&record);
                Ok(Reply::Done)
            }
            Command::Send { queue, entries } => {
                self.state.queue_id(&queue)?;
                let mut outcomes = Vec::new();
                for entry in entries {
                    let seq = self.state.next_seq();
                    let decided = self.state.decide_send(&queue, &entry);
                    outcomes.push(decided.map(|record| {
                        self.apply(&record);
                        Sent { seq }
                    }));
                }
                Ok(Reply::Sent(outcomes))
            }
            Command::Receive { queue, count_max, visibility_timeout, .. } => {
                self.receive(&queue, count_max, visibility_timeout).map(Reply::Received)
            }
            Command::Delete { queue, leases, mode } => {
                self.state.queue_id(&queue)?;
                let outcomes = leases.iter().map(|lease| self.delete(&queue, lease, mode));
                Ok(Reply::Deleted(outcomes.collect()))
            }
            Command::ChangeVisibility { queue, entries } => {
                self.state.queue_id(&queue)?;
                let mut outcomes = Vec::new();
                for (lease, timeout) in entries {
                    let decided = self.state.decide_change_visibility(&queue, &lease, timeout);
                    outcomes.push(decided.map(|(record, until)| {
                        self.apply(&record);
                        until
                    }));
                }
                Ok(Reply::VisibilityChanged(outcomes))
            }
            Command::Return { leases } => {
                for lease in leases.iter().rev() {
                    let record = self.state.decide_return(lease);
                    self.apply_if(record);
                }
                Ok(Reply::Done)
            }
        }
    }

    fn receive(
        &mut self,
        queue: &QueueName,
        count_max: usize,
        visibility_timeout: Option<Millis>,
    ) -> Result<Vec<Leased>, Rejection> {
        let nonce = self.next_nonce;
        self.next_nonce = nonce.next();
        let records = self.state.decide_receive(queue, count_max, visibility_timeout, nonce)?;
        let id = self.state.queue_id(queue)?;
        let mut leased = Vec::new();
        for record in &records {
            self.apply(record);
            if let Record::MessageLeased { seq, .. } = *record {
                leased.push(self.state.leased(id, seq).expect("it was leased just now"));
            }
        }
        Ok(leased)
    }

    fn delete(
        &mut self,
        queue: &QueueName,
        lease: &LeaseRef,
        mode: DeleteMode,
    ) -> Result<DeleteOutcome, Rejection> {
        match self.state.decide_delete(queue, lease, mode)? {
            DeleteDecision::Delete(record) => {
                self.apply(&record);
                Ok(DeleteOutcome::Deleted)
            }
            DeleteDecision::AlreadyDeleted => Ok(DeleteOutcome::AlreadyDeleted),
            DeleteDecision::StaleLease => Ok(DeleteOutcome::StaleLease),
        }
    }

    fn outcome(&self, answer: Answer, refused: Vec<(usize, Rejection)>) -> Outcome {
        let contents = match &answer {
            Ok(Reply::Received(leased)) => {
                leased.iter().map(|leased| self.contents[&leased.seq].clone()).collect()
            }
            _ => Vec::new(),
        };
        self.edge.outcome(answer, &contents, refused)
    }

    /// Gives whoever polls what there is for him; whoever has waited for long enough, nothing.
    fn serve(&mut self) {
        for poll in std::mem::take(&mut self.polls) {
            let answer = self.answer(poll.command.clone());
            let is_empty = matches!(&answer, Ok(Reply::Received(leased)) if leased.is_empty());
            if is_empty && poll.until > self.now {
                self.polls.push(poll);
            } else {
                let outcome = self.outcome(answer, Vec::new());
                self.arrived.push((poll.label, outcome));
            }
        }
    }
}

impl Driver for StateDriver {
    fn call(&mut self, call: Call) -> Outcome {
        let (command, refused) = match self.edge.command(call.clone()) {
            Ok(parsed) => parsed,
            Err(rejection) => return Outcome::Refused(rejection.to_string()),
        };
        let first_seq = self.state.next_seq();
        let answer = self.answer(command);
        if let (Ok(Reply::Sent(outcomes)), Call::Send { entries, .. }) = (&answer, call) {
            assert!(outcomes.iter().flatten().all(|sent| sent.seq >= first_seq));
            for (outcome, entry) in outcomes.iter().zip(entries) {
                if let Ok(sent) = outcome {
                    self.contents.insert(sent.seq, (entry.attributes, entry.body));
                }
            }
        }
        let outcome = self.outcome(answer, refused);
        self.serve();
        outcome
    }

    fn lose(&mut self, receive: Receive) {
        let answer = self.answer(command_of(receive).expect("the name is good"));
        if let Ok(Reply::Received(leased)) = answer {
            let leases = leased.iter().map(Leased::lease).collect();
            self.answer(Command::Return { leases }).expect("a return is never refused");
        }
        self.serve();
    }

    fn poll(&mut self, label: &str, receive: Receive) {
        let command = command_of(receive.clone()).expect("the name is good");
        let queue = QueueName::parse(&receive.queue).expect("the name is good");
        let queue_wait = self.state.receive_wait(&queue).map_or(Millis::ZERO, |(_, wait)| wait);
        let until = self.now.after(receive.wait.unwrap_or(queue_wait));
        self.polls.push(Poll { label: label.to_owned(), command, until });
        self.serve();
    }

    fn hang_up(&mut self, label: &str) {
        self.polls.retain(|poll| poll.label != label);
    }

    fn arrived(&mut self, _expected: usize) -> Vec<(String, Outcome)> {
        std::mem::take(&mut self.arrived)
    }

    fn advance(&mut self, by: Millis) {
        let until = self.now.after(by);
        loop {
            let ends = self.polls.iter().map(|poll| poll.until).chain(self.state.next_deadline());
            let next = ends.min().filter(|next| *next <= until);
            self.now = next.unwrap_or(until).max(self.now);
            self.state.advance(self.now);
            self.serve();
            if next.is_none() {
                return;
            }
        }
    }

    fn restart(&mut self) {
        self.polls.clear();
        let mut state = State::new(self.settings);
        for (now, records) in &self.frames {
            state.advance(*now);
            for record in records {
                assert_eq!(state.admits(record), Ok(()), "what was logged can be replayed");
                state.apply(record, state.applied_lsn().next());
            }
        }
        state.advance(self.now);
        state.check_all();
        self.state = state;
    }
}
