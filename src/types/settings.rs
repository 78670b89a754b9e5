//! What a queue is set to.

use super::{Millis, Rejection, Unit, limits, rejection::in_range};

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
}

/// A change of some settings: `None` leaves the setting as it is.
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
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            delay: Millis::ZERO,
            message_bytes_max: limits::MESSAGE_BYTES_MAX_MAX,
            retention: limits::RETENTION_DEFAULT,
            receive_wait: Millis::ZERO,
            visibility_timeout: limits::VISIBILITY_DEFAULT,
        }
    }
}

impl QueueSettings {
    /// Refuses the first setting that is beyond its limits, naming it as the API does.
    pub fn check(&self) -> Result<(), Rejection> {
        let zero = Millis::ZERO;
        let (bytes_min, bytes_max) = (limits::MESSAGE_BYTES_MAX_MIN, limits::MESSAGE_BYTES_MAX_MAX);
        within("retention", self.retention, limits::RETENTION_MIN, limits::RETENTION_MAX)?;
        within("delay", self.delay, zero, self.retention)?;
        within("receive_wait", self.receive_wait, zero, limits::WAIT_MAX)?;
        within("visibility_timeout", self.visibility_timeout, zero, limits::VISIBILITY_MAX)?;
        in_range("max_message_bytes", self.message_bytes_max, bytes_min, bytes_max, Unit::Bytes)
    }

    /// These settings with the change made.
    #[must_use]
    pub fn patched(&self, patch: &SettingsPatch) -> Self {
        Self {
            delay: patch.delay.unwrap_or(self.delay),
            message_bytes_max: patch.message_bytes_max.unwrap_or(self.message_bytes_max),
            retention: patch.retention.unwrap_or(self.retention),
            receive_wait: patch.receive_wait.unwrap_or(self.receive_wait),
            visibility_timeout: patch.visibility_timeout.unwrap_or(self.visibility_timeout),
        }
    }

    /// The name of a setting that `patch` gives and that differs from these.
    pub fn first_difference(&self, patch: &SettingsPatch) -> Option<&'static str> {
        let differs = |given: Option<Millis>, own: Millis| given.is_some_and(|value| value != own);
        if differs(patch.delay, self.delay) {
            Some("delay")
        } else if patch.message_bytes_max.is_some_and(|bytes| bytes != self.message_bytes_max) {
            Some("max_message_bytes")
        } else if differs(patch.retention, self.retention) {
            Some("retention")
        } else if differs(patch.receive_wait, self.receive_wait) {
            Some("receive_wait")
        } else if differs(patch.visibility_timeout, self.visibility_timeout) {
            Some("visibility_timeout")
        } else {
            None
        }
    }
}

fn within(field: &'static str, value: Millis, min: Millis, max: Millis) -> Result<(), Rejection> {
    in_range(field, value.get(), min.get(), max.get(), Unit::Millis)
}
