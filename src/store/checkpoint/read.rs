//! Finding the checkpoints of a directory, and reading one.

use std::{collections::BTreeMap, io, sync::Arc};

use super::{
    CHECKPOINTS_DIR,
    blocks::{BadCheckpoint, BlockReader, Kind},
    buckets_paths, lsn_of, lsn_of_buckets,
    manifest::{ListedBucket, Manifest},
    path,
};
use crate::{
    codec,
    disk::{Access, Disk, File, read_exact_at},
    store::StoreError,
    types::{DeduplicationBucket, ImageEntry, Lineage, Lsn},
};

/// How many checkpoints are kept.
pub(in crate::store) const KEPT_COUNT: usize = 2;

/// What lies in the directory of the checkpoints.
pub struct Found {
    /// Good ones, the newest first; at most two.
    pub good: Vec<Good>,
    /// Files that are no good checkpoint, each with why.
    pub damaged: Vec<(String, BadCheckpoint)>,
    /// Files that no kept checkpoint needs: older ones, and what an interrupted one left.
    pub spare: Vec<String>,
}

/// A checkpoint that was read from its begin to its end.
pub struct Good {
    /// What it says of the disk.
    pub manifest: Manifest,
    /// Its length, in bytes.
    pub bytes: u64,
}

/// Looks for the good checkpoints of a directory (R10: the directory is synced before). Reads past
/// the page cache, changes nothing. A directory without checkpoints has none.
pub fn find(disk: &dyn Disk, lineage: Lineage) -> Result<Found, StoreError> {
    let mut found = Found { good: Vec::new(), damaged: Vec::new(), spare: Vec::new() };
    let names = match disk.list(CHECKPOINTS_DIR) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
        listed => listed.map_err(StoreError::io("list", CHECKPOINTS_DIR))?,
    };
    for name in names.iter().rev() {
        let path = format!("{CHECKPOINTS_DIR}/{name}");
        let Some(lsn) = lsn_of(name) else {
            let temporary = name.strip_suffix(".tmp").and_then(lsn_of);
            let is_ours = temporary.or_else(|| lsn_of_buckets(name)).is_some();
            if is_ours {
                found.spare.push(path);
            }
            continue;
        };
        if found.good.len() == KEPT_COUNT {
            found.spare.push(path);
            continue;
        }
        match verify(disk, lsn, lineage) {
            Ok(manifest) => {
                let bytes = length(disk, &path).map_err(StoreError::io("measure", &path))?;
                found.good.push(Good { manifest, bytes });
            }
            Err(BadCheckpoint::Newer(version)) => {
                return Err(StoreError::NewerCheckpoint { path, version });
            }
            Err(bad) => found.damaged.push((path, bad)),
        }
    }
    let good = &found.good;
    let is_needed = |path: &String| {
        let buckets = good.iter().flat_map(|good| &good.manifest.buckets);
        buckets.flat_map(|bucket| buckets_paths(bucket.file)).any(|needed| needed == *path)
    };
    found.spare.retain(|path| !is_needed(path));
    Ok(found)
}

fn length(disk: &dyn Disk, path: &str) -> io::Result<u64> {
    disk.open(path, Access::Read)?.len()
}

/// Reads a checkpoint and its buckets from begin to end, past the page cache.
pub(in crate::store) fn verify(
    disk: &dyn Disk,
    lsn: Lsn,
    lineage: Lineage,
) -> Result<Manifest, BadCheckpoint> {
    let manifest = verify_entries(disk, lsn, lineage)?;
    buckets(disk, &manifest.buckets, &mut |_| Ok(()))?;
    Ok(manifest)
}

/// The same without its buckets.
pub(in crate::store) fn verify_entries(
    disk: &dyn Disk,
    lsn: Lsn,
    lineage: Lineage,
) -> Result<Manifest, BadCheckpoint> {
    let file = disk.open(&path(lsn), Access::Read)?;
    file.drop_cache()?;
    let mut reader = BlockReader::open(&*file, lineage)?;
    let manifest = manifest_of(&mut reader)?;
    if reader.lsn != lsn || manifest.position.lsn != lsn {
        return Err(BadCheckpoint::Content("it is of another LSN than its name".to_owned()));
    }
    while reader.next()?.is_some() {}
    Ok(manifest)
}

fn manifest_of(reader: &mut BlockReader<'_>) -> Result<Manifest, BadCheckpoint> {
    let no_manifest = || BadCheckpoint::Content("it has no manifest".to_owned());
    let (_, content) = reader.next()?.ok_or_else(no_manifest)?;
    Manifest::decode(&content)
}

/// Gives the state's entries of a checkpoint to `sink`, whose error, in words, ends the reading.
pub(in crate::store) fn entries(
    disk: &dyn Disk,
    lsn: Lsn,
    lineage: Lineage,
    sink: &mut dyn FnMut(ImageEntry) -> Result<(), String>,
) -> Result<(), BadCheckpoint> {
    let file = disk.open(&path(lsn), Access::Read)?;
    let mut reader = BlockReader::open(&*file, lineage)?;
    let mut refused = Ok(());
    while let Some((kind, content)) = reader.next()? {
        if kind != Kind::Entries {
            continue;
        }
        let mut give = |entry| {
            if refused.is_ok() {
                refused = sink(entry);
            }
        };
        codec::decode_image_entries(&content, &mut give)
            .map_err(|error| BadCheckpoint::Content(error.to_string()))?;
        refused.clone().map_err(BadCheckpoint::Content)?;
    }
    Ok(())
}

/// Gives the buckets that a checkpoint lists to `sink`. One good copy of each is enough.
pub(in crate::store) fn buckets(
    disk: &dyn Disk,
    listed: &[ListedBucket],
    sink: &mut dyn FnMut(DeduplicationBucket) -> Result<(), String>,
) -> Result<(), BadCheckpoint> {
    let mut copies = Copies::default();
    for bucket in listed {
        let [first, second] = buckets_paths(bucket.file);
        let read = match copies.read(disk, &first, bucket) {
            Ok(read) => read,
            Err(bad) => {
                let read = copies.read(disk, &second, bucket).map_err(|_| bad)?;
                tracing::warn!(path = first, "deduplication ids are damaged; their copy is used");
                read
            }
        };
        sink(read).map_err(BadCheckpoint::Content)?;
    }
    Ok(())
}

/// That both copies of these buckets are whole.
pub(in crate::store) fn verify_copies<'a>(
    disk: &dyn Disk,
    listed: impl Iterator<Item = &'a ListedBucket>,
) -> Result<(), BadCheckpoint> {
    let mut copies = Copies::default();
    for bucket in listed {
        for path in buckets_paths(bucket.file) {
            copies.read(disk, &path, bucket)?;
        }
    }
    Ok(())
}

/// Files with deduplication ids, each opened once.
#[derive(Default)]
struct Copies {
    open: BTreeMap<String, Arc<dyn File>>,
}

impl Copies {
    fn read(
        &mut self,
        disk: &dyn Disk,
        path: &str,
        bucket: &ListedBucket,
    ) -> Result<DeduplicationBucket, BadCheckpoint> {
        let file = if let Some(file) = self.open.get(path) {
            Arc::clone(file)
        } else {
            let file = disk.open(path, Access::Read)?;
            file.drop_cache()?;
            self.open.insert(path.to_owned(), Arc::clone(&file));
            file
        };
        let bad = |found| {
            let (path, offset) = (path.to_owned(), bucket.offset);
            BadCheckpoint::Buckets { path, offset, found }
        };
        if bucket.offset + u64::from(bucket.length) > file.len()? {
            return Err(bad("a bucket is cut off"));
        }
        let mut bytes = vec![0; bucket.length as usize];
        read_exact_at(&*file, bucket.offset, &mut bytes)?;
        if crc32fast::hash(&bytes) != bucket.crc {
            return Err(bad("a bucket's checksum does not match"));
        }
        let read = codec::decode_bucket(&bytes)
            .map_err(|error| BadCheckpoint::Content(error.to_string()))?;
        if (read.queue, read.first) != (bucket.queue, bucket.first) {
            return Err(bad("a bucket is not the one that is listed"));
        }
        Ok(read)
    }
}
