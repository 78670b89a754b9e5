//! What is counted: fixed work of each path, and what it needs before.

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use ledgerq::{
    codec::{decode_payload, encode_head},
    types::{Envelope, Millis, SendEntry},
};

use crate::{
    frames::{BODY_BYTES, bodies, draft, new_log, prepare, records, recover},
    model::{Model, NOW},
    records::{attributes, decode, encoded, frame, sent},
};

/// Cycles of send, receive and delete.
const CYCLES: usize = 2000;
/// Groups of a FIFO queue, or tenants, with ten messages each.
const GROUPS: u64 = 100;
/// Leases that end at once, or messages that a checkpoint has to write.
const LEASES: usize = 1000;
/// Entries of a checkpoint that are taken at once.
const SLICE: usize = 256;
/// How often what is short is done.
const REPEATS: usize = 100;
/// Frames of a log.
const FRAMES: usize = 50;

/// One path.
pub(crate) struct Path {
    /// As in `counts.toml`.
    pub(crate) name: &'static str,
    /// Does what is not counted, and gives what is.
    pub(crate) prepare: fn() -> Box<dyn FnMut()>,
}

/// All of them.
pub(crate) const PATHS: [Path; 12] = [
    Path { name: "state: cycles, standard", prepare: || cycles("bench", 1) },
    Path { name: "state: cycles, 100 tenants", prepare: || cycles("bench", GROUPS) },
    Path { name: "state: cycles, FIFO, 100 groups", prepare: || cycles("bench.fifo", GROUPS) },
    Path { name: "state: leases end", prepare: leases_end },
    Path { name: "state: image in slices", prepare: image },
    Path { name: "codec: encode records", prepare: encode_records },
    Path { name: "codec: decode records", prepare: decode_records },
    Path { name: "codec: encode one record", prepare: encode_one },
    Path { name: "codec: encode heads", prepare: encode_heads },
    Path { name: "codec: decode payloads", prepare: decode_payloads },
    Path { name: "log: append frames", prepare: append },
    Path { name: "log: recover", prepare: recover_log },
];

fn cycles(queue: &str, groups: u64) -> Box<dyn FnMut()> {
    let mut model = Model::new(queue);
    let names: Vec<String> = (0..groups).map(|group| format!("g{group}")).collect();
    (0..10).for_each(|_| names.iter().for_each(|name| model.send(name)));
    // The edge makes the entries, with a checksum and a digest that are not the state's work.
    let turn = names.iter().cycle().take(CYCLES);
    let entries: Vec<SendEntry> = turn.map(|name| model.entry(name)).collect();
    Box::new(move || entries.iter().for_each(|entry| model.cycle(entry)))
}

/// A queue of which every message is in flight.
fn leased() -> Model {
    let mut model = Model::new("bench");
    (0..LEASES).for_each(|_| model.send("g"));
    assert_eq!(model.receive(LEASES).len(), LEASES);
    model
}

fn leases_end() -> Box<dyn FnMut()> {
    let mut model = leased();
    let later = NOW.after(Millis::from_secs(3600));
    Box::new(move || {
        black_box(model.state.advance(later));
    })
}

fn image() -> Box<dyn FnMut()> {
    let mut model = leased();
    Box::new(move || {
        let mut entries = Vec::new();
        model.state.begin_image();
        while model.state.image_slice(SLICE, &mut entries) {}
        assert!(entries.len() > LEASES);
        black_box(entries.len());
    })
}

fn encode_records() -> Box<dyn FnMut()> {
    let records = frame();
    Box::new(move || (0..REPEATS).for_each(|_| drop(black_box(encoded(black_box(&records))))))
}

fn decode_records() -> Box<dyn FnMut()> {
    let bytes = encoded(&frame());
    Box::new(move || (0..REPEATS).for_each(|_| decode(black_box(&bytes))))
}

fn encode_one() -> Box<dyn FnMut()> {
    let record = [sent(1)];
    Box::new(move || (0..REPEATS).for_each(|_| drop(black_box(encoded(black_box(&record))))))
}

fn envelope() -> Envelope {
    Envelope { attributes: attributes().to_vec(), ..Envelope::default() }
}

fn encode_heads() -> Box<dyn FnMut()> {
    let envelope = envelope();
    Box::new(move || (0..REPEATS).for_each(|_| drop(black_box(encode_head(black_box(&envelope))))))
}

fn decode_payloads() -> Box<dyn FnMut()> {
    let payload = Bytes::from([&encode_head(&envelope())[..], &[b'x'; BODY_BYTES]].concat());
    Box::new(move || {
        for _ in 0..REPEATS {
            drop(black_box(decode_payload(black_box(&payload)).expect("it was just encoded")));
        }
    })
}

/// Frames of a segment, each from its messages to the bytes that are to be written.
fn append() -> Box<dyn FnMut()> {
    let (disk, mut writer) = new_log();
    let (records, bodies) = (records(), bodies());
    prepare(&mut writer, &disk);
    Box::new(move || {
        for _ in 0..FRAMES {
            drop(black_box(writer.append(draft(records.clone(), &bodies))));
            writer.synced(Ok(Duration::ZERO)).expect("nothing fails");
        }
    })
}

fn recover_log() -> Box<dyn FnMut()> {
    let (disk, mut writer) = new_log();
    let (records, bodies) = (records(), bodies());
    prepare(&mut writer, &disk);
    for _ in 0..FRAMES {
        let appended = writer.append(draft(records.clone(), &bodies));
        let outcome = appended.job.run().map(|()| Duration::ZERO);
        writer.synced(outcome).expect("nothing fails");
    }
    Box::new(move || drop(black_box(recover(&disk).1)))
}
