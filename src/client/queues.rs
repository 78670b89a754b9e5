//! Queues: made, told, listed, changed, emptied, deleted.

use super::{ANSWER_TIMEOUT, Client, Error, Repeat, convert};
use crate::{
    proto::v1,
    types::{QueueCounts, QueueName, QueueSettings, SettingsPatch, Timestamp},
};

/// A queue as it was when the broker answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Its name.
    pub name: QueueName,
    /// Its settings.
    pub settings: QueueSettings,
    /// Its messages.
    pub counts: QueueCounts,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its settings were last changed.
    pub modified_at: Timestamp,
    /// Whether its sends are refused.
    pub sends_paused: bool,
    /// Whether its receives are refused.
    pub receives_paused: bool,
}

/// What of a queue is paused or resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic {
    /// Sends to it.
    pub sends: bool,
    /// Receives from it.
    pub receives: bool,
}

/// Some queues, in ascending order of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuePage {
    /// The queues.
    pub queues: Vec<Queue>,
    /// What asks for the page after this one; `None` on the last.
    pub next: Option<String>,
}

impl Client {
    /// Makes a queue, or agrees that it is there with these settings.
    pub async fn create_queue(
        &self,
        queue: &QueueName,
        settings: &SettingsPatch,
    ) -> Result<Queue, Error> {
        let settings = Some(convert::settings(settings));
        let question = v1::CreateQueueRequest { queue: queue.to_string(), settings };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.create_queue(request).await
            })
            .await?;
        convert::queue(answer.queue)
    }

    /// Tells a queue's settings and counts.
    pub async fn get_queue(&self, queue: &QueueName) -> Result<Queue, Error> {
        let question = v1::GetQueueRequest { queue: queue.to_string() };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.get_queue(request).await
            })
            .await?;
        convert::queue(answer.queue)
    }

    /// Lists queues whose names begin with `prefix`; `page` is the [`QueuePage::next`] of the page
    /// before, `None` for the first.
    pub async fn list_queues(
        &self,
        prefix: &str,
        page: Option<String>,
    ) -> Result<QueuePage, Error> {
        let question = v1::ListQueuesRequest {
            prefix: prefix.to_owned(),
            page_size: 0,
            page_token: page.unwrap_or_default(),
        };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.list_queues(request).await
            })
            .await?;
        let next = Some(answer.next_page_token).filter(|token| !token.is_empty());
        Ok(QueuePage { queues: convert::queues(answer.queues)?, next })
    }

    /// Lists the queues whose dead letters go to `queue`; `page` is like that of
    /// [`Client::list_queues`].
    pub async fn list_dead_letter_sources(
        &self,
        queue: &QueueName,
        page: Option<String>,
    ) -> Result<QueuePage, Error> {
        let question = v1::ListDeadLetterSourcesRequest {
            queue: queue.to_string(),
            page_size: 0,
            page_token: page.unwrap_or_default(),
        };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.list_dead_letter_sources(request).await
            })
            .await?;
        let next = Some(answer.next_page_token).filter(|token| !token.is_empty());
        Ok(QueuePage { queues: convert::queues(answer.queues)?, next })
    }

    /// Changes the given settings of a queue, and takes away what the patch takes away.
    pub async fn update_queue(
        &self,
        queue: &QueueName,
        settings: &SettingsPatch,
    ) -> Result<Queue, Error> {
        let update_mask = Some(convert::update_mask(settings));
        let settings = Some(convert::settings(settings));
        let question = v1::UpdateQueueRequest { queue: queue.to_string(), settings, update_mask };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.update_queue(request).await
            })
            .await?;
        convert::queue(answer.queue)
    }

    /// Refuses sends, receives or both until they are resumed; at least one of them is named.
    pub async fn pause_queue(&self, queue: &QueueName, what: Traffic) -> Result<Queue, Error> {
        let Traffic { sends, receives } = what;
        let question = v1::PauseQueueRequest { queue: queue.to_string(), sends, receives };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.pause_queue(request).await
            })
            .await?;
        convert::queue(answer.queue)
    }

    /// Takes sends, receives or both again; at least one of them is named.
    pub async fn resume_queue(&self, queue: &QueueName, what: Traffic) -> Result<Queue, Error> {
        let Traffic { sends, receives } = what;
        let question = v1::ResumeQueueRequest { queue: queue.to_string(), sends, receives };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.resume_queue(request).await
            })
            .await?;
        convert::queue(answer.queue)
    }

    /// Deletes a queue with all its messages.
    pub async fn delete_queue(&self, queue: &QueueName) -> Result<(), Error> {
        let question = v1::DeleteQueueRequest { queue: queue.to_string() };
        self.ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
            to.queues.delete_queue(request).await
        })
        .await
        .map(|_| ())
    }

    /// Deletes all messages of a queue.
    pub async fn purge_queue(&self, queue: &QueueName) -> Result<(), Error> {
        let question = v1::PurgeQueueRequest { queue: queue.to_string() };
        self.ask(Repeat::IfNotDone, ANSWER_TIMEOUT, question, |mut to, request| async move {
            to.queues.purge_queue(request).await
        })
        .await
        .map(|_| ())
    }
}
