//! Checkpoints: the state at one LSN, so that a start replays only what came after it.
//!
//! `blocks` is the file, `manifest` what it says of the disk, `write` and `read` its two ends. The
//! state's own entries are `codec`'s. Rules R16 to R19 of the log hold here and in `reclaim`.

mod blocks;
mod manifest;
pub(super) mod read;
mod write;

pub use blocks::{BadCheckpoint, CHECKPOINT_VERSION};
pub use manifest::{ListedBucket, ListedFile, Manifest};
pub use read::{Found, Good, find};
pub use write::{CheckpointDraft, CheckpointOutcome, CheckpointTask, CheckpointWriter, Published};

use crate::types::Lsn;

/// How the names of files with deduplication ids end.
const BUCKETS_ENDINGS: [&str; 2] = [".ids", ".ids2"];

/// The directory of the checkpoints, within the data directory.
pub const CHECKPOINTS_DIR: &str = "checkpoints";

/// Where the checkpoint at an LSN lies.
pub fn path(lsn: Lsn) -> String {
    format!("{CHECKPOINTS_DIR}/{:020}.ckpt", lsn.get())
}

fn temporary_path(lsn: Lsn) -> String {
    format!("{CHECKPOINTS_DIR}/{:020}.ckpt.tmp", lsn.get())
}

/// Where the deduplication ids lie that the checkpoint at an LSN was the first to write: in two
/// files with the same bytes, since the checkpoints behind it have them nowhere else.
pub(super) fn buckets_paths(lsn: Lsn) -> [String; 2] {
    BUCKETS_ENDINGS.map(|ending| format!("{CHECKPOINTS_DIR}/{:020}{ending}", lsn.get()))
}

/// Whether a checkpoint can lie there.
pub(super) fn is_checkpoint_path(path: &str) -> bool {
    lsn_of_path(path).is_some()
}

/// Whether deduplication ids can lie there.
pub(super) fn is_buckets_path(path: &str) -> bool {
    name_in_dir(path).and_then(lsn_of_buckets).is_some()
}

/// The LSN in the path of a checkpoint.
pub(super) fn lsn_of_path(path: &str) -> Option<Lsn> {
    name_in_dir(path).and_then(lsn_of)
}

fn name_in_dir(path: &str) -> Option<&str> {
    path.strip_prefix(CHECKPOINTS_DIR)?.strip_prefix('/')
}

fn lsn_of(name: &str) -> Option<Lsn> {
    lsn_before(name, ".ckpt")
}

fn lsn_of_buckets(name: &str) -> Option<Lsn> {
    BUCKETS_ENDINGS.iter().find_map(|ending| lsn_before(name, ending))
}

fn lsn_before(name: &str, ending: &str) -> Option<Lsn> {
    let digits = name.strip_suffix(ending)?;
    let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all_digits).map(Lsn::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_deduplication_ids_are_told_by_their_names() {
        let paths = buckets_paths(Lsn::new(7));
        assert!(paths.iter().all(|path| is_buckets_path(path)), "{paths:?}");
        let checkpoint = path(Lsn::new(7));
        assert!(is_checkpoint_path(&checkpoint) && !is_buckets_path(&checkpoint));
        assert!(!is_buckets_path(&format!("{CHECKPOINTS_DIR}/notes")));
    }
}
