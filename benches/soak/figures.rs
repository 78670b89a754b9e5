//! What is taken of the server again and again, and what comes out in the end.

use std::collections::VecDeque;

use hdrhistogram::Histogram;
use ledgerq::{
    config::Config,
    types::{Lsn, Status, WrittenStatus},
};

use super::support::float;

/// Segments that are there whatever lives: one in use, one prepared, the reserve for a full disk
/// (two and a compaction's output), and the one in which the older checkpoint ends, which stays
/// whole. Those that wait to be used again come on top.
const RESERVE_SEGMENTS: u64 = 6;
/// Ticks after a start in which sends do not count as undisturbed nor as disturbed by maintenance:
/// clients connect again, and what they send was held up.
const SETTLING_TICKS: u32 = 30;

/// All figures of a run.
pub(crate) struct Figures {
    segment_bytes: u64,
    reserve_segments: u64,
    last: Option<Status>,
    /// What was written by the servers before this one.
    written_before: WrittenStatus,
    restart_count: u64,
    ticks_since_start: u32,
    /// Where in the log the records were that were durable at the last ticks.
    positions: VecDeque<(Lsn, u64)>,
    was_busy: bool,
    pub(crate) checkpoint_count: u64,
    pub(crate) compaction_count: u64,
    pub(crate) failed_count: u64,
    /// What sends took without maintenance, and with, in microseconds.
    quiet_us: Histogram<u64>,
    busy_us: Histogram<u64>,
    /// The worst of disk over what it may be.
    pub(crate) disk_ratio_max: Option<f64>,
}

impl Figures {
    /// Of a server that is set so.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            segment_bytes: config.segment_bytes,
            reserve_segments: RESERVE_SEGMENTS + config.reclaim_pool,
            last: None,
            written_before: WrittenStatus::default(),
            restart_count: 0,
            ticks_since_start: 0,
            positions: VecDeque::new(),
            was_busy: false,
            checkpoint_count: 0,
            compaction_count: 0,
            failed_count: 0,
            quiet_us: histogram(),
            busy_us: histogram(),
            disk_ratio_max: None,
        }
    }

    /// The server was killed, and another one is there.
    pub(crate) fn restarted(&mut self) {
        self.written_before = self.written();
        self.restart_count += 1;
        self.ticks_since_start = 0;
        if let Some(last) = &mut self.last {
            // Its counters begin again.
            last.written = WrittenStatus::default();
            last.compaction.switched_count = 0;
            (last.checkpoints_failed, last.compaction.failed_count) = (0, 0);
        }
    }

    /// One tick: how the server is, if it tells, and what the sends took that ended in it.
    pub(crate) fn tick(&mut self, status: Option<Status>, took_us: &[u64]) {
        self.ticks_since_start = self.ticks_since_start.saturating_add(1);
        let Some(status) = status else { return };
        let is_busy = self.count_maintenance(&status);
        if self.ticks_since_start > SETTLING_TICKS {
            // A send that began while it was busy may have ended after.
            let side =
                if is_busy || self.was_busy { &mut self.busy_us } else { &mut self.quiet_us };
            for us in took_us {
                side.saturating_record(*us);
            }
        }
        self.was_busy = is_busy;
        let durable = status.durable_lsn;
        self.last = Some(status);
        self.positions.push_back((durable, self.log_position()));
        let older = self.older_checkpoint();
        while self.positions.get(1).is_some_and(|(lsn, _)| *lsn <= older) {
            self.positions.pop_front();
        }
    }

    /// Disk over what it may be now: twice what lives, the reserve, and the log since the older
    /// checkpoint.
    pub(crate) fn disk(&mut self, used_bytes: u64) -> Option<f64> {
        let status = self.last.as_ref()?;
        let checkpoints = [&status.checkpoint, &status.checkpoint_before];
        let sizes = checkpoints.iter().filter_map(|it| it.as_ref()).map(|it| it.bytes);
        // Two that are kept, and two that are in reserve.
        let reserve = self.reserve_segments * self.segment_bytes + 2 * sizes.sum::<u64>();
        let allowed = 2 * status.files.live_bytes + reserve + self.log_since_older();
        let ratio = float(used_bytes) / float(allowed);
        let worst = self.disk_ratio_max.map_or(ratio, |worst| worst.max(ratio));
        self.disk_ratio_max = Some(worst);
        Some(ratio)
    }

    /// Bytes of messages that are there.
    pub(crate) fn live_bytes(&self) -> Option<u64> {
        self.last.as_ref().map(|status| status.files.live_bytes)
    }

    /// What was written over what was accepted, over the whole run.
    pub(crate) fn amplification(&self) -> Option<f64> {
        self.last.as_ref().and_then(|_| self.written().amplification())
    }

    /// The p99 of sends while there was maintenance over the p99 without.
    pub(crate) fn p99_ratio(&self) -> Option<f64> {
        let has_both = !self.quiet_us.is_empty() && !self.busy_us.is_empty();
        let p99 = |side: &Histogram<u64>| float(side.value_at_quantile(0.99));
        has_both.then(|| p99(&self.busy_us) / p99(&self.quiet_us))
    }

    /// Sends that ended without maintenance, and with.
    pub(crate) fn send_counts(&self) -> [u64; 2] {
        [self.quiet_us.len(), self.busy_us.len()]
    }

    /// Counts checkpoints and compactions that ended; whether there was or is one in this tick.
    fn count_maintenance(&mut self, status: &Status) -> bool {
        let lsn = |status: &Status| status.checkpoint.map(|checkpoint| checkpoint.lsn);
        let switched = |status: &Status| status.compaction.switched_count;
        let failed = |status: &Status| status.checkpoints_failed + status.compaction.failed_count;
        let before = |figure: fn(&Status) -> u64| self.last.as_ref().map_or(0, figure);
        let is_new = lsn(status) > self.last.as_ref().and_then(lsn);
        let runs = switched(status).saturating_sub(before(switched));
        self.failed_count += failed(status).saturating_sub(before(failed));
        self.checkpoint_count += u64::from(is_new);
        self.compaction_count += runs;
        is_new || runs > 0 || status.checkpoint_under_way || status.compaction.under_way
    }

    fn written(&self) -> WrittenStatus {
        let WrittenStatus {
            frame_bytes,
            footer_bytes,
            checkpoint_bytes,
            compaction_bytes,
            zero_bytes,
        } = self.written_before;
        let now = self.last.as_ref().map(|status| status.written).unwrap_or_default();
        WrittenStatus {
            frame_bytes: frame_bytes + now.frame_bytes,
            footer_bytes: footer_bytes + now.footer_bytes,
            checkpoint_bytes: checkpoint_bytes + now.checkpoint_bytes,
            compaction_bytes: compaction_bytes + now.compaction_bytes,
            zero_bytes: zero_bytes + now.zero_bytes,
        }
    }

    /// How much of the log there has been. Each start goes on in a segment of its own, and leaves
    /// the rest of the one before as it is.
    fn log_position(&self) -> u64 {
        self.written().frame_bytes + self.restart_count * self.segment_bytes
    }

    /// With fewer than two checkpoints nothing can be given back: it is the log's begin.
    fn older_checkpoint(&self) -> Lsn {
        let before = self.last.as_ref().and_then(|status| status.checkpoint_before);
        before.map_or(Lsn::default(), |checkpoint| checkpoint.lsn)
    }

    fn log_since_older(&self) -> u64 {
        let older = self.older_checkpoint();
        let known = self.positions.front().filter(|(lsn, _)| *lsn <= older);
        self.log_position() - known.map_or(0, |(_, position)| *position)
    }
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 600_000_000, 3).expect("the bounds are good")
}
