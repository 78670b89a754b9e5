//! Which faults a drill has, and what this machine cannot do.

use clap::ValueEnum;

use crate::entropy::{Entropy as _, SeededEntropy};

/// What a drill is to be made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Profile {
    /// Each of the faults that this machine can do
    Mixed,
    /// kill -9, also while the broker recovers
    Kill,
    /// A disk that is filled and drained: without root the part of it that a broker may take
    FullDisk,
    /// A power cut of a file system in a file; needs root
    Power,
    /// A device that fails what was written to it; needs root
    IoError,
}

/// What happens to a broker in one cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// SIGKILL.
    Kill,
    /// SIGTERM.
    Terminate,
    /// The disk is full, the queues are drained, and it goes on; or it is killed in between.
    FullDisk,
    /// The file system writes nothing any more.
    Power,
    /// The device fails writes.
    IoError,
    /// What the wrapper does.
    Wrapper,
}

/// Where the data lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Medium {
    /// In the directory.
    Directory,
    /// In the directory, of which the broker may take some bytes (`data_bytes_max`).
    Quota,
    /// On an ext4 file system in a file of the directory.
    Image,
    /// On a file system in memory.
    Memory,
    /// On an ext4 file system in a file of a file system in memory.
    ImageInMemory,
}

/// A fault that this machine cannot do, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) fault: Fault,
    pub(super) why: String,
}

impl Profile {
    /// Its name on the command line.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mixed => "mixed",
            Self::Kill => "kill",
            Self::FullDisk => "full-disk",
            Self::Power => "power",
            Self::IoError => "io-error",
        }
    }

    /// The media that do for it, the best first.
    pub(super) fn media(self) -> &'static [Medium] {
        match self {
            Self::Mixed => &[Medium::Image, Medium::Quota],
            Self::Kill => &[Medium::Directory],
            Self::FullDisk => &[Medium::Image, Medium::Memory, Medium::Quota],
            Self::Power => &[Medium::Image],
            Self::IoError => &[Medium::ImageInMemory],
        }
    }

    /// Its faults on this medium, and those that are left out, with the reason.
    pub(super) fn faults(self, medium: Medium, why: &str) -> (Vec<Fault>, Vec<LeftOut>) {
        let faults = match (self, medium) {
            (Self::Kill, _) => vec![Fault::Kill],
            (Self::FullDisk, _) => vec![Fault::FullDisk],
            (Self::Power, _) => vec![Fault::Power],
            (Self::IoError, _) => vec![Fault::IoError],
            (Self::Mixed, Medium::Image) => {
                vec![Fault::Kill, Fault::Power, Fault::Terminate, Fault::FullDisk]
            }
            (Self::Mixed, Medium::Quota) => vec![Fault::Kill, Fault::Terminate, Fault::FullDisk],
            (Self::Mixed, Medium::Directory | Medium::Memory | Medium::ImageInMemory) => {
                vec![Fault::Kill, Fault::Terminate]
            }
        };
        let left_out = |fault| {
            let why = why.to_owned();
            LeftOut { fault, why }
        };
        let wanted = match self {
            Self::Mixed => vec![Fault::Power, Fault::FullDisk],
            Self::Kill | Self::FullDisk | Self::Power | Self::IoError => Vec::new(),
        };
        let wanted = wanted.into_iter().filter(|fault| !faults.contains(fault));
        let left_out = wanted.map(left_out).collect();
        (faults, left_out)
    }
}

impl Fault {
    /// Its name in reports.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Terminate => "terminate",
            Self::FullDisk => "full_disk",
            Self::Power => "power",
            Self::IoError => "io_error",
            Self::Wrapper => "wrapper",
        }
    }

    /// The fault of the next cycle: each of them first once, then by chance, the slow one seldom.
    pub(super) fn next(faults: &[Self], cycle: u64, chance: &mut SeededEntropy) -> Self {
        let first = usize::try_from(cycle - 1).ok().and_then(|at| faults.get(at));
        let by_chance = || {
            let weighed: Vec<Self> = faults
                .iter()
                .flat_map(|fault| {
                    let weight = if *fault == Self::FullDisk { 1 } else { 3 };
                    std::iter::repeat_n(*fault, weight)
                })
                .collect();
            let at = usize::try_from(chance.next() % weighed.len() as u64).unwrap_or_default();
            weighed[at]
        };
        first.copied().unwrap_or_else(by_chance)
    }
}

impl Medium {
    /// How a report calls it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Directory => "a directory",
            Self::Quota => "a directory with a bound",
            Self::Image => "ext4 on a loop device",
            Self::Memory => "tmpfs",
            Self::ImageInMemory => "ext4 on a loop device in a tmpfs that is too small",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_machine_cannot_do_is_told_and_the_rest_is_done() {
        let (faults, left_out) = Profile::Mixed.faults(Medium::Quota, "no root");
        assert_eq!(faults, [Fault::Kill, Fault::Terminate, Fault::FullDisk]);
        let told: Vec<_> = left_out.iter().map(|it| (it.fault, it.why.as_str())).collect();
        assert_eq!(told, [(Fault::Power, "no root")]);
        let (faults, left_out) = Profile::Mixed.faults(Medium::Directory, "");
        assert_eq!((faults.len(), left_out.len()), (2, 2));
        let (faults, left_out) = Profile::Mixed.faults(Medium::Image, "");
        assert_eq!((faults.len(), left_out.len()), (4, 0));
    }

    #[test]
    fn every_fault_comes_once_before_any_comes_again() {
        let (faults, _) = Profile::Mixed.faults(Medium::Image, "");
        let mut chance = SeededEntropy::new(1);
        let next: Vec<Fault> =
            (1..=100).map(|cycle| Fault::next(&faults, cycle, &mut chance)).collect();
        assert_eq!(next[..4], faults);
        let slow = next.iter().filter(|fault| **fault == Fault::FullDisk).count();
        assert!((2..30).contains(&slow), "{slow}");
    }
}
