//! Carrying out one request: decide, log, apply, answer. Receives and move tasks have files of
//! their own.

use super::{Answer, Request, Waiter, owner::Owner, parked::Poll};
use crate::{
    state::{DeleteDecision, SendDecision},
    types::{
        Attribute, Browse, CancelOutcome, Command, DeleteMode, DeleteOutcome, LeaseRef, Millis,
        MoveSpec, QueueName, Record, Rejection, Reply, SendEntry, Sent, Seq, SettingsEdit,
        SettingsPatch, Step, StepOutcome, TaskId, Timestamp,
        limits::{ENTRIES_MAX, ID_CHARS_MAX},
    },
};

/// The most bytes of one record about a lease.
pub(super) const RECORD_BYTES_MAX: u64 = 64;
/// The same with what the record of an attempt says of the message.
const LEASE_BYTES_MAX: u64 = RECORD_BYTES_MAX + 8;
/// The record of an attempt, apart from its messages, with room to look for one message more.
const ATTEMPT_BYTES: u64 = 4 * RECORD_BYTES_MAX;
/// The most bytes of one record that accepts a message, apart from its group's id.
const SEND_RECORD_BYTES_MAX: u64 = 96;
/// The most bytes of a record about a queue or a task, apart from words of the operator's own.
const QUEUE_RECORD_BYTES_MAX: u64 = 2560;

/// Whether it brings messages into a queue.
fn brings_messages(command: &Command) -> bool {
    matches!(command, Command::Send { .. } | Command::Move { .. })
        || matches!(command, Command::Transact { steps } if has_send(steps))
}

fn has_send(steps: &[Step]) -> bool {
    steps.iter().any(|step| matches!(step, Step::Send { .. }))
}

impl<W: Waiter> Owner<W> {
    /// Carries out a request. Gives it back if the batch or the log has no room for it.
    pub(super) fn execute(&mut self, now: Timestamp, request: Request<W>) -> Option<Request<W>> {
        let Request { command, waiter } = request;
        let bytes = self.frame_bytes_with(&command);
        let bytes_max = self.log.frame_bytes_max();
        if bytes > bytes_max {
            if self.batch.has_records() {
                return Some(Request { command, waiter });
            }
            if let Command::Move { task, looked_to, more, .. } = command {
                // Sent when frames were larger: it stays, and the task goes on without it.
                tracing::warn!(%task, bytes, bytes_max, "a message is too large to be moved");
                self.moved(now, task, Vec::new(), looked_to, more);
                return None;
            }
            self.hold(waiter, Err(Rejection::RequestTooLarge { bytes, bytes_max }));
            return None;
        }
        if bytes > 0 && !self.has_room_for(&command, bytes) {
            return Some(Request { command, waiter });
        }
        match command {
            Command::Receive { queue, options, wait } => {
                self.receive(Poll { queue, options, waiter: waiter? }, wait);
            }
            Command::Browse(browse) => self.browse(waiter?, &browse),
            Command::Checkpoint => self.ask_checkpoint(waiter),
            Command::Compact => self.ask_compaction(waiter),
            Command::BeginBackup { hold } => self.ask_backup(waiter?, hold),
            Command::Move { task, messages, looked_to, more } => {
                self.moved(now, task, messages, looked_to, more);
            }
            command => {
                let reply = self.answer(command);
                self.hold(waiter, reply);
            }
        }
        None
    }

    /// Whether the log has room for the records of a command. The last segment that is prepared is
    /// for what takes messages away: sends that come faster than it is known that the disk is full
    /// would use it up, and nothing could be drained any more (R23).
    fn has_room_for(&self, command: &Command, bytes: u64) -> bool {
        if brings_messages(command) {
            // On a full disk they are refused, which needs no room.
            return self.log.standby_count() > 0 || self.is_disk_full();
        }
        bytes <= self.frame_room()
    }

    /// The size of the frame if the command were in it, at most.
    pub(super) fn frame_bytes_with(&self, command: &Command) -> u64 {
        let leases = |count: usize| self.batch.frame_bytes(0, 0, count as u64 * RECORD_BYTES_MAX);
        let sends = |count: usize, groups: usize| {
            let records = count as u64 * SEND_RECORD_BYTES_MAX + groups as u64;
            self.batch.frame_bytes(count, command.payload_bytes(), records)
        };
        match command {
            Command::GetQueue { .. }
            | Command::ListQueues { .. }
            | Command::ListDeadLetterSources { .. }
            | Command::Browse(_)
            | Command::ListMoves { .. }
            | Command::GetStatus
            | Command::Checkpoint
            | Command::Compact
            | Command::Scrub
            | Command::BeginBackup { .. }
            | Command::EndBackup { .. } => 0,
            Command::CreateQueue { queue, settings } | Command::UpdateQueue { queue, settings } => {
                let words = self.words_bytes(queue, settings);
                self.batch.frame_bytes(0, 0, QUEUE_RECORD_BYTES_MAX + words)
            }
            Command::EditQueue { queue, edit } => {
                let words = self.words_bytes(queue, &SettingsPatch::default()) + edit.bytes();
                self.batch.frame_bytes(0, 0, QUEUE_RECORD_BYTES_MAX + words)
            }
            Command::DeleteQueue { .. }
            | Command::PurgeQueue { .. }
            | Command::PauseQueue { .. }
            | Command::CancelMove { .. } => self.batch.frame_bytes(0, 0, QUEUE_RECORD_BYTES_MAX),
            Command::StartMove { spec, .. } => {
                let words = spec.filter.attribute.as_ref().map_or(0, Attribute::bytes);
                self.batch.frame_bytes(0, 0, QUEUE_RECORD_BYTES_MAX + words)
            }
            Command::Send { entries, .. } => {
                sends(entries.len(), entries.iter().map(group_bytes).sum())
            }
            Command::Transact { steps } => {
                let sent = steps.iter().filter_map(|step| match step {
                    Step::Send { entry, .. } => Some(group_bytes(entry)),
                    Step::Delete { .. } | Step::ChangeVisibility { .. } => None,
                });
                sends(steps.len() + 1, sent.sum())
            }
            Command::Move { messages, .. } => {
                let heads = messages.iter().map(|(_, payload)| payload.head.len());
                sends(messages.len(), heads.map(|head| head.min(ID_CHARS_MAX)).sum())
            }
            Command::Receive { options, .. } => {
                let count = self.receive_count_max(options.count_max) as u64;
                self.batch.frame_bytes(0, 0, count * LEASE_BYTES_MAX + ATTEMPT_BYTES)
            }
            Command::Delete { leases: given, .. } | Command::Return { leases: given } => {
                leases(given.len())
            }
            Command::Cancel { seqs, .. } => leases(seqs.len()),
            Command::ChangeVisibility { entries, .. } => leases(entries.len()),
        }
    }

    /// Bytes of the words of the operator's own in a queue's settings, once they are changed.
    fn words_bytes(&self, queue: &QueueName, settings: &SettingsPatch) -> u64 {
        let bytes = |words: &std::collections::BTreeMap<String, String>| {
            words.iter().map(|(key, value)| key.len() + value.len() + 4).sum::<usize>() as u64
        };
        let there = self.state.queue(queue).map(|queue| queue.settings).unwrap_or_default();
        let tags = settings.tags.as_ref().unwrap_or(&there.tags);
        bytes(tags) + bytes(&settings.stored) + bytes(&there.stored)
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
            Command::EditQueue { queue, edit } => self.edit_queue(&queue, &edit),
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
                self.commit(&record);
                Ok(Reply::Done)
            }
            Command::PurgeQueue { queue } => {
                let record = self.state.decide_purge(&queue)?;
                self.commit(&record);
                Ok(Reply::Done)
            }
            Command::Send { queue, entries } => self.send(&queue, entries),
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
            Command::Return { leases } => Ok(self.give_back(&leases)),
            Command::Cancel { queue, seqs } => {
                self.state.queue_id(&queue)?;
                let cancel = |seq| self.cancel(&queue, seq);
                Ok(Reply::Cancelled(seqs.into_iter().map(cancel).collect()))
            }
            Command::Transact { steps } => self.transact(steps),
            Command::StartMove { spec, dry_run } => self.start_move(&spec, dry_run),
            Command::ListMoves { source, count_max } => {
                Ok(Reply::Moves(self.state.move_tasks(source.as_ref(), count_max)))
            }
            Command::CancelMove { task } => self.cancel_move(task),
            Command::EndBackup { backup } => self.end_backup(backup),
            Command::Scrub => Ok(self.ask_scrub()),
            Command::GetStatus => Ok(Reply::Status(Box::new(self.status()))),
            Command::Receive { .. }
            | Command::Browse(_)
            | Command::Move { .. }
            | Command::Checkpoint
            | Command::Compact
            | Command::BeginBackup { .. } => {
                unreachable!("these are carried out by themselves")
            }
        }
    }

    fn edit_queue(&mut self, queue: &QueueName, edit: &SettingsEdit) -> Result<Reply, Rejection> {
        let record = self.state.decide_edit(queue, edit)?;
        self.changed(queue, record)
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
            let seq = self.state.next_seq();
            let decided = self.state.decide_send(queue, &entry, seq);
            outcomes.push(decided.map(|decision| match decision {
                SendDecision::Duplicate(seq) => Sent { seq, is_duplicate: true },
                SendDecision::Accept(sending) => {
                    let record = Record::MessageSent(sending);
                    self.batch.push_messages(&record, seq, vec![entry.payload]);
                    self.apply(&record);
                    Sent { seq, is_duplicate: false }
                }
            }));
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

    fn give_back(&mut self, leases: &[LeaseRef]) -> Reply {
        // The last first, so that they are given out again in the order they had.
        for lease in leases.iter().rev() {
            if let Some(record) = self.state.decide_return(lease) {
                self.commit(&record);
            }
        }
        Reply::Done
    }

    fn cancel(&mut self, queue: &QueueName, seq: Seq) -> Result<CancelOutcome, Rejection> {
        Ok(match self.state.decide_cancel(queue, seq)? {
            Ok(record) => {
                self.commit(&record);
                CancelOutcome::Cancelled
            }
            Err(outcome) => outcome,
        })
    }

    fn transact(&mut self, steps: Vec<Step>) -> Result<Reply, Rejection> {
        if has_send(&steps) && self.is_disk_full() {
            return Err(Rejection::DiskFull);
        }
        let seq = self.state.next_seq();
        let (record, outcomes) = self.state.decide_transact(&steps)?;
        if let Some(record) = record {
            let is_new = |outcome: &StepOutcome| {
                matches!(outcome, StepOutcome::Sent(Sent { is_duplicate: false, .. }))
            };
            let done = steps.into_iter().zip(&outcomes);
            let accepted = done.filter(|(_, outcome)| is_new(outcome));
            let payloads = accepted.filter_map(|(step, _)| match step {
                Step::Send { entry, .. } => Some(entry.payload),
                Step::Delete { .. } | Step::ChangeVisibility { .. } => None,
            });
            self.batch.push_messages(&record, seq, payloads.collect());
            self.apply(&record);
        }
        Ok(Reply::Transacted(outcomes))
    }

    fn browse(&mut self, waiter: W, browse: &Browse) {
        debug_assert!(browse.count_max <= ENTRIES_MAX, "the api holds pages to their limit");
        let answer = match self.state.browse(browse) {
            Ok((messages, next)) => {
                let bodies = messages.iter().map(|message| self.body(message.seq)).collect();
                Answer { reply: Ok(Reply::Browsed { messages, next }), bodies }
            }
            Err(refused) => Answer::new(Err(refused)),
        };
        self.batch.hold(waiter, answer);
    }

    fn start_move(&mut self, spec: &MoveSpec, dry_run: bool) -> Result<Reply, Rejection> {
        let (record, task, to_move_count) = self.state.decide_start_move(spec)?;
        if dry_run {
            return Ok(Reply::MoveStarted { task: None, to_move_count });
        }
        self.commit(&record);
        Ok(Reply::MoveStarted { task: Some(task), to_move_count })
    }

    fn cancel_move(&mut self, task: TaskId) -> Result<Reply, Rejection> {
        let (record, moved_count) = self.state.decide_cancel_move(task)?;
        if let Some(record) = record {
            self.commit(&record);
        }
        Ok(Reply::MoveCancelling { moved_count })
    }
}

fn group_bytes(entry: &SendEntry) -> usize {
    entry.group.as_ref().map_or(0, |group| group.as_str().len())
}
