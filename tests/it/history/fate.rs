//! What is known of one message.

use std::collections::{BTreeMap, BTreeSet};

use ledgerq::types::{Nonce, Seq, Timestamp};

use super::{AskId, QueueNo};

#[derive(Clone)]
pub(super) struct Fate {
    /// Where it was last known to be.
    pub(super) queue: QueueNo,
    pub(super) sent_to: QueueNo,
    pub(super) asked_by: AskId,
    pub(super) group: Option<u64>,
    pub(super) not_before: Timestamp,
    /// From then on it may be gone.
    pub(super) expires_at: Option<Timestamp>,
    /// The broker said that it has the message, or showed it.
    pub(super) is_accepted: bool,
    pub(super) is_deleted: bool,
    /// Requests that delete it, and that were not answered or not yet.
    pub(super) deletes_asked: BTreeSet<AskId>,
    /// A purge that was asked for and not answered.
    pub(super) purge_asked: Option<AskId>,
    pub(super) seq: Option<Seq>,
    pub(super) count: u32,
    /// Of the last lease that a client was told of.
    pub(super) nonce: Option<Nonce>,
    /// The end of that lease.
    pub(super) until: Timestamp,
    /// Changes of that lease that were not answered or not yet, and the end that each gives it.
    pub(super) changes_asked: BTreeMap<AskId, Timestamp>,
    /// The life of the broker in which it was last received.
    pub(super) seen_in: Option<u64>,
}

impl Fate {
    pub(super) fn new(queue: QueueNo, asked_by: AskId) -> Self {
        Self {
            queue,
            sent_to: queue,
            asked_by,
            group: None,
            not_before: Timestamp::ZERO,
            expires_at: None,
            is_accepted: false,
            is_deleted: false,
            deletes_asked: BTreeSet::new(),
            purge_asked: None,
            seq: None,
            count: 0,
            nonce: None,
            until: Timestamp::ZERO,
            changes_asked: BTreeMap::new(),
            seen_in: None,
        }
    }

    /// Nobody asked for its deletion, and its time is not over.
    pub(super) fn must_be_there(&self, now: Timestamp) -> bool {
        self.deletes_asked.is_empty() && self.may_only_go_by_a_delete(now)
    }

    /// Only the deletes that were asked for can have taken it away.
    pub(super) fn may_only_go_by_a_delete(&self, now: Timestamp) -> bool {
        let is_fresh = self.expires_at.is_none_or(|at| now < at);
        is_fresh && !self.is_deleted && self.purge_asked.is_none()
    }

    /// The end of the last lease, or earlier, if a change was asked for and not answered.
    pub(super) fn until_at_least(&self) -> Timestamp {
        self.changes_asked.values().copied().fold(self.until, Timestamp::min)
    }

    /// Whether this is the lease that was given out last and it goes on for longer than `now`.
    pub(super) fn is_held(&self, nonce: Nonce, now: Timestamp) -> bool {
        self.nonce == Some(nonce) && self.until_at_least() > now
    }
}
