//! A directory of a simulated disk that has several.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use ledgerq::disk::{Access, Disk, File, SimDisk};

/// A directory below the root, or with an empty name the root itself.
#[derive(Clone)]
pub(crate) struct Within {
    pub(crate) disk: SimDisk,
    pub(crate) dir: String,
    /// Whether it is as if it were on another file system.
    pub(crate) crosses: bool,
}

impl Within {
    /// A directory of a disk that is whole.
    pub(crate) fn new(disk: &SimDisk, dir: &str) -> Self {
        Self::of_own(disk, dir.to_owned()).expect("the device is whole and the name free")
    }

    /// A directory that is made if it is not there.
    pub(crate) fn of_own(disk: &SimDisk, dir: String) -> io::Result<Self> {
        if !dir.is_empty() {
            disk.create_dir(&dir)?;
            disk.sync_dir("")?;
        }
        Ok(Self { disk: disk.clone(), dir, crosses: false })
    }

    fn path(&self, path: &str) -> String {
        match (self.dir.as_str(), path) {
            ("", path) => path.to_owned(),
            (dir, "") => dir.to_owned(),
            (dir, path) => format!("{dir}/{path}"),
        }
    }
}

impl Disk for Within {
    fn create_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.create_dir(&self.path(dir))
    }

    fn list(&self, dir: &str) -> io::Result<Vec<String>> {
        self.disk.list(&self.path(dir))
    }

    fn create(&self, path: &str) -> io::Result<Arc<dyn File>> {
        self.disk.create(&self.path(path))
    }

    fn open(&self, path: &str, access: Access) -> io::Result<Arc<dyn File>> {
        self.disk.open(&self.path(path), access)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(&self.path(from), &self.path(to))
    }

    fn link_from(&self, from: &Path, path: &str) -> io::Result<()> {
        if self.crosses {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        self.disk.link_from(from, &self.path(path))
    }

    fn locate(&self, path: &str) -> PathBuf {
        self.disk.locate(&self.path(path))
    }

    fn unlink(&self, path: &str) -> io::Result<()> {
        self.disk.unlink(&self.path(path))
    }

    fn sync_dir(&self, dir: &str) -> io::Result<()> {
        self.disk.sync_dir(&self.path(dir))
    }

    fn lock(&self, path: &str) -> io::Result<Box<dyn Send + Sync>> {
        self.disk.lock(&self.path(path))
    }
}
