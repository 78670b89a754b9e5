//! What a queue is set to.

mod backoff;
mod deduplication;
mod edit;
mod patch;
mod redrive;
mod tags;

use std::collections::BTreeMap;

pub use backoff::Backoff;
pub use deduplication::{DeduplicationScope, ThroughputLimit};
pub use edit::SettingsEdit;
pub use patch::SettingsPatch;
pub use redrive::{RedriveAllow, RedrivePolicy};
use tags::check_stored;
pub use tags::check_tags;

use super::{Millis, QueueName, Rejection, Unit, limits, rejection::in_range};

/// The settings of one queue, each within its limits once [`QueueSettings::check`] agreed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long a message that names no delay of its own waits before it can be received.
    pub delay: Millis,
    /// Largest message, body and attributes together, in bytes.
    pub message_bytes_max: u64,
    /// How long a message is kept, counted from its send.
    pub retention: Millis,
    /// How long a receive that names no wait of its own waits for a message.
    pub receive_wait: Millis,
    /// How long a lease lasts when the receive does not say.
    pub visibility_timeout: Millis,
    /// Where messages go that were received too often; nowhere if not set.
    pub redrive: Option<RedrivePolicy>,
    /// Whose dead letters the queue takes.
    pub redrive_allow: RedriveAllow,
    /// FIFO: a message without a deduplication id has the digest of its body for one.
    pub content_deduplication: bool,
    /// FIFO: within what a deduplication id counts. In effect is what the queue was made with; a
    /// later change is stored.
    pub deduplication_scope: DeduplicationScope,
    /// FIFO: stored and returned; there is no throughput limit.
    pub throughput_limit: ThroughputLimit,
    /// How long a message that came back waits before it is ready again; not at all if not set.
    pub backoff: Option<Backoff>,
    /// Words of the operator's own.
    pub tags: BTreeMap<String, String>,
    /// Settings of the SQS endpoint that are stored and returned and have no effect here, such as
    /// `Policy` and `KmsMasterKeyId`.
    pub stored: BTreeMap<String, String>,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            delay: Millis::ZERO,
            message_bytes_max: limits::MESSAGE_BYTES_MAX_MAX,
            retention: limits::RETENTION_DEFAULT,
            receive_wait: Millis::ZERO,
            visibility_timeout: limits::VISIBILITY_DEFAULT,
            redrive: None,
            redrive_allow: RedriveAllow::All,
            content_deduplication: false,
            deduplication_scope: DeduplicationScope::Queue,
            throughput_limit: ThroughputLimit::PerQueue,
            backoff: None,
            tags: BTreeMap::new(),
            stored: BTreeMap::new(),
        }
    }
}

impl QueueSettings {
    /// Refuses the first setting that is beyond its limits or does not suit a queue of this name,
    /// naming it as the API does. What needs to know other queues is not checked here.
    pub fn check(&self, name: &QueueName) -> Result<(), Rejection> {
        let zero = Millis::ZERO;
        let (bytes_min, bytes_max) = (limits::MESSAGE_BYTES_MAX_MIN, limits::MESSAGE_BYTES_MAX_MAX);
        within("retention", self.retention, limits::RETENTION_MIN, limits::RETENTION_MAX)?;
        within("delay", self.delay, zero, self.retention)?;
        within("receive_wait", self.receive_wait, zero, limits::WAIT_MAX)?;
        within("visibility_timeout", self.visibility_timeout, zero, limits::VISIBILITY_MAX)?;
        in_range("max_message_bytes", self.message_bytes_max, bytes_min, bytes_max, Unit::Bytes)?;
        if let Some(backoff) = &self.backoff {
            backoff.check()?;
        }
        if let Some(redrive) = &self.redrive {
            redrive.check(name)?;
        }
        self.redrive_allow.check()?;
        check_tags(&self.tags)?;
        check_stored(&self.stored)?;
        self.check_fifo(name)
    }

    fn check_fifo(&self, name: &QueueName) -> Result<(), Rejection> {
        let per_group = self.throughput_limit == ThroughputLimit::PerMessageGroup;
        let in_groups = self.deduplication_scope == DeduplicationScope::MessageGroup;
        if per_group && !in_groups {
            let problem = "it needs deduplication_scope message_group";
            return Err(Rejection::malformed("throughput_limit", "per_message_group", problem));
        }
        if name.is_fifo() {
            return Ok(());
        }
        let problem = "only FIFO queues have it; their names end in .fifo";
        if self.content_deduplication {
            return Err(Rejection::malformed("content_deduplication", "true", problem));
        }
        if in_groups {
            return Err(Rejection::malformed("deduplication_scope", "message_group", problem));
        }
        Ok(())
    }
}

fn within(field: &'static str, value: Millis, min: Millis, max: Millis) -> Result<(), Rejection> {
    in_range(field, value.get(), min.get(), max.get(), Unit::Millis)
}
