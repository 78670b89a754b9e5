//! Entries of images, a deduplication bucket, and summaries, each with a name and its bytes.

use std::sync::Arc;

use ledgerq::{
    codec::{
        decode_bucket, decode_image_entries, decode_kept, decode_summaries, encode_bucket,
        encode_image_entry, encode_kept, encode_summaries_head, encode_summary,
    },
    types::{
        AttemptImage, BaseImage, DeduplicationBucket, DeduplicationScope, ImageEntry, Lsn,
        MoveFilter, MoveImage, MoveOutcome, MoveSpec, NameImage, Nonce, PhaseImage, QueueId,
        QueueImage, QueueSettings, Sending, Seq, Summary, Timestamp, TouchedImage, summary_of,
    },
};

use super::{
    bytes::{lines, pairs},
    golden, hex,
    records::{DIGEST, NONCE, QUEUE, SEQ, TASK, UNTIL, filter, sending, settings},
    unhex,
};
use crate::commands::{group, queue};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// What a line of the file holds.
#[derive(Debug, PartialEq)]
enum Line {
    Entry(ImageEntry),
    Bucket(DeduplicationBucket),
    /// Those of one frame, with length and CRC of each payload.
    Summaries(Vec<(Summary, u32, u32)>),
    Kept(Summary),
}

fn encoded(line: &Line) -> Vec<u8> {
    let mut bytes = Vec::new();
    match line {
        Line::Entry(entry) => encode_image_entry(entry, &mut bytes),
        Line::Bucket(bucket) => encode_bucket(bucket, &mut bytes),
        Line::Kept(summary) => encode_kept(summary, &mut bytes),
        Line::Summaries(summaries) => {
            encode_summaries_head(SEQ, NOW, &mut bytes);
            for (summary, stored_bytes, crc) in summaries {
                let sending = Sending {
                    expires_at: summary.expires_at,
                    priority: summary.priority,
                    group: summary.group.clone(),
                    ..Sending::plain(summary.queue, summary.seq, NOW, summary.size)
                };
                encode_summary(NOW, &sending, (*stored_bytes).into(), *crc, &mut bytes);
            }
        }
    }
    bytes
}

/// What the bytes are, which is something of this kind.
fn decoded(like: &Line, bytes: &[u8]) -> Vec<Line> {
    let mut found = Vec::new();
    match like {
        Line::Entry(_) => decode_image_entries(bytes, &mut |e| found.push(Line::Entry(e))),
        Line::Bucket(_) => decode_bucket(bytes).map(|bucket| found.push(Line::Bucket(bucket))),
        Line::Kept(_) => decode_kept(bytes, &mut |kept| found.push(Line::Kept(kept))),
        Line::Summaries(_) => {
            let mut all = Vec::new();
            let outcome = decode_summaries(bytes, &mut |summary, stored_bytes, crc| {
                all.push((summary, stored_bytes, crc));
            });
            found.push(Line::Summaries(all));
            outcome
        }
    }
    .expect("golden bytes are whole");
    found
}

fn queue_image() -> QueueImage {
    QueueImage {
        id: QUEUE,
        name: queue("Jobs.fifo"),
        settings: settings(),
        scope: DeduplicationScope::MessageGroup,
        created_at: NOW,
        modified_at: UNTIL,
        purged_at: Some(UNTIL),
        purged_below: SEQ,
        sends_paused: true,
        receives_paused: false,
        prefers_returned: true,
    }
}

fn touched_image() -> TouchedImage {
    TouchedImage {
        queue: QUEUE,
        seq: SEQ,
        group: Some(group("orders")),
        priority: 9,
        sent_at: NOW,
        retained_from: UNTIL,
        expires_at: Some(UNTIL),
        size: 0x000a_0b0c,
        receive_count: 3,
        first_received_at: NOW,
        leased_at: UNTIL,
        nonce: NONCE,
        is_changed: true,
        is_repeated: true,
        received_elsewhere: 2,
        source: Some(QueueId::new(7)),
        phase: PhaseImage::InFlight { until: UNTIL },
    }
}

fn plain_touched(phase: PhaseImage) -> ImageEntry {
    let touched = TouchedImage {
        group: None,
        priority: 4,
        retained_from: NOW,
        expires_at: None,
        receive_count: 0,
        first_received_at: Timestamp::ZERO,
        leased_at: Timestamp::ZERO,
        nonce: Nonce::default(),
        is_changed: false,
        is_repeated: false,
        received_elsewhere: 0,
        source: None,
        phase,
        ..touched_image()
    };
    ImageEntry::Touched(touched.into())
}

fn move_image() -> MoveImage {
    MoveImage {
        task: TASK,
        source: QUEUE,
        target: Some(QueueId::new(7)),
        spec: MoveSpec {
            source: queue("dead"),
            target: Some(queue("jobs")),
            rate_max: Some(500),
            filter: filter(),
        },
        started_at: NOW,
        moved_count: 5,
        to_move_count: 9,
        cursor: SEQ,
        cancelling: true,
        outcome: Some(MoveOutcome::Failed { reason: "a reason".to_owned() }),
    }
}

/// The entry after this one in the file, so that every kind has one: a new kind of entry breaks the
/// build here until it has its place.
fn next(before: &ImageEntry) -> Option<(&'static str, ImageEntry)> {
    Some(match before {
        ImageEntry::Base(_) => ("queue", ImageEntry::Queue(queue_image().into())),
        ImageEntry::Queue(_) => ("touched", ImageEntry::Touched(touched_image().into())),
        ImageEntry::Touched(_) => {
            let (queue, attempt, nonce, ends_at) = (QUEUE, DIGEST, NONCE, UNTIL);
            let seqs = vec![SEQ, SEQ.next()];
            ("attempt", ImageEntry::Attempt(AttemptImage { queue, attempt, nonce, seqs, ends_at }))
        }
        ImageEntry::Attempt(_) => ("move", ImageEntry::Move(move_image().into())),
        ImageEntry::Move(_) => ("gone", ImageEntry::Gone(SEQ)),
        ImageEntry::Gone(_) => {
            let name = NameImage { name: queue("Jobs.fifo"), deleted_at: UNTIL };
            ("name", ImageEntry::Name(name.into()))
        }
        ImageEntry::Name(_) => return None,
    })
}

fn entries() -> Vec<(&'static str, ImageEntry)> {
    let base = BaseImage {
        applied_lsn: Lsn::new(0x0a0b_0c0d),
        now: NOW,
        next_queue: QUEUE.next(),
        next_seq: SEQ.next(),
        next_task: TASK.next(),
        retention_held: true,
    };
    let mut named = ("base", ImageEntry::Base(base));
    let mut entries = Vec::new();
    while let Some(following) = next(&named.1) {
        entries.push(std::mem::replace(&mut named, following));
    }
    entries.push(named);
    let plain_queue = QueueImage {
        name: queue("jobs"),
        settings: QueueSettings::default(),
        scope: DeduplicationScope::Queue,
        purged_at: None,
        purged_below: Seq::default(),
        ..queue_image()
    };
    let (target, outcome) = (None, None);
    let spec = MoveSpec {
        source: queue("dead"),
        target: None,
        rate_max: None,
        filter: MoveFilter::default(),
    };
    let plain_move = MoveImage { target, spec, outcome, cancelling: false, ..move_image() };
    entries.extend([
        ("queue-plain", ImageEntry::Queue(plain_queue.into())),
        ("touched-delayed", plain_touched(PhaseImage::Delayed { until: UNTIL })),
        ("touched-ready", plain_touched(PhaseImage::Ready { turn: -2 })),
        ("move-plain", ImageEntry::Move(plain_move.into())),
    ]);
    entries
}

fn all() -> Vec<(&'static str, Line)> {
    let entries = entries().into_iter().map(|(name, entry)| (name, Line::Entry(entry)));
    let mut all: Vec<_> = entries.collect();
    let later = UNTIL.after(ledgerq::types::Millis::new(300));
    let ids = Arc::new(vec![(UNTIL, SEQ, DIGEST), (later, SEQ.next(), DIGEST)]);
    let special = summary_of(NOW, &sending());
    let plain = |seq| summary_of(NOW, &Sending::plain(QUEUE, seq, NOW, 300));
    let seconds = Summary { seq: SEQ.next(), ..special.clone() };
    let both = vec![(plain(SEQ), 306, 0x0102_0304), (seconds, 0x000a_0c00, 77)];
    all.extend([
        ("bucket", Line::Bucket(DeduplicationBucket { queue: QUEUE, first: SEQ, ids })),
        ("summaries", Line::Summaries(both)),
        ("kept", Line::Kept(special)),
        ("kept-plain", Line::Kept(plain(SEQ))),
    ]);
    all
}

#[test]
fn images_and_summaries_are_read_and_written_as_ever() {
    let file = golden("images-1.txt", &|| lines(all(), encoded));
    for (name, line, bytes) in pairs(&file, all()) {
        assert_eq!(hex(&encoded(&line)), bytes, "{name}");
        assert_eq!(decoded(&line, &unhex(bytes)), [line], "{name}");
    }
}

#[test]
fn a_damaged_image_or_summary_is_refused_or_is_another() {
    for (name, line) in all() {
        let bytes = encoded(&line);
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            for bit in 0..8 {
                damaged[at] = bytes[at] ^ (1 << bit);
                for bytes in [&damaged[..], &damaged[..at]] {
                    let _ = decode_image_entries(bytes, &mut |_| {});
                    let _ = decode_bucket(bytes);
                    let _ = decode_summaries(bytes, &mut |_, _, _| {});
                    let _ = decode_kept(bytes, &mut |_| {});
                }
            }
            let cut = decode_image_entries(&bytes[..at], &mut |_| {});
            assert!(!matches!(line, Line::Entry(_)) || at == 0 || cut.is_err(), "{name}");
        }
    }
}
