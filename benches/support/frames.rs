//! A log on a disk in memory, and frames of 64 messages for it.

use std::hint::black_box;

use bytes::Bytes;
use ledgerq::{
    codec::{encode_head, encode_record},
    disk::SimDisk,
    log::{self, Body, Draft, Settings, Writer},
    types::{Envelope, Lineage, QueueId, Record, Sending, Seq, Timestamp},
};

/// Messages of a frame.
pub(crate) const BODIES: u64 = 64;
/// Bytes of each one's body.
pub(crate) const BODY_BYTES: usize = 1024;
const SEGMENT_BYTES: u64 = 16 << 20;

fn settings() -> Settings {
    Settings {
        segment_bytes: SEGMENT_BYTES,
        lineage: Lineage(*b"a log of a bench"),
        standby_count: 1,
    }
}

/// A new log on a disk in memory.
pub(crate) fn new_log() -> (SimDisk, Writer) {
    let disk = SimDisk::new();
    log::create(&disk, &settings(), &mut || 1).expect("nothing fails");
    let (writer, _) = recover(&disk);
    (disk, writer)
}

pub(crate) fn recover(disk: &SimDisk) -> (Writer, log::RecoveryReport) {
    let mut sink = |view: log::FrameView<'_>| {
        black_box(view.records);
        Ok(())
    };
    log::recover(disk, &settings(), &mut || 2, &mut sink, &mut |_| {}).expect("nothing is damaged")
}

/// The records of so many sends; the log does not look into them.
pub(crate) fn records() -> Vec<u8> {
    let mut records = Vec::new();
    for seq in (1..=BODIES).map(Seq::new) {
        let (queue, ready_at) = (QueueId::new(1), Timestamp::ZERO);
        encode_record(
            &Record::MessageSent(Sending::plain(queue, seq, ready_at, 1024)),
            &mut records,
        );
    }
    records
}

/// The draft of a frame, each body's checksum computed here as it is at the edge.
pub(crate) fn draft(records: Vec<u8>, bodies: &[Bytes]) -> Draft {
    let head = encode_head(&Envelope::default());
    let body = |body: &Bytes| {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&head);
        crc.update(body);
        Body { chunks: [head.clone(), body.clone()], crc: crc.finalize() }
    };
    let record_count = u32::try_from(BODIES).expect("it is small");
    let bodies = bodies.iter().map(body).collect();
    Draft { now: Timestamp::ZERO, records, record_count, bodies, summary: Vec::new(), tick: false }
}

pub(crate) fn bodies() -> Vec<Bytes> {
    (0..BODIES).map(|_| Bytes::from(vec![b'x'; BODY_BYTES])).collect()
}

/// Gives the writer its next segment, on `disk`.
pub(crate) fn prepare(writer: &mut Writer, disk: &SimDisk) {
    while let Some(job) = writer.prepare(3, None) {
        writer.prepared(job.run(disk));
    }
    while writer.seal().is_some() {}
}
