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
        let queues = answer.queues.into_iter().map(|queue| convert::queue(Some(queue)));
        let next = Some(answer.next_page_token).filter(|token| !token.is_empty());
        Ok(QueuePage { queues: queues.collect::<Result<_, _>>()?, next })
    }

    /// Changes the given settings of a queue.
    pub async fn update_queue(
        &self,
        queue: &QueueName,
        settings: &SettingsPatch,
    ) -> Result<Queue, Error> {
        let settings = Some(convert::settings(settings));
        let question =
            v1::UpdateQueueRequest { queue: queue.to_string(), settings, update_mask: None };
        let answer = self
            .ask(Repeat::Harmless, ANSWER_TIMEOUT, question, |mut to, request| async move {
                to.queues.update_queue(request).await
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
