//! The worked example of docs/FORMAT.md: what it says of its bytes is true, the crate's own reader
//! finds exactly that in them, and what the crate writes today equals them byte for byte.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use ledgerq::{
    broker::Receipts,
    codec::{decode_payload, decode_records, encode_head, encode_record},
    disk::{Disk, SimDisk, read_exact_at},
    log::{self, Body, Draft, SEGMENT_BYTES_MIN, SegmentId, Settings},
    store::{Directory, Identity},
    types::{
        Envelope, LeaseRef, Lineage, MessageId, Millis, Nonce, QueueId, QueueName, QueueSettings,
        Record, Sending, Seq, Timestamp,
    },
};

const FORMAT: &str = include_str!("../../docs/FORMAT.md");

/// A dump of the document: bytes at places, and fields of which it tells the values.
#[derive(Default)]
struct Dump {
    /// As far as the dump goes; what it does not show is zero.
    bytes: Vec<u8>,
    numbers: BTreeMap<&'static str, u64>,
    texts: BTreeMap<&'static str, String>,
}

impl Dump {
    /// Reads the block of the document that begins with ```` ```hex title ````: lines of place,
    /// bytes and annotation. An annotation `name = value` must be what the bytes say.
    fn read(title: &str) -> Self {
        let begin = format!("```hex {title}\n");
        let (_, rest) = FORMAT.split_once(&begin).expect("the document has the dump");
        let (block, _) = rest.split_once("\n```").expect("the dump has an end");
        let mut dump = Self::default();
        for line in block.lines() {
            let mut parts = line.splitn(3, '|');
            let mut part = || parts.next().unwrap_or_default().trim();
            let (place, bytes, annotation) = (part(), part(), part());
            let hex = |text: &str| u8::from_str_radix(text, 16).expect("two hexadecimal digits");
            let bytes: Vec<u8> = bytes.split(' ').map(hex).collect();
            let at = usize::from_str_radix(place, 16).expect("a place in hexadecimal digits");
            assert!(at >= dump.bytes.len(), "the places rise: {line}");
            dump.bytes.resize(at, 0);
            dump.annotate(&bytes, annotation);
            dump.bytes.extend_from_slice(&bytes);
        }
        dump
    }

    fn annotate(&mut self, bytes: &[u8], annotation: &'static str) {
        let Some((name, value)) = annotation.split_once(" = ") else { return };
        if let Some(text) = value.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
            let text = text.replace("\\n", "\n");
            assert_eq!(bytes, text.as_bytes(), "{annotation}");
            assert!(self.texts.insert(name, text).is_none(), "{name} is there once");
            return;
        }
        let number = match value.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16),
            None => value.parse(),
        };
        let number = number.expect("a value is a number or a text");
        let mut eight = [0; 8];
        eight[..bytes.len()].copy_from_slice(bytes);
        assert_eq!(u64::from_le_bytes(eight), number, "{annotation}");
        assert!(self.numbers.insert(name, number).is_none(), "{name} is there once");
    }

    fn number(&self, name: &str) -> u64 {
        *self.numbers.get(name).expect("the dump tells the field")
    }

    fn small(&self, name: &str) -> u32 {
        u32::try_from(self.number(name)).expect("the field has 4 bytes")
    }

    fn text(&self, name: &str) -> &str {
        self.texts.get(name).expect("the dump tells the field")
    }

    fn bytes_of<const N: usize>(&self, name: &str) -> [u8; N] {
        self.text(name).as_bytes().try_into().expect("a text of that length")
    }

    fn millis(&self, name: &str) -> Millis {
        Millis::new(self.number(name))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.number("frame.now"))
    }
}

/// The two records of the example, from the values that its annotations tell.
fn records(dump: &Dump) -> [Record; 2] {
    let settings = QueueSettings {
        delay: dump.millis("QueueCreated.delay"),
        message_bytes_max: dump.number("QueueCreated.message_bytes_max"),
        retention: dump.millis("QueueCreated.retention"),
        receive_wait: dump.millis("QueueCreated.receive_wait"),
        visibility_timeout: dump.millis("QueueCreated.visibility_timeout"),
        ..QueueSettings::default()
    };
    let name = QueueName::parse(dump.text("QueueCreated.name")).expect("a good name");
    let queue = QueueId::new(dump.number("QueueCreated.queue"));
    [
        Record::QueueCreated { queue, name, settings },
        Record::MessageSent(Sending::plain(
            QueueId::new(dump.number("MessageSent.queue")),
            Seq::new(dump.number("MessageSent.seq")),
            Timestamp::from_millis(dump.number("MessageSent.ready_at")),
            dump.small("MessageSent.size"),
        )),
    ]
}

fn segment() -> (String, Dump, Settings) {
    let path = SegmentId::FIRST.path();
    let dump = Dump::read(&path);
    let lineage = Lineage(dump.bytes_of("segment.lineage"));
    let segment_bytes = dump.number("segment.bytes");
    (path, dump, Settings { segment_bytes, lineage, standby_count: 1 })
}

#[test]
fn the_reader_finds_in_the_example_what_the_annotations_say() {
    let (path, dump, settings) = segment();
    let mut file = dump.bytes.clone();
    file.resize(usize::try_from(settings.segment_bytes).expect("a small file"), 0);
    let disk = SimDisk::new();
    disk.create_dir(log::SEGMENTS_DIR).expect("nothing fails");
    disk.plant(&path, &file).expect("the directory is there");

    let mut frames = 0;
    let mut sink = |view: log::FrameView<'_>| {
        frames += 1;
        assert_eq!(view.segment.get(), dump.number("segment.id"));
        assert_eq!(view.first_lsn.get(), dump.number("frame.first_lsn"));
        assert_eq!(view.first_lsn.get(), dump.number("segment.first_lsn"));
        assert_eq!((view.offset, view.frame_bytes), (4096, dump.number("frame.bytes")));
        assert_eq!(u64::from(view.record_count), dump.number("frame.records"));
        assert_eq!(view.now, dump.now());
        assert_eq!(view.records.len() as u64, dump.number("frame.records_bytes"));
        let mut found = Vec::new();
        decode_records(view.records, &mut |record| found.push(record)).expect("whole records");
        assert_eq!(found, records(&dump));

        let [body] = view.bodies else { panic!("the example has one body") };
        assert_eq!((body.len, body.crc), (dump.small("body.bytes"), dump.small("body.crc")));
        assert!(!body.damaged);
        let mut payload = vec![0; body.len as usize];
        read_exact_at(&**view.file, body.offset, &mut payload).expect("it lies in the file");
        let (envelope, text) = decode_payload(&payload.into()).expect("a whole payload");
        assert_eq!(envelope.attributes.len() as u64, dump.number("head.attributes"));
        assert_eq!(text, dump.text("message.body").as_bytes());
        Ok(())
    };
    let (writer, report) = log::recover(&disk, &settings, &mut || 7, &mut sink, &mut |_| {})
        .expect("the example is a whole log");
    assert_eq!(frames, 1);
    assert_eq!(report.next_lsn.get(), 1 + dump.number("frame.records"));
    assert_eq!(writer.next_lsn(), report.next_lsn);
    assert!(report.torn_tails.is_empty() && report.blemished.is_empty());
}

#[test]
fn what_is_written_today_equals_the_example_byte_for_byte() {
    let (path, dump, settings) = segment();
    assert_eq!(settings.segment_bytes, SEGMENT_BYTES_MIN);
    let mut salts = || dump.number("segment.salt");
    let disk = SimDisk::new();
    log::create(&disk, &settings, &mut salts).expect("nothing fails");
    let (mut writer, _) = log::recover(&disk, &settings, &mut salts, &mut |_| Ok(()), &mut |_| {})
        .expect("a new log starts");
    let mut encoded = Vec::new();
    for record in records(&dump) {
        encode_record(&record, &mut encoded);
    }
    let text = Bytes::from(dump.text("message.body").to_owned());
    let chunks = [encode_head(&Envelope::default()), text];
    let crc = crc32fast::hash(&chunks.concat());
    let frame = writer.append(Draft {
        now: dump.now(),
        records: encoded,
        record_count: dump.small("frame.records"),
        bodies: vec![Body { chunks, crc }],
        summary: Vec::new(),
        tick: false,
    });
    frame.job.run().expect("nothing fails");

    let written = disk.file(&path).expect("it is durable");
    assert_eq!(written.len() as u64, settings.segment_bytes);
    let (shown, rest) = written.split_at(dump.bytes.len());
    let differs = shown.iter().zip(&dump.bytes).position(|(written, shown)| written != shown);
    assert_eq!(differs, None, "the first place that differs");
    assert!(rest.iter().all(|byte| *byte == 0), "what the example does not show is zero");
}

#[test]
fn identity_receipt_handle_and_message_id_are_those_of_the_example() {
    let dump = Dump::read("IDENTITY");
    let key = dump.bytes[42..74].try_into().expect("32 bytes");
    let lineage = dump.bytes_of("identity.lineage");
    let fresh = Identity::new(dump.bytes_of("identity.uuid"), lineage, key);
    let disk = SimDisk::new();
    let made = Directory::open(Arc::new(disk.clone()), SEGMENT_BYTES_MIN, fresh, &mut || 1);
    drop(made.expect("an empty directory"));
    assert_eq!(disk.file("IDENTITY").as_ref(), Some(&dump.bytes));
    let other = Identity::new([0; 16], [0; 16], [0; 32]);
    let opened = Directory::open(Arc::new(disk), SEGMENT_BYTES_MIN, other, &mut || 1);
    let opened = opened.expect("the directory is there");
    assert_eq!(opened.identity().lineage, Lineage(lineage));

    let (queue, seq) = (QueueId::new(1), Seq::new(1));
    let lease = LeaseRef { queue, seq, nonce: Nonce::new(0x0102_0304_0506_0708) };
    let handle = Receipts::new(&key).seal(&lease);
    assert!(FORMAT.contains(&format!("`{handle}`")), "{handle}");
    let id = MessageId::new(Lineage(lineage), seq);
    assert!(FORMAT.contains(&format!("`{id}`")), "{id}");
}
