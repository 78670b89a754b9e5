//! What a repair loses, as people and programs read it.

use std::io;

use serde::Serialize;

use super::super::{
    Output,
    output::{counted, rfc3339},
};
use crate::{
    broker::{Loss, Lost, LostRecords, RepairReport},
    log::{Finding, FindingKind},
    types::{Lineage, Lsn, MessageId, QueueName, Seq},
};

/// The most messages that are listed for people in one place.
const LISTED_MAX: u64 = 20;

/// The most messages that one object lists for programs.
const OBJECTS_MAX: usize = 1000;

/// A lost message, for programs.
#[derive(Serialize)]
pub(super) struct LostMessage<'a> {
    message_id: String,
    sequence_number: u64,
    queue: Option<&'a str>,
    why: &'static str,
    path: &'a str,
    offset: u64,
}

/// Lost records, for programs.
#[derive(Serialize)]
pub(super) struct LostRange<'a> {
    first_lsn: u64,
    last_lsn: Option<u64>,
    after: Option<String>,
    before: Option<String>,
    path: &'a str,
    offset: u64,
    found: &'a str,
    may_come_back_messages: u64,
}

/// What is lost at one place.
#[derive(Clone, Default)]
pub(super) struct Share<'a> {
    pub(super) lost: Vec<&'a Lost>,
    pub(super) records: Vec<&'a LostRecords>,
}

/// What is lost by each finding; last, what is by none of them.
pub(super) fn shares<'a>(report: &'a RepairReport, findings: &[Finding]) -> Vec<Share<'a>> {
    let mut shares = vec![Share::default(); findings.len() + 1];
    let is_damage =
        |found: &Finding| found.kind.refuses_start() || found.kind == FindingKind::DamagedBody;
    let place = |path: &str, offset: u64| {
        let of_file = |found: &Finding| found.path == path && is_damage(found);
        let exactly = findings.iter().position(|found| of_file(found) && found.offset == offset);
        let about = || findings.iter().position(of_file);
        exactly.or_else(about).unwrap_or(findings.len())
    };
    for lost in &report.lost {
        shares[place(&lost.path, lost.offset)].lost.push(lost);
    }
    for records in &report.lost_records {
        shares[place(&records.path, records.offset)].records.push(records);
    }
    shares
}

impl Share<'_> {
    pub(super) fn count(&self) -> u64 {
        self.lost.iter().map(|lost| lost.count()).sum()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.records.is_empty()
    }

    /// For programs; not every message if there are many.
    pub(super) fn objects(&self, lineage: Lineage) -> (Vec<LostMessage<'_>>, Vec<LostRange<'_>>) {
        let lost = each(lineage, self.lost.iter().copied()).take(OBJECTS_MAX);
        (lost.collect(), self.records.iter().map(|records| range(records)).collect())
    }

    /// For people.
    pub(super) fn tell(&self, lineage: Lineage, out: &mut Output) -> io::Result<()> {
        for line in self.records.iter().flat_map(|records| told(records)) {
            out.line(&format!("  {line}"))?;
        }
        if !self.lost.is_empty() {
            let messages = counted(self.count(), "message", "messages");
            out.line(&format!("  a repair loses {messages}:"))?;
            list(lineage, self.lost.iter().copied(), "    ", out)?;
        }
        Ok(())
    }
}

/// Each message by itself.
pub(super) fn each<'a>(
    lineage: Lineage,
    lost: impl Iterator<Item = &'a Lost>,
) -> impl Iterator<Item = LostMessage<'a>> {
    lost.flat_map(move |lost| {
        (lost.first.get()..=lost.last.get()).map(move |seq| LostMessage {
            message_id: MessageId::new(lineage, Seq::new(seq)).to_string(),
            sequence_number: seq,
            queue: lost.queue.as_ref().map(QueueName::as_str),
            why: why(lost.why).0,
            path: &lost.path,
            offset: lost.offset,
        })
    })
}

pub(super) fn range(records: &LostRecords) -> LostRange<'_> {
    LostRange {
        first_lsn: records.first_lsn.get(),
        last_lsn: records.last_lsn.map(Lsn::get),
        after: records.after.map(rfc3339),
        before: records.before.map(rfc3339),
        path: &records.path,
        offset: records.offset,
        found: &records.found,
        may_come_back_messages: records.older_count,
    }
}

/// Lists messages for people, each line behind `indent`; not all if there are many.
pub(super) fn list<'a>(
    lineage: Lineage,
    lost: impl Iterator<Item = &'a Lost> + Clone,
    indent: &str,
    out: &mut Output,
) -> io::Result<()> {
    let count: u64 = lost.clone().map(Lost::count).sum();
    let shown_max = usize::try_from(LISTED_MAX).unwrap_or(usize::MAX);
    let whys: Vec<_> =
        lost.clone().flat_map(|lost| (0..lost.count()).map(|_| lost.why)).take(shown_max).collect();
    for (message, loss) in each(lineage, lost).zip(whys) {
        let queue = message.queue.map_or_else(|| "queue unknown".to_owned(), ToOwned::to_owned);
        let (id, text) = (message.message_id, why(loss).1);
        out.line(&format!("{indent}{id}  {queue}  {text}"))?;
    }
    if count > LISTED_MAX {
        let more = counted(count - LISTED_MAX, "more", "more");
        out.line(&format!("{indent}and {more}; --json lists every one"))?;
    }
    Ok(())
}

/// Lost records, for people.
pub(super) fn told(records: &LostRecords) -> Vec<String> {
    let lsns = match records.last_lsn {
        Some(last) => format!("LSN {} to {last}", records.first_lsn),
        None => format!("LSN {} to the end of the log, however many", records.first_lsn),
    };
    let time = match (records.after, records.before) {
        (Some(after), Some(before)) => {
            format!(", from between {} and {}", rfc3339(after), rfc3339(before))
        }
        (Some(after), None) => format!(", from after {}", rfc3339(after)),
        (None, Some(before)) => format!(", from before {}", rfc3339(before)),
        (None, None) => String::new(),
    };
    let LostRecords { path, offset, found, older_count, .. } = records;
    let back = counted(*older_count, "message", "messages");
    let mut lines = vec![
        format!("records lost: {lsns}{time}"),
        format!("  {path} at offset {offset}: {found}"),
        "  messages sent in them are lost".to_owned(),
    ];
    if *older_count > 0 {
        lines.push(format!("  messages deleted in them come back: up to {back}"));
    }
    lines.push("  receives, moves and changes of queues in them did not happen".to_owned());
    lines
}

/// A loss by its name, and in words.
fn why(loss: Loss) -> (&'static str, &'static str) {
    match loss {
        Loss::Payload => ("payload", "its bytes are damaged"),
        Loss::File => ("file", "the file that had it does not any more"),
        Loss::Records => ("records", "sent in lost records, and maybe deleted in them"),
    }
}
