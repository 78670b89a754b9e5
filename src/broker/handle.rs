//! What the api calls: one method for each command, and what answers need on their way out.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{
    Answer, Event,
    delivery::{BrowsePage, Delivery, Looked, Received},
    mailbox::{Asked, Mailbox},
    receipt::Receipts,
};
use crate::{
    codec,
    store::BodyRef,
    types::{
        Attribute, BackupId, BackupPlan, Browse, CancelOutcome, CheckpointStatus, Command,
        DeleteMode, DeleteOutcome, Envelope, LeaseRef, Leased, Lineage, MessageId, Millis,
        MoveSpec, MoveTaskView, Payload, QueueName, QueueView, ReceiveOptions, Rejection, Reply,
        ScrubStatus, SendEntry, Sent, Seq, SettingsEdit, SettingsPatch, Status, Step, StepOutcome,
        TaskId, Timestamp,
        limits::{ENTRIES_MAX, RECEIVE_BYTES_MAX},
    },
};

/// A broker that serves; cheap to clone.
///
/// Every method answers only what is durable. A refusal changed nothing, except
/// [`Rejection::Unknown`], which says that the broker stopped in the middle.
#[derive(Clone)]
pub struct Handle {
    mailbox: Mailbox,
    receipts: Receipts,
    lineage: Lineage,
    /// Where the files of a backup lie.
    data_dir: Arc<Path>,
}

/// A request that the owner has, and whose answer can be waited for.
#[must_use]
pub struct Begun<T> {
    asked: Asked,
    /// What was asked for, out of the owner's reply.
    read: fn(Reply) -> T,
}

/// One outcome for each entry of a request, in order.
pub type Outcomes<T> = Vec<Result<T, Rejection>>;

impl Handle {
    /// A handle that puts requests into `mailbox`.
    pub fn new(mailbox: Mailbox, receipts: Receipts, lineage: Lineage) -> Self {
        Self { mailbox, receipts, lineage, data_dir: PathBuf::new().into() }
    }

    /// The same, of a broker whose files lie in `data_dir`.
    #[must_use]
    pub fn with_data_dir(self, data_dir: PathBuf) -> Self {
        Self { data_dir: data_dir.into(), ..self }
    }

    /// Makes a queue; the same again with the same settings is a success.
    pub async fn create_queue(
        &self,
        queue: QueueName,
        settings: SettingsPatch,
    ) -> Result<QueueView, Rejection> {
        self.queue_view(Command::CreateQueue { queue, settings }).await
    }

    /// A queue's settings and counts.
    pub async fn get_queue(&self, queue: QueueName) -> Result<QueueView, Rejection> {
        self.queue_view(Command::GetQueue { queue }).await
    }

    /// Changes a queue's settings.
    pub async fn update_queue(
        &self,
        queue: QueueName,
        settings: SettingsPatch,
    ) -> Result<QueueView, Rejection> {
        self.queue_view(Command::UpdateQueue { queue, settings }).await
    }

    /// Changes some words of a queue's settings.
    pub async fn edit_queue(
        &self,
        queue: QueueName,
        edit: SettingsEdit,
    ) -> Result<QueueView, Rejection> {
        self.queue_view(Command::EditQueue { queue, edit }).await
    }

    /// Up to `count_max` queues whose names begin with `prefix` and come after `after`, and
    /// whether there are more.
    pub async fn list_queues(
        &self,
        prefix: String,
        after: Option<QueueName>,
        count_max: usize,
    ) -> Result<(Vec<QueueView>, bool), Rejection> {
        match self.ask(Command::ListQueues { prefix, after, count_max }).await? {
            Reply::Queues { queues, more } => Ok((queues, more)),
            other => unreachable!("a list was answered with {other:?}"),
        }
    }

    /// Deletes a queue with all its messages.
    pub async fn delete_queue(&self, queue: QueueName) -> Result<(), Rejection> {
        self.ask(Command::DeleteQueue { queue }).await.map(|_| ())
    }

    /// Deletes all messages of a queue.
    pub async fn purge_queue(&self, queue: QueueName) -> Result<(), Rejection> {
        self.ask(Command::PurgeQueue { queue }).await.map(|_| ())
    }

    /// Sends messages.
    pub async fn send(
        &self,
        queue: QueueName,
        mut entries: Vec<SendEntry>,
    ) -> Result<Outcomes<Sent>, Rejection> {
        self.begin_send(&queue, &mut entries)?.answer().await
    }

    /// Hands a send to the owner, and takes its entries only then. What is begun is done in the
    /// order of these calls. [`Rejection::Overloaded`] says that there is no room for it now.
    pub fn begin_send(
        &self,
        queue: &QueueName,
        entries: &mut Vec<SendEntry>,
    ) -> Result<Begun<Outcomes<Sent>>, Rejection> {
        let bytes = entries.iter().map(|entry| entry.payload.stored_bytes()).sum();
        let queue = queue.clone();
        let command = || Command::Send { queue, entries: std::mem::take(entries) };
        self.begin(bytes, command, |reply| match reply {
            Reply::Sent(outcomes) => outcomes,
            other => unreachable!("a send was answered with {other:?}"),
        })
    }

    /// Leases messages, waiting for a first one if asked to. [`Rejection::Overloaded`] says that
    /// too much of what was received before is still to be read by those who asked for it; nothing
    /// is leased then, and nothing counted.
    pub async fn receive(
        &self,
        queue: QueueName,
        options: ReceiveOptions,
        wait: Option<Millis>,
    ) -> Result<Delivery, Rejection> {
        self.mailbox.check_room()?;
        let command = Command::Receive { queue, options, wait };
        let (Answer { reply, mut bodies }, unclaimed) = self.mailbox.ask(command).await?;
        match reply? {
            Reply::Received(leased) => {
                let room = self.mailbox.room(bodies.iter().map(BodyRef::bytes).sum())?;
                BodyRef::read_together(&mut bodies);
                let pairs = leased.into_iter().zip(bodies);
                let messages = pairs.map(|(leased, body)| Received { leased, body }).collect();
                Ok(Delivery { messages, unclaimed, room })
            }
            other => unreachable!("a receive was answered with {other:?}"),
        }
    }

    /// Deletes leased messages.
    pub async fn delete(
        &self,
        queue: QueueName,
        mut leases: Vec<LeaseRef>,
        mode: DeleteMode,
    ) -> Result<Outcomes<DeleteOutcome>, Rejection> {
        self.begin_delete(&queue, &mut leases, mode)?.answer().await
    }

    /// Hands a delete to the owner, like [`Handle::begin_send`].
    pub fn begin_delete(
        &self,
        queue: &QueueName,
        leases: &mut Vec<LeaseRef>,
        mode: DeleteMode,
    ) -> Result<Begun<Outcomes<DeleteOutcome>>, Rejection> {
        let queue = queue.clone();
        let command = || Command::Delete { queue, leases: std::mem::take(leases), mode };
        self.begin(0, command, |reply| match reply {
            Reply::Deleted(outcomes) => outcomes,
            other => unreachable!("a delete was answered with {other:?}"),
        })
    }

    /// Lets leases end the given time from now; tells when that is.
    pub async fn change_visibility(
        &self,
        queue: QueueName,
        mut entries: Vec<(LeaseRef, Millis)>,
    ) -> Result<Outcomes<Timestamp>, Rejection> {
        self.begin_change_visibility(&queue, &mut entries)?.answer().await
    }

    /// Hands a visibility change to the owner, like [`Handle::begin_send`].
    pub fn begin_change_visibility(
        &self,
        queue: &QueueName,
        entries: &mut Vec<(LeaseRef, Millis)>,
    ) -> Result<Begun<Outcomes<Timestamp>>, Rejection> {
        let queue = queue.clone();
        let command = || Command::ChangeVisibility { queue, entries: std::mem::take(entries) };
        self.begin(0, command, |reply| match reply {
            Reply::VisibilityChanged(outcomes) => outcomes,
            other => unreachable!("a visibility change was answered with {other:?}"),
        })
    }

    /// Deletes leased messages, fenced, for somebody who is gone.
    pub fn delete_unheard(&self, queue: &QueueName, leases: &[LeaseRef]) {
        for leases in leases.chunks(ENTRIES_MAX) {
            let (queue, leases) = (queue.clone(), leases.to_vec());
            self.mailbox.tell(Command::Delete { queue, leases, mode: DeleteMode::Fenced });
        }
    }

    /// Undoes leases of somebody whom they did not reach, as if they had not been received. The
    /// last is undone first, so that they are given out again in the order they had.
    pub fn undo(&self, leases: &[LeaseRef]) {
        for leases in leases.rchunks(ENTRIES_MAX) {
            self.mailbox.tell(Command::Return { leases: leases.to_vec() });
        }
    }

    /// Lets leases of somebody who is gone end the given time from now. They count as received.
    pub fn give_back(&self, queue: &QueueName, leases: &[(LeaseRef, Millis)]) {
        for leases in leases.chunks(ENTRIES_MAX) {
            let (queue, entries) = (queue.clone(), leases.to_vec());
            self.mailbox.tell(Command::ChangeVisibility { queue, entries });
        }
    }

    /// Deletes messages that wait for their time.
    pub async fn cancel(
        &self,
        queue: QueueName,
        seqs: Vec<Seq>,
    ) -> Result<Outcomes<CancelOutcome>, Rejection> {
        match self.ask(Command::Cancel { queue, seqs }).await? {
            Reply::Cancelled(outcomes) => Ok(outcomes),
            other => unreachable!("a cancellation was answered with {other:?}"),
        }
    }

    /// Does all of the steps, or none.
    pub async fn transact(&self, steps: Vec<Step>) -> Result<Vec<StepOutcome>, Rejection> {
        match self.ask(Command::Transact { steps }).await? {
            Reply::Transacted(outcomes) => Ok(outcomes),
            other => unreachable!("a transact was answered with {other:?}"),
        }
    }

    /// Pauses or resumes a queue's sends and receives.
    pub async fn pause_queue(
        &self,
        queue: QueueName,
        sends: Option<bool>,
        receives: Option<bool>,
    ) -> Result<QueueView, Rejection> {
        self.queue_view(Command::PauseQueue { queue, sends, receives }).await
    }

    /// Up to `count_max` queues whose dead letters go to `queue` and that come after `after`, and
    /// whether there are more.
    pub async fn list_dead_letter_sources(
        &self,
        queue: QueueName,
        after: Option<QueueName>,
        count_max: usize,
    ) -> Result<(Vec<QueueView>, bool), Rejection> {
        match self.ask(Command::ListDeadLetterSources { queue, after, count_max }).await? {
            Reply::Queues { queues, more } => Ok((queues, more)),
            other => unreachable!("a list was answered with {other:?}"),
        }
    }

    /// Looks at messages without any effect.
    pub async fn browse(&self, browse: Browse) -> Result<BrowsePage, Rejection> {
        let (Answer { reply, bodies }, unclaimed) =
            self.mailbox.ask(Command::Browse(browse)).await?;
        unclaimed.claim();
        match reply? {
            Reply::Browsed { messages, next } => {
                // As many as an answer has; those that it has no room for are on the next page.
                let bytes: u64 = bodies.iter().map(BodyRef::bytes).sum();
                let room = self.mailbox.room(bytes.min(RECEIVE_BYTES_MAX))?;
                let pairs = messages.into_iter().zip(bodies);
                let messages = pairs.map(|(browsed, body)| Looked { browsed, body }).collect();
                Ok(BrowsePage { messages, next, room })
            }
            other => unreachable!("a look was answered with {other:?}"),
        }
    }

    /// Starts a move task, or with `dry_run` only counts: its id, and how many messages there are
    /// to look at.
    pub async fn start_move(
        &self,
        spec: MoveSpec,
        dry_run: bool,
    ) -> Result<(Option<TaskId>, u64), Rejection> {
        match self.ask(Command::StartMove { spec, dry_run }).await? {
            Reply::MoveStarted { task, to_move_count } => Ok((task, to_move_count)),
            other => unreachable!("a move was answered with {other:?}"),
        }
    }

    /// Move tasks of a source queue, or all, the newest first.
    pub async fn list_moves(
        &self,
        source: Option<QueueName>,
        count_max: usize,
    ) -> Result<Vec<MoveTaskView>, Rejection> {
        match self.ask(Command::ListMoves { source, count_max }).await? {
            Reply::Moves(tasks) => Ok(tasks),
            other => unreachable!("a list was answered with {other:?}"),
        }
    }

    /// Ends a move task; how many messages it has moved.
    pub async fn cancel_move(&self, task: TaskId) -> Result<u64, Rejection> {
        match self.ask(Command::CancelMove { task }).await? {
            Reply::MoveCancelling { moved_count } => Ok(moved_count),
            other => unreachable!("a cancellation was answered with {other:?}"),
        }
    }

    /// How the broker is: figures for operators.
    pub async fn status(&self) -> Result<Status, Rejection> {
        match self.ask(Command::GetStatus).await? {
            Reply::Status(status) => Ok(*status),
            other => unreachable!("a status was answered with {other:?}"),
        }
    }

    /// Takes a checkpoint and waits until it is published.
    pub async fn checkpoint(&self) -> Result<CheckpointStatus, Rejection> {
        match self.ask(Command::Checkpoint).await? {
            Reply::Checkpointed(checkpoint) => Ok(checkpoint),
            other => unreachable!("a checkpoint was answered with {other:?}"),
        }
    }

    /// Compacts what is sparse and waits until that is done; how many messages were copied.
    pub async fn compact(&self) -> Result<u64, Rejection> {
        match self.ask(Command::Compact).await? {
            Reply::Compacted { copied_count } => Ok(copied_count),
            other => unreachable!("a compaction was answered with {other:?}"),
        }
    }

    /// Begins a pass of the scrub, unless one is under way; how it is.
    pub async fn scrub(&self) -> Result<ScrubStatus, Rejection> {
        match self.ask(Command::Scrub).await? {
            Reply::Scrubbing(status) => Ok(*status),
            other => unreachable!("a scrub was answered with {other:?}"),
        }
    }

    /// Begins a backup and waits until its files can be copied.
    pub async fn begin_backup(&self, hold: Millis) -> Result<BackupPlan, Rejection> {
        match self.ask(Command::BeginBackup { hold }).await? {
            Reply::BackupBegun(plan) => Ok(*plan),
            other => unreachable!("a backup was answered with {other:?}"),
        }
    }

    /// Ends a backup: its files are let go of.
    pub async fn end_backup(&self, backup: BackupId) -> Result<(), Rejection> {
        self.ask(Command::EndBackup { backup }).await.map(|_| ())
    }

    /// Where the broker's files lie, as an absolute path.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// Tells the owner that time may have passed, as after a test clock was moved.
    pub fn wake(&self) {
        // An owner that is gone needs no time.
        let _ = self.mailbox.events().send(Event::Woken);
    }

    /// The message of an id that a client sent; `None` if it is none of this broker's.
    pub fn message_of(&self, id: u128) -> Option<Seq> {
        MessageId::from_u128(self.lineage, id).map(MessageId::seq)
    }

    /// The id by which clients know a message.
    pub fn message_id(&self, seq: Seq) -> MessageId {
        MessageId::new(self.lineage, seq)
    }

    /// The receipt handle of a received message.
    pub fn receipt_handle(&self, leased: &Leased) -> String {
        self.receipts.seal(&leased.lease())
    }

    /// The lease that a receipt handle names.
    pub fn open_receipt_handle(&self, handle: &str) -> Result<LeaseRef, Rejection> {
        self.receipts.open(handle)
    }

    /// The bytes of a message to send, checksummed. The body stays in memory for a while, and with
    /// it all of the buffer that it is a slice of ([`Payload::COPIED_BYTES_MAX`]).
    pub fn payload(envelope: &Envelope, body: Bytes) -> Payload {
        let head = codec::encode_head(envelope);
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head);
        crc.update(&body);
        let size =
            body.len() as u64 + envelope.attributes.iter().map(Attribute::bytes).sum::<u64>();
        Payload { head, body, crc: crc.finalize(), size }
    }

    fn begin<T>(
        &self,
        bytes: u64,
        command: impl FnOnce() -> Command,
        read: fn(Reply) -> T,
    ) -> Result<Begun<T>, Rejection> {
        let permit = self.mailbox.permit(bytes)?;
        let asked = self.mailbox.begin(command(), permit)?;
        Ok(Begun { asked, read })
    }

    async fn queue_view(&self, command: Command) -> Result<QueueView, Rejection> {
        match self.ask(command).await? {
            Reply::Queue(view) => Ok(view),
            other => unreachable!("a queue's view was answered with {other:?}"),
        }
    }

    async fn ask(&self, command: Command) -> Result<Reply, Rejection> {
        let (answer, unclaimed) = self.mailbox.ask(command).await?;
        unclaimed.claim();
        answer.reply
    }
}

impl<T> Begun<T> {
    /// The answer. If the future is dropped, it can be waited for again.
    pub async fn answer(&mut self) -> Result<T, Rejection> {
        let (Answer { reply, .. }, unclaimed) = self.asked.answer().await?;
        unclaimed.claim();
        reply.map(self.read)
    }
}
