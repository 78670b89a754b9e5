//! `ledgerq message show`: the history of one message, from the log, also while a broker runs.

use clap::Args;
use serde_json::Value as Json;

use super::{
    super::{
        Exit, Failure, Output, complain,
        log::{Object, Place, Reach, checkpoints, identity_of, is_before},
        output::{counted, rfc3339},
    },
    history::{Event, History, Standing, What},
    now::{self, Found},
};
use crate::{
    codec,
    config::Size,
    disk::Disk,
    log::{self, FindingKind, FrameView, Position, VerifyReport},
    store::{self, Good, Manifest, StoreError},
    telemetry::Progress,
    types::{ImageEntry, Lineage, Lsn, MessageId, Sending, Timestamp, limits::PRIORITY_DEFAULT},
};

const EXAMPLES: &str = "\
Examples:
  ledgerq message show 00000000-0000-8000-a4c2-9d0c6f1b7e55 --data-dir /var/lib/ledgerq

It reads the log and changes nothing. While a broker runs, what it writes at that moment may be
there or not: ask again. What has no record is not shown: that a delay or a lease ended, or that the
message expired. Records that the broker has given back are not shown either; how the message stands
at the end, and which file has its body, is told from the checkpoint.";

/// Which message.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct ShowArgs {
    /// The message's id, as `send` and `receive` print it
    #[arg(value_name = "ID", value_parser = parse_id)]
    id: u128,
    #[command(flatten)]
    place: Place,
}

/// How far the log goes.
struct Extent {
    /// The records that were read.
    reach: Reach,
    /// The time of the last frame.
    ends_at: Timestamp,
}

/// What is told of a message.
struct Told {
    id: MessageId,
    lineage: Lineage,
    history: History,
    extent: Extent,
    /// What a start would find; `None` if it was not asked, or could not be told.
    now: Option<Found>,
    is_live: bool,
}

/// Reads a UUID in its usual form.
fn parse_id(text: &str) -> Result<u128, String> {
    let bad = || "it is not a message's id; write it as `send` prints it".to_owned();
    let parts: Vec<&str> = text.split('-').collect();
    if parts.iter().map(|part| part.len()).ne([8, 4, 4, 4, 12]) {
        return Err(bad());
    }
    let digits = parts.concat();
    if !digits.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(bad());
    }
    u128::from_str_radix(&digits, 16).map_err(|_| bad())
}

pub(super) fn run(args: &ShowArgs, out: &mut Output) -> Result<(), Failure> {
    let dir = &args.place.data_dir;
    let readable = args.place.open_also_live()?;
    let is_live = readable.is_live;
    let lineage = identity_of(&*readable.disk)?;
    let Some(id) = MessageId::from_u128(lineage, args.id) else {
        let line =
            format!("the id is not of a message of {}: no broker of it gave it", dir.display());
        return Err(Failure::new(Exit::Refused, line));
    };
    let mut history = History::of(id.seq());
    let good = checkpoints(&*readable.disk, lineage)?;
    for Good { manifest, .. } in good.iter().rev() {
        let named = name_queues(&*readable.disk, lineage, manifest, &mut history);
        named.map_err(|error| Failure::start(Exit::CannotStart, &error))?;
    }
    let from = good.first().map(|newest| newest.manifest.position);
    let mut extent = Extent { reach: Reach::default(), ends_at: Timestamp::ZERO };
    let mut bar = Progress::new("reading the log");
    let report = log::verify(
        &*readable.disk,
        Some(lineage),
        from,
        &mut |frame| take(&mut history, &mut extent, &frame),
        &mut |at| bar.report(at.segments_done as u64, at.segments_total as u64),
    );
    bar.finish();
    let report = report?;
    // A message whose end is told needs no more; of any other, only a start knows how it stands.
    let is_told = history.standing().is_none() && !history.events.is_empty();
    let now = if is_told { None } else { now::find(&readable, lineage, id.seq()) };
    let is_there = now.as_ref().is_some_and(|found| matches!(found, Found::There { .. }));
    if history.events.is_empty() && !is_there {
        let line = not_found(id, &extent, now.as_ref(), dir.display());
        return Err(damage(&report, is_live, from).unwrap_or(Failure::new(Exit::Refused, line)));
    }
    let told = Told { id, lineage, history, extent, now, is_live };
    if out.is_json() {
        objects(&told, out)?;
    } else {
        text(&told, out)?;
    }
    out.flush()?;
    damage(&report, is_live, from).map_or(Ok(()), Err)
}

/// The names and settings of the queues that a checkpoint has.
fn name_queues(
    disk: &dyn Disk,
    lineage: Lineage,
    manifest: &Manifest,
    history: &mut History,
) -> Result<(), StoreError> {
    store::read_entries(disk, lineage, manifest, &mut |entry| {
        if let ImageEntry::Queue(queue) = entry {
            history.queue(queue.id, &queue.name, queue.settings.retention);
        }
        Ok(())
    })
}

fn take(history: &mut History, extent: &mut Extent, frame: &FrameView<'_>) -> Result<(), String> {
    let last = frame.first_lsn.get() + u64::from(frame.record_count) - 1;
    extent.reach.add(frame.first_lsn, Lsn::new(last));
    extent.ends_at = frame.now;
    let mut lsn = frame.first_lsn;
    codec::decode_records(frame.records, &mut |record| {
        history.record(lsn, frame.now, &record);
        lsn = lsn.next();
    })
    .map_err(|error| error.to_string())
}

/// Damage by which events can be missing. While a broker runs, whatever is in the last segment in
/// use, or behind it, can be a write under way, and damage before is a word of caution. So is
/// damage that a start from the checkpoint does not mind.
fn damage(report: &VerifyReport, is_live: bool, from: Option<Position>) -> Option<Failure> {
    let last = report.segments.iter().rfind(|segment| segment.first_lsn.is_some());
    let written_to = last.filter(|_| is_live).map(|segment| segment.id.path());
    // The names of segments sort like their numbers.
    let is_settled = |path: &String| written_to.as_ref().is_none_or(|last| path < last);
    let is_damage = |kind| matches!(kind, FindingKind::Corrupt | FindingKind::NewerFormat);
    let findings = report.findings.iter();
    let mut found: Vec<_> =
        findings.filter(|found| is_damage(found.kind) && is_settled(&found.path)).collect();
    // What a start minds comes first.
    found.sort_by_key(|found| is_before(&found.path, from));
    let found = found.first()?;
    let place = format!("{} at offset {}: {}", found.path, found.offset, found.found);
    if is_before(&found.path, from) {
        complain(&format!("{place}; nothing needs it, but events may be missing"));
        return None;
    }
    if is_live {
        complain(&format!(
            "{place}; the broker may just have written there; if it stays, end it and try \
             `ledgerq log verify`"
        ));
        return None;
    }
    let line = format!("{place}; events may be missing; `ledgerq log verify` tells all");
    Some(Failure::new(Exit::Corrupt, line))
}

fn not_found(
    id: MessageId,
    extent: &Extent,
    now: Option<&Found>,
    dir: impl std::fmt::Display,
) -> String {
    let (reach, end) = (&extent.reach, rfc3339(extent.ends_at));
    let why = match (reach.first(), now) {
        (None, _) => "it has no records".to_owned(),
        (Some(_), Some(Found::Gone)) if !reach.is_whole() => format!(
            "the message is gone, and so is the part of the log that said how; there is {reach}, \
             to {end}"
        ),
        (Some(_), Some(Found::NotYet)) => {
            format!("no message of this id was accepted by {end}; what is on its way is not in it")
        }
        (Some(first), _) => format!(
            "it goes from LSN {first} to {end}; what was before, and what is only on its way, is \
             not in it"
        ),
    };
    format!("message {id} is not in the log of {dir}: {why}")
}

fn text(told: &Told, out: &mut Output) -> std::io::Result<()> {
    let Told { id, lineage, history, extent, now, is_live } = told;
    out.line(&format!("message {id}"))?;
    let rows = history.events.iter().map(|event| {
        let (name, details) = (name(&event.what).replace('_', " "), details(*lineage, event));
        [rfc3339(event.at), event.lsn.to_string(), name, details]
    });
    if !history.events.is_empty() {
        out.table(["AT", "LSN", "EVENT", ""], rows)?;
    }
    if !began(history) {
        out.line(&format!(
            "of the log is there: {}; what came before was given back with its segment",
            extent.reach
        ))?;
    }
    match (now, history.standing()) {
        (Some(Found::There { queue, receive_count, place }), standing) => {
            let expires_at = standing.and_then(|standing| standing.expires_at);
            let (queue, receive_count) = (queue.clone(), *receive_count);
            out.line(&at_the_end(&Standing { queue, receive_count, expires_at }, extent.ends_at))?;
            if let Some((file, offset)) = place {
                out.line(&format!("its body is in {} at offset {offset}", file.path()))?;
            }
        }
        (Some(Found::Gone), Some(_)) => {
            out.line("at the end of the log it is gone: it has expired (expiry leaves no record)")?;
        }
        (_, Some(standing)) => out.line(&at_the_end(&standing, extent.ends_at))?,
        (_, None) => {}
    }
    if *is_live {
        out.line("a broker runs: what it writes just now may be missing, or not be durable yet")?;
    }
    Ok(())
}

/// How the message stands, for people.
fn at_the_end(standing: &Standing, ends_at: Timestamp) -> String {
    let Standing { queue, receive_count, expires_at } = standing;
    let received = counted(u64::from(*receive_count), "time", "times");
    let expiry = match expires_at {
        Some(at) if *at <= ends_at => {
            format!("it has expired since {}, unless expiry is held", rfc3339(*at))
        }
        Some(at) => format!("it expires at {}", rfc3339(*at)),
        None => "when it expires is not in the log".to_owned(),
    };
    format!(
        "at the end of the log it is in {queue}, received {received}; {expiry} (expiry leaves no \
         record)"
    )
}

fn began(history: &History) -> bool {
    let first = history.events.first();
    first.is_some_and(|e| matches!(e.what, What::Sent { .. } | What::Arrived { .. }))
}

fn name(what: &What) -> &'static str {
    match what {
        What::Sent { .. } => "sent",
        What::Arrived { .. } => "arrived",
        What::Leased { .. } => "leased",
        What::LeaseChanged { .. } => "lease_changed",
        What::GivenUp => "given_up",
        What::Returned { .. } => "returned",
        What::Moved { .. } => "moved",
        What::Redriven { .. } => "redriven",
        What::Deleted => "deleted",
        What::Purged { .. } => "purged",
        What::QueueDeleted { .. } => "queue_deleted",
    }
}

/// What there is to say of an event, name by name; the names carry their units.
fn fields(lineage: Lineage, event: &Event) -> Vec<(&'static str, Json)> {
    let id = |seq| Json::from(MessageId::new(lineage, seq).to_string());
    let mut fields = match &event.what {
        What::Sent { queue, sending } => sending_fields(queue, sending, event.at),
        What::Arrived { task, from, queue, sending } => {
            let mut fields = sending_fields(queue, sending, event.at);
            fields.extend([("from_message_id", id(*from)), ("task_id", task.get().into())]);
            fields
        }
        What::Leased { receive_count, until } => {
            vec![("receive_count", (*receive_count).into()), ("until", rfc3339(*until).into())]
        }
        What::LeaseChanged { until } => vec![("until", rfc3339(*until).into())],
        What::Returned { receive_count } => vec![("receive_count", (*receive_count).into())],
        What::Moved { from, to } => {
            vec![("from_queue", from.clone().into()), ("to_queue", to.clone().into())]
        }
        What::Redriven { task, to, queue } => vec![
            ("to_message_id", id(*to)),
            ("to_queue", queue.clone().into()),
            ("task_id", task.get().into()),
        ],
        What::Purged { queue } | What::QueueDeleted { queue } => {
            vec![("queue", queue.clone().into())]
        }
        What::GivenUp | What::Deleted => Vec::new(),
    };
    if event.in_transact {
        fields.push(("in_transact", true.into()));
    }
    fields
}

fn sending_fields(queue: &str, sending: &Sending, now: Timestamp) -> Vec<(&'static str, Json)> {
    let mut fields = vec![("queue", queue.into()), ("size_bytes", sending.size.into())];
    if let Some(group) = &sending.group {
        fields.push(("group", group.as_str().into()));
    }
    if sending.priority != PRIORITY_DEFAULT {
        fields.push(("priority", sending.priority.into()));
    }
    if sending.ready_at > now {
        fields.push(("ready_at", rfc3339(sending.ready_at).into()));
    }
    if let Some(at) = sending.expires_at {
        fields.push(("expires_at", rfc3339(at).into()));
    }
    fields
}

/// `queue jobs, size 5B, until ...`
fn details(lineage: Lineage, event: &Event) -> String {
    let told = fields(lineage, event).into_iter().map(|(name, value)| {
        let value = match (name, value) {
            ("size_bytes", value) => Size(value.as_u64().unwrap_or_default()).to_string(),
            (_, Json::String(text)) => text,
            (_, value) => value.to_string(),
        };
        match name {
            "in_transact" => "in a transact".to_owned(),
            name => format!("{} {value}", name.trim_end_matches("_bytes").replace('_', " ")),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn objects(told: &Told, out: &mut Output) -> std::io::Result<()> {
    let Told { id, lineage, history, extent, now, is_live } = told;
    let object = |event: &str, at: Timestamp, more: Vec<(&'static str, Json)>| {
        let first: [(&str, Json); 3] = [
            ("message_id", id.to_string().into()),
            ("event", event.into()),
            ("at", rfc3339(at).into()),
        ];
        let fields = first.into_iter().chain(more);
        Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
    };
    for event in &history.events {
        let mut more = vec![("lsn", event.lsn.get().into())];
        more.extend(fields(*lineage, event));
        out.object(&object(name(&event.what), event.at, more))?;
    }
    let standing = history.standing();
    let expires_at = standing.as_ref().and_then(|standing| standing.expires_at);
    let (there, place) = match now {
        Some(Found::There { queue, receive_count, place }) => {
            (Some((queue.clone(), *receive_count)), *place)
        }
        Some(Found::Gone | Found::NotYet) => (None, None),
        None => (standing.map(|standing| (standing.queue, standing.receive_count)), None),
    };
    let mut more: Vec<(&'static str, Json)> = vec![
        ("present", there.is_some().into()),
        ("complete", began(history).into()),
        ("broker_runs", (*is_live).into()),
    ];
    if let Some((queue, receive_count)) = there {
        more.push(("queue", queue.into()));
        more.push(("receive_count", receive_count.into()));
        more.push(("expires_at", expires_at.map(rfc3339).into()));
    }
    if let Some((file, offset)) = place {
        more.push(("body_file", file.path().into()));
        more.push(("body_offset", offset.into()));
    }
    out.object(&object("end_of_log", extent.ends_at, more))
}
