//! What a medium may do to a directory behind everybody's back, each with a text that repeats it.

use std::{fmt, str::FromStr};

use ledgerq::disk::SimDisk;

use super::{layout::place, world::World};

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct At {
    pub(super) path: String,
    pub(super) offset: u64,
}

/// One damage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    /// Some bits of a byte are the other way round.
    Xor { at: At, mask: u8 },
    /// A file has another length; what is longer ends in zeros.
    Length { path: String, length: u64 },
    /// A file is not there.
    Gone { path: String },
    /// A block is zero.
    Zero { at: At, bytes: u64 },
    /// A block is what another one is.
    Copy { from: At, at: At, bytes: u64 },
    /// Two blocks have changed places.
    Swap { one: At, at: At, bytes: u64 },
    /// A block is what one was at an earlier moment.
    Stale { moment: usize, from: At, at: At, bytes: u64 },
    /// A file is what one was at an earlier moment.
    Old { moment: usize, from: String, path: String },
    /// A file is that of another directory.
    Foreign { path: String },
    /// Two files have changed places.
    SwapFiles { one: String, path: String },
    /// A sector cannot be read.
    Unreadable { at: At },
}

impl Damage {
    /// The directory with the damage.
    pub(super) fn apply(&self, world: &World) -> SimDisk {
        let disk = world.disk.snapshot();
        let whole = |path: &str, bytes: &[u8]| disk.plant(path, bytes).expect("it has a directory");
        let block = |at: &At, bytes: &[u8]| {
            for (offset, byte) in (at.offset..).zip(bytes) {
                disk.corrupt(&at.path, offset, |_| *byte).expect("it is there");
            }
        };
        let there = |at: &At, bytes: u64| world.bytes(&at.path)[range(at, bytes)].to_vec();
        let then = |moment: &usize, path: &str| &world.moments[*moment][path];
        match self {
            Self::Xor { at, mask } => {
                disk.corrupt(&at.path, at.offset, |byte| byte ^ mask).expect("it is there");
            }
            Self::Length { path, length } => {
                disk.truncate(path, *length).expect("it is there");
            }
            Self::Gone { path } => disk.erase(path).expect("it is there"),
            Self::Zero { at, bytes } => block(at, &vec![0; place(*bytes)]),
            Self::Copy { from, at, bytes } => block(at, &there(from, *bytes)),
            Self::Swap { one, at, bytes } => {
                let (first, second) = (there(one, *bytes), there(at, *bytes));
                block(one, &second);
                block(at, &first);
            }
            Self::Stale { moment, from, at, bytes } => {
                let old = then(moment, &from.path);
                block(at, &old[range(from, *bytes)]);
            }
            Self::Old { moment, from, path } => whole(path, then(moment, from)),
            Self::Foreign { path } => {
                whole(path, &world.other[path]);
            }
            Self::SwapFiles { one, path } => {
                whole(one, world.bytes(path));
                whole(path, world.bytes(one));
            }
            Self::Unreadable { at } => {
                disk.make_unreadable(&at.path, at.offset).expect("it is there");
            }
        }
        disk
    }

    /// The files that it changes.
    pub(super) fn paths(&self) -> Vec<&str> {
        match self {
            Self::Xor { at, .. }
            | Self::Zero { at, .. }
            | Self::Copy { at, .. }
            | Self::Stale { at, .. }
            | Self::Unreadable { at } => vec![&at.path],
            Self::Length { path, .. }
            | Self::Gone { path }
            | Self::Old { path, .. }
            | Self::Foreign { path } => vec![path],
            Self::Swap { one, at, .. } => vec![&one.path, &at.path],
            Self::SwapFiles { one, path } => vec![one, path],
        }
    }

    /// What kind of damage it is, in one word.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Xor { .. } => "xor",
            Self::Length { .. } => "length",
            Self::Gone { .. } => "gone",
            Self::Zero { .. } => "zero",
            Self::Copy { .. } => "copy",
            Self::Swap { .. } => "swap",
            Self::Stale { .. } => "stale",
            Self::Old { .. } => "old",
            Self::Foreign { .. } => "foreign",
            Self::SwapFiles { .. } => "swapfiles",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}

fn range(at: &At, bytes: u64) -> std::ops::Range<usize> {
    place(at.offset)..place(at.offset + bytes)
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.offset)
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.kind())?;
        match self {
            Self::Xor { at, mask } => write!(f, "{at}:{mask}"),
            Self::Length { path, length } => write!(f, "{path}:{length}"),
            Self::Gone { path } | Self::Foreign { path } => write!(f, "{path}"),
            Self::Zero { at, bytes } => write!(f, "{at}:{bytes}"),
            Self::Copy { from: one, at, bytes } | Self::Swap { one, at, bytes } => {
                write!(f, "{one}:{at}:{bytes}")
            }
            Self::Stale { moment, from, at, bytes } => write!(f, "{moment}:{from}:{at}:{bytes}"),
            Self::Old { moment, from, path } => write!(f, "{moment}:{from}:{path}"),
            Self::SwapFiles { one, path } => write!(f, "{one}:{path}"),
            Self::Unreadable { at } => write!(f, "{at}"),
        }
    }
}

impl FromStr for Damage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split(':').collect();
        let number = |at: usize| -> Result<u64, String> {
            let word = words.get(at).ok_or_else(|| format!("{text} is too short"))?;
            word.parse().map_err(|error| format!("{word}: {error}"))
        };
        let path = |at: usize| -> Result<String, String> {
            words.get(at).map(ToString::to_string).ok_or_else(|| format!("{text} is too short"))
        };
        let at = |nth: usize| Ok::<_, String>(At { path: path(nth)?, offset: number(nth + 1)? });
        let moment = || number(1).map(place);
        Ok(match words[0] {
            "xor" => {
                let mask = u8::try_from(number(3)?).map_err(|error| error.to_string())?;
                Self::Xor { at: at(1)?, mask }
            }
            "length" => Self::Length { path: path(1)?, length: number(2)? },
            "gone" => Self::Gone { path: path(1)? },
            "zero" => Self::Zero { at: at(1)?, bytes: number(3)? },
            "copy" => Self::Copy { from: at(1)?, at: at(3)?, bytes: number(5)? },
            "swap" => Self::Swap { one: at(1)?, at: at(3)?, bytes: number(5)? },
            "stale" => {
                Self::Stale { moment: moment()?, from: at(2)?, at: at(4)?, bytes: number(6)? }
            }
            "old" => Self::Old { moment: moment()?, from: path(2)?, path: path(3)? },
            "foreign" => Self::Foreign { path: path(1)? },
            "swapfiles" => Self::SwapFiles { one: path(1)?, path: path(2)? },
            "unreadable" => Self::Unreadable { at: at(1)? },
            other => return Err(format!("there is no damage {other}")),
        })
    }
}
