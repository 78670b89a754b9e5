//! The names of the files that hold frames.

use std::fmt;

use crate::types::OutputId;

use super::{SEGMENTS_DIR, SegmentId};

/// A file that holds frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FileId {
    /// A part of the log.
    Segment(SegmentId),
    /// What a compaction has copied: outside the chain of LSNs (R5).
    Output(OutputId),
}

impl FileId {
    /// Where the file lies, within the data directory.
    pub fn path(self) -> String {
        match self {
            Self::Segment(id) => id.path(),
            Self::Output(id) => format!("{SEGMENTS_DIR}/{id:020}.out"),
        }
    }

    /// The file at this path; `None` if it is none of these.
    pub fn of_path(path: &str) -> Option<Self> {
        let name = path.strip_prefix(SEGMENTS_DIR)?.strip_prefix('/')?;
        match Self::of_name(name)? {
            Named::Whole(id) => Some(id),
            Named::Temporary => None,
        }
    }

    /// Where the file lies while it is being made.
    pub(super) fn temporary_path(self) -> String {
        match self {
            Self::Segment(id) => id.temporary_path(),
            Self::Output(id) => format!("{SEGMENTS_DIR}/{id:020}.out.tmp"),
        }
    }

    /// The file of this name, made or being made; `None` if it is none of these.
    pub(super) fn of_name(name: &str) -> Option<Named> {
        let output = |id: SegmentId| Self::Output(OutputId::new(id.get()));
        let segment = |ending| SegmentId::from_name(name, ending);
        let whole = segment(".seg").map(Self::Segment).or(segment(".out").map(output));
        let temporary = segment(".tmp").is_some() || segment(".out.tmp").is_some();
        whole.map(Named::Whole).or(temporary.then_some(Named::Temporary))
    }
}

/// What a file's name says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// The file was whole when it got its name.
    Whole(FileId),
    /// It was being made: what it holds means nothing.
    Temporary,
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(id) => write!(f, "segment {id}"),
            Self::Output(id) => write!(f, "output {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_found_by_its_name_again() {
        let segment = FileId::Segment(SegmentId::new(7));
        let output = FileId::Output(OutputId::new(7));
        let name = |path: &str| path.trim_start_matches("segments/").to_owned();
        for id in [segment, output] {
            assert_eq!(FileId::of_name(&name(&id.path())), Some(Named::Whole(id)));
            let temporary = name(&id.temporary_path());
            assert_eq!(FileId::of_name(&temporary), Some(Named::Temporary), "{temporary}");
        }
        assert_eq!(
            (segment.to_string(), output.to_string()),
            ("segment 7".into(), "output 7".into())
        );
        for other in ["7.out", "00000000000000000007.out.seg", "00000000000000000000.out", "x.tmp"]
        {
            assert_eq!(FileId::of_name(other), None, "{other}");
        }
    }
}
