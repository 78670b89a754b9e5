//! What a checkpoint says of the disk: where the log was, which files there were, and which of the
//! messages in each were live.

use std::collections::BTreeMap;

use bytes::BufMut;
use roaring::RoaringTreemap;

use super::blocks::BadCheckpoint;
use crate::{
    codec::{DecodeError, Reader},
    log::{FileId, Position, SegmentId},
    types::{Lsn, OutputId, QueueId, Seq, Timestamp},
};

const SEGMENT: u8 = 1;
const OUTPUT: u8 = 2;

/// Everything in a checkpoint but the state's own entries.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The end of the last frame that the checkpoint holds.
    pub position: Position,
    /// Broker time there.
    pub at: Timestamp,
    /// The id that the next compaction output gets.
    pub next_output: OutputId,
    /// The files that were there.
    pub files: BTreeMap<FileId, ListedFile>,
    /// Where the deduplication ids are.
    pub buckets: Vec<ListedBucket>,
}

/// One file of the log, as it was.
#[derive(Clone, Debug, PartialEq)]
pub struct ListedFile {
    /// The salt in its header.
    pub salt: u32,
    /// Its length, in bytes.
    pub bytes: u64,
    /// How often the messages in it were copied.
    pub generation: u8,
    /// The last LSN in it, or that of the switch to it.
    pub needed_to: Lsn,
    /// Its live messages. A file without any is listed because the checkpoint before may need it.
    pub live: RoaringTreemap,
}

/// One bucket of deduplication ids, within the file of some checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListedBucket {
    /// The checkpoint that wrote it.
    pub file: Lsn,
    /// Where it begins in that file, in bytes.
    pub offset: u64,
    /// Its length, in bytes.
    pub length: u32,
    /// CRC-32 (IEEE) of its bytes.
    pub crc: u32,
    /// Its queue.
    pub queue: QueueId,
    /// The message of its first id.
    pub first: Seq,
}

impl Manifest {
    /// Whether the checkpoint needs a file, for what was live at its LSN or for the log after it.
    pub fn needs(&self, id: FileId) -> bool {
        let is_live = self.files.get(&id).is_some_and(|listed| !listed.live.is_empty());
        is_live || id == FileId::Segment(self.position.segment)
    }

    /// The manifest as bytes.
    ///
    /// ```text
    /// u64 LSN; u64 segment; u64 offset; u32 CRC of the frame; u64 time; u64 next output
    /// u32 count of files, each:
    ///     u8 kind (1 segment, 2 output); u64 id; u32 salt; u64 length; u8 generation;
    ///     u64 needed to; u32 length and the set of live messages, in the portable format of
    ///     Roaring bitmaps for 64 bits (github.com/RoaringBitmap/RoaringFormatSpec)
    /// u32 count of buckets, each:
    ///     u64 file; u64 offset; u32 length; u32 CRC; u64 queue; u64 first message
    /// ```
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.put_u64_le(self.position.lsn.get());
        out.put_u64_le(self.position.segment.get());
        out.put_u64_le(self.position.offset);
        out.put_u32_le(self.position.crc);
        out.put_u64_le(self.at.as_millis());
        out.put_u64_le(self.next_output.get());
        put_count(&mut out, self.files.len());
        for (id, file) in &self.files {
            let (kind, number) = match id {
                FileId::Segment(id) => (SEGMENT, id.get()),
                FileId::Output(id) => (OUTPUT, id.get()),
            };
            out.put_u8(kind);
            out.put_u64_le(number);
            out.put_u32_le(file.salt);
            out.put_u64_le(file.bytes);
            out.put_u8(file.generation);
            out.put_u64_le(file.needed_to.get());
            put_count(&mut out, file.live.serialized_size());
            file.live.serialize_into(&mut out).expect("memory takes all bytes");
        }
        put_count(&mut out, self.buckets.len());
        for bucket in &self.buckets {
            out.put_u64_le(bucket.file.get());
            out.put_u64_le(bucket.offset);
            out.put_u32_le(bucket.length);
            out.put_u32_le(bucket.crc);
            out.put_u64_le(bucket.queue.get());
            out.put_u64_le(bucket.first.get());
        }
        out
    }

    /// The manifest in these bytes, which may be any.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, BadCheckpoint> {
        let mut reader = Reader::new(bytes);
        let manifest = take(&mut reader).map_err(content)??;
        reader.finish().map_err(content)?;
        let given = |id: &FileId| match id {
            FileId::Segment(_) => true,
            FileId::Output(id) => *id < manifest.next_output,
        };
        if manifest.files.keys().all(given) {
            Ok(manifest)
        } else {
            let why = "it lists an output that is still to be made";
            Err(BadCheckpoint::Content(why.to_owned()))
        }
    }
}

fn take(reader: &mut Reader<'_>) -> Result<Result<Manifest, BadCheckpoint>, DecodeError> {
    let position = Position {
        lsn: Lsn::new(reader.u64("the LSN")?),
        segment: SegmentId::new(reader.u64("the segment")?),
        offset: reader.u64("the offset")?,
        crc: reader.u32("the frame's CRC")?,
    };
    let at = Timestamp::from_millis(reader.u64("the time")?);
    let next_output = OutputId::new(reader.u64("the next output")?);
    let mut files = BTreeMap::new();
    for _ in 0..reader.u32("the count of files")? {
        let offset = reader.offset();
        let id = match reader.u8("the kind of a file")? {
            SEGMENT => FileId::Segment(SegmentId::new(reader.u64("a segment")?)),
            OUTPUT => FileId::Output(OutputId::new(reader.u64("an output")?)),
            value => {
                let (what, value) = ("the kind of a file", u64::from(value));
                return Err(DecodeError::Unknown { offset, what, value });
            }
        };
        let salt = reader.u32("a file's salt")?;
        let length = reader.u64("a file's length")?;
        let generation = reader.u8("a file's generation")?;
        let needed_to = Lsn::new(reader.u64("a file's last LSN")?);
        let set_bytes = reader.u32("the length of a set")? as usize;
        let set = reader.take(set_bytes, "a set of live messages")?;
        let live = match RoaringTreemap::deserialize_from(set) {
            Ok(live) => live,
            Err(error) => return Ok(Err(BadCheckpoint::Content(error.to_string()))),
        };
        files.insert(id, ListedFile { salt, bytes: length, generation, needed_to, live });
    }
    let mut buckets = Vec::new();
    for _ in 0..reader.u32("the count of buckets")? {
        buckets.push(ListedBucket {
            file: Lsn::new(reader.u64("a bucket's file")?),
            offset: reader.u64("a bucket's offset")?,
            length: reader.u32("a bucket's length")?,
            crc: reader.u32("a bucket's CRC")?,
            queue: QueueId::new(reader.u64("a bucket's queue")?),
            first: Seq::new(reader.u64("a bucket's first message")?),
        });
    }
    Ok(Ok(Manifest { position, at, next_output, files, buckets }))
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    out.put_u32_le(u32::try_from(count).expect("far less than four billion"));
}

#[expect(clippy::needless_pass_by_value, reason = "for `map_err`")]
fn content(error: DecodeError) -> BadCheckpoint {
    BadCheckpoint::Content(error.to_string())
}
