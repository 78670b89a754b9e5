//! What the log costs beside the disk: making a frame of 64 messages, with their checksums and the
//! search for zero sectors, and reading a log again at a start, from a disk in memory.
//!
//! `cargo bench --bench log`, with `-- --quick` for a first look.

#[path = "support/frames.rs"]
mod frames;

use std::{hint::black_box, time::Duration};

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use ledgerq::{
    clock::Stopwatch,
    disk::{Disk, SimDisk},
    log::SEGMENTS_DIR,
};

use self::frames::{BODIES, BODY_BYTES, bodies, draft, new_log, prepare, records, recover};

/// How much a log holds that is read again, in bytes.
const LOG_BYTES: u64 = 64 << 20;

criterion_group!(benches, appends, starts);
criterion_main!(benches);

fn appends(c: &mut Criterion) {
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
