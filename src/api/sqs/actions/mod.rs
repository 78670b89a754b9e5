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
    pub(super) async fn answer(self, call: &Call, given: Parameters) -> Result<Answer, Fault> {
        match self {
            Self::AddPermission => permissions::add(call, given.read()?).await,
            Self::CancelMessageMoveTask => moves::cancel(call, given.read()?).await,
            Self::ChangeMessageVisibility => visibility::change(call, given.read()?).await,
            Self::ChangeMessageVisibilityBatch => visibility::batch(call, given.read()?).await,
            Self::CreateQueue => queues::create(call, given.read()?).await,
            Self::DeleteMessage => delete::one(call, given.read()?).await,
            Self::DeleteMessageBatch => delete::batch(call, given.read()?).await,
            Self::DeleteQueue => queues::delete(call, given.read()?).await,
            Self::GetQueueAttributes => attributes::get(call, given.read()?).await,
            Self::GetQueueUrl => queues::url(call, given.read()?).await,
            Self::ListDeadLetterSourceQueues => queues::sources(call, given.read()?).await,
            Self::ListMessageMoveTasks => moves::list(call, given.read()?).await,
            Self::ListQueueTags => tags::list(call, given.read()?).await,
            Self::ListQueues => queues::list(call, given.read()?).await,
            Self::PurgeQueue => queues::purge(call, given.read()?).await,
            Self::ReceiveMessage => receive::answer(call, given.read()?).await,
            Self::RemovePermission => permissions::remove(call, given.read()?).await,
            Self::SendMessage => send::one(call, given.read()?).await,
            Self::SendMessageBatch => send::batch(call, given.read()?).await,
            Self::SetQueueAttributes => attributes::set(call, given.read()?).await,
            Self::StartMessageMoveTask => moves::start(call, given.read()?).await,
            Self::TagQueue => tags::tag(call, given.read()?).await,
            Self::UntagQueue => tags::untag(call, given.read()?).await,
        }
    }
}
