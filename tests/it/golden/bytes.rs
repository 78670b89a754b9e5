//! Records and heads of payloads, each with a name and its bytes.

use bytes::Bytes;
use ledgerq::{
    codec::{decode_payload, decode_records, encode_head, encode_record},
    types::{Attribute, AttributeValue, Envelope, Record},
};

use super::{
    golden, hex,
    records::{first_records, records},
    unhex,
};
use crate::commands::group;

fn heads_1() -> Vec<(&'static str, Envelope)> {
    let text = |name: &str, data_type: &str, value: &str| Attribute {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        value: AttributeValue::Text(value.to_owned()),
    };
    let binary = Attribute {
        name: "b".to_owned(),
        data_type: "Binary.png".to_owned(),
        value: AttributeValue::Binary(Bytes::from_static(&[0, 1, 255])),
    };
    let only = |attributes| Envelope { attributes, ..Envelope::default() };
    vec![
        ("none", only(Vec::new())),
        ("text", only(vec![text("a.b-c_d", "String", "value")])),
        ("all", only(vec![text("n", "Number.int", "-1"), binary, text("s", "String", "x")])),
    ]
}

fn heads_2() -> Vec<(&'static str, Envelope)> {
    let none = Envelope::default();
    let text = |text: &str| Some(text.to_owned());
    let attributes = heads_1().pop().expect("there are some").1.attributes;
    vec![
        ("group", Envelope { group: Some(group("orders")), ..none.clone() }),
        ("deduplication-id", Envelope { deduplication_id: text("id-1"), ..none.clone() }),
        ("trace-header", Envelope { trace_header: text("Root=1-2-3"), ..none.clone() }),
        ("sender", Envelope { sender: text("AIDA"), ..none }),
        (
            "all",
            Envelope {
                attributes,
                group: Some(group("g!")),
                deduplication_id: text("d"),
                trace_header: text("t"),
                sender: text("s"),
            },
        ),
    ]
}

pub(super) fn lines<T>(named: Vec<(&'static str, T)>, encode: impl Fn(&T) -> Vec<u8>) -> String {
    let line = |(name, value): (&str, T)| format!("{name} {}\n", hex(&encode(&value)));
    named.into_iter().map(line).collect()
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

fn decoded(bytes: &[u8], name: &str) -> Record {
    let mut decoded = Vec::new();
    let outcome = decode_records(bytes, &mut |record| decoded.push(record));
    assert_eq!((outcome, decoded.len()), (Ok(()), 1), "{name}");
    decoded.remove(0)
}

/// The names and bytes of a golden file, which are those of the list.
pub(super) fn pairs<'a, T>(
    file: &'a str,
    list: Vec<(&'static str, T)>,
) -> Vec<(&'static str, T, &'a str)> {
    assert_eq!(file.lines().count(), list.len(), "each has its line");
    let pair = |(line, (name, value)): (&'a str, (&'static str, T))| {
        let (found, bytes) = line.split_once(' ').expect("a name and bytes");
        assert_eq!(found, name);
        (name, value, bytes)
    };
    file.lines().zip(list).map(pair).collect()
}

#[test]
fn records_of_version_1_are_read() {
    for (name, record, bytes) in pairs(include_str!("records-1.txt"), first_records()) {
        assert_eq!(decoded(&unhex(bytes), name), record, "{name}");
        // Settings have grown since: a queue's record is written with another type.
        let is_as_ever = !matches!(name, "queue-created" | "queue-updated");
        assert_eq!(hex(&encoded(&record)) == bytes, is_as_ever, "{name}");
        assert_eq!(decoded(&encoded(&record), name), record, "{name}");
    }
}

#[test]
fn records_of_versions_2_and_3_are_read_and_written_as_ever() {
    // The one that was added since.
    let second = records().into_iter().filter(|(name, _)| *name != "compacted").collect();
    let third = golden("records-3.txt", &|| lines(records(), encoded));
    let second = pairs(include_str!("records-2.txt"), second);
    for (name, record, bytes) in second.into_iter().chain(pairs(&third, records())) {
        assert_eq!(decoded(&unhex(bytes), name), record, "{name}");
        assert_eq!(hex(&encoded(&record)), bytes, "{name}");
    }
}

#[test]
fn heads_of_both_versions_are_read_and_written_as_ever() {
    let encode = |envelope: &Envelope| encode_head(envelope).to_vec();
    let second = golden("heads-2.txt", &|| lines(heads_2(), encode));
    let first = pairs(include_str!("heads-1.txt"), heads_1());
    for (name, envelope, bytes) in first.into_iter().chain(pairs(&second, heads_2())) {
        let payload = [unhex(bytes), b"body".to_vec()].concat();
        let decoded = decode_payload(&payload.into());
        assert_eq!(decoded, Ok((envelope.clone(), Bytes::from_static(b"body"))), "{name}");
        assert_eq!(hex(&encode(&envelope)), bytes, "{name}");
    }
}

#[test]
fn a_transact_within_a_transact_is_refused() {
    let inner = Record::Transacted { records: vec![Record::Tick] };
    let outer = Record::Transacted { records: vec![inner] };
    assert!(decode_records(&encoded(&outer), &mut |_| {}).is_err());
}
