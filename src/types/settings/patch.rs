//! A change of some settings.

use std::collections::BTreeMap;

use super::{
    Backoff, DeduplicationScope, QueueSettings, RedriveAllow, RedrivePolicy, ThroughputLimit,
};
use crate::types::Millis;

/// A change of some settings: `None` leaves the setting as it is. A setting that a queue can be
/// without is taken away by `Some(None)`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsPatch {
    /// New [`QueueSettings::delay`].
    pub delay: Option<Millis>,
    /// New [`QueueSettings::message_bytes_max`].
    pub message_bytes_max: Option<u64>,
    /// New [`QueueSettings::retention`].
    pub retention: Option<Millis>,
    /// New [`QueueSettings::receive_wait`].
    pub receive_wait: Option<Millis>,
    /// New [`QueueSettings::visibility_timeout`].
    pub visibility_timeout: Option<Millis>,
    /// New [`QueueSettings::redrive`].
    pub redrive: Option<Option<RedrivePolicy>>,
    /// New [`QueueSettings::redrive_allow`].
    pub redrive_allow: Option<RedriveAllow>,
    /// New [`QueueSettings::content_deduplication`].
    pub content_deduplication: Option<bool>,
    /// New [`QueueSettings::deduplication_scope`].
    pub deduplication_scope: Option<DeduplicationScope>,
    /// New [`QueueSettings::throughput_limit`].
    pub throughput_limit: Option<ThroughputLimit>,
    /// New [`QueueSettings::backoff`].
    pub backoff: Option<Option<Backoff>>,
    /// All new [`QueueSettings::tags`].
    pub tags: Option<BTreeMap<String, String>>,
    /// New values of [`QueueSettings::stored`], by name; an empty value takes one away.
    pub stored: BTreeMap<String, String>,
}

impl QueueSettings {
    /// These settings with the change made.
    #[must_use]
    pub fn patched(&self, patch: &SettingsPatch) -> Self {
        fn or<T: Clone>(given: Option<&T>, own: &T) -> T {
            given.unwrap_or(own).clone()
        }
        let mut stored = self.stored.clone();
        for (name, value) in &patch.stored {
            if value.is_empty() {
                stored.remove(name);
            } else {
                stored.insert(name.clone(), value.clone());
            }
        }
        Self {
            delay: or(patch.delay.as_ref(), &self.delay),
            message_bytes_max: or(patch.message_bytes_max.as_ref(), &self.message_bytes_max),
            retention: or(patch.retention.as_ref(), &self.retention),
            receive_wait: or(patch.receive_wait.as_ref(), &self.receive_wait),
            visibility_timeout: or(patch.visibility_timeout.as_ref(), &self.visibility_timeout),
            redrive: or(patch.redrive.as_ref(), &self.redrive),
            redrive_allow: or(patch.redrive_allow.as_ref(), &self.redrive_allow),
            content_deduplication: or(
                patch.content_deduplication.as_ref(),
                &self.content_deduplication,
            ),
            deduplication_scope: or(patch.deduplication_scope.as_ref(), &self.deduplication_scope),
            throughput_limit: or(patch.throughput_limit.as_ref(), &self.throughput_limit),
            backoff: or(patch.backoff.as_ref(), &self.backoff),
            tags: or(patch.tags.as_ref(), &self.tags),
            stored,
        }
    }

    /// The name of a setting that `patch` gives and that differs from these. Tags do not count:
    /// they say nothing of how the queue works.
    pub fn first_difference(&self, patch: &SettingsPatch) -> Option<&'static str> {
        let patched = self.patched(patch);
        let differences = [
            ("delay", patched.delay != self.delay),
            ("max_message_bytes", patched.message_bytes_max != self.message_bytes_max),
            ("retention", patched.retention != self.retention),
            ("receive_wait", patched.receive_wait != self.receive_wait),
            ("visibility_timeout", patched.visibility_timeout != self.visibility_timeout),
            ("redrive_policy", patched.redrive != self.redrive),
            ("redrive_allow_policy", patched.redrive_allow != self.redrive_allow),
            ("content_deduplication", patched.content_deduplication != self.content_deduplication),
            ("deduplication_scope", patched.deduplication_scope != self.deduplication_scope),
            ("throughput_limit", patched.throughput_limit != self.throughput_limit),
            ("retry_backoff", patched.backoff != self.backoff),
            ("stored setting", patched.stored != self.stored),
        ];
        differences.into_iter().find(|(_, differs)| *differs).map(|(name, _)| name)
    }
}
