//! Carrying out one request: decide, log, apply, answer.

use super::{
    Answer, Request, Waiter,
    owner::{Mode, Owner},
    parked::Poll,
};
use crate::{
    state::DeleteDecision,
    store::BodyRef,
    types::{
        Command, DeleteMode, DeleteOutcome, LeaseRef, Millis, Nonce, QueueId, QueueName, Record,
        Rejection, Reply, SendEntry, Sent, Seq, Timestamp, Unit, limits::RECEIVE_MAX,
    },
};

/// The most bytes of one record, apart from those of a queue's making, with its share of tables.
const RECORD_BYTES_MAX: u64 = 64;
/// The most bytes of the record that makes a queue.
const QUEUE_RECORD_BYTES_MAX: u64 = 512;

impl<W: Waiter> Owner<W> {
    /// Carries out a request. Gives it back if the batch has no room for it.
    pub(super) fn execute(&mut self, request: Request<W>) -> Option<Request<W>> {
        let Request { command, waiter } = request;
        let bytes = self.frame_bytes_with(&command);
        let bytes_max = self.log.frame_bytes_max();
        if bytes > bytes_max {
            if self.batch.has_records() {
                return Some(Request { command, waiter });
            }
            let (value, unit) = (bytes, Unit::Bytes);
            let refused =
                Rejection::OutOfRange { field: "request", value, min: 0, max: bytes_max, unit };
            self.hold(waiter, Err(refused));
            return None;
        }
        if let Command::Receive { queue, count_max, visibility_timeout, wait } = command {
            let waiter = waiter?;
            self.receive(Poll { queue, count_max, visibility_timeout, waiter }, wait);
            return None;
        }
        let reply = self.answer(command);
        self.hold(waiter, reply);
        None
    }

    /// The size of the frame if the command were in it, at most.
    fn frame_bytes_with(&self, command: &Command) -> u64 {
        let records = |count: usize| count as u64 * RECORD_BYTES_MAX;
        match command {
            Command::GetQueue { .. } | Command::ListQueues { .. } => 0,
            Command::CreateQueue { .. }
            | Command::UpdateQueue { .. }
            | Command::DeleteQueue { .. }
            | Command::PurgeQueue { .. } => self.batch.frame_bytes(0, 0, QUEUE_RECORD_BYTES_MAX),
            Command::Send { entries, .. } => {
                let count = entries.len();
                self.batch.frame_bytes(count, command.payload_bytes(), records(count))
            }
            Command::Receive { count_max, .. } => {
                self.batch.frame_bytes(0, 0, records(self.receive_count_max(*count_max)))
            }
            Command::Delete { leases, .. } | Command::Return { leases } => {
                self.batch.frame_bytes(0, 0, records(leases.len()))
            }
            Command::ChangeVisibility { entries, .. } => {
                self.batch.frame_bytes(0, 0, records(entries.len()))
            }
        }
    }

    fn answer(&mut self, command: Command) -> Result<Reply, Rejection> {
        match command {
            Command::CreateQueue { queue, settings } => {
                let record = self.state.decide_create(&queue, &settings)?;
                self.changed(&queue, record)
            }
            Command::UpdateQueue { queue, settings } => {
                let record = self.state.decide_update(&queue, &settings)?;
                self.changed(&queue, record)
            }
            Command::GetQueue { queue } => self.state.queue(&queue).map(Reply::Queue),
            Command::ListQueues { prefix, after, count_max } => {
                let (queues, more) = self.state.queues(&prefix, after.as_ref(), count_max);
                Ok(Reply::Queues { queues, more })
            }
            Command::DeleteQueue { queue } => {
                let record = self.state.decide_delete_queue(&queue)?;
                self.commit(&record);
                Ok(Reply::Done)
            }
            Command::PurgeQueue { queue } => {
                let record = self.state.decide_purge(&queue)?;
                self.commit(&record);
                Ok(Reply::Done)
            }
            Command::Send { queue, entries } => self.send(&queue, entries),
            Command::Receive { .. } => unreachable!("a receive is carried out by itself"),
            Command::Delete { queue, leases, mode } => {
                self.state.queue_id(&queue)?;
                let delete = |lease| self.delete(&queue, lease, mode);
                Ok(Reply::Deleted(leases.iter().map(delete).collect()))
            }
            Command::ChangeVisibility { queue, entries } => {
                self.state.queue_id(&queue)?;
                let change = |(lease, timeout)| self.change(&queue, &lease, timeout);
                Ok(Reply::VisibilityChanged(entries.into_iter().map(change).collect()))
            }
            Command::Return { leases } => {
                // The last first, so that they are given out again in the order they had.
                for lease in leases.iter().rev() {
                    if let Some(record) = self.state.decide_return(lease) {
                        self.commit(&record);
                    }
                }
                Ok(Reply::Done)
            }
        }
    }

    fn changed(&mut self, queue: &QueueName, record: Option<Record>) -> Result<Reply, Rejection> {
        if let Some(record) = record {
            self.commit(&record);
        }
        self.state.queue(queue).map(Reply::Queue)
    }

    fn send(&mut self, queue: &QueueName, entries: Vec<SendEntry>) -> Result<Reply, Rejection> {
        self.state.queue_id(queue)?;
        if self.is_disk_full() {
            return Err(Rejection::DiskFull);
        }
        let mut outcomes = Vec::with_capacity(entries.len());
        for entry in entries {
            let outcome = self.state.decide_send(queue, &entry).map(|record| {
                let seq = self.state.next_seq();
                self.batch.push_message(&record, seq, entry.payload);
                self.apply(&record);
                Sent { seq }
            });
            outcomes.push(outcome);
        }
        Ok(Reply::Sent(outcomes))
    }

    fn delete(
        &mut self,
        queue: &QueueName,
        lease: &LeaseRef,
        mode: DeleteMode,
    ) -> Result<DeleteOutcome, Rejection> {
        match self.state.decide_delete(queue, lease, mode)? {
            DeleteDecision::Delete(record) => {
                self.commit(&record);
                Ok(DeleteOutcome::Deleted)
            }
            DeleteDecision::AlreadyDeleted => Ok(DeleteOutcome::AlreadyDeleted),
            DeleteDecision::StaleLease => Ok(DeleteOutcome::StaleLease),
        }
    }

    fn change(
        &mut self,
        queue: &QueueName,
        lease: &LeaseRef,
        timeout: Millis,
    ) -> Result<Timestamp, Rejection> {
        let (record, until) = self.state.decide_change_visibility(queue, lease, timeout)?;
        self.commit(&record);
        Ok(until)
    }

    fn receive(&mut self, poll: Poll<W>, wait: Option<Millis>) {
        if poll.waiter.is_gone() {
            return;
        }
        match self.lease(&poll) {
            Ok(leased) if leased.is_empty() => {
                let found = self.state.receive_wait(&poll.queue);
                match found.map(|(id, queue_wait)| (id, wait.unwrap_or(queue_wait))) {
                    Ok((id, wait)) if !wait.is_zero() => {
                        self.parked.park(id, self.batch.now.after(wait), poll);
                    }
                    _ => self.hold(Some(poll.waiter), Ok(Reply::Received(Vec::new()))),
                }
            }
            Ok(leased) => self.deliver(poll.waiter, &leased),
            Err(refused) => self.hold(Some(poll.waiter), Err(refused)),
        }
    }

    /// Leases what the poll asks for; nothing if nothing is ready.
    fn lease(&mut self, poll: &Poll<W>) -> Result<Vec<(QueueId, Seq)>, Rejection> {
        let Poll { queue, count_max, visibility_timeout, .. } = poll;
        let nonce = Nonce::new(self.entropy.next());
        let count_max = self.receive_count_max(*count_max);
        let records = self.state.decide_receive(queue, count_max, *visibility_timeout, nonce)?;
        let mut leased = Vec::with_capacity(records.len());
        for record in &records {
            if let Record::MessageLeased { queue, seq, .. } = *record {
                leased.push((queue, seq));
            }
            self.commit(record);
        }
        Ok(leased)
    }

    fn deliver(&mut self, waiter: W, leased: &[(QueueId, Seq)]) {
        let mut bodies = Vec::with_capacity(leased.len());
        let mut messages = Vec::with_capacity(leased.len());
        for (queue, seq) in leased {
            let in_batch = self.batch.payload(*seq).cloned().map(BodyRef::Cached);
            let body = in_batch.or_else(|| self.store.body(*seq));
            bodies.push(body.expect("every message that can be leased has its payload in the log"));
            let message = self.state.leased(*queue, *seq);
            messages.push(message.expect("the message was leased just now"));
        }
        self.batch.hold(waiter, Answer { reply: Ok(Reply::Received(messages)), bodies });
    }

    /// Gives polls that wait what has become ready for them.
    pub(super) fn serve_woken(&mut self) {
        self.woken.extend(self.state.take_woken());
        while let Some(queue) = self.woken.first().copied()
            && self.has_room_for_poll()
        {
            self.serve_polls(queue);
        }
    }

    fn serve_polls(&mut self, queue: QueueId) {
        self.woken.remove(&queue);
        while self.state.has_ready(queue) != Some(false) {
            if !self.has_room_for_poll() {
                self.woken.insert(queue);
                return;
            }
            let Some(poll) = self.parked.take_first(queue) else { break };
            match self.lease(&poll) {
                Ok(leased) => self.deliver(poll.waiter, &leased),
                Err(refused) => self.hold(Some(poll.waiter), Err(refused)),
            }
        }
    }

    /// Lets time pass for the polls that wait: messages become ready, and waits come to an end.
    pub(super) fn serve_parked(&mut self, now: Timestamp) {
        self.pass_time(now);
        self.serve_woken();
        let now = self.batch.now;
        while let Some(poll) = self.parked.take_due(now) {
            self.hold(Some(poll.waiter), Ok(Reply::Received(Vec::new())));
        }
        while self.mode == Mode::Draining
            && let Some(poll) = self.parked.take_any()
        {
            self.hold(Some(poll.waiter), Ok(Reply::Received(Vec::new())));
        }
    }

    fn has_room_for_poll(&self) -> bool {
        let records = self.receive_count_max(RECEIVE_MAX) as u64 * RECORD_BYTES_MAX;
        self.batch.frame_bytes(0, 0, records) <= self.log.frame_bytes_max()
    }

    /// How many messages a receive may lease, so that half a frame always has room for them.
    fn receive_count_max(&self, count_max: usize) -> usize {
        let fitting = self.log.frame_bytes_max() / 2 / RECORD_BYTES_MAX;
        count_max.min(usize::try_from(fitting).unwrap_or(usize::MAX))
    }
}
