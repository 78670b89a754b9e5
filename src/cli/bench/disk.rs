//! What a disk can do, written as the log writes it.

use std::{
    io::{self, IoSlice},
    path::Path,
    time::Duration,
};

use super::load::rate;
use crate::{
    clock::Stopwatch,
    disk::{Disk, RealDisk, write_all_at},
};

/// The file that is written over and over, in bytes; its blocks are there before.
const FILE_BYTES: usize = 128 << 20;
/// Bytes between two syncs of the sequential rate.
const SEQUENTIAL_BYTES: usize = 1 << 20;

/// Rates of a disk.
#[derive(Clone, Copy, Debug)]
pub struct DiskRates {
    /// How often a second one more message becomes durable.
    pub fdatasyncs_per_s: f64,
    /// Bytes a second, with an fdatasync each MiB.
    pub sequential_bytes_per_s: f64,
}

/// Measures the disk of a directory, which is made, half of the time each.
pub fn measure(directory: &Path, size: usize, time: Duration) -> io::Result<DiskRates> {
    let disk = RealDisk::new(directory)?;
    // One of a run before may be there.
    drop(disk.unlink("probe"));
    let file = disk.create("probe")?;
    let zeros = vec![0; SEQUENTIAL_BYTES];
    for at in (0..FILE_BYTES).step_by(SEQUENTIAL_BYTES) {
        write_all_at(&*file, at as u64, &mut [IoSlice::new(&zeros)])?;
    }
    file.sync_all()?;
    let writes_of = |bytes: usize| -> io::Result<f64> {
        let block = vec![b'x'; bytes];
        let (watch, mut count) = (Stopwatch::start(), 0_u64);
        let blocks = (FILE_BYTES / bytes) as u64;
        while watch.elapsed() < time / 2 {
            let offset = count % blocks * bytes as u64;
            write_all_at(&*file, offset, &mut [IoSlice::new(&block)])?;
            file.sync_data()?;
            count += 1;
        }
        Ok(rate(count, watch.elapsed()))
    };
    let fdatasyncs_per_s = writes_of(size)?;
    let sequential = writes_of(SEQUENTIAL_BYTES)?;
    disk.unlink("probe")?;
    let bytes = f64::from(u32::try_from(SEQUENTIAL_BYTES).unwrap_or(u32::MAX));
    Ok(DiskRates { fdatasyncs_per_s, sequential_bytes_per_s: sequential * bytes })
}
