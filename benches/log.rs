//! What the log costs beside the disk: making a frame of 64 messages, with their checksums and the
//! search for zero sectors, and reading a log again at a start, from a disk in memory.
//!
//! `cargo bench --bench log`, with `-- --quick` for a first look.

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use ledgerq::{
    clock::Stopwatch,
    codec::{encode_head, encode_record},
    disk::{Disk, SimDisk},
    log::{self, Body, Draft, SEGMENTS_DIR, Settings, Writer},
    types::{Envelope, Lineage, QueueId, Record, Sending, Seq, Timestamp},
};

const BODIES: u64 = 64;
const BODY_BYTES: usize = 1024;
const SEGMENT_BYTES: u64 = 16 << 20;
/// How much a log holds that is read again, in bytes.
const LOG_BYTES: u64 = 64 << 20;

criterion_group!(benches, frames, starts);
criterion_main!(benches);

fn settings() -> Settings {
    Settings {
        segment_bytes: SEGMENT_BYTES,
        lineage: Lineage(*b"a log of a bench"),
        standby_count: 1,
    }
}

/// A new log on a disk in memory.
fn new_log() -> (SimDisk, Writer) {
    let disk = SimDisk::new();
    log::create(&disk, &settings(), &mut || 1).expect("nothing fails");
    let (writer, _) = recover(&disk);
    (disk, writer)
}

fn recover(disk: &SimDisk) -> (Writer, log::RecoveryReport) {
    let mut sink = |view: log::FrameView<'_>| {
        black_box(view.records);
        Ok(())
    };
    log::recover(disk, &settings(), &mut || 2, &mut sink, &mut |_| {}).expect("nothing is damaged")
}

/// The records of so many sends; the log does not look into them.
fn records() -> Vec<u8> {
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
fn draft(records: Vec<u8>, bodies: &[Bytes]) -> Draft {
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

fn bodies() -> Vec<Bytes> {
    (0..BODIES).map(|_| Bytes::from(vec![b'x'; BODY_BYTES])).collect()
}

/// Gives the writer its next segment, on `disk`.
fn prepare(writer: &mut Writer, disk: &SimDisk) {
    while let Some(job) = writer.prepare(3, None) {
        writer.prepared(job.run(disk));
    }
    while writer.seal().is_some() {}
}

fn frames(c: &mut Criterion) {
    let (records, bodies) = (records(), bodies());
    let frame_bytes = draft(records.clone(), &bodies).frame_bytes();
    let mut group = c.benchmark_group("log");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    group.measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Bytes(frame_bytes));
    // What of the next figure is the checksums of the bodies.
    group.bench_function(format!("checksum {BODIES} x {BODY_BYTES} bytes"), |b| {
        b.iter(|| draft(Vec::new(), black_box(&bodies)));
    });
    let name = format!("checksum and encode a frame of {BODIES} x {BODY_BYTES} bytes");
    let (_disk, mut writer) = new_log();
    group.bench_function(name, |b| {
        b.iter_custom(|count| {
            let mut took = Duration::ZERO;
            for _ in 0..count {
                if !writer.ready(frame_bytes, 0) {
                    // A disk of its own for each segment: what is full is of no use any more.
                    let disk = SimDisk::new();
                    disk.create_dir(SEGMENTS_DIR).expect("a new disk");
                    prepare(&mut writer, &disk);
                }
                let records = records.clone();
                let watch = Stopwatch::start();
                let appended = writer.append(draft(records, &bodies));
                took += watch.elapsed();
                drop(black_box(appended));
                writer.synced(Ok(Duration::ZERO)).expect("nothing fails");
            }
            took
        });
    });
    group.finish();
}

fn starts(c: &mut Criterion) {
    let (records, bodies) = (records(), bodies());
    let (disk, mut writer) = new_log();
    let mut written_bytes = 0;
    while written_bytes < LOG_BYTES {
        prepare(&mut writer, &disk);
        let appended = writer.append(draft(records.clone(), &bodies));
        let outcome = appended.job.run().map(|()| Duration::ZERO);
        written_bytes += writer.synced(outcome).expect("nothing fails").frame_bytes;
    }
    assert_eq!(recover(&disk).1.frames_bytes, written_bytes, "a start finds every frame");
    let mut group = c.benchmark_group("log");
    group.sample_size(10).throughput(Throughput::Bytes(written_bytes));
    let name = format!("recover a log of {} MiB", LOG_BYTES >> 20);
    group.bench_function(name, |b| b.iter(|| black_box(recover(&disk).1)));
    group.finish();
}
