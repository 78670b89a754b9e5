//! What one changed byte may lead to, by what it is for: the fault table of docs/DURABILITY.md.

use super::layout::{FileLayout, Part, Region, Role};

/// What became of a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Class {
    /// The start is refused.
    Refused,
    /// All is there, but messages whose bytes cannot be given.
    Flagged,
    /// All is there, from an older checkpoint.
    Older,
    /// All is there, and the start says that something is not as it was.
    Told,
    /// All is there, and nothing is said.
    Silent,
    /// The log is as if its last frames had never been written.
    CutOff,
}

/// What is expected of a changed byte.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    pub(super) classes: &'static [Class],
    /// In words; of what may be silent, why that does no harm.
    pub(super) why: &'static str,
    /// What the file holds is in others too, which serve if so much of it is damaged that it is not
    /// used.
    pub(super) is_elsewhere: bool,
}

use Class::{Flagged, Older, Refused, Silent, Told};

const HARMLESS: &[Class] = &[Silent, Told];

/// What one changed byte of this region may lead to.
pub(super) fn expected(layout: &FileLayout, region: &Region) -> Expected {
    let (classes, why): (&[Class], _) = match layout.role {
        Role::NotNeeded => (HARMLESS, "the file is not needed"),
        Role::Identity => (&[Refused], "the identity"),
        Role::NewestCheckpoint => (&[Older], "the newest checkpoint"),
        Role::OlderCheckpoint => (&[Told], "the older checkpoint"),
        Role::Ids => (&[Told], "ids, which have a copy"),
        Role::IdsCopy => (HARMLESS, "the copy of ids"),
        Role::Sealed { has_footer } | Role::Switched { has_footer } => {
            sealed(layout, region, has_footer)
        }
        Role::Position { at, has_footer } if region.from < at => sealed(layout, region, has_footer),
        Role::Position { .. } => behind(layout, region, false),
        Role::Behind { is_last } => behind(layout, region, is_last),
        Role::Prepared => match region.part {
            Part::HeaderCopy | Part::HeaderGap => (&[Told], "the header of a prepared segment"),
            _ => (&[Refused, Told], "the zeros of a prepared segment"),
        },
    };
    let is_elsewhere = matches!(layout.role, Role::Switched { .. });
    Expected { classes, why, is_elsewhere }
}

/// In a file whose records the checkpoint has taken over.
fn sealed(
    layout: &FileLayout,
    region: &Region,
    has_footer: bool,
) -> (&'static [Class], &'static str) {
    let is_needed_record = !has_footer && is_before_live(layout, region);
    match region.part {
        Part::HeaderCopy | Part::HeaderGap => (HARMLESS, "the header has a copy"),
        Part::Body(Some(_)) => (&[Flagged], "a body"),
        Part::Body(None) => (HARMLESS, "the body of a message that is gone"),
        Part::FrameHeader | Part::Records | Part::ZeroList if is_needed_record => {
            (&[Refused], "records of a file without a footer")
        }
        Part::FrameHeader | Part::Records | Part::ZeroList => {
            (HARMLESS, "records that are in the checkpoint and the footer")
        }
        Part::Padding | Part::Mark => (HARMLESS, "padding of a frame"),
        Part::Footer => (HARMLESS, "a footer, which the frames repeat"),
        Part::Torn | Part::Blank => (HARMLESS, "what is behind the frames"),
        Part::Whole => (&[], "not a part of such a file"),
    }
}

/// Whether there is a live message in the region's frame or behind it.
fn is_before_live(layout: &FileLayout, region: &Region) -> bool {
    let end = match layout.role {
        Role::Position { at, .. } => at,
        _ => u64::MAX,
    };
    let mut later = layout.regions.iter().filter(|r| r.frame >= region.frame && r.from < end);
    later.any(|region| matches!(region.part, Part::Body(Some(_))))
}

/// In the log behind the newest checkpoint.
fn behind(layout: &FileLayout, region: &Region, is_last: bool) -> (&'static [Class], &'static str) {
    let is_unproved = is_last && layout.frames().last() == Some(&region.frame);
    match region.part {
        Part::HeaderCopy | Part::HeaderGap => (&[Told], "one of two copies of a header"),
        Part::FrameHeader | Part::Records | Part::ZeroList => (&[Refused], "records of the log"),
        Part::Body(_) if is_unproved => (&[Refused], "a body of the last frame"),
        Part::Body(Some(_)) => (&[Flagged], "a body"),
        Part::Body(None) => (&[Told], "the body of a message that is gone"),
        Part::Padding | Part::Mark => (&[Told], "padding of a frame"),
        Part::Torn if is_last => (&[Refused, Told, Silent], "an unfinished last write"),
        Part::Blank if is_last => (&[Refused, Told], "zeros behind the last frame"),
        Part::Torn | Part::Blank => (HARMLESS, "what is behind the frames"),
        Part::Footer => (HARMLESS, "a footer, which the frames repeat"),
        Part::Whole => (&[], "not a part of such a file"),
    }
}
