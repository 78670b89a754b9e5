//! The limits of the settings.

use std::fmt::Display;

use super::{ConfigError, Count, Layer, Origin, Size, Span};
use crate::types::{Millis, limits};

/// A segment is written in whole pages of so many bytes.
const SEGMENT_STEP: u64 = 4096;

impl Layer {
    /// Refuses the first value that is beyond its limits.
    pub(super) fn check(&self, origin: &Origin) -> Result<(), ConfigError> {
        let (kibi, mebi, gibi, tebi) = (1 << 10, 1 << 20, 1 << 30, 1 << 40);
        let span = |millis| Span(Millis::new(millis));
        let of = Checked { origin };
        of.within("segment_bytes", self.segment_bytes, Size(64 * kibi), Size(gibi))?;
        if let Some(size) = self.segment_bytes.filter(|size| !size.0.is_multiple_of(SEGMENT_STEP)) {
            let limit = format!("a multiple of {SEGMENT_STEP} bytes");
            return Err(of.beyond("segment_bytes", &size, limit));
        }
        of.within("data_bytes_max", self.data_bytes_max, Size(0), Size(1024 * tebi))?;
        of.within("checkpoint_bytes", self.checkpoint_bytes, Size(mebi), Size(64 * gibi))?;
        let rate = self.compaction_bytes_per_s;
        of.within("compaction_bytes_per_s", rate, Size(mebi), Size(16 * gibi))?;
        of.within("scrub_bytes_per_s", self.scrub_bytes_per_s, Size(0), Size(16 * gibi))?;
        let (hour, year) = (span(3_600_000), span(366 * 24 * 3_600_000));
        of.within("scrub_interval", self.scrub_interval, hour, year)?;
        of.within("reclaim_pool", self.reclaim_pool, Count(0), Count(64))?;
        of.within("idle_sync_after", self.idle_sync_after, span(1), span(60_000))?;
        of.within("tail_cache_bytes", self.tail_cache_bytes, Size(0), Size(tebi))?;
        of.within("requests_max", self.requests_max, Count(1), Count(1_000_000))?;
        of.within("polls_max", self.polls_max, Count(1), Count(10_000_000))?;
        let one_request = Size(limits::REQUEST_BYTES_MAX);
        of.within("requests_bytes_max", self.requests_bytes_max, one_request, Size(tebi))?;
        of.within("in_flight_max", self.in_flight_max, Count(1), Count(10_000_000))?;
        let (least, most) = (Count(1), Count(1_000_000));
        of.within("grpc_connections_max", self.grpc_connections_max, least, most)?;
        of.within("sqs_connections_max", self.sqs_connections_max, least, most)?;
        let (ids_max, most) = (self.deduplication_ids_max, Count(1_000_000_000));
        of.within("deduplication_ids_max", ids_max, Count(1), most)?;
        of.within("drain_timeout", self.drain_timeout, span(0), span(3_600_000))
    }
}

/// What is checked is of this origin.
struct Checked<'a> {
    origin: &'a Origin,
}

impl Checked<'_> {
    fn within<T: PartialOrd + Display + Copy>(
        &self,
        key: &'static str,
        value: Option<T>,
        min: T,
        max: T,
    ) -> Result<(), ConfigError> {
        match value {
            Some(value) if value < min || value > max => {
                Err(self.beyond(key, &value, format!("{min} to {max}")))
            }
            _ => Ok(()),
        }
    }

    fn beyond(&self, key: &'static str, value: &dyn Display, limit: String) -> ConfigError {
        let setting = self.origin.setting(key);
        ConfigError::Beyond { setting, value: value.to_string(), limit }
    }
}
