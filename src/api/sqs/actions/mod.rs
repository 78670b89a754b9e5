//! What can be asked: one file for each group of actions.

mod attributes;
mod batch;
mod delete;
mod entry;
mod moves;
mod permissions;
mod queues;
mod receive;
mod send;
mod settings;
mod tags;
mod told;
mod visibility;

use futures_util::future::BoxFuture;

use super::{
    error::{Fault, Kind, quoted},
    request::{Answer, Call, Parameters},
};

/// Every action of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    AddPermission,
    CancelMessageMoveTask,
    ChangeMessageVisibility,
    ChangeMessageVisibilityBatch,
    CreateQueue,
    DeleteMessage,
    DeleteMessageBatch,
    DeleteQueue,
    GetQueueAttributes,
    GetQueueUrl,
    ListDeadLetterSourceQueues,
    ListMessageMoveTasks,
    ListQueueTags,
    ListQueues,
    PurgeQueue,
    ReceiveMessage,
    RemovePermission,
    SendMessage,
    SendMessageBatch,
    SetQueueAttributes,
    StartMessageMoveTask,
    TagQueue,
    UntagQueue,
}

/// What each is called.
const NAMES: [(&str, Action); 23] = [
    ("AddPermission", Action::AddPermission),
    ("CancelMessageMoveTask", Action::CancelMessageMoveTask),
    ("ChangeMessageVisibility", Action::ChangeMessageVisibility),
    ("ChangeMessageVisibilityBatch", Action::ChangeMessageVisibilityBatch),
    ("CreateQueue", Action::CreateQueue),
    ("DeleteMessage", Action::DeleteMessage),
    ("DeleteMessageBatch", Action::DeleteMessageBatch),
    ("DeleteQueue", Action::DeleteQueue),
    ("GetQueueAttributes", Action::GetQueueAttributes),
    ("GetQueueUrl", Action::GetQueueUrl),
    ("ListDeadLetterSourceQueues", Action::ListDeadLetterSourceQueues),
    ("ListMessageMoveTasks", Action::ListMessageMoveTasks),
    ("ListQueueTags", Action::ListQueueTags),
    ("ListQueues", Action::ListQueues),
    ("PurgeQueue", Action::PurgeQueue),
    ("ReceiveMessage", Action::ReceiveMessage),
    ("RemovePermission", Action::RemovePermission),
    ("SendMessage", Action::SendMessage),
    ("SendMessageBatch", Action::SendMessageBatch),
    ("SetQueueAttributes", Action::SetQueueAttributes),
    ("StartMessageMoveTask", Action::StartMessageMoveTask),
    ("TagQueue", Action::TagQueue),
    ("UntagQueue", Action::UntagQueue),
];

impl Action {
    /// The action of this name.
    pub(super) fn parse(name: &str) -> Result<Self, Fault> {
        let found = NAMES.iter().find(|(known, _)| *known == name);
        found.map(|(_, action)| *action).ok_or_else(|| {
            let name = quoted(name);
            let message = format!("The action {name} is not valid for this endpoint.");
            Fault::new(Kind::UnknownOperation, message)
        })
    }

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        let found = NAMES.iter().find(|(_, action)| *action == self);
        found.map(|(name, _)| *name).unwrap_or_default()
    }

    /// Does it.
    pub(super) async fn answer(self, call: &Call<'_>, given: Parameters) -> Result<Answer, Fault> {
        // Each apart, so that none carries what the largest of them keeps while it waits.
        let answer: BoxFuture<'_, Result<Answer, Fault>> = match self {
            Self::AddPermission => Box::pin(permissions::add(call, given.read()?)),
            Self::CancelMessageMoveTask => Box::pin(moves::cancel(call, given.read()?)),
            Self::ChangeMessageVisibility => Box::pin(visibility::change(call, given.read()?)),
            Self::ChangeMessageVisibilityBatch => Box::pin(visibility::batch(call, given.read()?)),
            Self::CreateQueue => Box::pin(queues::create(call, given.read()?)),
            Self::DeleteMessage => Box::pin(delete::one(call, given.read()?)),
            Self::DeleteMessageBatch => Box::pin(delete::batch(call, given.read()?)),
            Self::DeleteQueue => Box::pin(queues::delete(call, given.read()?)),
            Self::GetQueueAttributes => Box::pin(attributes::get(call, given.read()?)),
            Self::GetQueueUrl => Box::pin(queues::url(call, given.read()?)),
            Self::ListDeadLetterSourceQueues => Box::pin(queues::sources(call, given.read()?)),
            Self::ListMessageMoveTasks => Box::pin(moves::list(call, given.read()?)),
            Self::ListQueueTags => Box::pin(tags::list(call, given.read()?)),
            Self::ListQueues => Box::pin(queues::list(call, given.read()?)),
            Self::PurgeQueue => Box::pin(queues::purge(call, given.read()?)),
            Self::ReceiveMessage => Box::pin(receive::answer(call, given.read()?)),
            Self::RemovePermission => Box::pin(permissions::remove(call, given.read()?)),
            Self::SendMessage => Box::pin(send::one(call, given.read()?)),
            Self::SendMessageBatch => Box::pin(send::batch(call, given.read()?)),
            Self::SetQueueAttributes => Box::pin(attributes::set(call, given.read()?)),
            Self::StartMessageMoveTask => Box::pin(moves::start(call, given.read()?)),
            Self::TagQueue => Box::pin(tags::tag(call, given.read()?)),
            Self::UntagQueue => Box::pin(tags::untag(call, given.read()?)),
        };
        answer.await
    }
}
