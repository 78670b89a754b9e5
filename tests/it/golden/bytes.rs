//! Records and heads of payloads, each with a name and its bytes.

use bytes::Bytes;
use ledgerq::{
    codec::{decode_payload, decode_records, encode_head, encode_record},
    types::{
        Attribute, AttributeValue, Millis, Nonce, QueueId, QueueName, QueueSettings, Record, Seq,
        Timestamp,
    },
};

use super::{golden, hex, unhex};

/// The record after this one in the file, so that every kind has one: a new kind of record breaks
/// the build here until it has its place.
fn next(before: Option<&Record>) -> Option<(&'static str, Record)> {
    let (queue, seq) = (QueueId::new(0x0102), Seq::new(0x0304_0506));
    let until = Timestamp::from_millis(1_700_000_030_000);
    let Some(before) = before else { return Some(("tick", Record::Tick)) };
    Some(match before {
        Record::Tick => ("retention-held", Record::RetentionHeld),
        Record::RetentionHeld => ("retention-released", Record::RetentionReleased),
        Record::RetentionReleased => {
            let name = QueueName::parse("Jobs_2-b").expect("a good name");
            ("queue-created", Record::QueueCreated { queue, name, settings: settings() })
        }
        Record::QueueCreated { .. } => {
            ("queue-updated", Record::QueueUpdated { queue, settings: settings() })
        }
        Record::QueueUpdated { .. } => ("queue-deleted", Record::QueueDeleted { queue }),
        Record::QueueDeleted { .. } => {
            ("queue-purged", Record::QueuePurged { queue, seq_bound: seq })
        }
        Record::QueuePurged { .. } => {
            ("message-sent", Record::MessageSent { queue, seq, ready_at: until, size: 0x000a_0b0c })
        }
        Record::MessageSent { .. } => {
            let nonce = Nonce::new(0x1122_3344_5566_7788);
            ("message-leased", Record::MessageLeased { queue, seq, nonce, until })
        }
        Record::MessageLeased { .. } => {
            ("visibility-changed", Record::VisibilityChanged { queue, seq, until })
        }
        Record::VisibilityChanged { .. } => {
            ("lease-returned", Record::LeaseReturned { queue, seq })
        }
        Record::LeaseReturned { .. } => ("message-deleted", Record::MessageDeleted { queue, seq }),
        Record::MessageDeleted { .. } => return None,
    })
}

fn settings() -> QueueSettings {
    QueueSettings {
        delay: Millis::new(1),
        message_bytes_max: 2048,
        retention: Millis::from_secs(3600),
        receive_wait: Millis::from_secs(20),
        visibility_timeout: Millis::new(30_500),
    }
}

fn records() -> Vec<(&'static str, Record)> {
    let mut records: Vec<(&'static str, Record)> = Vec::new();
    while let Some(named) = next(records.last().map(|(_, record)| record)) {
        records.push(named);
    }
    records
}

fn heads() -> Vec<(&'static str, Vec<Attribute>)> {
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
    vec![
        ("none", Vec::new()),
        ("text", vec![text("a.b-c_d", "String", "value")]),
        ("all", vec![text("n", "Number.int", "-1"), binary, text("s", "String", "x")]),
    ]
}

fn lines<T>(named: Vec<(&'static str, T)>, encode: impl Fn(&T) -> Vec<u8>) -> String {
    let line = |(name, value): (&str, T)| format!("{name} {}\n", hex(&encode(&value)));
    named.into_iter().map(line).collect()
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_record(record, &mut bytes);
    bytes
}

#[test]
fn records_of_version_1_are_read_and_written_as_ever() {
    let file = golden("records-1.txt", &|| lines(records(), encoded));
    let records = records();
    assert_eq!(file.lines().count(), records.len(), "each kind has its line");
    for (line, (name, record)) in file.lines().zip(records) {
        let (found, bytes) = line.split_once(' ').expect("a name and bytes");
        assert_eq!(found, name);
        let mut decoded = Vec::new();
        let outcome = decode_records(&unhex(bytes), &mut |record| decoded.push(record));
        assert_eq!(outcome, Ok(()), "{name}");
        assert_eq!(decoded, std::slice::from_ref(&record), "{name}");
        assert_eq!(hex(&encoded(&record)), bytes, "{name}");
    }
}

#[test]
fn heads_of_version_1_are_read_and_written_as_ever() {
    let encode = |attributes: &Vec<Attribute>| encode_head(attributes).to_vec();
    let file = golden("heads-1.txt", &|| lines(heads(), encode));
    assert_eq!(file.lines().count(), heads().len(), "each head has its line");
    for (line, (name, attributes)) in file.lines().zip(heads()) {
        let (found, bytes) = line.split_once(' ').expect("a name and bytes");
        assert_eq!(found, name);
        let payload = [unhex(bytes), b"body".to_vec()].concat();
        let decoded = decode_payload(&payload.into());
        assert_eq!(decoded, Ok((attributes.clone(), Bytes::from_static(b"body"))), "{name}");
        assert_eq!(hex(&encode(&attributes)), bytes, "{name}");
    }
}
