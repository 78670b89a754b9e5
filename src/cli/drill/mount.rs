//! File systems of a drill's own: small, mounted within its scratch directory, and gone with it.

use std::{
    fs::{self, OpenOptions},
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::disk;

/// How often a file system that is in use is asked to go, and the pause in between.
const UNMOUNTS_MAX: u32 = 100;
const UNMOUNT_PAUSE: Duration = Duration::from_millis(20);

/// Where a file system has its journal, its tables and its inodes: so much at its beginning.
const FILE_SYSTEM_BYTES: u64 = 8 << 20;

/// A file system in a file: ext4 on a loop device. Unmounted when it is dropped.
pub(super) struct Image {
    file: PathBuf,
    mount_point: PathBuf,
    is_mounted: bool,
}

/// A file system in memory with a limit. Unmounted when it is dropped.
pub(super) struct Memory {
    mount_point: PathBuf,
}

impl Image {
    /// Makes one of so many bytes in `file`, which takes space only as it is written to, and mounts
    /// it.
    pub(super) fn make(file: &Path, mount_point: &Path, bytes: u64) -> io::Result<Self> {
        let new = OpenOptions::new().write(true).create_new(true).open(file)?;
        new.set_len(bytes)?;
        drop(new);
        let mut make = Command::new("mkfs.ext4");
        // What is done later in the background would write at its own times.
        let extended = "lazy_itable_init=0,lazy_journal_init=0,packed_meta_blocks=1";
        make.args(["-q", "-F", "-m", "0", "-b", "4096", "-N", "2048", "-J", "size=4"]);
        run(make.args(["-E", extended]).arg(file))?;
        fs::create_dir_all(mount_point)?;
        let (file, mount_point) = (file.to_owned(), mount_point.to_owned());
        let mut image = Self { file, mount_point, is_mounted: false };
        image.mount()?;
        Ok(image)
    }

    pub(super) fn mount(&mut self) -> io::Result<()> {
        let mut mount = Command::new("mount");
        run(mount.args(["-t", "ext4", "-o", "loop"]).arg(&self.file).arg(&self.mount_point))?;
        self.is_mounted = true;
        Ok(())
    }

    pub(super) fn unmount(&mut self) -> io::Result<()> {
        if self.is_mounted {
            unmount(&self.mount_point)?;
            self.is_mounted = false;
        }
        Ok(())
    }

    /// Lets each write be of one page. Of a write of several pages of which the file could take the
    /// first alone, the loop device says that all of it was done: then a sync that succeeded would
    /// not be true, which no broker can survive.
    pub(super) fn write_single_pages(&self) -> io::Result<()> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mount_point = self.mount_point.to_string_lossy();
        let is_it = |line: &&str| line.split(' ').nth(1) == Some(&*mount_point);
        let line = mounts.lines().rfind(is_it).unwrap_or_default();
        let device = line.split(' ').next().and_then(|device| device.strip_prefix("/dev/"));
        let device = device.ok_or_else(|| io::Error::other("the loop device cannot be found"))?;
        fs::write(format!("/sys/block/{device}/queue/max_sectors_kb"), b"4")
    }

    /// From now on nothing reaches the file any more.
    pub(super) fn cut_power(&self) -> io::Result<()> {
        disk::cut_power(&self.mount_point)
    }

    /// Gives back what the file takes for zeros, but for what the file system has of its own, while
    /// nothing is mounted. What it wrote there and synced has to stay true.
    pub(super) fn dig_holes(&self) -> io::Result<()> {
        run(Command::new("fallocate").arg("--dig-holes").arg(&self.file))?;
        let length = FILE_SYSTEM_BYTES.to_string();
        run(Command::new("fallocate").args(["--offset", "0", "--length", &length]).arg(&self.file))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // What cannot be done now nobody can do better.
        let _ = self.unmount();
    }
}

impl Memory {
    /// Mounts one of so many bytes.
    pub(super) fn mount(mount_point: &Path, bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(mount_point)?;
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]);
        run(mount.arg(mount_point))?;
        Ok(Self { mount_point: mount_point.to_owned() })
    }

    /// Gives it another limit.
    pub(super) fn resize(&self, bytes: u64) -> io::Result<()> {
        let mut mount = Command::new("mount");
        run(mount.args(["-o", &format!("remount,size={bytes}")]).arg(&self.mount_point))
    }

    /// How many bytes are in use.
    pub(super) fn used_bytes(&self) -> io::Result<u64> {
        let status = rustix::fs::statvfs(&self.mount_point)?;
        Ok((status.f_blocks - status.f_bfree) * status.f_frsize)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // As above.
        let _ = unmount(&self.mount_point);
    }
}

/// A process that was just killed may still hold a file for a moment.
fn unmount(mount_point: &Path) -> io::Result<()> {
    let mut attempts = 1;
    loop {
        match run(Command::new("umount").arg(mount_point)) {
            Err(_) if attempts < UNMOUNTS_MAX => thread::sleep(UNMOUNT_PAUSE),
            outcome => return outcome,
        }
        attempts += 1;
    }
}

/// Runs a command of the system; what it says if it fails.
pub(super) fn run(command: &mut Command) -> io::Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output();
    let output =
        output.map_err(|error| io::Error::new(error.kind(), format!("{name}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.trim().replace('\n', "; ");
    Err(io::Error::other(format!("{name} failed: {said}")))
}
