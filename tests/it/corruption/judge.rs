//! One damage: what a start makes of it, and whether that is right.

use std::{collections::BTreeSet, error::Error, sync::Arc};

use ledgerq::{
    broker::{StartError, audit},
    disk::{Disk, ReadOnly, SimDisk},
    log::{FileId, LogError},
    store::{self, StoreError},
    types::{Command, QueueName, Reply, SendEntry, Seq, Timestamp},
};

use super::{
    damage::Damage,
    expect::{Class, Expected, expected},
    layout::{Part, Region, Role, place},
    seen::{Seen, look},
    warnings,
    world::{World, settings, start},
};
use crate::broker::SimBroker;

/// What a start says of what it met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    report: [String; 4],
    checkpoint_lsn: u64,
    checkpoints_damaged: u64,
    files_without_footer: u64,
    warnings: u64,
}

/// What was found, and what was said.
pub(super) struct Found {
    pub(super) seen: Seen,
    pub(super) told: Told,
}

/// Starts on a copy of the disk, and looks at everything.
pub(super) fn find(
    disk: &SimDisk,
    now: Timestamp,
    known: &[(QueueName, SendEntry)],
) -> Result<Found, StartError> {
    let (started, warnings) = warnings::counted(|| start(disk, now));
    let mut broker = started?;
    let seen = look(&mut broker, known);
    Ok(Found { seen, told: told(&mut broker, warnings) })
}

fn told(broker: &mut SimBroker, warnings: u64) -> Told {
    let report = broker.report();
    let report = [
        format!("{:?}", report.damaged_bodies),
        format!("{:?}", report.torn_tails),
        format!("{:?}", report.blemished),
        format!("{:?}", report.unknown_files),
    ];
    let asked = broker.ask(Command::GetStatus).map(|told| told.reply);
    let Some(Ok(Reply::Status(status))) = asked else { panic!("it tells no status") };
    let recovery = status.recovery;
    Told {
        report,
        checkpoint_lsn: recovery.checkpoint_lsn.get(),
        checkpoints_damaged: recovery.checkpoints_damaged,
        files_without_footer: recovery.files_without_footer,
        warnings,
    }
}

/// What became of a damaged directory.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) class: Class,
    /// What the damaged bytes are for, if they are of one part of one file.
    pub(super) why: &'static str,
    /// Why it was refused.
    pub(super) refusal: Option<String>,
    pub(super) flagged: Vec<Seq>,
    /// How many of the log's last frames are lost.
    pub(super) lost_count: usize,
}

impl Verdict {
    fn new(class: Class, why: &'static str) -> Self {
        Self { class, why, refusal: None, flagged: Vec::new(), lost_count: 0 }
    }
}

/// Starts with the damage. An error says what is wrong with the outcome.
pub(super) fn judge(world: &World, damage: &Damage) -> Result<Verdict, String> {
    let disk = damage.apply(world);
    let touched = touched(world, damage, &disk);
    let expected = &touched.expected;
    let why = match expected.as_slice() {
        [] => "nothing was changed",
        [(one, _)] => one.why,
        _ => "several parts",
    };
    let verdict = match find(&disk, world.now, &world.known) {
        Err(error) => {
            let refusal = is_named(damage, &error)?;
            Verdict { refusal: Some(refusal), ..Verdict::new(Class::Refused, why) }
        }
        Ok(found) => match found.seen.flagged(&world.truth.seen, true) {
            Ok(flagged) => {
                if !touched.is_right(damage, &flagged) {
                    let wanted = &touched.bodies;
                    return Err(format!("bodies of {flagged:?} are not given, not of {wanted:?}"));
                }
                let class = class(&found.told, &world.truth.told, &flagged);
                let is_warned = found.told.warnings > world.truth.told.warnings;
                if class == Class::Older && !is_warned && !matches!(damage, Damage::Gone { .. }) {
                    return Err("no warning of a checkpoint that is not used".to_owned());
                }
                Verdict { flagged, ..Verdict::new(class, why) }
            }
            Err(difference) => {
                let lost = may_be_cut_off(world, damage, &disk, &found.seen, &touched.bodies);
                let lost_count = lost.ok_or(difference)?;
                Verdict { lost_count, ..Verdict::new(Class::CutOff, why) }
            }
        },
    };
    if matches!(damage, Damage::Length { .. }) && is_fixed(world, damage.paths()[0]) {
        return match verdict.class {
            Class::Refused => Ok(verdict),
            class => Err(format!("{class:?}, although the file has another length")),
        };
    }
    for (expected, region) in expected {
        is_expected(damage, expected, region.part, verdict.class)
            .map_err(|error| format!("{error} ({region:?}, {:?})", verdict.refusal))?;
    }
    Ok(verdict)
}

/// Whether a file has one length alone: a start refuses it with any other.
fn is_fixed(world: &World, path: &str) -> bool {
    let is_of_log = FileId::of_path(path).is_some() || path == "IDENTITY";
    is_of_log && world.layouts[path].role != Role::NotNeeded
}

fn class(found: &Told, truth: &Told, flagged: &[Seq]) -> Class {
    if found.checkpoint_lsn < truth.checkpoint_lsn {
        return Class::Older;
    }
    match found == truth {
        _ if !flagged.is_empty() => Class::Flagged,
        true => Class::Silent,
        false => Class::Told,
    }
}

/// A damage of one byte has one of the outcomes that its place allows. One of several never is
/// silent where one of its parts may not be, nor does a start go on where one must refuse it.
fn is_expected(
    damage: &Damage,
    expected: &Expected,
    part: Part,
    class: Class,
) -> Result<(), String> {
    let Expected { classes, why, is_elsewhere } = *expected;
    let is_allowed = match damage {
        Damage::Xor { .. } => classes.contains(&class),
        _ if class == Class::CutOff || class == Class::Refused => true,
        // A copy of before its segment was used is one that the first write has not reached.
        _ if part == Part::HeaderCopy || is_elsewhere => true,
        _ if classes == [Class::Refused] => false,
        _ => class != Class::Silent || classes.contains(&Class::Silent),
    };
    if is_allowed { Ok(()) } else { Err(format!("{class:?}, and not {classes:?} as for {why}")) }
}

/// A refusal names a file that was damaged, and the frame.
fn is_named(damage: &Damage, error: &StartError) -> Result<String, String> {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    let is_of_one_place = matches!(
        damage,
        Damage::Xor { .. }
            | Damage::Zero { .. }
            | Damage::Length { .. }
            | Damage::Gone { .. }
            | Damage::Unreadable { .. }
    );
    // Nothing knows the name of a segment that came after the last one that is left.
    let is_end_missing =
        matches!(damage, Damage::Gone { .. }) && text.contains("no later one is in use");
    if is_of_one_place && !is_end_missing && !text.contains(damage.paths()[0]) {
        return Err(format!("the refusal does not name the file: {text}"));
    }
    let (StartError::Log(error) | StartError::Store(StoreError::Log(error))) = error else {
        return Ok(text);
    };
    if let (LogError::Corrupt { path, offset, .. }, Damage::Xor { at, .. }) = (error, damage)
        && (*path != at.path || *offset > at.offset)
    {
        return Err(format!("the refusal is not of {at}: {text}"));
    }
    Ok(text)
}

/// What a damage has changed.
struct Touched {
    expected: Vec<(Expected, Region)>,
    /// Live messages whose bytes are not as they were, ascending.
    bodies: Vec<Seq>,
}

impl Touched {
    /// Whether these are the messages that cannot be given: those of an output whose sources are
    /// still there can be, if so much of it is damaged that it is not used.
    fn is_right(&self, damage: &Damage, flagged: &[Seq]) -> bool {
        let is_one_byte = matches!(damage, Damage::Xor { .. });
        if is_one_byte || !self.expected.iter().any(|(expected, _)| expected.is_elsewhere) {
            return flagged == self.bodies;
        }
        flagged.iter().all(|seq| self.bodies.contains(seq))
    }
}

fn touched(world: &World, damage: &Damage, disk: &SimDisk) -> Touched {
    let mut touched = Touched { expected: Vec::new(), bodies: Vec::new() };
    let mut bodies = BTreeSet::new();
    let is_gone = matches!(damage, Damage::Gone { .. });
    for path in damage.paths() {
        let layout = &world.layouts[path];
        let mut touch = |region: &Region| {
            // How many segments were prepared, nobody knows; nor whether there was a checkpoint
            // before the only one, which a restored directory has.
            if !(is_gone && matches!(layout.role, Role::Prepared | Role::OlderCheckpoint)) {
                touched.expected.push((expected(layout, region), *region));
            }
            if let Part::Body(Some(seq)) = region.part {
                bodies.insert(seq);
            }
        };
        if let Damage::Xor { at, .. } = damage {
            touch(&layout.region(at.offset));
            continue;
        }
        let bytes = world.bytes(path);
        let changed = disk.file(path).unwrap_or_default();
        for region in &layout.regions {
            let range = place(region.from)..place(region.to);
            let is_unreadable = matches!(damage, Damage::Unreadable { at }
                if region.from < at.offset / 512 * 512 + 512 && region.to > at.offset / 512 * 512);
            if is_unreadable || changed.get(range.clone()) != Some(&bytes[range]) {
                touch(region);
            }
        }
    }
    touched.bodies = bodies.into_iter().collect();
    touched
}

/// How many of the log's last frames are lost, if what was found is what the log would be without
/// them and each of them was damaged: nothing that is left can tell of them.
fn may_be_cut_off(
    world: &World,
    damage: &Damage,
    disk: &SimDisk,
    seen: &Seen,
    bodies: &[Seq],
) -> Option<usize> {
    let can_erase =
        !matches!(damage, Damage::Xor { .. } | Damage::Length { .. } | Damage::Unreadable { .. });
    let is_same = |shorter: &Seen| {
        let flagged = seen.flagged(shorter, true);
        flagged.is_ok_and(|flagged| flagged.iter().all(|seq| bodies.contains(seq)))
    };
    let lost_count = world.shorter.iter().position(is_same)? + 1;
    let mut frames = Vec::new();
    for (path, layout) in world.layouts.iter().rev() {
        if matches!(layout.role, Role::Behind { .. }) {
            frames.extend(layout.frames().into_iter().rev().map(|at| (path, layout, at)));
        }
    }
    let is_damaged = |(path, layout, at): &(&String, &super::layout::FileLayout, u64)| {
        let (bytes, changed) = (world.bytes(path), disk.file(path).unwrap_or_default());
        layout.regions.iter().filter(|region| region.frame == *at).any(|region| {
            let range = place(region.from)..place(region.to);
            changed.get(range.clone()) != Some(&bytes[range])
        })
    };
    (can_erase && frames[..lost_count].iter().all(is_damaged)).then_some(lost_count)
}

/// An audit says what the start does, and changes nothing. Whether it has anything to say of one of
/// the damaged files.
pub(super) fn audited(world: &World, damage: &Damage, verdict: &Verdict) -> Result<bool, String> {
    let disk = damage.apply(world);
    let is_refused = verdict.class == Class::Refused;
    let lineage = match store::lineage_of(&disk) {
        Ok(lineage) => lineage,
        Err(_) if is_refused => return Ok(true),
        Err(error) => return Err(format!("there is no audit: {error}")),
    };
    let operations = disk.operation_count();
    let quiet: Arc<dyn Disk> = Arc::new(ReadOnly::quiet(Arc::new(disk.clone())));
    let audited = match audit(&settings(), &quiet, lineage, &mut |_| ()) {
        Ok(audited) => audited,
        // The operating system's error.
        Err(_) if is_refused && matches!(damage, Damage::Unreadable { .. }) => return Ok(true),
        Err(error) => return Err(format!("there is no audit: {error}")),
    };
    if disk.operation_count() != operations {
        return Err("an audit has changed something".to_owned());
    }
    let findings = &audited.report.findings;
    if audited.report.refuses_start() != is_refused {
        return Err(format!("an audit and a start differ: {verdict:?}, {findings:?}"));
    }
    Ok(findings.iter().any(|finding| damage.paths().contains(&finding.path.as_str())))
}
