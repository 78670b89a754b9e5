//! Move tasks, and the clock of a broker under test.

use tonic::Code;

use super::{ANSWER_TIMEOUT, Client, Error, Repeat, convert};
use crate::{
    proto::v1,
    types::{Millis, MoveSpec, MoveTaskView, QueueName, TaskId},
};

/// A move task that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveStarted {
    /// Its id.
    pub task: TaskId,
    /// How many messages there are to look at; its filter is not applied to them.
    pub to_move_count: u64,
}

impl Client {
    /// Starts a task that moves messages in the background.
    pub async fn start_move(&self, spec: &MoveSpec) -> Result<MoveStarted, Error> {
        let answer = self.ask_move(Repeat::IfNotDone, spec, false).await?;
        let task = TaskId::new(answer.task_id);
        Ok(MoveStarted { task, to_move_count: answer.to_move_count })
    }

    /// Checks a move task and counts the messages that there are to look at; starts nothing.
    pub async fn try_move(&self, spec: &MoveSpec) -> Result<u64, Error> {
        self.ask_move(Repeat::Harmless, spec, true).await.map(|answer| answer.to_move_count)
    }

    async fn ask_move(
        &self,
        repeat: Repeat,
        spec: &MoveSpec,
        dry_run: bool,
    ) -> Result<v1::StartMoveResponse, Error> {
        let question = convert::move_request(spec, dry_run);
        self.ask(repeat, ANSWER_TIMEOUT, question, |mut to, request| async move {
            to.redrive.start_move(request).await
        })
        .await
    }

    /// Lists up to `count_max` move tasks of a source queue or of all, the newest first; 0 is 100.
    pub async fn list_moves(
        &self,
        source: Option<&QueueName>,
        count_max: u32,
    ) -> Result<Vec<MoveTaskView>, Error> {
        let source_queue = source.map_or_else(String::new, QueueName::to_string);
        let question = v1::ListMovesRequest { source_queue, max_tasks: count_max };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.redrive.list_moves(request).await
            })
            .await?;
        answer.tasks.into_iter().map(convert::move_task).collect()
    }

    /// Ends a move task; tells how many messages it had moved.
    pub async fn cancel_move(&self, task: TaskId) -> Result<u64, Error> {
        let question = v1::CancelMoveRequest { task_id: task.get() };
        self.ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
            to.redrive.cancel_move(request).await
        })
        .await
        .map(|answer| answer.moved_count)
    }

    /// Lets time pass at once on a broker with a test clock; tells how much has in all.
    pub async fn advance_clock(&self, duration: Millis) -> Result<Millis, Error> {
        let question = v1::AdvanceRequest { duration: Some(convert::duration(duration)) };
        let answer = self
            .ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.clock.advance(request).await
            })
            .await
            .map_err(|error| self.without_clock(error))?;
        convert::millis(answer.advanced, "how much time passed")
    }

    /// A server without a test clock does not know the method.
    fn without_clock(&self, error: Error) -> Error {
        match error {
            Error::Refused(mut refusal) if refusal.code == Code::Unimplemented => {
                let server = &self.server;
                refusal.message = format!(
                    "{server} has no test clock: start it with `ledgerq serve --test-clock`"
                );
                Error::Refused(refusal)
            }
            error => error,
        }
    }
}
