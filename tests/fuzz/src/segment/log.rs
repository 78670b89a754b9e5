//! The logs to begin with, and a start that goes on.

use std::{collections::BTreeSet, time::Duration};

use arbitrary::Arbitrary;
use bytes::Bytes;
use ledgerq::{
    disk::{
        SimDisk,
        sim::{Random, keep_none},
    },
    log::{self, Body, Draft, FrameView, Recovery, Writer},
    types::Timestamp,
};

use crate::disk::{self, Frame, settings};

/// A log to begin with.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Three segments, the first of them sealed, one closed by a start; ends with a tick.
    Long,
    /// A few frames in one segment, the last of them proved by nothing.
    Short,
}

/// A writer whose jobs run at once.
pub(super) struct Log {
    pub(super) disk: SimDisk,
    writer: Writer,
    salts: Random,
}

impl Log {
    pub(super) fn start(disk: &SimDisk) -> (Self, Vec<Frame>) {
        let (mut frames, mut salts) = (Vec::new(), Random::new(disk.operation_count() + 7));
        let mut sink = |view: FrameView<'_>| {
            frames.push(Frame::of(&view));
            Ok(())
        };
        let recovery = Recovery::open(disk, &settings(), None, &BTreeSet::new());
        let recovery = recovery.expect("it is not refused");
        let replayed = recovery.replay(disk, &mut || salts.next_u64(), &mut sink, &mut |_| {});
        let (writer, _) = replayed.expect("it is not refused");
        (Self { disk: disk.clone(), writer, salts }, frames)
    }

    pub(super) fn append(&mut self, draft: Draft) {
        while !self.writer.ready(draft.frame_bytes(), draft.summary.len() as u64) {
            self.prepare();
        }
        let appended = self.writer.append(draft);
        let written = appended.job.run().map(|()| Duration::ZERO);
        self.writer.synced(written).expect("nothing fails");
        while let Some(job) = self.writer.seal() {
            job.run().expect("nothing fails");
        }
        while self.writer.wants_segment() {
            self.prepare();
        }
    }

    fn prepare(&mut self) {
        let job = self.writer.prepare(self.salts.next_u64(), None).expect("one is wanted");
        self.writer.prepared(job.run(&self.disk));
    }
}

/// A log as it is before it is changed, and its frames.
pub(super) fn base(kind: Base) -> (SimDisk, Vec<Frame>) {
    let disk = SimDisk::new();
    let mut salts = Random::new(1);
    log::create(&disk, &settings(), &mut || salts.next_u64()).expect("nothing fails");
    let mut log = Log::start(&disk).0;
    let (text, zeros) = (vec![b'a'; 12_000], vec![0; 1400]);
    match kind {
        Base::Long => {
            for now in 0..5 {
                log.append(draft(now, &[b"some body", &zeros, &text]));
            }
            log.append(tick(5));
            log = Log::start(&log.disk).0;
            log.append(draft(6, &[&text[..500], b"", &zeros, b"and another"]));
            log.append(tick(8));
        }
        Base::Short => {
            log.append(draft(1, &[b"one", &zeros]));
            log.append(draft(2, &[&text[..700]]));
            log.append(draft(3, &[b"two", b"three"]));
        }
    }
    let disk = log.disk.crash(&mut keep_none());
    let frames = disk::examine(&disk).expect("it is whole");
    (disk, frames)
}

fn draft(now: u64, bodies: &[&[u8]]) -> Draft {
    let body = |bytes: &[u8]| Body {
        chunks: [Bytes::copy_from_slice(bytes), Bytes::new()],
        crc: crc32fast::hash(bytes),
    };
    Draft {
        now: Timestamp::from_millis(now),
        records: b"records of a frame".to_vec(),
        record_count: 2,
        bodies: bodies.iter().map(|bytes| body(bytes)).collect(),
        summary: b"its summary".to_vec(),
        tick: false,
    }
}

pub(super) fn tick(now: u64) -> Draft {
    let now = Timestamp::from_millis(now);
    Draft { now, records: b"tick".to_vec(), record_count: 1, tick: true, ..Draft::default() }
}
