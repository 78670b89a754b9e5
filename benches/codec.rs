//! What it costs to turn records and attributes into bytes and back: one record, what a frame of
//! many small requests holds, and the head of a payload.
//!
//! `cargo bench --bench codec`, with `-- --quick` for a first look.

#[path = "support/records.rs"]
mod records;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledgerq::{
    codec::{decode_payload, encode_head, encode_record},
    types::Envelope,
};

use self::records::{attributes, decode, encoded, frame, sent};

criterion_group!(benches, one_record, a_frame_of_records, payload_heads);
criterion_main!(benches);

fn one_record(c: &mut Criterion) {
    let record = sent(1);
    let bytes = encoded(std::slice::from_ref(&record));
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::with_capacity(bytes.len());
    group.bench_function("encode a MessageSent", |b| {
        b.iter(|| {
            out.clear();
            encode_record(black_box(&record), &mut out);
            black_box(out.len())
        });
    });
    group.bench_function("decode a MessageSent", |b| b.iter(|| decode(black_box(&bytes))));
    group.finish();
}

fn a_frame_of_records(c: &mut Criterion) {
    let records = frame();
    let bytes = encoded(&records);
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Elements(records.len() as u64));
    let name = format!("a frame of {} records", records.len());
    group.bench_function(format!("encode {name}"), |b| b.iter(|| encoded(black_box(&records))));
    group.bench_function(format!("decode {name}"), |b| b.iter(|| decode(black_box(&bytes))));
    group.finish();
}

fn payload_heads(c: &mut Criterion) {
    let three = attributes();
    let mut group = c.benchmark_group("codec");
    group.throughput(Throughput::Elements(1));
    for (name, attributes) in [("no attributes", &three[..0]), ("3 attributes", &three[..])] {
        let envelope = Envelope { attributes: attributes.to_vec(), ..Envelope::default() };
        let payload = Bytes::from([&encode_head(&envelope)[..], &[b'x'; 1024]].concat());
        group.bench_function(format!("encode the head of a payload with {name}"), |b| {
            b.iter(|| encode_head(black_box(&envelope)));
        });
        group.bench_function(format!("decode a payload with {name}"), |b| {
            b.iter(|| decode_payload(black_box(&payload)).expect("it was just encoded"));
        });
    }
    group.finish();
}
