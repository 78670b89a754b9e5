//! The records of a frame, as bytes and back, and a payload.

use std::hint::black_box;

use ledgerq::{
    codec::{decode_records, encode_record},
    types::{Attribute, AttributeValue, Nonce, QueueId, Record, Sending, Seq, Timestamp},
};

/// As many messages as one frame often has under load; each is sent, leased and deleted.
const FRAME_MESSAGES: u64 = 256;
const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A send.
pub(crate) fn sent(seq: u64) -> Record {
    Record::MessageSent(Sending::plain(QueueId::new(7), Seq::new(seq), NOW, 1024))
}

/// The records of a frame.
pub(crate) fn frame() -> Vec<Record> {
    let queue = QueueId::new(7);
    let of = |seq| {
        let (sent, seq) = (sent(seq), Seq::new(seq));
        let leased = Record::MessageLeased { queue, seq, nonce: Nonce::new(9), until: NOW };
        [sent, leased, Record::MessageDeleted { queue, seq }]
    };
    (1..=FRAME_MESSAGES).flat_map(of).collect()
}

/// Their bytes.
pub(crate) fn encoded(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for record in records {
        encode_record(record, &mut bytes);
    }
    bytes
}

/// Reads them again.
pub(crate) fn decode(bytes: &[u8]) {
    decode_records(bytes, &mut |record| drop(black_box(record))).expect("it was just encoded");
}

/// Three attributes of a message.
pub(crate) fn attributes() -> [Attribute; 3] {
    let attribute = |name: &str, data_type: &str, value: &str| Attribute {
        name: name.into(),
        data_type: data_type.into(),
        value: AttributeValue::Text(value.into()),
    };
    [
        attribute("trace-id", "String", "4bf92f3577b34da6a3ce929d0e0e4736"),
        attribute("content-type", "String", "application/json"),
        attribute("priority", "Number", "5"),
    ]
}
