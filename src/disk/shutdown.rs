//! A power cut for drills: a file system that writes nothing more from one moment on.
//!
//! What was synced before is there after the next mount, what was not is gone. The ioctl stops the
//! whole file system, so callers name only one that they have made and mounted themselves.
#![expect(unsafe_code, reason = "an ioctl, which no type describes")]
#![expect(clippy::disallowed_types, reason = "this room owns the file system")]

use std::{fs::File, io, path::Path};

use rustix::ioctl::{Opcode, Setter, ioctl};

/// `EXT4_IOC_SHUTDOWN` of the kernel's `ext4.h`, `_IOR('X', 125, __u32)`; XFS and f2fs have it too.
const SHUTDOWN: Opcode = 0x8004_587d;
/// `EXT4_GOING_FLAGS_NOLOGFLUSH`: neither data nor the journal are written any more.
const NO_LOG_FLUSH: u32 = 2;

/// Cuts the power of the file system that is mounted at `mount_point`. Needs root.
pub fn cut_power(mount_point: &Path) -> io::Result<()> {
    let root = File::open(mount_point)?;
    // SAFETY: the kernel reads one `u32` from the pointer, which `Setter` makes of this value and
    // keeps for the call, and writes nothing to this process's memory. A file system that does not
    // know the number, or means something else by it, gets the same one word to read.
    unsafe { ioctl(&root, Setter::<SHUTDOWN, u32>::new(NO_LOG_FLUSH)) }?;
    Ok(())
}
