//! What it costs to turn records and attributes into bytes and back: one record, what a frame of
//! many small requests holds, and the head of a payload.
//!
//! `cargo bench --bench codec`, with `-- --quick` for a first look.

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ledgerq::{
    codec::{decode_payload, decode_records, encode_head, encode_record},
    types::{Attribute, AttributeValue, Envelope, Nonce, QueueId, Record, Sending, Seq, Timestamp},
};

/// As many messages as one frame often has under load; each is sent, leased and deleted.
const FRAME_MESSAGES: u64 = 256;
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

criterion_group!(benches, one_record, a_frame_of_records, payload_heads);
criterion_main!(benches);

fn sent(seq: u64) -> Record {
    Record::MessageSent(Sending::plain(QueueId::new(7), Seq::new(seq), NOW, 1024))
}

fn frame() -> Vec<Record> {
    let queue = QueueId::new(7);
    let of = |seq| {
        let (sent, seq) = (sent(seq), Seq::new(seq));
        let leased = Record::MessageLeased { queue, seq, nonce: Nonce::new(9), until: NOW };
        [sent, leased, Record::MessageDeleted { queue, seq }]
    };
    (1..=FRAME_MESSAGES).flat_map(of).collect()
}

fn encoded(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        encode_record(record, &mut bytes);
    }
    bytes
}

fn decode(bytes: &[u8]) {
    decode_records(bytes, &mut |record| drop(black_box(record))).expect("it was just encoded");
}

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
    let attribute = |name: &str, data_type: &str, value: &str| Attribute {
        name: name.into(),
        data_type: data_type.into(),
        value: AttributeValue::Text(value.into()),
    };
    let three = [
        attribute("trace-id", "String", "4bf92f3577b34da6a3ce929d0e0e4736"),
        attribute("content-type", "String", "application/json"),
        attribute("priority", "Number", "5"),
    ];
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
