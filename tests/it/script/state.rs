//! The state alone: a few lines decide and apply. A restart replays its records.

use std::collections::BTreeMap;

use bytes::Bytes;
use ledgerq::{
    broker::Receipts,
    state::{DeleteDecision, SendDecision, Settings, State},
    types::{
        Command, DeleteMode, DeleteOutcome, Envelope, LeaseRef, Leased, Lineage, Millis, Nonce,
        QueueName, ReceiveOptions, Record, Rejection, Reply, SendEntry, Sent, Seq, Step,
        StepOutcome, TaskId, Timestamp,
    },
};

use super::{
    Setup,
    driver::{Call, Driver, Outcome, Receive},
    edge::{Edge, command_of},
    moving::Progress,
};
use crate::broker::BEGIN;

type Answer = Result<Reply, Rejection>;

pub(super) struct StateDriver {
    settings: Settings,
    pub(super) state: State,
    pub(super) now: Timestamp,
    edge: Edge,
    /// What became true, request by request, and when.
    frames: Vec<(Timestamp, Vec<Record>)>,
    pub(super) contents: BTreeMap<Seq, (Envelope, Bytes)>,
    next_nonce: Nonce,
    polls: Vec<Poll>,
    arrived: Vec<(String, Outcome)>,
    pub(super) moves: BTreeMap<TaskId, Progress>,
}

struct Poll {
    label: String,
    command: Command,
    until: Timestamp,
}

impl StateDriver {
    pub(super) fn new(setup: Setup) -> Self {
        let settings = setup.state();
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
            moves: BTreeMap::new(),
        }
    }

    pub(super) fn apply(&mut self, record: &Record) {
        self.state.apply(record, self.state.applied_lsn().next());
        let frame = self.frames.last_mut().expect("a request has begun");
        frame.1.push(record.clone());
    }

    /// Each request is a frame of its own: time passes first.
    pub(super) fn begin(&mut self) {
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
        let answer = match command {
            Command::Send { queue, entries } => self.send(&queue, entries),
            Command::Receive { queue, options, .. } => {
                self.receive(&queue, &options).map(Reply::Received)
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
            Command::Cancel { queue, seqs } => {
                self.state.queue_id(&queue)?;
                let mut outcomes = Vec::new();
                for seq in seqs {
                    outcomes.push(self.state.decide_cancel(&queue, seq).map(|decided| {
                        let cancelled = ledgerq::types::CancelOutcome::Cancelled;
                        decided.map_or_else(
                            |told| told,
                            |record| {
                                self.apply(&record);
                                cancelled
                            },
                        )
                    }));
                }
                Ok(Reply::Cancelled(outcomes))
            }
            Command::Transact { steps } => self.transact(&steps),
            Command::Browse(browse) => {
                let (messages, next) = self.state.browse(&browse)?;
                Ok(Reply::Browsed { messages, next })
            }
            other => self.queue_answer(other),
        };
        self.state.check_all();
        answer
    }

    fn queue_answer(&mut self, command: Command) -> Answer {
        match command {
            Command::CreateQueue { queue, settings } => {
                let record = self.state.decide_create(&queue, &settings)?;
                self.changed(&queue, record)
            }
            Command::UpdateQueue { queue, settings } => {
                let record = self.state.decide_update(&queue, &settings)?;
                self.changed(&queue, record)
            }
            Command::EditQueue { queue, edit } => {
                let record = self.state.decide_edit(&queue, &edit)?;
                self.changed(&queue, record)
            }
            Command::PauseQueue { queue, sends, receives } => {
                let record = self.state.decide_pause(&queue, sends, receives)?;
                self.changed(&queue, record)
            }
            Command::GetQueue { queue } => self.state.queue(&queue).map(Reply::Queue),
            Command::ListQueues { prefix, after, count_max } => {
                let (queues, more) = self.state.queues(&prefix, after.as_ref(), count_max);
                Ok(Reply::Queues { queues, more })
            }
            Command::ListDeadLetterSources { queue, after, count_max } => {
                let listed = self.state.dead_letter_sources(&queue, after.as_ref(), count_max);
                listed.map(|(queues, more)| Reply::Queues { queues, more })
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
            Command::StartMove { spec, dry_run } => {
                let (record, task, to_move_count) = self.state.decide_start_move(&spec)?;
                if !dry_run {
                    self.apply(&record);
                }
                Ok(Reply::MoveStarted { task: (!dry_run).then_some(task), to_move_count })
            }
            Command::ListMoves { source, count_max } => {
                Ok(Reply::Moves(self.state.move_tasks(source.as_ref(), count_max)))
            }
            Command::CancelMove { task } => {
                let (record, moved_count) = self.state.decide_cancel_move(task)?;
                self.apply_if(record);
                Ok(Reply::MoveCancelling { moved_count })
            }
            other => unreachable!("{other:?} is about messages"),
        }
    }

    fn changed(&mut self, queue: &QueueName, record: Option<Record>) -> Answer {
        self.apply_if(record);
        self.state.queue(queue).map(Reply::Queue)
    }

    fn send(&mut self, queue: &QueueName, entries: Vec<SendEntry>) -> Answer {
        self.state.queue_id(queue)?;
        let mut outcomes = Vec::new();
        for entry in entries {
            let seq = self.state.next_seq();
            let decided = self.state.decide_send(queue, &entry, seq);
            outcomes.push(decided.map(|decision| match decision {
                SendDecision::Duplicate(seq) => Sent { seq, is_duplicate: true },
                SendDecision::Accept(_) => {
                    self.keep(seq, &entry);
                    let record = decision.record().expect("it is accepted");
                    self.apply(&record);
                    Sent { seq, is_duplicate: false }
                }
            }));
        }
        Ok(Reply::Sent(outcomes))
    }

    fn keep(&mut self, seq: Seq, entry: &SendEntry) {
        let bytes = [&entry.payload.head[..], &entry.payload.body[..]].concat();
        let content = ledgerq::codec::decode_payload(&bytes.into());
        self.contents.insert(seq, content.expect("it was encoded just now"));
    }

    fn transact(&mut self, steps: &[Step]) -> Answer {
        let (record, outcomes) = self.state.decide_transact(steps)?;
        for (step, outcome) in steps.iter().zip(&outcomes) {
            if let Step::Send { entry, .. } = step
                && let StepOutcome::Sent(Sent { seq, is_duplicate: false }) = outcome
            {
                self.keep(*seq, entry);
            }
        }
        self.apply_if(record);
        Ok(Reply::Transacted(outcomes))
    }

    fn receive(
        &mut self,
        queue: &QueueName,
        options: &ReceiveOptions,
    ) -> Result<Vec<Leased>, Rejection> {
        let nonce = self.next_nonce;
        self.next_nonce = nonce.next();
        let mut receiving = self.state.begin_receive(queue, options, nonce)?;
        let id = receiving.queue();
        let seqs = if let Some((record, seqs)) = self.state.decide_repeat(&receiving) {
            self.apply(&record);
            seqs
        } else {
            while let Some(record) = self.state.decide_receive(&mut receiving) {
                self.apply(&record);
            }
            receiving.taken().to_vec()
        };
        let leased = |seq| self.state.leased(id, seq).expect("it was leased just now");
        Ok(seqs.into_iter().map(leased).collect())
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
        let content = |seq: Seq| self.contents[&seq].clone();
        let contents = match &answer {
            Ok(Reply::Received(leased)) => leased.iter().map(|l| content(l.seq)).collect(),
            Ok(Reply::Browsed { messages, .. }) => {
                messages.iter().map(|browsed| content(browsed.seq)).collect()
            }
            _ => Vec::new(),
        };
        self.edge.outcome(answer, contents, refused, &self.state)
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

    fn settle(&mut self) {
        self.serve();
        if self.go_on_moving() {
            self.serve();
        }
    }
}

impl Driver for StateDriver {
    fn call(&mut self, call: Call) -> Outcome {
        let (command, refused) = match self.edge.command(call) {
            Ok(parsed) => parsed,
            Err(rejection) => return Outcome::Refused(rejection.to_string()),
        };
        let answer = self.answer(command);
        let outcome = self.outcome(answer, refused);
        self.settle();
        outcome
    }

    fn lose(&mut self, receive: Receive) {
        let answer = self.answer(command_of(receive).expect("the name is good"));
        if let Ok(Reply::Received(leased)) = answer {
            let leases = leased.iter().map(Leased::lease).collect();
            self.answer(Command::Return { leases }).expect("a return is never refused");
        }
        self.settle();
    }

    fn poll(&mut self, label: &str, receive: Receive) {
        let command = command_of(receive.clone()).expect("the name is good");
        let queue = QueueName::parse(&receive.queue).expect("the name is good");
        let queue_wait = self.state.receive_wait(&queue).map_or(Millis::ZERO, |(_, wait)| wait);
        let until = self.now.after(receive.wait.unwrap_or(queue_wait));
        self.polls.push(Poll { label: label.to_owned(), command, until });
        self.settle();
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
            let polls = self.polls.iter().map(|poll| poll.until);
            let ends = polls.chain(self.state.next_deadline()).chain(self.next_move());
            let next = ends.min().filter(|next| *next <= until);
            self.now = next.unwrap_or(until).max(self.now);
            self.state.advance(self.now);
            self.settle();
            if next.is_none() {
                return;
            }
        }
    }

    fn restart(&mut self) {
        self.polls.clear();
        self.moves.clear();
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
        self.go_on_moving();
    }
}
