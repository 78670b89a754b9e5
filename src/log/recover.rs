//! A start: what is durable is found, judged and replayed, and the writer is made.

use std::sync::Arc;

use crate::disk::Disk;

use super::{FrameView, LogError, Progress, RecoveryReport, SEGMENTS_DIR, Settings, Writer};

/// Replays the log: `sink` gets every durable frame, in order. Then the writer goes on behind the
/// last of them, in a segment of its own.
pub fn recover(
    disk: Arc<dyn Disk>,
    settings: &Settings,
    salts: &mut dyn FnMut() -> u64,
    sink: &mut dyn FnMut(FrameView<'_>) -> Result<(), String>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Writer, RecoveryReport), LogError> {
    settings.check()?;
    disk.sync_dir(SEGMENTS_DIR).map_err(LogError::io("sync", SEGMENTS_DIR))?;
    let (_, _, _) = (salts, sink, progress);
    Err(LogError::Poisoned)
}
