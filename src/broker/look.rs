//! A directory that is only looked at: what a broker answers without changing anything.
//!
//! It has the state and the store of a start that was gone through on a
//! [`ReadOnly`](crate::disk::ReadOnly) disk, and no log to write to. Time does not go on: what is
//! told is as it was at the last record.

use std::sync::Arc;

use super::{
    Answer,
    recover::{Examined, examine},
    start::{Progress, Settings, StartError},
};
use crate::{
    disk::Disk,
    state::State,
    store::{Identity, Store, identity_of},
    types::{Browse, Command, Lsn, RecoveryStatus, Rejection, Reply, Seq, Status},
};

/// A broker that answers who looks, and refuses who wants to change something.
pub struct Looker {
    state: State,
    store: Store,
    identity: Identity,
    recovery: RecoveryStatus,
}

impl Looker {
    /// Goes through a start on `disk` and changes nothing if that cannot be written to. It fails
    /// where a start would.
    pub fn open(
        settings: &Settings,
        disk: &Arc<dyn Disk>,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, StartError> {
        let identity = identity_of(&**disk)?;
        let Examined { state, store, report } =
            examine(settings, disk, identity.lineage, progress)?;
        let checkpoint = store.checkpoints().0;
        let recovery = RecoveryStatus {
            checkpoint_lsn: checkpoint.map(|checkpoint| checkpoint.lsn).unwrap_or_default(),
            records_count: report.records_count,
            frames_bytes: report.frames_bytes,
            ..RecoveryStatus::default()
        };
        Ok(Self { state, store, identity, recovery })
    }

    /// Who the directory is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The last record that is there.
    pub fn last_lsn(&self) -> Lsn {
        self.state.applied_lsn()
    }

    /// Answers a command; one that could change something is refused.
    pub fn answer(&self, command: Command) -> Answer {
        let reply = match command {
            Command::GetQueue { queue } => self.state.queue(&queue).map(Reply::Queue),
            Command::ListQueues { prefix, after, count_max } => {
                let (queues, more) = self.state.queues(&prefix, after.as_ref(), count_max);
                Ok(Reply::Queues { queues, more })
            }
            Command::ListDeadLetterSources { queue, after, count_max } => {
                let listed = self.state.dead_letter_sources(&queue, after.as_ref(), count_max);
                listed.map(|(queues, more)| Reply::Queues { queues, more })
            }
            Command::ListMoves { source, count_max } => {
                Ok(Reply::Moves(self.state.move_tasks(source.as_ref(), count_max)))
            }
            Command::GetStatus => Ok(Reply::Status(Box::new(self.status()))),
            Command::StartMove { spec, dry_run: true } => self
                .state
                .decide_start_move(&spec)
                .map(|(_, _, to_move_count)| Reply::MoveStarted { task: None, to_move_count }),
            Command::Browse(browse) => return self.browse(&browse),
            Command::CreateQueue { .. }
            | Command::UpdateQueue { .. }
            | Command::EditQueue { .. }
            | Command::DeleteQueue { .. }
            | Command::PurgeQueue { .. }
            | Command::PauseQueue { .. }
            | Command::Send { .. }
            | Command::Receive { .. }
            | Command::Delete { .. }
            | Command::ChangeVisibility { .. }
            | Command::Return { .. }
            | Command::Cancel { .. }
            | Command::Transact { .. }
            | Command::StartMove { dry_run: false, .. }
            | Command::Move { .. }
            | Command::CancelMove { .. }
            | Command::Checkpoint
            | Command::Compact
            | Command::Scrub
            | Command::BeginBackup { .. }
            | Command::EndBackup { .. } => Err(Rejection::ReadOnly),
        };
        Answer::new(reply)
    }

    fn browse(&self, browse: &Browse) -> Answer {
        match self.state.browse(browse) {
            Ok((messages, next)) => {
                let body = |seq: Seq| self.store.body(seq).expect("a message has its body");
                let bodies = messages.iter().map(|message| body(message.seq)).collect();
                Answer { reply: Ok(Reply::Browsed { messages, next }), bodies }
            }
            Err(refused) => Answer::new(Err(refused)),
        }
    }

    fn status(&self) -> Status {
        let (checkpoint, checkpoint_before) = self.store.checkpoints();
        Status {
            now: self.state.now(),
            applied_lsn: self.state.applied_lsn(),
            durable_lsn: self.state.applied_lsn(),
            next_seq: self.state.next_seq(),
            queue_count: self.state.queue_count(),
            retention_held: self.state.retention_held(),
            files: self.store.files_status(),
            checkpoint,
            checkpoint_before,
            recovery: self.recovery,
            ..Status::default()
        }
    }
}
