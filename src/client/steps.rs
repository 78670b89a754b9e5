//! Transacts: steps over any queues, all of them done or none.

use super::{ANSWER_TIMEOUT, Client, Error, Outgoing, Repeat, Sent, convert};
use crate::{
    proto::v1,
    types::{Millis, QueueName, Timestamp},
};

/// One step of a transact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Send a message.
    Send {
        /// Where to.
        queue: QueueName,
        /// The message.
        message: Box<Outgoing>,
    },
    /// Delete a received message, unless a later receive has had it.
    Delete {
        /// The queue that it was received from.
        queue: QueueName,
        /// The receipt handle of its lease.
        receipt_handle: String,
    },
    /// Let a lease end at another time.
    ChangeVisibility {
        /// The queue that the message was received from.
        queue: QueueName,
        /// The receipt handle of the lease.
        receipt_handle: String,
        /// The time from now after which it ends.
        timeout: Millis,
    },
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepOutcome {
    /// A message was accepted, or is a duplicate.
    Sent(Sent),
    /// A message was deleted.
    Deleted,
    /// A lease ends at this time.
    VisibilityChanged(Timestamp),
}

impl Client {
    /// Does all of the steps, in their order, or none; what each did.
    ///
    /// If the outcome is not known, a transact with a delete can be repeated: done before, it is
    /// refused, since its message is gone, and nothing is done twice. That is left to the caller.
    pub async fn transact(&self, steps: Vec<Step>) -> Result<Vec<StepOutcome>, Error> {
        let count = steps.len();
        let steps = steps.into_iter().map(convert::step).collect();
        let question = v1::TransactRequest { steps };
        let answer = self
            .ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.messages.transact(request).await
            })
            .await?;
        if answer.results.len() != count {
            return Err(Error::Answer("one result for each step"));
        }
        answer.results.into_iter().map(convert::step_outcome).collect()
    }
}
