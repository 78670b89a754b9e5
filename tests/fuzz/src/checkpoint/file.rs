//! The file of a checkpoint, taken apart and put together with right checksums.

use crate::layout::{crc, put, short};

const HEADER_BYTES: usize = 64;
const BLOCK_HEADER_BYTES: usize = 16;
/// Length of what a manifest says of one bucket, in bytes.
const BUCKET_BYTES: usize = 40;
/// More buckets than the directory has.
const BUCKETS_MAX: usize = 64;

/// A checkpoint's file: header and blocks.
pub(super) struct CheckpointFile {
    pub(super) header: Vec<u8>,
    /// Each with its kind.
    pub(super) blocks: Vec<(u8, Vec<u8>)>,
}

impl CheckpointFile {
    /// Takes a file apart whose lengths are right; checksums are not looked at.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let (header, mut rest) = bytes.split_at_checked(HEADER_BYTES)?;
        let mut blocks = Vec::new();
        while let Some((head, behind)) = rest.split_at_checked(BLOCK_HEADER_BYTES) {
            let length = usize::try_from(number(head, 4)?).ok()?;
            let (content, behind) = behind.split_at_checked(length)?;
            blocks.push((head[0], content.to_vec()));
            rest = behind;
        }
        Some(Self { header: header.to_vec(), blocks })
    }

    /// The file's bytes: blocks are numbered, and every checksum is right.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.header.clone();
        let header_crc = crc32fast::hash(&bytes[..HEADER_BYTES - 4]);
        put(&mut bytes, HEADER_BYTES - 4, &header_crc.to_le_bytes());
        let salt = number(&bytes, 12).unwrap_or_default();
        for (at, (kind, content)) in self.blocks.iter().enumerate() {
            let mut head = vec![*kind, 0, 0, 0];
            head.extend_from_slice(&short(content.len()).to_le_bytes());
            head.extend_from_slice(&short(at).to_le_bytes());
            let crc = crc(salt, &[&head, &content[..]].concat());
            bytes.extend_from_slice(&head);
            bytes.extend_from_slice(&crc.to_le_bytes());
            bytes.extend_from_slice(content);
        }
        bytes
    }

    /// Makes the manifest's checksums of the buckets right that lie in this file of ids.
    pub(super) fn reseal_buckets(&mut self, lsn: u64, ids: &[u8]) -> Option<()> {
        let (_, manifest) = self.blocks.first_mut()?;
        let begins = (1..=BUCKETS_MAX).filter_map(|count| {
            let begin = manifest.len().checked_sub(count * BUCKET_BYTES)?;
            let told = number(manifest, begin.checked_sub(4)?)?;
            (told == short(count)).then_some(begin)
        });
        let begin = begins.min()?;
        for bucket in manifest[begin..].chunks_mut(BUCKET_BYTES) {
            if bucket.first_chunk() != Some(&lsn.to_le_bytes()) {
                continue;
            }
            let offset = usize::try_from(number(bucket, 8)?).ok()?;
            let length = usize::try_from(number(bucket, 16)?).ok()?;
            let end = offset.checked_add(length)?;
            let crc = crc32fast::hash(ids.get(offset..end)?);
            put(bucket, 20, &crc.to_le_bytes());
        }
        Some(())
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}
