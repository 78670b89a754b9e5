//! Commands as most tests give them.

use bytes::Bytes;
use ledgerq::{
    broker::Handle,
    types::{
        Command, Delay, Envelope, GroupId, Millis, QueueName, ReceiveOptions, SendEntry,
        SettingsPatch,
    },
};

/// A queue's name, which is a good one.
pub(crate) fn queue(name: &str) -> QueueName {
    QueueName::parse(name).expect("a good name")
}

/// A group's id, which is a good one.
pub(crate) fn group(id: &str) -> GroupId {
    GroupId::parse("group_id", id).expect("a good id")
}

/// A queue with the default settings.
pub(crate) fn create(name: &str) -> Command {
    Command::CreateQueue { queue: queue(name), settings: SettingsPatch::default() }
}

/// A message with nothing but a body.
pub(crate) fn entry(body: impl Into<Bytes>) -> SendEntry {
    let payload = Handle::payload(&Envelope::default(), body.into());
    SendEntry { payload, ..SendEntry::default() }
}

/// A message that waits.
pub(crate) fn delayed(body: impl Into<Bytes>, delay: Millis) -> SendEntry {
    SendEntry { delay: Some(Delay::For(delay)), ..entry(body) }
}

/// A send of one message.
pub(crate) fn send(name: &str, entry: SendEntry) -> Command {
    Command::Send { queue: queue(name), entries: vec![entry] }
}

/// A receive that does not wait.
pub(crate) fn receive(name: &str, count_max: usize, timeout: Option<Millis>) -> Command {
    let options = ReceiveOptions { visibility_timeout: timeout, ..ReceiveOptions::new(count_max) };
    Command::Receive { queue: queue(name), options, wait: Some(Millis::ZERO) }
}
