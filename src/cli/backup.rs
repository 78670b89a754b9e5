//! `ledgerq backup`: a copy of a broker's files while it serves.
//!
//! The broker says which files to copy, and keeps them; the copying is done here, with the rights
//! of whoever runs this. What was copied gets its name only once the broker has said that it kept
//! all of it to the end.

use std::{
    io,
    path::{Path, PathBuf},
};

use bytesize::ByteSize;
use clap::Args;

use super::{
    Exit, Failure, Session,
    failure::one_line,
    output::{counted, rfc3339},
};
use crate::{
    client::Backup,
    config::Span,
    disk::{Disk, RealDisk},
    entropy::{Entropy, SystemEntropy},
    log::SEGMENTS_DIR,
    store::{self, BackupError, Made},
};

pub(super) const EXAMPLES: &str = "\
Examples:
  ledgerq backup --to /backup/ledgerq-monday
  ledgerq restore --from /backup/ledgerq-monday --data-dir /var/lib/ledgerq-new

Run it on the broker's machine, as its user. On the file system of the data directory full segments
are linked, not copied: such a backup takes moments and no space, and is lost with that disk. A copy
of the directory to another machine is a backup as well.";

/// Where a backup goes.
#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// Directory of the backup; made if it is not there, and else it must be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// How long the broker keeps the files at most, up to 24h [default: 1h]
    #[arg(long, value_name = "DURATION")]
    hold: Option<Span>,
}

pub(super) async fn run(args: BackupArgs, mut to: Session) -> Result<(), Failure> {
    check_empty(&args.to)?;
    let begun = to.client.begin_backup(args.hold.map(|Span(hold)| hold)).await?;
    let (id, dir) = (begun.plan.id, args.to.clone());
    // On another thread, so that the connection is looked after meanwhile.
    let made = tokio::task::spawn_blocking(move || {
        // Not before: a backup that the broker refuses leaves nothing behind.
        let target = empty_dir(&dir)?;
        Ok((make(&begun, &target)?, target))
    });
    let made = made.await.map_err(|error| Failure::start(Exit::Refused, &error));
    let ended = to.client.end_backup(id).await;
    let (made, target) = made.and_then(|made| made)?;
    ended?;
    let dir = &args.to;
    store::publish(&made, &target).map_err(|error| failure(dir, &error))?;
    tell(&mut to, dir, &made)
}

/// Copies the files, from where the broker says that they are.
fn make(begun: &Backup, target: &RealDisk) -> Result<Made, Failure> {
    let Backup { data_dir, plan } = begun;
    let source = readable(Path::new(data_dir))?;
    let cannot = |error: BackupError| failure(target.root(), &error);
    let lineage = store::lineage_of(&source).map_err(|error| cannot(error.into()))?;
    let salt = SystemEntropy::new().next();
    store::back_up(plan, lineage, &source, target, salt).map_err(cannot)
}

/// The broker's data directory, which it may have on another machine, or in a container.
fn readable(dir: &Path) -> Result<RealDisk, Failure> {
    let cannot = |error: io::Error| {
        let line = format!(
            "the broker has its data in {}, which cannot be read from here: {error}; run the \
             backup on the broker's machine (and in its container), as its user",
            dir.display()
        );
        Failure::new(Exit::Refused, line)
    };
    // Asked first: a data directory that is not there would be made.
    std::fs::metadata(dir.join(SEGMENTS_DIR)).map_err(cannot)?;
    let disk = RealDisk::new(dir).map_err(cannot)?;
    disk.list(SEGMENTS_DIR).map_err(cannot)?;
    Ok(disk)
}

/// A directory that is made here, or was empty.
pub(super) fn empty_dir(dir: &Path) -> Result<RealDisk, Failure> {
    check_empty(dir)?;
    RealDisk::new(dir).map_err(|error| unusable(dir, &error))
}

/// Refuses a directory that has something in it; one that is not there has not.
fn check_empty(dir: &Path) -> Result<(), Failure> {
    match std::fs::read_dir(dir).map(|mut entries| entries.next().is_some()) {
        Ok(true) => {
            let shown = dir.display();
            let line = format!("the directory {shown} is not empty; choose another, or remove it");
            Err(Failure::new(Exit::CannotStart, line))
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(dir, &error)),
        Ok(false) | Err(_) => Ok(()),
    }
}

fn unusable(dir: &Path, error: &io::Error) -> Failure {
    let line = format!("cannot use the directory {}: {error}", dir.display());
    Failure::new(Exit::CannotStart, line)
}

/// A backup that cannot be made, read or restored, in this directory.
pub(super) fn failure(dir: &Path, error: &BackupError) -> Failure {
    let exit = match error {
        BackupError::NotABackup
        | BackupError::Damaged { .. }
        | BackupError::Missing { .. }
        | BackupError::Length { .. }
        | BackupError::Checkpoint { .. }
        | BackupError::Corrupt { .. }
        | BackupError::DamagedBodies { .. }
        | BackupError::End { .. }
        | BackupError::ReadBack { .. } => Exit::Corrupt,
        BackupError::Name { .. } | BackupError::OtherLog { .. } => Exit::Refused,
        BackupError::Io { .. }
        | BackupError::Newer { .. }
        | BackupError::Store(_)
        | BackupError::Log(_) => Exit::CannotStart,
    };
    Failure::new(exit, format!("{}: {}", dir.display(), one_line(error)))
}

fn tell(to: &mut Session, dir: &Path, made: &Made) -> Result<(), Failure> {
    let Made { file, linked_count, copied_count, copied_bytes } = made;
    let bytes: u64 = file.files.iter().map(|listed| listed.bytes).sum();
    if to.out.is_json() {
        to.out.object(&serde_json::json!({
            "directory": dir.display().to_string(),
            "lsn": file.lsn.get(),
            "at": rfc3339(file.at),
            "checkpoint_lsn": file.checkpoint_lsn.get(),
            "size_bytes": bytes,
            "linked_count": linked_count,
            "copied_count": copied_count,
            "copied_bytes": copied_bytes,
        }))?;
    } else {
        let files = counted(file.files.len() as u64, "file", "files");
        to.out.line(&format!(
            "backup made in {}: everything up to LSN {}, {} in {files}; {linked_count} linked, \
             {copied_count} copied ({})",
            dir.display(),
            file.lsn,
            size(bytes),
            size(*copied_bytes),
        ))?;
    }
    Ok(to.out.flush()?)
}

pub(super) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}
