//! Where a drill has its data: never where another broker has its own.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    mount::{Image, Memory},
    profile::Medium,
};
use crate::cli::{Exit, Failure, log};

/// The size of a file system in a file, beside what is copied to it, in bytes.
const IMAGE_BYTES: u64 = 32 << 20;
/// What a file system in a file may take beyond its size, in bytes: none is as large as it says.
const MEMORY_SPARE_BYTES: u64 = 16 << 20;

/// Space that is given back to a broker that cannot start on a full disk, in bytes.
const BALLAST_BYTES: usize = 2 << 20;

/// A place for one drill; gone when it is dropped, unless it is kept.
pub(super) struct Place {
    /// Goes before the directory in which it is mounted.
    pub(super) mounted: Mounted,
    pub(super) medium: Medium,
    /// Why the medium is not the best one.
    pub(super) why: String,
    /// Whether there are messages that the drill did not send.
    pub(super) is_copy: bool,
    scratch: Scratch,
}

/// Where the data lies, and what is mounted for it. The order of the fields is that in which they
/// go: what was mounted last goes first.
pub(super) struct Mounted {
    pub(super) image: Option<Image>,
    pub(super) memory: Option<Memory>,
    pub(super) data_dir: PathBuf,
    ballast: PathBuf,
    bytes: u64,
    /// How much of the disk the broker may take, if it has no file system of its own.
    quota: Option<u64>,
}

/// A directory that is removed with everything in it, unless it is to be kept.
struct Scratch {
    dir: PathBuf,
    /// Whether the directory itself was there before.
    is_given: bool,
    is_kept: bool,
}

/// What `--data-dir` is.
enum Given {
    Nothing,
    /// Not there, or empty.
    Empty(PathBuf),
    /// A data directory, to be copied; brokers are kept out meanwhile.
    Data {
        dir: PathBuf,
        _readable: log::Readable,
    },
}

impl Place {
    /// Makes one: in a temporary directory, in `given` if that is empty or not there, or beside it
    /// with a copy of what is in it.
    pub(super) fn make(
        given: Option<&Path>,
        media: &[Medium],
        name: &str,
    ) -> Result<Self, Failure> {
        let given = look(given)?;
        let dir = match &given {
            Given::Nothing => std::env::temp_dir().join(name),
            Given::Empty(dir) => dir.clone(),
            Given::Data { dir, .. } => beside(dir, name),
        };
        let cannot = |error: io::Error| {
            let line = format!("cannot make a place for the drill in {}: {error}", dir.display());
            Failure::new(Exit::CannotStart, line)
        };
        let scratch = Scratch::make(&dir).map_err(cannot)?;
        let source = match &given {
            Given::Nothing | Given::Empty(_) => None,
            Given::Data { dir, .. } => Some(dir.as_path()),
        };
        let copy_bytes = source.map_or(Ok(0), bytes_of).map_err(cannot)?;
        let mut reasons = Vec::new();
        for medium in media {
            match Mounted::make(*medium, &dir, IMAGE_BYTES + 2 * copy_bytes) {
                Ok(mounted) => {
                    let is_copy = source.is_some();
                    if let Some(source) = source {
                        copy(source, &mounted.data_dir).map_err(cannot)?;
                    }
                    let (medium, why) = (*medium, reasons.join("; "));
                    return Ok(Self { mounted, medium, why, is_copy, scratch });
                }
                Err(error) => reasons.push(format!("{}: {error}", medium.name())),
            }
        }
        Err(cannot(io::Error::other(reasons.join("; "))))
    }

    /// Leaves everything there, for whoever looks for the reason of what was found; where it is.
    pub(super) fn keep(&mut self) -> &Path {
        self.scratch.is_kept = true;
        if self.mounted.memory.is_some() {
            // What is in memory goes with its mount. The copy is the best that there is then.
            let _ = copy(&self.mounted.data_dir, &self.scratch.dir.join("kept"));
        }
        &self.scratch.dir
    }
}

impl Mounted {
    fn make(medium: Medium, scratch: &Path, bytes: u64) -> io::Result<Self> {
        let has_mounts = !matches!(medium, Medium::Directory | Medium::Quota);
        if has_mounts && !rustix::process::geteuid().is_root() {
            return Err(io::Error::other("mounting needs root"));
        }
        // Below the mount point, since a file system has something of its own in its root. The
        // broker makes it, durably.
        let (at, outer) = (scratch.join("mount"), scratch.join("memory"));
        let (image, memory, dir) = match medium {
            Medium::Directory | Medium::Quota => (None, None, scratch.to_owned()),
            Medium::Image => (Some(Image::make(&scratch.join("image"), &at, bytes)?), None, at),
            Medium::Memory => (None, Some(Memory::mount(&at, bytes)?), at),
            Medium::ImageInMemory => {
                let memory = Memory::mount(&outer, bytes + MEMORY_SPARE_BYTES)?;
                (Some(Image::make(&outer.join("image"), &at, bytes)?), Some(memory), at)
            }
        };
        let (data_dir, ballast) = (dir.join("data"), dir.join("ballast"));
        let quota = (medium == Medium::Quota).then_some(bytes);
        Ok(Self { image, memory, data_dir, ballast, bytes, quota })
    }

    /// Gives the memory below an image as much as the image can need.
    pub(super) fn give_room(&self) -> io::Result<()> {
        let Some(memory) = &self.memory else { return Ok(()) };
        memory.resize(self.bytes + MEMORY_SPARE_BYTES)
    }

    /// The most that the next broker may take of the disk, in bytes.
    pub(super) fn data_bytes_max(&self) -> Option<u64> {
        self.quota
    }

    /// Takes some of the space away, to be given back to a broker that cannot start without.
    pub(super) fn take_ballast(&mut self) -> io::Result<()> {
        if let Some(quota) = &mut self.quota {
            *quota = self.bytes - BALLAST_BYTES as u64;
            return Ok(());
        }
        let zeros = vec![0; BALLAST_BYTES];
        fs::write(&self.ballast, zeros).or_else(|_| self.give_ballast())
    }

    /// Gives that space back.
    pub(super) fn give_ballast(&mut self) -> io::Result<()> {
        if let Some(quota) = &mut self.quota {
            *quota = self.bytes;
            return Ok(());
        }
        match fs::remove_file(&self.ballast) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            outcome => outcome,
        }
    }
}

impl Scratch {
    fn make(dir: &Path) -> io::Result<Self> {
        let is_given = dir.exists();
        if !is_given {
            fs::create_dir_all(dir)?;
        }
        Ok(Self { dir: dir.to_owned(), is_given, is_kept: false })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        // What cannot be removed stays, and somebody will see it.
        if !self.is_given {
            let _ = fs::remove_dir_all(&self.dir);
            return;
        }
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let _ = fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path));
        }
    }
}

/// What `--data-dir` names; a data directory that a broker has is refused.
fn look(given: Option<&Path>) -> Result<Given, Failure> {
    let Some(dir) = given else { return Ok(Given::Nothing) };
    match fs::read_dir(dir).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(Given::Empty(dir.to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Given::Empty(dir.to_owned())),
        Err(error) => Err(Failure::data_dir(dir, error)),
        Ok(false) => {
            let readable = log::Place { data_dir: dir.to_owned() }.open()?;
            Ok(Given::Data { dir: dir.to_owned(), _readable: readable })
        }
    }
}

/// A name in the same directory, and so on the same disk.
fn beside(dir: &Path, name: &str) -> PathBuf {
    let absolute = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
    absolute.parent().unwrap_or(&absolute).join(name)
}

/// How many bytes the files of a directory have.
fn bytes_of(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += if metadata.is_dir() { bytes_of(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}

/// Copies a directory, and makes the copy durable.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    copy_files(from, to)?;
    rustix::fs::syncfs(fs::OpenOptions::new().read(true).open(to)?)?;
    Ok(())
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(given: &Path) -> Result<Place, Failure> {
        Place::make(Some(given), &[Medium::Directory], "drill")
    }

    #[test]
    fn an_empty_directory_is_used_and_left_empty() {
        let outside = tempfile::tempdir().expect("a directory can be made");
        let dir = outside.path().join("given");
        for is_there in [false, true] {
            let place = make(&dir).expect("it is empty");
            assert!(place.mounted.data_dir.starts_with(&dir) && !place.is_copy);
            fs::create_dir(&place.mounted.data_dir).expect("it can be made");
            fs::write(&place.mounted.ballast, b"1").expect("there is space");
            drop(place);
            let left = fs::read_dir(&dir).ok().map(Iterator::count);
            assert_eq!(left, is_there.then_some(0));
            fs::create_dir_all(&dir).expect("it can be made");
        }
    }

    #[test]
    fn what_is_to_be_looked_at_stays() {
        let outside = tempfile::tempdir().expect("a directory can be made");
        let dir = outside.path().join("given");
        let mut place = make(&dir).expect("it is empty");
        fs::create_dir(&place.mounted.data_dir).expect("it can be made");
        assert_eq!(place.keep(), dir);
        drop(place);
        assert!(dir.join("data").exists());
    }

    #[test]
    fn a_data_directory_is_copied_and_not_touched() {
        let outside = tempfile::tempdir().expect("a directory can be made");
        let dir = outside.path().join("given");
        fs::create_dir_all(dir.join("segments")).expect("it can be made");
        fs::write(dir.join("segments/1.seg"), b"1").expect("there is space");
        let place = make(&dir).expect("nobody has it");
        let copied = fs::read(place.mounted.data_dir.join("segments/1.seg"));
        assert_eq!(copied.expect("it was copied"), b"1");
        assert!(place.is_copy && !place.mounted.data_dir.starts_with(&dir));
        drop(place);
        assert_eq!(fs::read_dir(outside.path()).expect("it is there").count(), 1);
        assert_eq!(fs::read_dir(&dir).expect("it is there").count(), 1);
    }

    #[test]
    fn what_is_no_data_directory_is_refused() {
        let outside = tempfile::tempdir().expect("a directory can be made");
        fs::write(outside.path().join("notes.txt"), b"1").expect("there is space");
        let failure = make(outside.path()).err().expect("it has something else");
        assert_eq!(failure.exit, Exit::CannotStart);
        let line = failure.line.expect("a line");
        assert!(line.ends_with("there is no log in it"), "{line}");
    }
}
