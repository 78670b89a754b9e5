//! `ledgerq restore`: a new data directory from a backup.

use std::{path::PathBuf, sync::Arc};

use clap::Args;

use super::{
    Exit, Failure, Output,
    backup::{empty_dir, failure, size},
    output::{counted, rfc3339},
};
use crate::{
    disk::{Disk, RealDisk},
    entropy::{Entropy, SystemEntropy},
    store::{self, BackupError, Identity, Restored},
};

/// Which backup, and where to.
#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// Directory of the backup; it is only read
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Directory to make; if it is there it must be empty
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Restore the rest if bytes of messages are damaged: those are never served
    #[arg(long)]
    accept_damaged: bool,
}

pub(super) fn run(args: &RestoreArgs, out: &mut Output) -> Result<(), Failure> {
    let from = args.from.display();
    let is_dir = std::fs::metadata(&args.from).map(|metadata| metadata.is_dir());
    if !is_dir.unwrap_or(false) {
        let line = format!("{from} is no directory that can be read");
        return Err(Failure::new(Exit::CannotStart, line));
    }
    let cannot = |error: std::io::Error| failure_of(args, error);
    let source: Arc<dyn Disk> = Arc::new(RealDisk::new(&args.from).map_err(cannot)?);
    let target = empty_dir(&args.data_dir)?;
    let mut entropy = SystemEntropy::new();
    let fresh = Identity::random(&mut || entropy.next());
    let restored = store::restore(&source, &target, &fresh, args.accept_damaged);
    let restored = restored.map_err(|error| failure(&args.from, &error))?;
    tell(args, &restored, out)
}

fn failure_of(args: &RestoreArgs, source: std::io::Error) -> Failure {
    let (operation, path) = ("open", args.from.display().to_string());
    failure(&args.from, &BackupError::Io { operation, path, source })
}

fn tell(args: &RestoreArgs, restored: &Restored, out: &mut Output) -> Result<(), Failure> {
    let Restored { backup, copied_bytes } = restored;
    let (file, damaged_count) = (&backup.file, backup.damaged_count);
    let dir = args.data_dir.display();
    if out.is_json() {
        out.object(&serde_json::json!({
            "directory": dir.to_string(),
            "lsn": file.lsn.get(),
            "at": rfc3339(file.at),
            "copied_count": file.files.len(),
            "copied_bytes": copied_bytes,
            "damaged_message_count": damaged_count,
        }))?;
    } else {
        let files = counted(file.files.len() as u64, "file", "files");
        out.line(&format!(
            "restored to {dir}: the broker as it was at {}, LSN {}; {files}, {}, all checked",
            rfc3339(file.at),
            file.lsn,
            size(*copied_bytes),
        ))?;
        if damaged_count > 0 {
            let messages = counted(damaged_count, "message is", "messages are");
            out.line(&format!("{messages} damaged, and never served"))?;
        }
        out.line(&format!("ledgerq serve --data-dir {dir}"))?;
    }
    Ok(out.flush()?)
}
